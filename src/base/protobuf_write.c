#include "base/protobuf_write.h"

#include "base/utf8.h"

void protobuf_write_varint(struct buffer *out, uint64_t value)
{
	char *begin = buffer_reserve(out, 10);
	if (!begin)
		return;
	char *at = begin;
	for (; value >= 0x80; value >>= 7)
		*at++ = (char)(unsigned char)(value | 0x80);
	*at++ = (char)(unsigned char)value;
	out->size += (size_t)(at - begin);
}

void protobuf_write_integer(struct buffer *out, uint32_t number, uint64_t value)
{
	protobuf_write_key(out, number, PROTOBUF_VARINT);
	protobuf_write_varint(out, value);
}

void protobuf_write_real(struct buffer *out, uint32_t number, double value)
{
	uint64_t bits;
	char bytes[sizeof(bits)];
	memcpy(&bits, &value, sizeof(bits));
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(unsigned char)(bits >> (8 * i));
	protobuf_write_key(out, number, PROTOBUF_FIXED64);
	buffer_append(out, bytes, sizeof(bytes));
}

void protobuf_write_head(struct buffer *out, uint32_t number, size_t size)
{
	protobuf_write_key(out, number, PROTOBUF_BYTES);
	protobuf_write_varint(out, size);
}

void protobuf_write_bytes(struct buffer *out, uint32_t number, const void *bytes, size_t size)
{
	protobuf_write_head(out, number, size);
	buffer_append(out, bytes, size);
}

void protobuf_write_text(struct buffer *out, uint32_t number, const char *text)
{
	if (!text)
		return;
	size_t size = strlen(text);
	if (utf8_is_valid(text, size)) {
		protobuf_write_bytes(out, number, text, size);
		return;
	}
	size_t begun = protobuf_begin(out, number);
	utf8_append_mended(out, text, size);
	protobuf_end(out, begun);
}

size_t protobuf_begin(struct buffer *out, uint32_t number)
{
	if (number > 0)
		protobuf_write_key(out, number, PROTOBUF_BYTES);
	buffer_append_byte(out, '\0');
	return out->size;
}

void protobuf_end(struct buffer *out, size_t begun)
{
	// A buffer that is full holds no message any more.
	if (out->overflowed || out->size < begun)
		return;
	size_t size = out->size - begun;
	size_t length_size = protobuf_varint_size(size);
	if (length_size > 1) {
		if (!buffer_reserve(out, length_size - 1 + 10))
			return;
		memmove(out->data + begun + length_size - 1, out->data + begun, size);
	}
	out->size = begun - 1;
	protobuf_write_varint(out, size);
	out->size += size;
}
