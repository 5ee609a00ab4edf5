#include "cli/text_width.h"

#include <langinfo.h>
#include <locale.h>
#include <stdbool.h>
#include <string.h>
#include <wchar.h>

void text_width_start(void)
{
	setlocale(LC_CTYPE, "");
	// Containers and cron run in the "C" locale, where every character beyond ASCII would have no width.
	if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

// Decodes one character of UTF-8. Returns its length in bytes, or 0 when there is none at that place.
static size_t decode(const unsigned char *s, size_t left, wchar_t *out)
{
	size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC2 ? 2 : 0;
	if (length == 0 || length > left || s[0] > 0xF4)
		return 0;
	unsigned value = length == 1 ? s[0] : s[0] & (0xFFU >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3FU);
	}
	static const unsigned smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	if (value < smallest[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	*out = (wchar_t)value;
	return length;
}

static bool is_control(wchar_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
	       (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

static size_t width_of(wchar_t c)
{
	int columns = wcwidth(c);
	return columns < 0 ? 1 : (size_t)columns;
}

static size_t append_escape(struct buffer *out, wchar_t c, bool is_byte)
{
	size_t before = out->size;
	if (c == '\n')
		buffer_append_text(out, "\\n");
	else if (c == '\t')
		buffer_append_text(out, "\\t");
	else if (c == '\r')
		buffer_append_text(out, "\\r");
	else if (is_byte || c < 0x100)
		buffer_printf(out, "\\x%02x", (unsigned)c);
	else
		buffer_printf(out, "\\u%04x", (unsigned)c);
	return out->size - before;
}

size_t text_append_visible(struct buffer *out, const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t width = 0;
	for (size_t at = 0; at < size;) {
		wchar_t c;
		size_t length = decode(bytes + at, size - at, &c);
		if (length == 0) {
			width += append_escape(out, bytes[at], true);
			length = 1;
		} else if (is_control(c)) {
			width += append_escape(out, c, false);
		} else {
			buffer_append(out, text + at, length);
			width += width_of(c);
		}
		at += length;
	}
	return width;
}

size_t text_width(const char *text, size_t size)
{
	const unsigned char *bytes = (const unsigned char *)text;
	size_t width = 0;
	for (size_t at = 0; at < size;) {
		wchar_t c = L'?';
		size_t length = decode(bytes + at, size - at, &c);
		width += length == 0 ? 1 : width_of(c);
		at += length == 0 ? 1 : length;
	}
	return width;
}
