#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

static const struct {
	const char *text;
	size_t size;
	const char *mended; // NULL: the text is valid
} cases[] = {
	{"", 0, NULL},
	{"abc", 3, NULL},
	{"a\0b", 3, NULL},
	{"\xC3\xA9", 2, NULL},
	{"\xE2\x82\xAC", 3, NULL},
	{"\xF0\x9F\x90\x8E", 4, NULL},
	{"0123456\xC3\xA9 89abcdef", 18, NULL}, // across a word's end
	{"\xFF", 1, "\xEF\xBF\xBD"},
	{"\x80", 1, "\xEF\xBF\xBD"},
	{"01234567\xFFxyz", 12, "01234567\xEF\xBF\xBDxyz"},
	{"\xC3", 1, "\xEF\xBF\xBD"},                                                 // cut
	{"\xE2\x82", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},                                 // cut
	{"\xC0\xAF", 2, "\xEF\xBF\xBD\xEF\xBF\xBD"},                                 // overlong
	{"\xED\xA0\x80", 3, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                 // a surrogate
	{"\xF4\x90\x80\x80", 4, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, // beyond U+10FFFF
	{"a\xFF\xFE\xC3\xA9", 5, "a\xEF\xBF\xBD\xEF\xBF\xBD\xC3\xA9"},
};

static void tells_text_from_bytes(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		assert_int_equal(utf8_is_valid(cases[i].text, cases[i].size), cases[i].mended == NULL);
}

static void mends_what_is_no_text(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(buffer) struct buffer out = {0};
		utf8_append_mended(&out, cases[i].text, cases[i].size);
		if (cases[i].mended) {
			assert_string_equal(buffer_text(&out), cases[i].mended);
			continue;
		}
		assert_int_equal(out.size, cases[i].size);
		if (out.size > 0)
			assert_memory_equal(out.data, cases[i].text, out.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_text_from_bytes),
		cmocka_unit_test(mends_what_is_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
