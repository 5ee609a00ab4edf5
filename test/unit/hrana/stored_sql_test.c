#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hrana/stored_sql.h"

static void keeps_texts_by_number(void **state)
{
	struct stored_sql stored = {0};
	assert_null(stored_sql_find(&stored, 1));
	stored_sql_add(&stored, 1, "SELECT 1", 8);
	stored_sql_add(&stored, -2, "SELECT 22", 9);
	stored_sql_add(&stored, 3, "", 0);
	assert_int_equal(stored.count, 3);
	assert_int_equal(stored.size_bytes, 17);
	assert_memory_equal(stored_sql_find(&stored, -2)->sql, "SELECT 22", 10);
	assert_int_equal(stored_sql_remove(&stored, 1), 8);
	assert_int_equal(stored_sql_remove(&stored, 1), 0);
	assert_null(stored_sql_find(&stored, 1));
	assert_int_equal(stored_sql_find(&stored, 3)->size, 0);
	assert_int_equal(stored.size_bytes, 9);
	stored_sql_cleanup(&stored);
	assert_int_equal(stored.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_texts_by_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
