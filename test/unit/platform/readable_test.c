#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "platform/readable.h"

static void is_two_words_that_obey_the_naming_rule(void **state)
{
	struct error err;
	char name[NAME_BYTES];
	char other[NAME_BYTES];
	int same = 0;
	assert_true(crypt_start(&err));
	for (int i = 0; i < 1000; i++) {
		readable_name(name);
		readable_name(other);
		assert_true(name_is_plain(name));
		assert_non_null(strchr(name, '-'));
		assert_ptr_equal(strchr(name, '-'), strrchr(name, '-'));
		same += strcmp(name, other) == 0;
	}
	assert_true(same < 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_two_words_that_obey_the_naming_rule),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
