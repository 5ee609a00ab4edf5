#include "cli/sql_value.h"

#include <stdio.h>
#include <string.h>

#include "base/crypt.h"
#include "base/json_write.h"
#include "cli/json_copy.h"

enum sql_kind sql_value_kind(const struct json *value)
{
	static const char *const names[] = {"null", "integer", "float", "text", "blob"};
	const char *type = json_text_at(value, "type");
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (strcmp(type, names[i]) == 0)
			return (enum sql_kind)i;
	}
	return SQL_NULL;
}

bool sql_value_is_infinite(const struct json *value)
{
	const struct json *number = json_read_get(value, "value");
	return sql_value_kind(value) == SQL_REAL && (!number || json_read_kind(number) == JSON_KIND_NULL);
}

static void append_hex(struct buffer *out, const unsigned char *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	buffer_append_text(out, "x'");
	for (size_t i = 0; i < size; i++) {
		buffer_append_byte(out, digits[bytes[i] >> 4]);
		buffer_append_byte(out, digits[bytes[i] & 15]);
	}
	buffer_append_byte(out, '\'');
}

static void append_blob(struct buffer *out, const struct json *value)
{
	size_t size = 0;
	const char *base64 = json_read_text(json_read_get(value, "base64"), &size);
	OWNED(buffer) struct buffer bytes = {0};
	if (base64)
		crypt_base64_decode(&bytes, base64, size, false);
	append_hex(out, (const unsigned char *)bytes.data, bytes.size);
}

static void append_real(struct buffer *out, const struct json *value, const char *infinity)
{
	if (sql_value_is_infinite(value)) {
		buffer_append_text(out, infinity);
		return;
	}
	struct json_writer w = json_write_to(out);
	json_write_real(&w, json_read_number(json_read_get(value, "value")));
}

static void append_text_literal(struct buffer *out, const char *text, size_t size)
{
	// SQL ends a literal at a NUL.
	if (memchr(text, '\0', size)) {
		buffer_append_text(out, "CAST(");
		append_hex(out, (const unsigned char *)text, size);
		buffer_append_text(out, " AS TEXT)");
		return;
	}
	buffer_append_byte(out, '\'');
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\'')
			buffer_append_byte(out, '\'');
		buffer_append_byte(out, text[i]);
	}
	buffer_append_byte(out, '\'');
}

static void append(struct buffer *out, const struct json *value, bool literal)
{
	size_t size = 0;
	const char *text = json_read_text(json_read_get(value, "value"), &size);
	switch (sql_value_kind(value)) {
	case SQL_NULL:
		buffer_append_text(out, "NULL");
		return;
	case SQL_REAL:
		append_real(out, value, literal ? "9e999" : "Inf");
		return;
	case SQL_BLOB:
		append_blob(out, value);
		return;
	case SQL_INTEGER:
		buffer_append(out, text ? text : "0", text ? size : 1);
		return;
	case SQL_TEXT:
		if (literal)
			append_text_literal(out, text ? text : "", size);
		else if (text)
			buffer_append(out, text, size);
		return;
	}
}

void sql_value_append(struct buffer *out, const struct json *value)
{
	append(out, value, false);
}

void sql_value_append_literal(struct buffer *out, const struct json *value)
{
	append(out, value, true);
}

void sql_append_name(struct buffer *out, const char *name)
{
	buffer_append_byte(out, '"');
	for (; *name; name++) {
		if (*name == '"')
			buffer_append_byte(out, '"');
		buffer_append_byte(out, *name);
	}
	buffer_append_byte(out, '"');
}
