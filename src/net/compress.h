/// compress: gzip of replies, for clients that ask for it (RFC 9110 §12.5.3).
///
/// A reply in one piece is compressed as a whole; one that is written while it is sent goes through a compressor, which gives
/// after each piece all that the client needs to read it.
#ifndef ATOLL_NET_COMPRESS_H
#define ATOLL_NET_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/// Whether the value of an Accept-Encoding header, or NULL, allows gzip and likes it no less than what is not compressed.
bool compress_is_wanted(const char *accept_encoding);

/// False when it would not be smaller, or memory is short; *out is left empty then.
MUST_USE bool compress_whole(const struct buffer *body, struct buffer *out);

struct compressor;
struct compressor *compressor_create(void);          // NULL when memory is short
void compressor_free(struct compressor *compressor); // NULL is fine
/// Appends to `out` what the bytes become; none of them is kept back.
void compressor_put(struct compressor *compressor, const void *bytes, size_t size, struct buffer *out);
/// Appends the end.
void compressor_finish(struct compressor *compressor, struct buffer *out);

#endif
