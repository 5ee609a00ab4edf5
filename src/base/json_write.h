/// json_write: JSON out, straight into a buffer. The only writer.
///
/// The caller opens and closes objects and arrays; commas are put by the writer. Texts may hold any bytes:
/// invalid UTF-8 is replaced by U+FFFD, so that the result is always valid JSON. The buffer's limit is the
/// caller's affair (buffer.overflowed).
///
///     struct json_writer w = json_write_to(&buffer);
///     json_write_object(&w);
///     json_write_key(&w, "name");  json_write_text(&w, name);
///     json_write_member_text(&w, "region", region);
///     json_write_end_object(&w);
#ifndef ATOLL_BASE_JSON_WRITE_H
#define ATOLL_BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct json_writer {
	struct buffer *out;
	bool comma; // a comma must stand before the next value or key
};

static inline struct json_writer json_write_to(struct buffer *out)
{
	return (struct json_writer){.out = out};
}

void json_write_object(struct json_writer *w);
void json_write_end_object(struct json_writer *w);
void json_write_array(struct json_writer *w);
void json_write_end_array(struct json_writer *w);

/// The key is written as it is: only for literals of our own that need no escaping.
void json_write_key(struct json_writer *w, const char *literal);
/// A key that may hold anything.
void json_write_key_escaped(struct json_writer *w, const char *key);

void json_write_null(struct json_writer *w);
void json_write_bool(struct json_writer *w, bool value);
void json_write_integer(struct json_writer *w, int64_t value);
void json_write_unsigned(struct json_writer *w, uint64_t value);
/// Shortest form that reads back equal, always recognisable as a real ("1.0"); infinities and NaN become
/// null.
void json_write_real(struct json_writer *w, double value);
void json_write_text(struct json_writer *w, const char *text); // NULL becomes null
void json_write_text_sized(struct json_writer *w, const char *text, size_t size);
/// A 64-bit integer as a JSON string, as the SQL protocol wants it.
void json_write_integer_text(struct json_writer *w, int64_t value);
/// The digits of an integer, without a NUL; returns their end. There must be room for JSON_INTEGER_BYTES, all of which may be
/// written.
enum { JSON_INTEGER_BYTES = 21 };
char *json_format_integer(char *to, int64_t value);
/// Bytes as a JSON string in base64, standard alphabet, no padding.
void json_write_base64(struct json_writer *w, const void *bytes, size_t size);
/// A value that is JSON already.
void json_write_raw(struct json_writer *w, const char *json, size_t size);

static inline void json_write_member_text(struct json_writer *w, const char *key, const char *text)
{
	json_write_key(w, key);
	json_write_text(w, text);
}
static inline void json_write_member_bool(struct json_writer *w, const char *key, bool value)
{
	json_write_key(w, key);
	json_write_bool(w, value);
}
static inline void json_write_member_integer(struct json_writer *w, const char *key, int64_t value)
{
	json_write_key(w, key);
	json_write_integer(w, value);
}

#endif
