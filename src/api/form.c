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
	const char *end = body->data + body->size;
	size_t name_size = strlen(name);
	for (const char *at = body->data; body->size > 0 && at < end;) {
		const char *next = memchr(at, '&', (size_t)(end - at));
		const char *stop = next ? next : end;
		const char *value = at + name_size + 1;
		if (value < stop && memcmp(at, name, name_size) == 0 && value[-1] == '=') {
			char *text = arena_alloc(arena, (size_t)(stop - value) + 1);
			return decode(value, stop, text) ? text : NULL;
		}
		at = stop + 1;
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
