#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"

static void gives_zeroed_aligned_memory(void **state)
{
	OWNED(arena) struct arena arena = {0};
	for (size_t size = 0; size < 300; size += 7) {
		unsigned char *at = arena_alloc(&arena, size);
		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(at[i], 0);
		memset(at, 0xEE, size);
	}
}

static void memory_is_zero_again_after_a_reset(void **state)
{
	OWNED(arena) struct arena arena = {0};
	memset(arena_alloc(&arena, 1000), 0xEE, 1000);
	arena_reset(&arena);
	const unsigned char *at = arena_alloc(&arena, 1000);
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(at[i], 0);
}

static void copies_and_formats(void **state)
{
	OWNED(arena) struct arena arena = {0};
	assert_string_equal(arena_copy(&arena, "abcdef", 3), "abc");
	assert_string_equal(arena_text(&arena, "whole"), "whole");
	assert_string_equal(arena_text(&arena, ""), "");
	assert_string_equal(arena_printf(&arena, "%s-%d", "x", 7), "x-7");
}

static void takes_what_is_larger_than_a_block(void **state)
{
	OWNED(arena) struct arena arena = {0};
	char *small = arena_text(&arena, "small");
	char *large = arena_alloc(&arena, 1 << 20);
	memset(large, 'x', 1 << 20);
	char *after = arena_text(&arena, "after");
	assert_string_equal(small, "small");
	assert_string_equal(after, "after");
	arena_reset(&arena);
	assert_string_equal(arena_text(&arena, "again"), "again");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_zeroed_aligned_memory),
		cmocka_unit_test(memory_is_zero_again_after_a_reset),
		cmocka_unit_test(copies_and_formats),
		cmocka_unit_test(takes_what_is_larger_than_a_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
