#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/script.h"

static size_t count(const char *sql)
{
	struct engine_script script;
	struct error err;
	if (!engine_script_read(sql, strlen(sql), &script, &err))
		fail_msg("%s: %s", sql, err.message);
	size_t statements = engine_script_count(&script);
	engine_script_cleanup(&script);
	return statements;
}

static void a_text_is_taken_apart_where_sqlite_does(void **state)
{
	(void)state;
	assert_int_equal(count("SELECT 1"), 1);
	assert_int_equal(count("SELECT 1;;; -- ; not one\n/* ; */ SELECT 2; \n"), 2);
	assert_int_equal(count("INSERT INTO t VALUES ('a; b'); SELECT \"x;y\", [z;], `w;`"), 2);
	assert_int_equal(
		count("CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET x = 1; DELETE FROM u; END;"
		      " SELECT CASE WHEN 1 THEN 2 END;"),
		2);
	assert_int_equal(count("PRAGMA defer_foreign_keys=ON; PRAGMA user_version = 7; PRAGMA table_info(t)"),
			 3);
}

static void what_no_transaction_holds_is_refused_with_its_number(void **state)
{
	static const struct {
		const char *sql;
		const char *message;
	} rows[] = {
		{"", "the SQL holds no statement"},
		{" ; -- nothing", "the SQL holds no statement"},
		{"SELECT 1; BEGIN", "statement 2: the file is one transaction already"},
		{"COMMIT", "statement 1: the file is one transaction already"},
		{"ROLLBACK", "statement 1: the file is one transaction already"},
		{"SELECT 1; SELECT 2; SAVEPOINT s", "statement 3: savepoints"},
		{"RELEASE s", "statement 1: savepoints"},
		{"vacuum", "statement 1: VACUUM cannot run inside a transaction"},
		{"PRAGMA foreign_keys=OFF", "statement 1: foreign_keys cannot be changed"},
		{"PRAGMA journal_mode=DELETE", "statement 1: "},
		{"ATTACH 'other' AS o", "statement 1: other databases cannot be attached"},
		{"DETACH o", "statement 1: other databases cannot be attached"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_script script;
		struct error err;
		assert_false(engine_script_read(rows[i].sql, strlen(rows[i].sql), &script, &err));
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("%s: %s", rows[i].sql, err.message);
	}
}

static void a_nul_and_too_many_statements_are_refused(void **state)
{
	static const char nul[] = "SELECT 1\0; SELECT 2";
	struct engine_script script;
	struct error err;
	struct buffer many = {0};
	(void)state;
	assert_false(engine_script_read(nul, sizeof(nul) - 1, &script, &err));
	for (int i = 0; i <= SCRIPT_STATEMENTS_MAX; i++)
		buffer_append_text(&many, "SELECT 1;");
	assert_false(engine_script_read(many.data, many.size, &script, &err));
	assert_string_equal(err.message, "more than 10000 statements");
	buffer_cleanup(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_taken_apart_where_sqlite_does),
		cmocka_unit_test(what_no_transaction_holds_is_refused_with_its_number),
		cmocka_unit_test(a_nul_and_too_many_statements_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
