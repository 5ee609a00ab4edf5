/// protobuf_read: the fields of one protobuf message, one after the other. The only reader.
///
/// Nothing is copied or kept: a message within a message is a field's bytes, read by a reader of their own. So the depth
/// is the caller's, who alone knows where messages may nest. Groups are refused.
///
///     struct protobuf_reader reader = protobuf_read(bytes, size);
///     struct protobuf_field field;
///     while (protobuf_read_next(&reader, &field)) { switch (field.number) … }
///     if (reader.broken) …
///
/// Source: the protobuf encoding (varints, wire types 0, 1, 2 and 5).
#ifndef ATOLL_BASE_PROTOBUF_READ_H
#define ATOLL_BASE_PROTOBUF_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protobuf_type { PROTOBUF_VARINT = 0, PROTOBUF_FIXED64 = 1, PROTOBUF_BYTES = 2, PROTOBUF_FIXED32 = 5 };

struct protobuf_reader {
	const unsigned char *at;
	const unsigned char *end;
	bool broken; // the bytes are no message
};

struct protobuf_field {
	uint32_t number;
	enum protobuf_type type;
	uint64_t integer;  // of a varint or a fixed number
	const char *bytes; // PROTOBUF_BYTES; lies in the message
	size_t size;
};

static inline struct protobuf_reader protobuf_read(const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	return (struct protobuf_reader){.at = at, .end = size > 0 ? at + size : at};
}

/// The next field; false at the end, or when the rest is no field: `broken` is set then.
bool protobuf_read_next(struct protobuf_reader *reader, struct protobuf_field *out);

/// How many fields of this number and of PROTOBUF_BYTES there are. A broken message ends the count.
size_t protobuf_read_count(const void *bytes, size_t size, uint32_t number);

/// What a varint means for a signed field (sint32, sint64).
static inline int64_t protobuf_unzigzag(uint64_t value)
{
	return (int64_t)((value >> 1) ^ (0 - (value & 1)));
}

#endif
