/// text_width: texts of strangers on a terminal: how wide they are, and made harmless.
///
/// Columns are counted by the C library's table of wide and combining characters, whatever the locale says
/// about the character set: the text is always UTF-8.
#ifndef ATOLL_CLI_TEXT_WIDTH_H
#define ATOLL_CLI_TEXT_WIDTH_H

#include <stddef.h>

#include "base/buffer.h"

/// Sets the locale that the tables of characters need. Once, before the functions below.
void text_width_start(void);

/// Appends the text on one line: control characters and bytes that are no UTF-8 appear as \n, \t, \x1b, so
/// that they neither break a column nor speak to the terminal. Returns the columns it takes.
size_t text_append_visible(struct buffer *out, const char *text, size_t size);

/// Columns of a text that holds no control characters.
size_t text_width(const char *text, size_t size);

#endif
