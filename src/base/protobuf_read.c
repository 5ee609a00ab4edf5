#include "base/protobuf_read.h"

enum { VARINT_BYTES_MAX = 10, FIELD_NUMBER_MAX = (1 << 29) - 1 };

static bool read_varint(struct protobuf_reader *reader, uint64_t *out)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < VARINT_BYTES_MAX && reader->at < reader->end; i++) {
		unsigned char byte = *reader->at++;
		// Of the tenth byte a single bit has room.
		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7F) << (7 * i);
		if (byte < 0x80) {
			*out = value;
			return true;
		}
	}
	return false;
}

static bool read_fixed(struct protobuf_reader *reader, unsigned size, uint64_t *out)
{
	if ((size_t)(reader->end - reader->at) < size)
		return false;
	*out = 0;
	for (unsigned i = 0; i < size; i++)
		*out |= (uint64_t)reader->at[i] << (8 * i);
	reader->at += size;
	return true;
}

static bool read_content(struct protobuf_reader *reader, struct protobuf_field *out)
{
	uint64_t size;
	switch (out->type) {
	case PROTOBUF_VARINT:
		return read_varint(reader, &out->integer);
	case PROTOBUF_FIXED64:
		return read_fixed(reader, 8, &out->integer);
	case PROTOBUF_FIXED32:
		return read_fixed(reader, 4, &out->integer);
	case PROTOBUF_BYTES:
		if (!read_varint(reader, &size) || size > (size_t)(reader->end - reader->at))
			return false;
		out->bytes = (const char *)reader->at;
		out->size = (size_t)size;
		reader->at += size;
		return true;
	}
	return false;
}

bool protobuf_read_next(struct protobuf_reader *reader, struct protobuf_field *out)
{
	uint64_t key;
	if (reader->broken || reader->at == reader->end)
		return false;
	*out = (struct protobuf_field){0};
	bool ok = read_varint(reader, &key) && key >> 3 >= 1 && key >> 3 <= FIELD_NUMBER_MAX;
	if (ok) {
		out->number = (uint32_t)(key >> 3);
		out->type = (enum protobuf_type)(key & 7);
		ok = read_content(reader, out);
	}
	reader->broken = !ok;
	return ok;
}

size_t protobuf_read_count(const void *bytes, size_t size, uint32_t number)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	size_t count = 0;
	while (protobuf_read_next(&reader, &field))
		count += field.number == number && field.type == PROTOBUF_BYTES;
	return count;
}
