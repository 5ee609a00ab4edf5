#include "base/json_write.h"

#include <math.h>
#include <stdio.h>

#include "base/crypt.h"
#include "base/utf8.h"

static inline void separate(struct json_writer *w)
{
	if (w->comma)
		buffer_append_byte(w->out, ',');
	w->comma = true;
}

void json_write_object(struct json_writer *w)
{
	separate(w);
	buffer_append_byte(w->out, '{');
	w->comma = false;
}

void json_write_end_object(struct json_writer *w)
{
	buffer_append_byte(w->out, '}');
	w->comma = true;
}

void json_write_array(struct json_writer *w)
{
	separate(w);
	buffer_append_byte(w->out, '[');
	w->comma = false;
}

void json_write_end_array(struct json_writer *w)
{
	buffer_append_byte(w->out, ']');
	w->comma = true;
}

void json_write_key(struct json_writer *w, const char *literal)
{
	size_t size = strlen(literal);
	char *at = buffer_reserve(w->out, size + 4);
	if (!at)
		return;
	char *end = at;
	if (w->comma)
		*end++ = ',';
	*end++ = '"';
	memcpy(end, literal, size);
	end += size;
	*end++ = '"';
	*end++ = ':';
	w->out->size += (size_t)(end - at);
	w->comma = false;
}

void json_write_key_escaped(struct json_writer *w, const char *key)
{
	json_write_text(w, key);
	buffer_append_byte(w->out, ':');
	w->comma = false;
}

static void write_literal(struct json_writer *w, const char *literal)
{
	separate(w);
	buffer_append_text(w->out, literal);
}

void json_write_null(struct json_writer *w)
{
	write_literal(w, "null");
}

void json_write_bool(struct json_writer *w, bool value)
{
	write_literal(w, value ? "true" : "false");
}

// Digits from the end of a 20-character field; returns the first.
static char *format_unsigned(uint64_t value, char *end)
{
	static const char pairs[] =
		"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
		"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
		"8081828384858687888990919293949596979899";
	while (value >= 100) {
		end -= 2;
		memcpy(end, pairs + 2 * (value % 100), 2);
		value /= 100;
	}
	if (value >= 10) {
		end -= 2;
		memcpy(end, pairs + 2 * value, 2);
	} else {
		*--end = (char)('0' + value);
	}
	return end;
}

// As many bytes as there can be digits are copied each time: a copy of a known size is a few instructions.
char *json_format_integer(char *to, int64_t value)
{
	enum { DIGITS_MAX = 20 };
	char text[2 * DIGITS_MAX] = {0};
	char *end = text + DIGITS_MAX;
	char *begin = format_unsigned(value < 0 ? 0 - (uint64_t)value : (uint64_t)value, end);
	if (value < 0)
		*to++ = '-';
	memcpy(to, begin, DIGITS_MAX);
	return to + (end - begin);
}

void json_write_integer(struct json_writer *w, int64_t value)
{
	separate(w);
	char text[JSON_INTEGER_BYTES];
	buffer_append(w->out, text, (size_t)(json_format_integer(text, value) - text));
}

void json_write_unsigned(struct json_writer *w, uint64_t value)
{
	separate(w);
	char text[20];
	char *end = text + sizeof(text);
	char *begin = format_unsigned(value, end);
	buffer_append(w->out, begin, (size_t)(end - begin));
}

void json_write_integer_text(struct json_writer *w, int64_t value)
{
	separate(w);
	char text[JSON_INTEGER_BYTES + 2];
	text[0] = '"';
	char *end = json_format_integer(text + 1, value);
	*end++ = '"';
	buffer_append(w->out, text, (size_t)(end - text));
}

void json_write_real(struct json_writer *w, double value)
{
	if (!isfinite(value)) {
		json_write_null(w);
		return;
	}
	separate(w);
	char text[40];
	int length = 0;
	for (int digits = 15; digits <= 17; digits++) {
		length = snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buffer_append(w->out, text, (size_t)length);
	if (!memchr(text, '.', (size_t)length) && !memchr(text, 'e', (size_t)length))
		buffer_append(w->out, ".0", 2);
}

// A byte that stands in a JSON string as it is; not so control characters, quote, backslash and longer
// sequences.
static inline bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

// Bytes from `i` on that stand as they are: eight at a time, in words in which no byte is below 0x20, a quote, a backslash
// or above 0x7F. (A borrow between bytes may tell of one too many, never of one too few.)
static size_t skip_plain(const unsigned char *s, size_t i, size_t size)
{
	static const uint64_t ones = 0x0101010101010101u;
	for (uint64_t word; size - i >= sizeof(word); i += sizeof(word)) {
		memcpy(&word, s + i, sizeof(word));
		uint64_t quotes = word ^ ('"' * ones);
		uint64_t slashes = word ^ ('\\' * ones);
		uint64_t special = word | ((word - 0x20 * ones) & ~word) | ((quotes - ones) & ~quotes) |
				   ((slashes - ones) & ~slashes);
		if (special & (0x80 * ones))
			break;
	}
	while (i < size && is_plain(s[i]))
		i++;
	return i;
}

static void append_escaped(struct buffer *out, unsigned char byte)
{
	static const char hex[] = "0123456789abcdef";
	switch (byte) {
	case '"':
		buffer_append(out, "\\\"", 2);
		return;
	case '\\':
		buffer_append(out, "\\\\", 2);
		return;
	case '\n':
		buffer_append(out, "\\n", 2);
		return;
	case '\r':
		buffer_append(out, "\\r", 2);
		return;
	case '\t':
		buffer_append(out, "\\t", 2);
		return;
	default:;
		char escape[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
		buffer_append(out, escape, sizeof(escape));
	}
}

void json_write_text_sized(struct json_writer *w, const char *text, size_t size)
{
	struct buffer *out = w->out;
	const unsigned char *s = (const unsigned char *)text;
	char *at = buffer_reserve(out, size + 3);
	if (!at)
		return;
	char *begin = at;
	if (w->comma)
		*at++ = ',';
	w->comma = true;
	*at++ = '"';
	size_t i = skip_plain(s, 0, size);
	if (i > 0)
		memcpy(at, s, i);
	at += i;
	if (i == size)
		*at++ = '"';
	out->size += (size_t)(at - begin);
	if (i == size)
		return;
	size_t start = i;
	while ((i = skip_plain(s, i, size)) < size) {
		size_t length = s[i] >= 0x80 ? utf8_sequence_length(s + i, size - i) : 0;
		if (length > 0) {
			i += length;
			continue;
		}
		buffer_append(out, s + start, i - start);
		if (s[i] >= 0x80)
			buffer_append(out, "\xEF\xBF\xBD", 3);
		else
			append_escaped(out, s[i]);
		i++;
		start = i;
	}
	buffer_append(out, s + start, size - start);
	buffer_append_byte(out, '"');
}

void json_write_text(struct json_writer *w, const char *text)
{
	if (text)
		json_write_text_sized(w, text, strlen(text));
	else
		json_write_null(w);
}

void json_write_base64(struct json_writer *w, const void *bytes, size_t size)
{
	separate(w);
	buffer_append_byte(w->out, '"');
	crypt_base64_encode(w->out, bytes, size, false);
	buffer_append_byte(w->out, '"');
}

void json_write_raw(struct json_writer *w, const char *json, size_t size)
{
	separate(w);
	buffer_append(w->out, json, size);
}
