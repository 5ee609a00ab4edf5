#include "api/form.h"

#include <string.h>

#include "base/crypt.h"

// False on a bad escape, or one that hides a NUL.
static bool decode(const char *at, const char *end, char *out)
{
	for (; at < end; at++) {
		uint8_t byte = (uint8_t)*at;
		if (*at == '+')
			byte = ' ';
		if (*at == '%') {
			char digits[3] = {0};
			if (end - at < 3)
				return false;
			memcpy(digits, at + 1, 2);
			if (!crypt_hex_decode(digits, &byte, 1))
				return false;
			at += 2;
		}
		if (byte == 0)
			return false;
		*out++ = (char)byte;
	}
	*out = '\0';
	return true;
}

const char *form_text(const struct buffer *body, const char *name, struct arena *arena)
{
	size_t name_size = strlen(name);
	for (size_t begin = 0; begin < body->size;) {
		const char *field = body->data + begin;
		size_t left = body->size - begin;
		const char *next = memchr(field, '&', left);
		size_t size = next ? (size_t)(next - field) : left;
		if (size > name_size + 1 && memcmp(field, name, name_size) == 0 && field[name_size] == '=') {
			char *text = arena_alloc(arena, size - name_size);
			return decode(field + name_size + 1, field + size, text) ? text : NULL;
		}
		begin += size + 1;
	}
	return NULL;
}

void form_escape(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			buffer_append_text(out, "&amp;");
			break;
		case '<':
			buffer_append_text(out, "&lt;");
			break;
		case '>':
			buffer_append_text(out, "&gt;");
			break;
		case '"':
			buffer_append_text(out, "&quot;");
			break;
		case '\'':
			buffer_append_text(out, "&#39;");
			break;
		default:
			buffer_append_byte(out, *text);
		}
	}
}
