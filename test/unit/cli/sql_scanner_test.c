#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "cli/sql_scanner.h"

// Splits a text fed in pieces of `step` bytes and marks the end of each statement with |, of an empty one
// with _|.
static void split(const char *text, size_t step, char *out)
{
	struct sql_scanner scanner = {0};
	size_t size = strlen(text), at = 0, written = 0;
	while (at < size) {
		size_t piece = size - at < step ? size - at : step;
		bool complete, empty;
		size_t taken = sql_scanner_read(&scanner, text + at, piece, &complete, &empty);
		assert_true(taken > 0 && taken <= piece);
		memcpy(out + written, text + at, taken);
		written += taken;
		at += taken;
		if (complete) {
			memcpy(out + written, empty ? "_|" : "|", empty ? 2 : 1);
			written += empty ? 2 : 1;
		}
	}
	out[written] = '\0';
}

static void ends_statements_where_sql_ends_them(void **state)
{
	static const struct {
		const char *text;
		const char *parts;
	} cases[] = {
		{"SELECT 1;", "SELECT 1;|"},
		{"SELECT 1;SELECT 2;", "SELECT 1;|SELECT 2;|"},
		{"SELECT 1", "SELECT 1"},
		{";;", ";_|;_|"},
		{" -- nothing\n;", " -- nothing\n;_|"},
		{"/* ; */ ;", "/* ; */ ;_|"},
		{"SELECT ';';", "SELECT ';';|"},
		{"SELECT 'it''s; so';", "SELECT 'it''s; so';|"},
		{"SELECT \"a;b\" FROM [c;d], `e;f`;", "SELECT \"a;b\" FROM [c;d], `e;f`;|"},
		{"SELECT 1 -- ; no\n;", "SELECT 1 -- ; no\n;|"},
		{"SELECT 1 /* ; * / ; **/;", "SELECT 1 /* ; * / ; **/;|"},
		{"SELECT 4/2;SELECT 4-2;", "SELECT 4/2;|SELECT 4-2;|"},
		{"SELECT x'3b';", "SELECT x'3b';|"},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;SELECT 3;",
		 "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;|SELECT 3;|"},
		{"create temp trigger t after insert on a begin select case when 1 then 2 end; end;",
		 "create temp trigger t after insert on a begin select case when 1 then 2 end; end;|"},
		{"EXPLAIN CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END ;",
		 "EXPLAIN CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END ;|"},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; /* x */ END -- y\n;",
		 "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; /* x */ END -- y\n;|"},
		{"CREATE TRIGGER t BEGIN SELECT 1; ending; SELECT 2; END;",
		 "CREATE TRIGGER t BEGIN SELECT 1; ending; SELECT 2; END;|"},
		{"CREATE TABLE trigger_log(x);", "CREATE TABLE trigger_log(x);|"},
		{"CREATE TABLE \"trigger\"(x);SELECT 1;", "CREATE TABLE \"trigger\"(x);|SELECT 1;|"},
		{"BEGIN; END;", "BEGIN;| END;|"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		for (size_t step = 1; step <= 64; step = step * 2 + 1) {
			char out[512];
			split(cases[i].text, step, out);
			assert_string_equal(out, cases[i].parts);
		}
	}
}

static void tells_what_is_open(void **state)
{
	static const struct {
		const char *text;
		enum sql_open open;
	} cases[] = {
		{"", SQL_OPEN_NOTHING},
		{"  -- comment", SQL_OPEN_NOTHING},
		{"/* closed */", SQL_OPEN_NOTHING},
		{"SELECT 1", SQL_OPEN_STATEMENT},
		{"-", SQL_OPEN_STATEMENT},
		{"SELECT 'a", SQL_OPEN_TEXT},
		{"SELECT 'a''", SQL_OPEN_TEXT},
		{"SELECT \"a", SQL_OPEN_NAME},
		{"SELECT [a", SQL_OPEN_NAME},
		{"SELECT 1 /* ", SQL_OPEN_COMMENT},
		{"CREATE TRIGGER", SQL_OPEN_TRIGGER},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; ", SQL_OPEN_TRIGGER},
		{"CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END", SQL_OPEN_STATEMENT},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct sql_scanner scanner = {0};
		bool complete, empty;
		size_t size = strlen(cases[i].text);
		assert_int_equal(sql_scanner_read(&scanner, cases[i].text, size, &complete, &empty), size);
		assert_false(complete);
		assert_int_equal(sql_scanner_open(&scanner), cases[i].open);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_statements_where_sql_ends_them),
		cmocka_unit_test(tells_what_is_open),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
