/// buffer: bytes that grow at the end.
///
/// A zeroed struct is an empty buffer. Growth that would pass `limit_bytes` (0 = no limit) is refused: the
/// buffer keeps what it had and `overflowed` sticks, so that a writer may check once at its end. Running out
/// of memory ends the process: give every buffer that a client sizes a limit.
#ifndef ATOLL_BASE_BUFFER_H
#define ATOLL_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attributes.h"

struct buffer {
	char *data; // not NUL-terminated; see buffer_text
	size_t size;
	size_t capacity;
	size_t limit_bytes;
	bool overflowed;
};

/// Makes room for `extra` bytes more and returns the place of the first, or NULL when the limit forbids it.
/// The caller writes there and then adds what it wrote to `size`.
char *buffer_reserve_slow(struct buffer *buffer, size_t extra);

static inline char *buffer_reserve(struct buffer *buffer, size_t extra)
{
	if (__builtin_expect(buffer->capacity - buffer->size >= extra, 1))
		return buffer->data + buffer->size;
	return buffer_reserve_slow(buffer, extra);
}

static inline void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	// Of an empty buffer there is no place.
	char *at = size > 0 ? buffer_reserve(buffer, size) : NULL;
	if (at) {
		memcpy(at, bytes, size);
		buffer->size += size;
	}
}

static inline void buffer_append_byte(struct buffer *buffer, char byte)
{
	char *at = buffer_reserve(buffer, 1);
	if (at) {
		*at = byte;
		buffer->size++;
	}
}

static inline void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_printf(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);

/// The content with a NUL behind it (not counted in size). Valid until the next change. Never NULL.
const char *buffer_text(struct buffer *buffer);

/// Forgets the content (or all after `size`), keeps the memory; clears `overflowed`.
void buffer_truncate(struct buffer *buffer, size_t size);

/// Gives the memory (malloc'd, NUL-terminated) to the caller and leaves the buffer empty.
char *buffer_take(struct buffer *buffer, size_t *out_size);

/// Frees the memory; the buffer is empty afterwards. For OWNED(buffer).
void buffer_cleanup(struct buffer *buffer);

#endif
