/// protobuf_write: protobuf out, straight into a buffer. The only writer.
///
/// A message within a message stands behind its length, which is known when it ends: protobuf_begin keeps one byte for it
/// and protobuf_end moves the content if that is too little. Small messages whose size is known are cheaper with
/// protobuf_write_key and protobuf_write_varint.
#ifndef ATOLL_BASE_PROTOBUF_WRITE_H
#define ATOLL_BASE_PROTOBUF_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/protobuf_read.h"

/// Bytes of a varint.
static inline size_t protobuf_varint_size(uint64_t value)
{
	return (size_t)(70 - __builtin_clzll(value | 1)) / 7;
}

static inline uint64_t protobuf_zigzag(int64_t value)
{
	return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

void protobuf_write_varint(struct buffer *out, uint64_t value);

static inline void protobuf_write_key(struct buffer *out, uint32_t number, enum protobuf_type type)
{
	protobuf_write_varint(out, (uint64_t)number << 3 | type);
}

/// A field of a varint. A negative int32 is given as the int64 that it is.
void protobuf_write_integer(struct buffer *out, uint32_t number, uint64_t value);
void protobuf_write_real(struct buffer *out, uint32_t number, double value);
/// The key and the length of `size` bytes that the caller appends.
void protobuf_write_head(struct buffer *out, uint32_t number, size_t size);
/// A field of bytes, or of a text that is valid UTF-8.
void protobuf_write_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t size);
/// A text with a NUL behind it; NULL: no field. What is no UTF-8 becomes U+FFFD.
void protobuf_write_text(struct buffer *out, uint32_t number, const char *text);

/// Begins a message within the message; returns what protobuf_end needs. number 0: it stands behind its length alone.
size_t protobuf_begin(struct buffer *out, uint32_t number);
void protobuf_end(struct buffer *out, size_t begun);

#endif
