#include "platform/scope.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void names_go_there_and_back(void **state)
{
	OWNED(arena) struct arena arena = {0};
	const char *names[SCOPE_COUNT];
	assert_int_equal(scope_names(SCOPE_ALL | SCOPE_ORGANIZATION | SCOPE_ACCOUNT, names), SCOPE_COUNT);
	for (size_t i = 0; i < SCOPE_COUNT; i++) {
		unsigned scope = scope_of(names[i]);
		assert_int_equal(scope, 1U << i);
		assert_string_equal(scope_name((enum scope)scope), names[i]);
	}
	assert_string_equal(scope_write(SCOPE_READ | SCOPE_DB_CREATE, &arena), "read db:create");
	for (unsigned set = 0; set <= SCOPE_ALL; set++)
		assert_int_equal(scope_read(scope_write(set, &arena)), set);
}

static void presets_stand_for_sets(void **state)
{
	assert_int_equal(scope_of("read-only"), SCOPE_READ);
	assert_int_equal(scope_of("full-access"), SCOPE_ALL);
}

// No stored word gives the rights that only a token without scopes has.
static void unknown_words_give_nothing(void **state)
{
	assert_int_equal(scope_of("organization"), SCOPE_NONE);
	assert_int_equal(scope_of(""), SCOPE_NONE);
	assert_int_equal(scope_of("READ"), SCOPE_NONE);
	assert_int_equal(scope_read(NULL), SCOPE_NONE);
	assert_int_equal(scope_read("  nothing read  a-word-that-is-longer-than-any-scope-there-is "),
			 SCOPE_READ);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_there_and_back),
		cmocka_unit_test(presets_stand_for_sets),
		cmocka_unit_test(unknown_words_give_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
