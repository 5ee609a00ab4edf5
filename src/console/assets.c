#include "console/assets.h"

#include <string.h>
#include <zlib.h>

#include "assets.inc"

enum { GZIP_WINDOW_BITS = 15 + 16 };

const struct asset *asset_all(size_t *out_count)
{
	*out_count = ARRAY_LENGTH(assets);
	return assets;
}

const struct asset *asset_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(assets); i++) {
		if (strcmp(assets[i].name, name) == 0)
			return &assets[i];
	}
	return NULL;
}

void asset_unpack(const struct asset *asset, struct buffer *out)
{
	z_stream stream = {.next_in = (Bytef *)asset->gzip, .avail_in = (uInt)asset->gzip_size};
	int result = inflateInit2(&stream, GZIP_WINDOW_BITS);
	ASSERT(result == Z_OK);
	stream.next_out = (Bytef *)buffer_reserve(out, asset->plain_size);
	stream.avail_out = (uInt)asset->plain_size;
	result = inflate(&stream, Z_FINISH);
	ASSERT(result == Z_STREAM_END && stream.total_out == asset->plain_size);
	out->size += asset->plain_size;
	inflateEnd(&stream);
}
