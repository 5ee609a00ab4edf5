#include "api/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *value(const char *body, const char *name, struct arena *arena)
{
	OWNED(buffer) struct buffer bytes = {0};
	buffer_append_text(&bytes, body);
	return form_text(&bytes, name, arena);
}

static void fields_are_found_and_decoded(void **state)
{
	OWNED(arena) struct arena arena = {0};
	const char *body = "user=ann%2Bx%40y.z&password=a+b%26c%3D%C3%BC&empty=&last=1";
	assert_string_equal(value(body, "user", &arena), "ann+x@y.z");
	assert_string_equal(value(body, "password", &arena), "a b&c=\xc3\xbc");
	assert_string_equal(value(body, "last", &arena), "1");
	assert_null(value(body, "empty", &arena));
	assert_null(value(body, "word", &arena));
	assert_null(value(body, "pass", &arena));
	assert_null(value("", "user", &arena));
}

static void wrong_encodings_are_nothing(void **state)
{
	OWNED(arena) struct arena arena = {0};
	static const char *const bodies[] = {"x=%", "x=%4", "x=%zz", "x=%00", "x=a%0",
					     "x",   "=x",   "&&&",   "xx=1"};
	for (size_t i = 0; i < ARRAY_LENGTH(bodies); i++)
		assert_null(value(bodies[i], "x", &arena));
}

static void what_means_something_in_html_is_escaped(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	form_escape(&out, "<a href=\"x\">'&'</a>");
	assert_string_equal(buffer_text(&out), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_found_and_decoded),
		cmocka_unit_test(wrong_encodings_are_nothing),
		cmocka_unit_test(what_means_something_in_html_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
