#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/page_set.h"

static void every_page_keeps_its_first_place(void **state)
{
	enum { PAGES = 200000 };
	(void)state;
	struct page_set set = {0};
	for (uint32_t i = 0; i < PAGES; i++)
		assert_int_equal(page_set_place(&set, i * 7 + 1, i), i);
	for (uint32_t i = 0; i < PAGES; i++)
		assert_int_equal(page_set_place(&set, i * 7 + 1, PAGES), i);
	page_set_cleanup(&set);
	assert_int_equal(page_set_place(&set, 1, 5), 5);
	page_set_cleanup(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_page_keeps_its_first_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
