#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"
#include "cli/text_width.h"

static void expect_printed(struct table *table, unsigned style, const char *expected)
{
	char *printed = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&printed, &size);
	assert_non_null(out);
	table_print(table, out, style);
	fclose(out);
	assert_string_equal(printed, expected);
	free(printed);
}

static void aligns_columns_and_leaves_no_blanks_at_the_end(void **state)
{
	OWNED(table) struct table table = table_of((const char *const[]){"NAME", "TYPE", "NOTE"}, 3);
	table_add(&table, "a-long-name");
	table_add(&table, "primary");
	table_add(&table, NULL);
	table_add(&table, "b");
	table_add(&table, "");
	table_add(&table, "x");
	assert_int_equal(table_row_count(&table), 2);
	expect_printed(&table, TABLE_PLAIN,
		       "NAME         TYPE     NOTE\n"
		       "a-long-name  primary\n"
		       "b                     x\n");
	expect_printed(&table, TABLE_UNTITLED, "a-long-name  primary\nb                     x\n");
}

static void puts_numbers_to_the_right(void **state)
{
	OWNED(table) struct table table = table_of((const char *const[]){"n", "t"}, 2);
	table_add_number(&table, "1", 1);
	table_add(&table, "one");
	table_add_number(&table, "-100", 4);
	table_add(&table, "two");
	expect_printed(&table, TABLE_RULED, "n     t\n----  ---\n   1  one\n-100  two\n");
}

static void aligns_wide_and_combining_characters(void **state)
{
	OWNED(table) struct table table = table_of((const char *const[]){"a", "b"}, 2);
	table_add(&table, "日本");
	table_add(&table, "x");
	table_add(&table, "e\xcc\x81t");
	table_add(&table, "x");
	table_add(&table, "São");
	table_add(&table, "x");
	expect_printed(&table, TABLE_UNTITLED, "日本  x\ne\xcc\x81t    x\nSão   x\n");
}

static void keeps_control_characters_from_the_terminal(void **state)
{
	OWNED(table) struct table table = table_of((const char *const[]){"a", "b"}, 2);
	table_add(&table, "\033[2J\n\t\x7f");
	table_add(&table, "x");
	table_add(&table, "\xff\xc2\x9b");
	table_add_sized(&table, "a\0b", 3);
	expect_printed(&table, TABLE_UNTITLED, "\\x1b[2J\\n\\t\\x7f  x\n\\xff\\x9b         a\\x00b\n");
}

static void marks_titles_for_a_terminal(void **state)
{
	OWNED(table) struct table table = table_of((const char *const[]){"A", "B"}, 2);
	expect_printed(&table, TABLE_BOLD, "\033[1mA\033[0m  \033[1mB\033[0m\n");
}

static void a_table_without_columns_is_nothing(void **state)
{
	OWNED(table) struct table table = table_of_columns(0);
	expect_printed(&table, TABLE_RULED, "");
}

int main(void)
{
	text_width_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aligns_columns_and_leaves_no_blanks_at_the_end),
		cmocka_unit_test(puts_numbers_to_the_right),
		cmocka_unit_test(aligns_wide_and_combining_characters),
		cmocka_unit_test(keeps_control_characters_from_the_terminal),
		cmocka_unit_test(marks_titles_for_a_terminal),
		cmocka_unit_test(a_table_without_columns_is_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
