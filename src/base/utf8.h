/// utf8: which bytes are text. Overlong forms, surrogates and what lies beyond U+10FFFF are not.
#ifndef ATOLL_BASE_UTF8_H
#define ATOLL_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

/// Length of the valid sequence of more than one byte at `s` (2 to 4), or 0. left: bytes from there, at least 1.
size_t utf8_sequence_length(const unsigned char *s, size_t left);

/// NUL is text like others.
bool utf8_is_valid(const char *text, size_t size);

/// Appends the text with U+FFFD for each byte that is none.
void utf8_append_mended(struct buffer *out, const char *text, size_t size);

#endif
