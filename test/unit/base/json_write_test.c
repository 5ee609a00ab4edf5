#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/json_write.h"

static void commas_are_put_where_they_belong(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct json_writer w = json_write_to(&out);
	json_write_object(&w);
	json_write_member_text(&w, "a", "x");
	json_write_key(&w, "b");
	json_write_array(&w);
	json_write_integer(&w, 1);
	json_write_null(&w);
	json_write_object(&w);
	json_write_end_object(&w);
	json_write_array(&w);
	json_write_end_array(&w);
	json_write_bool(&w, true);
	json_write_end_array(&w);
	json_write_member_bool(&w, "c", false);
	json_write_key_escaped(&w, "d\"");
	json_write_raw(&w, "[2]", 3);
	json_write_member_integer(&w, "e", -3);
	json_write_end_object(&w);
	assert_string_equal(buffer_text(&out),
			    "{\"a\":\"x\",\"b\":[1,null,{},[],true],\"c\":false,\"d\\\"\":[2],\"e\":-3}");
}

struct text_case {
	const char *bytes;
	size_t size;
	const char *json;
};

#define BYTES(text) text, sizeof(text) - 1

static void texts_are_always_valid_json(void **state)
{
	static const struct text_case cases[] = {
		{BYTES(""), "\"\""},
		{BYTES("plain text that is longer than any machine word is"),
		 "\"plain text that is longer than any machine word is\""},
		{BYTES("\"\\/"), "\"\\\"\\\\/\""},
		{BYTES("\b\f\n\r\t"), "\"\\u0008\\u000c\\n\\r\\t\""},
		{BYTES("a\0b"), "\"a\\u0000b\""},
		{BYTES("\x1f\x7f"), "\"\\u001f\x7f\""},
		{BYTES("h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x98"),
		 "\"h\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x98\""},
		{BYTES("\xFF"), "\"\xEF\xBF\xBD\""},
		{BYTES("a\x80z"), "\"a\xEF\xBF\xBDz\""},
		{BYTES("1234567\xC3"), "\"1234567\xEF\xBF\xBD\""},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(buffer) struct buffer out = {0};
		struct json_writer w = json_write_to(&out);
		json_write_text_sized(&w, cases[i].bytes, cases[i].size);
		assert_string_equal(buffer_text(&out), cases[i].json);
	}
}

// Overlong forms, surrogates and what lies beyond U+10FFFF are no characters.
static void what_is_no_utf8_is_replaced(void **state)
{
	static const struct text_case cases[] = {
		{BYTES("\xC0\x80"), NULL},         {BYTES("\xE0\x80\x80"), NULL},
		{BYTES("\xED\xA0\x80"), NULL},     {BYTES("\xF4\x90\x80\x80"), NULL},
		{BYTES("\xF5\x80\x80\x80"), NULL}, {BYTES("\xE2\x82"), NULL},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(buffer) struct buffer out = {0};
		OWNED(json_root) struct json *root = NULL;
		struct error err;
		struct json_writer w = json_write_to(&out);
		json_write_text_sized(&w, cases[i].bytes, cases[i].size);
		assert_true(json_read_parse(out.data, out.size, 0, 4, &root, &err));
		assert_non_null(strstr(buffer_text(&out), "\xEF\xBF\xBD"));
	}
}

static void every_alignment_of_an_escape_is_found(void **state)
{
	for (size_t length = 0; length < 40; length++) {
		for (size_t at = 0; at < length; at++) {
			char text[40];
			memset(text, 'x', length);
			text[at] = '"';
			OWNED(buffer) struct buffer out = {0};
			struct json_writer w = json_write_to(&out);
			json_write_text_sized(&w, text, length);
			assert_int_equal(out.size, length + 3);
			assert_memory_equal(out.data + 1 + at, "\\\"", 2);
		}
	}
}

static void integers_are_written_whole(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct json_writer w = json_write_to(&out);
	json_write_array(&w);
	json_write_integer(&w, INT64_MIN);
	json_write_integer(&w, INT64_MAX);
	json_write_integer(&w, 0);
	json_write_unsigned(&w, UINT64_MAX);
	json_write_integer_text(&w, INT64_MIN);
	json_write_end_array(&w);
	assert_string_equal(buffer_text(&out),
			    "[-9223372036854775808,9223372036854775807,0,18446744073709551615,"
			    "\"-9223372036854775808\"]");
}

static const char *real_text(struct buffer *out, double value)
{
	buffer_truncate(out, 0);
	struct json_writer w = json_write_to(out);
	json_write_real(&w, value);
	return buffer_text(out);
}

static void reals_read_back_equal_and_look_like_reals(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	const double values[] = {0.0,
				 1.0,
				 -1.0,
				 0.1,
				 1.0 / 3.0,
				 1e15,
				 1e16,
				 1e21,
				 123456789012345678.0,
				 1e-5,
				 1e-7,
				 5e-324,
				 1.7976931348623157e308,
				 2.5,
				 100.0,
				 3.14159265358979};
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		const char *text = real_text(&out, values[i]);
		assert_true(strtod(text, NULL) == values[i]);
		assert_non_null(strpbrk(text, ".eE"));
	}
	assert_string_equal(real_text(&out, 1.0), "1.0");
	assert_string_equal(real_text(&out, 0.1), "0.1");
	assert_string_equal(real_text(&out, -0.0), "-0.0");
	assert_string_equal(real_text(&out, (double)INFINITY), "null");
	assert_string_equal(real_text(&out, (double)NAN), "null");
}

static void blobs_are_base64_without_padding(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct json_writer w = json_write_to(&out);
	json_write_array(&w);
	json_write_base64(&w, "", 0);
	json_write_base64(&w, "\1\2", 2);
	json_write_base64(&w, "\xfb\xff\xfe", 3);
	json_write_end_array(&w);
	assert_string_equal(buffer_text(&out), "[\"\",\"AQI\",\"+//+\"]");
}

static void no_text_is_null(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct json_writer w = json_write_to(&out);
	json_write_text(&w, NULL);
	assert_string_equal(buffer_text(&out), "null");
}

static void a_full_buffer_sticks(void **state)
{
	OWNED(buffer) struct buffer out = {.limit_bytes = 20};
	struct json_writer w = json_write_to(&out);
	json_write_array(&w);
	for (int i = 0; i < 100; i++)
		json_write_text(&w, "some text");
	json_write_end_array(&w);
	assert_true(out.overflowed);
	assert_true(out.size <= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_are_put_where_they_belong),
		cmocka_unit_test(texts_are_always_valid_json),
		cmocka_unit_test(what_is_no_utf8_is_replaced),
		cmocka_unit_test(every_alignment_of_an_escape_is_found),
		cmocka_unit_test(integers_are_written_whole),
		cmocka_unit_test(reals_read_back_equal_and_look_like_reals),
		cmocka_unit_test(blobs_are_base64_without_padding),
		cmocka_unit_test(no_text_is_null),
		cmocka_unit_test(a_full_buffer_sticks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
