#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "cli/shell_output.h"
#include "cli/sql_value.h"
#include "cli/text_width.h"

static const char result_text[] =
	"{\"cols\":[{\"name\":\"id\"},{\"name\":\"a text\"},{\"name\":\"v\"}],\"rows\":["
	"[{\"type\":\"integer\",\"value\":\"9007199254740993\"},{\"type\":\"text\",\"value\":\"\"},{\"type\":"
	"\"null\"}],"
	"[{\"type\":\"integer\",\"value\":\"2\"},{\"type\":\"text\",\"value\":\"a|b, \\\"c\\\"\\nd\"},"
	"{\"type\":\"blob\",\"base64\":\"AKv/\"}],"
	"[{\"type\":\"integer\",\"value\":\"-3\"},{\"type\":\"text\",\"value\":\"日本\"},"
	"{\"type\":\"float\",\"value\":1.5}]]}";

static struct json *parsed(const char *text)
{
	struct json *root = NULL;
	struct error err;
	assert_true(json_read_parse(text, strlen(text), JSON_READ_ALLOW_NUL, 32, &root, &err));
	return root;
}

static void expect_printed(const char *text, enum output_mode mode, bool headers, const char *expected)
{
	OWNED(json_root) struct json *root = parsed(text);
	OWNED(text) char *printed = NULL;
	size_t size = 0;
	struct output output = {.mode = mode, .headers = headers};
	output.file = open_memstream(&printed, &size);
	assert_non_null(output.file);
	output_result(&output, root);
	fclose(output.file);
	assert_string_equal(printed, expected);
}

static void a_table_is_aligned_on_one_line_a_row(void **state)
{
	expect_printed(result_text, OUTPUT_TABLE, true,
		       "id                a text       v\n"
		       "----------------  -----------  ---------\n"
		       "9007199254740993               NULL\n"
		       "               2  a|b, \"c\"\\nd  x'00abff'\n"
		       "              -3  日本               1.5\n");
}

static void a_list_has_bars_between_values(void **state)
{
	expect_printed(result_text, OUTPUT_LIST, true,
		       "id|a text|v\n9007199254740993||NULL\n2|a|b, \"c\"\nd|x'00abff'\n-3|日本|1.5\n");
	expect_printed(result_text, OUTPUT_LIST, false,
		       "9007199254740993||NULL\n2|a|b, \"c\"\nd|x'00abff'\n-3|日本|1.5\n");
}

static void csv_tells_null_from_an_empty_text(void **state)
{
	expect_printed(
		result_text, OUTPUT_CSV, true,
		"id,a text,v\n9007199254740993,\"\",\n2,\"a|b, \"\"c\"\"\nd\",x'00abff'\n-3,日本,1.5\n");
}

static void json_keeps_each_digit_of_an_integer(void **state)
{
	expect_printed(result_text, OUTPUT_JSON, true,
		       "[{\"id\":9007199254740993,\"a text\":\"\",\"v\":null},"
		       "{\"id\":2,\"a text\":\"a|b, \\\"c\\\"\\nd\",\"v\":{\"base64\":\"AKv/\"}},"
		       "{\"id\":-3,\"a text\":\"日本\",\"v\":1.5}]\n");
}

static void a_line_for_each_value(void **state)
{
	expect_printed(result_text, OUTPUT_LINE, true,
		       "    id = 9007199254740993\na text = \n     v = NULL\n\n"
		       "    id = 2\na text = a|b, \"c\"\nd\n     v = x'00abff'\n\n"
		       "    id = -3\na text = 日本\n     v = 1.5\n");
}

static void markdown_survives_what_would_break_its_table(void **state)
{
	expect_printed(result_text, OUTPUT_MARKDOWN, true,
		       "| id | a text | v |\n|---|---|---|\n| 9007199254740993 |  | NULL |\n"
		       "| 2 | a\\|b, \"c\"<br>d | x'00abff' |\n| -3 | 日本 | 1.5 |\n");
}

static void a_result_without_columns_prints_nothing(void **state)
{
	for (int mode = OUTPUT_TABLE; mode <= OUTPUT_MARKDOWN; mode++)
		expect_printed("{\"cols\":[],\"rows\":[]}", (enum output_mode)mode, true, "");
}

static void a_result_without_rows_has_its_head(void **state)
{
	static const char text[] = "{\"cols\":[{\"name\":\"a\"}],\"rows\":[]}";
	expect_printed(text, OUTPUT_TABLE, true, "a\n-\n");
	expect_printed(text, OUTPUT_CSV, true, "a\n");
	expect_printed(text, OUTPUT_JSON, true, "[]\n");
}

static void modes_have_names(void **state)
{
	for (int mode = OUTPUT_TABLE; mode <= OUTPUT_MARKDOWN; mode++) {
		enum output_mode found;
		assert_true(output_mode_of(output_mode_name((enum output_mode)mode), &found));
		assert_int_equal(found, mode);
	}
	enum output_mode found;
	assert_false(output_mode_of("box", &found));
}

// What .dump writes must be the same value when it is read again.
static void literals_are_the_value_again(void **state)
{
	static const struct {
		const char *value;
		const char *literal;
	} cases[] = {
		{"{\"type\":\"null\"}", "NULL"},
		{"{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}", "-9223372036854775808"},
		{"{\"type\":\"float\",\"value\":1.0}", "1.0"},
		{"{\"type\":\"float\",\"value\":0.1}", "0.1"},
		{"{\"type\":\"float\",\"value\":1e300}", "1e+300"},
		{"{\"type\":\"text\",\"value\":\"it's\"}", "'it''s'"},
		{"{\"type\":\"text\",\"value\":\"\"}", "''"},
		{"{\"type\":\"text\",\"value\":\"a\\u0000b\"}", "CAST(x'610062' AS TEXT)"},
		{"{\"type\":\"blob\",\"base64\":\"\"}", "x''"},
		{"{\"type\":\"blob\",\"base64\":\"AQI\"}", "x'0102'"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(json_root) struct json *value = parsed(cases[i].value);
		OWNED(buffer) struct buffer out = {0};
		sql_value_append_literal(&out, value);
		assert_string_equal(buffer_text(&out), cases[i].literal);
	}
}

int main(void)
{
	text_width_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_aligned_on_one_line_a_row),
		cmocka_unit_test(a_list_has_bars_between_values),
		cmocka_unit_test(csv_tells_null_from_an_empty_text),
		cmocka_unit_test(json_keeps_each_digit_of_an_integer),
		cmocka_unit_test(a_line_for_each_value),
		cmocka_unit_test(markdown_survives_what_would_break_its_table),
		cmocka_unit_test(a_result_without_columns_prints_nothing),
		cmocka_unit_test(a_result_without_rows_has_its_head),
		cmocka_unit_test(modes_have_names),
		cmocka_unit_test(literals_are_the_value_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
