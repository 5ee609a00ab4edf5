#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buffer.h"

static void grows_at_its_end(void **state)
{
	OWNED(buffer) struct buffer buffer = {0};
	for (int i = 0; i < 1000; i++)
		buffer_append_byte(&buffer, (char)('a' + i % 26));
	buffer_append_text(&buffer, "text");
	buffer_append(&buffer, "b\0c", 3);
	buffer_printf(&buffer, "%05d", 42);
	assert_int_equal(buffer.size, 1012);
	assert_memory_equal(buffer.data + 1000, "textb\0c00042", 12);
	assert_false(buffer.overflowed);
}

static void an_empty_one_is_an_empty_text(void **state)
{
	OWNED(buffer) struct buffer buffer = {0};
	assert_string_equal(buffer_text(&buffer), "");
	buffer_append(&buffer, NULL, 0);
	assert_int_equal(buffer.size, 0);
}

static void text_needs_no_room_inside_the_limit(void **state)
{
	OWNED(buffer) struct buffer buffer = {.limit_bytes = 256};
	for (int i = 0; i < 256; i++)
		buffer_append_byte(&buffer, 'x');
	assert_false(buffer.overflowed);
	assert_int_equal(strlen(buffer_text(&buffer)), 256);
}

static void keeps_what_it_had_when_the_limit_is_passed(void **state)
{
	OWNED(buffer) struct buffer buffer = {.limit_bytes = 10};
	buffer_append_text(&buffer, "123456789");
	buffer_append_text(&buffer, "ab");
	assert_true(buffer.overflowed);
	assert_string_equal(buffer_text(&buffer), "123456789");
	// The failure sticks until the content is cut.
	buffer_truncate(&buffer, 3);
	assert_false(buffer.overflowed);
	buffer_append_text(&buffer, "x");
	assert_string_equal(buffer_text(&buffer), "123x");
}

static void a_limit_is_exact(void **state)
{
	for (size_t limit = 1; limit < 1100; limit += 9) {
		OWNED(buffer) struct buffer buffer = {.limit_bytes = limit};
		for (size_t i = 0; i < limit; i++) {
			buffer_append_byte(&buffer, 'x');
			if (i % 50 == 0)
				buffer_text(&buffer);
		}
		assert_false(buffer.overflowed);
		assert_int_equal(strlen(buffer_text(&buffer)), limit);
		buffer_append_byte(&buffer, 'x');
		assert_true(buffer.overflowed);
		assert_int_equal(buffer.size, limit);
	}
}

static void gives_its_memory_away(void **state)
{
	OWNED(buffer) struct buffer buffer = {0};
	buffer_append_text(&buffer, "mine");
	size_t size = 0;
	OWNED(text) char *taken = buffer_take(&buffer, &size);
	assert_string_equal(taken, "mine");
	assert_int_equal(size, 4);
	assert_int_equal(buffer.size, 0);
	assert_null(buffer.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_at_its_end),
		cmocka_unit_test(an_empty_one_is_an_empty_text),
		cmocka_unit_test(text_needs_no_room_inside_the_limit),
		cmocka_unit_test(keeps_what_it_had_when_the_limit_is_passed),
		cmocka_unit_test(a_limit_is_exact),
		cmocka_unit_test(gives_its_memory_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
