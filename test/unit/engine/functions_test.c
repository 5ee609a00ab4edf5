// Ours against SQLite's own, on two connections.

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/attributes.h"
#include "engine/functions.h"

static char *answer(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	int rc = sqlite3_step(stmt);
	char *text = rc == SQLITE_ROW ? sqlite3_mprintf("%s", sqlite3_column_text(stmt, 0))
				      : sqlite3_mprintf("%s", sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
	return text;
}

static void answers_are_those_of_sqlite(void **state)
{
	static const char *const values[] = {"NULL",    "''",    "'a'", "'aaaab'", "'aab'",
					     "'żółw'",  "'w'",   "x''", "x'61'",   "x'616162'",
					     "x'ff61'", "12341", "41",  "1.5",     "zeroblob(3)"};
	(void)state;
	sqlite3 *theirs;
	sqlite3 *ours;
	assert_int_equal(sqlite3_open(":memory:", &theirs), SQLITE_OK);
	assert_int_equal(sqlite3_open(":memory:", &ours), SQLITE_OK);
	assert_true(functions_register(ours));
	for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
		for (size_t j = 0; j < ARRAY_LENGTH(values); j++) {
			for (size_t k = 0; k <= ARRAY_LENGTH(values); k++) {
				char sql[200];
				if (k == ARRAY_LENGTH(values))
					sqlite3_snprintf(sizeof(sql), sql, "SELECT quote(instr(%s, %s))",
							 values[i], values[j]);
				else
					sqlite3_snprintf(sizeof(sql), sql,
							 "SELECT quote(replace(%s, %s, %s))", values[i],
							 values[j], values[k]);
				char *expected = answer(theirs, sql);
				char *got = answer(ours, sql);
				if (strcmp(expected, got) != 0)
					fail_msg("%s: %s, not %s", sql, got, expected);
				sqlite3_free(expected);
				sqlite3_free(got);
			}
		}
	}
	sqlite3_close(theirs);
	sqlite3_close(ours);
}

// SQLite's own functions would take far too long for a test here.
static void a_needle_that_almost_fits_everywhere_costs_nothing(void **state)
{
	(void)state;
	sqlite3 *db;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_true(functions_register(db));
	char *got =
		answer(db, "WITH c(h, n) AS (SELECT hex(zeroblob(5000000)), hex(zeroblob(2500000)) || '1') "
			   "SELECT instr(h, n) || length(replace(h, n, '')) FROM c");
	assert_string_equal(got, "010000000");
	sqlite3_free(got);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 1000);
	got = answer(db, "SELECT replace(hex(zeroblob(400)), '0', '123')");
	assert_string_equal(got, "string or blob too big");
	sqlite3_free(got);
	sqlite3_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_those_of_sqlite),
		cmocka_unit_test(a_needle_that_almost_fits_everywhere_costs_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
