#include "base/buffer.h"

#include <stdarg.h>

char *buffer_reserve_slow(struct buffer *buffer, size_t extra)
{
	size_t needed = buffer->size + extra;
	if (buffer->overflowed || needed < extra || (buffer->limit_bytes && needed > buffer->limit_bytes)) {
		buffer->overflowed = true;
		return NULL;
	}
	if (needed > buffer->capacity || !buffer->data) {
		size_t capacity = buffer->capacity ? buffer->capacity * 2 : 256;
		while (capacity < needed)
			capacity *= 2;
		// buffer_reserve looks at the capacity only, so the limit must be in it.
		if (buffer->limit_bytes && capacity > buffer->limit_bytes)
			capacity = buffer->limit_bytes;
		char *data = realloc(buffer->data, capacity);
		ASSERT(data != NULL);
		buffer->data = data;
		buffer->capacity = capacity;
	}
	return buffer->data + buffer->size;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
	va_list args;
	va_list again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	ASSERT(length >= 0);
	char *at = buffer_reserve(buffer, (size_t)length + 1);
	if (at) {
		vsnprintf(at, (size_t)length + 1, format, again);
		buffer->size += (size_t)length;
	}
	va_end(again);
}

const char *buffer_text(struct buffer *buffer)
{
	// The terminator lies outside the limit, and so outside the capacity: a full buffer must still be readable as
	// text, and stay full.
	if (buffer->capacity == buffer->size) {
		char *data = realloc(buffer->data, buffer->size + 1);
		ASSERT(data != NULL);
		buffer->data = data;
	}
	buffer->data[buffer->size] = '\0';
	return buffer->data;
}

void buffer_truncate(struct buffer *buffer, size_t size)
{
	ASSERT(size <= buffer->size);
	buffer->size = size;
	buffer->overflowed = false;
}

char *buffer_take(struct buffer *buffer, size_t *out_size)
{
	buffer_text(buffer);
	char *data = buffer->data;
	if (out_size)
		*out_size = buffer->size;
	*buffer = (struct buffer){.limit_bytes = buffer->limit_bytes};
	return data;
}

void buffer_cleanup(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){.limit_bytes = buffer->limit_bytes};
}
