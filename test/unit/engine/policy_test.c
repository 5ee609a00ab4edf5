#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/policy.h"

static void kinds_are_told_by_the_verb(void **state)
{
	static const struct {
		const char *sql;
		enum statement_kind kind;
	} rows[] = {
		{"SELECT 1", STATEMENT_READ},
		{"  -- comment\n /* another */ ;; select 1", STATEMENT_READ},
		{"VALUES (1)", STATEMENT_READ},
		{"EXPLAIN INSERT INTO t VALUES (1)", STATEMENT_READ},
		{"INSERT INTO t VALUES ('select')", STATEMENT_WRITE},
		{"REPLACE INTO t VALUES (1)", STATEMENT_WRITE},
		{"WITH a AS (SELECT 1) SELECT * FROM a", STATEMENT_READ},
		{"WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a", STATEMENT_WRITE},
		{"WITH a AS (SELECT 'delete') DELETE FROM t", STATEMENT_WRITE},
		{"WITH a AS (SELECT $x(() ) INSERT INTO t SELECT * FROM a", STATEMENT_WRITE},
		{"WITH a AS (SELECT @x::y(') ) DELETE FROM t", STATEMENT_WRITE},
		{"WITH a AS (SELECT ':x(', :(1)) UPDATE t SET x = 1", STATEMENT_WRITE},
		{"CREATE TABLE t(x)", STATEMENT_DDL},
		{"PRAGMA table_info(t)", STATEMENT_READ},
		{"PRAGMA main.table_info('t')", STATEMENT_READ},
		{"PRAGMA integrity_check", STATEMENT_READ},
		{"PRAGMA journal_mode", STATEMENT_READ},
		{"PRAGMA foreign_keys", STATEMENT_READ},
		{"PRAGMA foreign_keys = ON", STATEMENT_PRAGMA},
		{"PRAGMA user_version=7", STATEMENT_PRAGMA},
		{"EXPLAIN PRAGMA foreign_keys = ON", STATEMENT_PRAGMA},
		{"EXPLAIN QUERY PLAN PRAGMA foreign_keys = ON", STATEMENT_PRAGMA},
		{"\xEF\xBB\xBFPRAGMA foreign_keys = ON", STATEMENT_PRAGMA},
		{"\xEF\xBB\xBF INSERT INTO t VALUES (1)", STATEMENT_WRITE},
		{"BEGIN", STATEMENT_BEGIN},
		{"END", STATEMENT_COMMIT},
		{"COMMIT TRANSACTION", STATEMENT_COMMIT},
		{"ROLLBACK TO a", STATEMENT_ROLLBACK},
		{"SAVEPOINT a", STATEMENT_SAVEPOINT},
		{"RELEASE a", STATEMENT_RELEASE},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct policy_statement statement;
		struct error err;
		if (!policy_classify(rows[i].sql, strlen(rows[i].sql), &statement, &err))
			fail_msg("%s: %s", rows[i].sql, err.message);
		if (statement.kind != rows[i].kind)
			fail_msg("%s: kind %d", rows[i].sql, (int)statement.kind);
	}
}

static void what_no_client_may_do_is_refused(void **state)
{
	static const char *const rows[] = {
		"ATTACH 'other.db' AS o",
		"DETACH o",
		"CREATE TEMP TABLE t(x)",
		"CREATE TEMPORARY VIEW v AS SELECT 1",
		"PRAGMA journal_mode=DELETE",
		"PRAGMA wal_checkpoint",
		"PRAGMA main.wal_checkpoint(TRUNCATE)",
		"PRAGMA writable_schema=1",
		"PRAGMA locking_mode(EXCLUSIVE)",
		"PRAGMA wal_autocheckpoint=1",
		"VACUUM INTO 'copy.db'",
		"PRAGMA nonsense",
		"PRAGMA schema_version = 9",
		"EXPLAIN PRAGMA cache_size(5)",
		"CREATE TABLE IF NOT EXISTS temp.t(x)",
		"CREATE UNIQUE INDEX \"Temp\" . i ON t(x)",
		"CREATE TRIGGER [temp].a AFTER INSERT ON t BEGIN SELECT 1; END",
		"CREATE VIRTUAL TABLE temp.t USING fts5(x)",
		"INSERT OR IGNORE INTO _litestream_seq VALUES (1)",
		"UPDATE OR FAIL main . \"_LITESTREAM_LOCK\" SET id = 1",
		"WITH a AS (SELECT 1) DELETE FROM 'libsql_wasm_func_table'",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct policy_statement statement;
		struct error err;
		if (policy_classify(rows[i], strlen(rows[i]), &statement, &err))
			fail_msg("allowed: %s", rows[i]);
		assert_int_equal(err.code, ERR_SQL_PARSE);
	}
}

static void read_only_transactions_are_spelled_as_libsql_does(void **state)
{
	(void)state;
	static const char *const rows[] = {"BEGIN READONLY", "BEGIN TRANSACTION READONLY",
					   "begin readonly transaction"};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct policy_statement statement;
		struct error err;
		assert_true(policy_classify(rows[i], strlen(rows[i]), &statement, &err));
		assert_true(statement.is_read_only);
		assert_string_equal(statement.run_sql, "BEGIN");
	}
}

static void other_words_behind_begin_are_left_to_sqlite(void **state)
{
	(void)state;
	static const char *const rows[] = {"BEGIN IMMEDIATE READONLY", "BEGIN READONLY READONLY",
					   "BEGIN READONLY (1)", "BEGIN TRANSACTION readonly x",
					   "BEGIN CONCURRENT"};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct policy_statement statement;
		struct error err;
		assert_true(policy_classify(rows[i], strlen(rows[i]), &statement, &err));
		assert_null(statement.run_sql);
	}
}

static void a_text_that_is_replaced_may_be_two_statements(void **state)
{
	(void)state;
	static const struct {
		const char *sql;
		const char *run_sql;
		bool many;
	} rows[] = {
		{"BEGIN READONLY; -- end", "BEGIN", false},
		{"BEGIN TRANSACTION READONLY; SELECT 1", "BEGIN", true},
		{"PRAGMA encoding = 'UTF-16';", "PRAGMA encoding", false},
		{"PRAGMA main.encoding('UTF-16'); SELECT 1", "PRAGMA encoding", true},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct policy_statement statement;
		struct error err;
		assert_true(policy_classify(rows[i].sql, strlen(rows[i].sql), &statement, &err));
		assert_string_equal(statement.run_sql, rows[i].run_sql);
		assert_int_equal(statement.many, rows[i].many);
	}
}

static void texts_are_split_into_statements(void **state)
{
	static const struct {
		const char *sql;
		const char *first;
	} rows[] = {
		{"SELECT 1; SELECT 2", "SELECT 1;"},
		{"SELECT ';'; SELECT 2", "SELECT ';';"},
		{"SELECT \"a;\"\"b\", [c;d], `e;f` -- ;\n; x", "SELECT \"a;\"\"b\", [c;d], `e;f` -- ;\n;"},
		{"SELECT 1 /* ; */", "SELECT 1 /* ; */"},
		{"CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; UPDATE t SET x = 2; END; SELECT 3",
		 "CREATE TRIGGER a AFTER INSERT ON t BEGIN SELECT 1; UPDATE t SET x = 2; END;"},
		{"CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 END; END; "
		 "SELECT 3",
		 "CREATE TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET x = CASE WHEN 1 THEN 2 END; END;"},
		{"CREATE TABLE trigger_log(x); SELECT 1", "CREATE TABLE trigger_log(x);"},
		{"SELECT $a::b(;'), #1 ; SELECT 2", "SELECT $a::b(;'), #1 ;"},
		{"SELECT $a(; SELECT 2) ; SELECT 3", "SELECT $a(; SELECT 2) ;"},
		{" ; ; -- nothing\n", ""},
		{"", ""},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		size_t size = policy_first_statement(rows[i].sql, strlen(rows[i].sql));
		if (size != strlen(rows[i].first) || strncmp(rows[i].sql, rows[i].first, size) != 0)
			fail_msg("%s: %.*s", rows[i].sql, (int)size, rows[i].sql);
	}
}

static void words_are_found_as_tokens_only(void **state)
{
	(void)state;
	const char *sql = "SELECT 'rollback', xrollback, \"rollback\" FROM t -- rollback";
	assert_false(policy_mentions(sql, strlen(sql), "rollback"));
	sql = "INSERT OR Rollback INTO t VALUES (1)";
	assert_true(policy_mentions(sql, strlen(sql), "rollback"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_by_the_verb),
		cmocka_unit_test(what_no_client_may_do_is_refused),
		cmocka_unit_test(other_words_behind_begin_are_left_to_sqlite),
		cmocka_unit_test(a_text_that_is_replaced_may_be_two_statements),
		cmocka_unit_test(read_only_transactions_are_spelled_as_libsql_does),
		cmocka_unit_test(texts_are_split_into_statements),
		cmocka_unit_test(words_are_found_as_tokens_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
