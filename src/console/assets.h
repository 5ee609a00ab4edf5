/// assets: the console's files, compressed, as they were built from web/ and put into this binary.
#ifndef ATOLL_CONSOLE_ASSETS_H
#define ATOLL_CONSOLE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

struct asset {
	const char *name; // "index.html", "assets/index-B0obfpvA.js"
	const char *type;
	const char *hash; // of the plain content
	const unsigned char *gzip;
	size_t gzip_size;
	size_t plain_size;
	bool lasting; // named after its content
};

/// NULL if there is none of that name.
const struct asset *asset_find(const char *name);
const struct asset *asset_all(size_t *out_count);

/// Appends the plain content.
void asset_unpack(const struct asset *asset, struct buffer *out);

#endif
