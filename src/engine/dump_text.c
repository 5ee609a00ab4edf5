#include "engine/dump_text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "base/json_write.h"

// -- names --------------------------------------------------------------------------------------------

static bool needs_quotes(const char *name)
{
	if (!isalpha((unsigned char)name[0]) && name[0] != '_')
		return true;
	size_t size = strlen(name);
	for (size_t i = 0; i < size; i++) {
		if ((unsigned char)name[i] >= 0x80 || (!isalnum((unsigned char)name[i]) && name[i] != '_'))
			return true;
	}
	return sqlite3_keyword_check(name, (int)size) != 0;
}

static void append_doubled(struct buffer *out, const char *text, size_t size, char quote)
{
	const char *end = text + size;
	while (text < end) {
		const char *next = memchr(text, quote, (size_t)(end - text));
		const char *to = next ? next + 1 : end;
		buffer_append(out, text, (size_t)(to - text));
		if (next)
			buffer_append_byte(out, quote);
		text = to;
	}
}

void dump_text_name(struct buffer *out, const char *name)
{
	if (!needs_quotes(name)) {
		buffer_append_text(out, name);
		return;
	}
	buffer_append_byte(out, '"');
	append_doubled(out, name, strlen(name), '"');
	buffer_append_byte(out, '"');
}

// -- values -------------------------------------------------------------------------------------------

static void append_hexadecimal(struct buffer *out, const char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *at = buffer_reserve(out, 2 * size);
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)bytes[i];
		*at++ = digits[byte >> 4];
		*at++ = digits[byte & 15];
	}
	out->size += 2 * size;
}

static void append_blob(struct buffer *out, const char *bytes, size_t size)
{
	buffer_append_text(out, "X'");
	append_hexadecimal(out, bytes, size);
	buffer_append_byte(out, '\'');
}

// A literal ends at a NUL.
static void append_text_with_nul(struct buffer *out, const char *bytes, size_t size)
{
	buffer_append_text(out, "CAST(");
	append_blob(out, bytes, size);
	buffer_append_text(out, " AS TEXT)");
}

enum { STAND_IN_BYTES = 32 };

/// Something short that the text does not hold, to stand for a line's end in it.
struct stand_in {
	char byte; // that it stands for
	size_t size;
	char text[STAND_IN_BYTES];
};

static void choose_stand_in(struct stand_in *stand_in, const char *text, size_t size)
{
	const char *letter = stand_in->byte == '\n' ? "\\n" : "\\r";
	const char *number = stand_in->byte == '\n' ? "\\012" : "\\015";
	snprintf(stand_in->text, sizeof(stand_in->text), "%s", letter);
	if (memmem(text, size, letter, strlen(letter)))
		snprintf(stand_in->text, sizeof(stand_in->text), "%s", number);
	for (unsigned i = 0; memmem(text, size, stand_in->text, strlen(stand_in->text)); i++)
		snprintf(stand_in->text, sizeof(stand_in->text), "(%s%u)", letter, i);
	stand_in->size = strlen(stand_in->text);
}

// Readers go by lines, some of them with their own idea of a line's end: none stands in a literal.
static void append_text_with_lines(struct buffer *out, const char *text, size_t size)
{
	struct stand_in stand_ins[2] = {{.byte = '\n'}, {.byte = '\r'}};
	for (int i = 0; i < 2; i++) {
		if (!memchr(text, stand_ins[i].byte, size))
			continue;
		choose_stand_in(&stand_ins[i], text, size);
		buffer_append_text(out, "replace(");
	}
	buffer_append_byte(out, '\'');
	for (size_t i = 0; i < size; i++) {
		const struct stand_in *stand_in = text[i] == '\n' ? &stand_ins[0] : &stand_ins[1];
		if (text[i] == '\n' || text[i] == '\r')
			buffer_append(out, stand_in->text, stand_in->size);
		else
			append_doubled(out, text + i, 1, '\'');
	}
	buffer_append_byte(out, '\'');
	for (int i = 1; i >= 0; i--) {
		if (stand_ins[i].size > 0)
			buffer_printf(out, ",'%s',char(%d))", stand_ins[i].text, stand_ins[i].byte);
	}
}

static void append_text(struct buffer *out, const char *text, size_t size)
{
	if (size > 0 && memchr(text, '\0', size)) {
		append_text_with_nul(out, text, size);
	} else if (size > 0 && (memchr(text, '\n', size) || memchr(text, '\r', size))) {
		append_text_with_lines(out, text, size);
	} else {
		buffer_append_byte(out, '\'');
		append_doubled(out, text, size, '\'');
		buffer_append_byte(out, '\'');
	}
}

static void append_real(struct buffer *out, double real)
{
	if (isinf(real)) {
		buffer_append_text(out, real > 0 ? "1e999" : "-1e999");
		return;
	}
	struct json_writer w = json_write_to(out);
	json_write_real(&w, real);
}

void dump_text_value(struct buffer *out, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		buffer_append_text(out, "NULL");
		break;
	case VALUE_INTEGER:
		buffer_printf(out, "%" PRId64, value->integer);
		break;
	case VALUE_REAL:
		append_real(out, value->real);
		break;
	case VALUE_TEXT:
		append_text(out, value->bytes, value->size);
		break;
	case VALUE_BLOB:
		append_blob(out, value->bytes, value->size);
		break;
	}
}

// -- schema -------------------------------------------------------------------------------------------

// A quoted name may be that of a table which SQLite makes by itself, behind a virtual one.
static void append_statement(struct buffer *out, const char *sql)
{
	static const char create[] = "CREATE TABLE ";
	size_t size = sizeof(create) - 1;
	bool quoted = strncmp(sql, create, size) == 0 && (sql[size] == '\'' || sql[size] == '"');
	if (quoted) {
		buffer_append_text(out, "CREATE TABLE IF NOT EXISTS ");
		sql += size;
	}
	buffer_append_text(out, sql);
}

void dump_text_schema(struct buffer *out, const char *sql)
{
	static const char *const ends[] = {";", "*/;", "\n;"};
	size_t begin = out->size;
	bool ended = false;
	for (size_t i = 0; !ended && i < ARRAY_LENGTH(ends); i++) {
		buffer_truncate(out, begin);
		append_statement(out, sql);
		buffer_append_text(out, ends[i]);
		ended = sqlite3_complete(buffer_text(out) + begin) != 0;
	}
	buffer_append_byte(out, '\n');
}
