#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/json_read.h"

static bool parses(const char *text, size_t size, unsigned options)
{
	OWNED(json_root) struct json *root = NULL;
	struct error err = {0};
	bool good = json_read_parse(text, size, options, 8, &root, &err);
	if (!good)
		assert_int_equal(err.code, ERR_BAD_JSON);
	return good;
}

#define PARSES(text, options) parses(text, sizeof(text) - 1, options)

static void takes_json_and_nothing_else(void **state)
{
	assert_true(PARSES("{}", 0));
	assert_true(PARSES(" [1, 2.5e3, \"x\", null, true] ", 0));
	assert_true(PARSES("null", 0));
	assert_true(PARSES("\"\\ud83d\\ude00\"", 0));
	assert_false(PARSES("", 0));
	assert_false(PARSES(" ", 0));
	assert_false(PARSES("{", 0));
	assert_false(PARSES("{}x", 0));
	assert_false(PARSES("{} {}", 0));
	assert_false(PARSES("{'a':1}", 0));
	assert_false(PARSES("{\"a\":1,}", 0));
	assert_false(PARSES("[01]", 0));
	assert_false(PARSES("[NaN]", 0));
	assert_false(PARSES("[1e999]", 0));
	assert_false(PARSES("\xEF\xBB\xBF{}", 0));
	assert_false(PARSES("\"\xFF\"", 0));
	assert_false(PARSES("\"\\ud83d\"", 0));
	assert_false(PARSES("\"a\nb\"", 0));
	assert_false(PARSES("{}\0", 0));
}

static void options_decide_on_duplicates_and_nul(void **state)
{
	assert_true(PARSES("{\"a\":1,\"a\":2}", 0));
	assert_false(PARSES("{\"a\":1,\"a\":2}", JSON_READ_UNIQUE_KEYS));
	assert_false(PARSES("\"a\\u0000b\"", 0));
	assert_true(PARSES("\"a\\u0000b\"", JSON_READ_ALLOW_NUL));
}

static void depth_is_limited(void **state)
{
	assert_true(PARSES("[[[[[[[[1]]]]]]]]", 0));
	assert_false(PARSES("[[[[[[[[[1]]]]]]]]]", 0));
	assert_false(PARSES("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}}}}", 0));
}

static void a_failure_names_its_place(void **state)
{
	struct json *root = NULL;
	struct error err;
	assert_false(json_read_parse("{\n  \"a\": x}", 11, 0, 8, &root, &err));
	assert_non_null(strstr(err.message, "line 2"));
	assert_null(root);
}

static struct json *parse(const char *text)
{
	struct json *root = NULL;
	struct error err;
	assert_true(json_read_parse(text, strlen(text), JSON_READ_ALLOW_NUL, 8, &root, &err));
	return root;
}

static void reads_nodes_by_kind(void **state)
{
	OWNED(json_root)
	struct json *root = parse("{\"i\":-9223372036854775808,\"r\":1.5,\"t\":\"a\\u0000b\",\"b\":true,"
				  "\"n\":null,\"a\":[1,2],\"o\":{}}");
	size_t size = 0;
	assert_int_equal(json_read_kind(root), JSON_KIND_OBJECT);
	assert_true(json_read_integer(json_read_get(root, "i")) == INT64_MIN);
	assert_true(json_read_number(json_read_get(root, "r")) == 1.5);
	assert_memory_equal(json_read_text(json_read_get(root, "t"), &size), "a\0b", 4);
	assert_int_equal(size, 3);
	assert_true(json_read_bool(json_read_get(root, "b")));
	assert_int_equal(json_read_kind(json_read_get(root, "n")), JSON_KIND_NULL);
	const struct json *list = json_read_get(root, "a");
	assert_int_equal(json_read_size(list), 2);
	assert_int_equal(json_read_integer(json_read_at(list, 1)), 2);
	assert_null(json_read_at(list, 2));
	assert_null(json_read_get(root, "absent"));
	assert_null(json_read_get(root, "I"));
	// Of another kind: nothing, but no fault.
	assert_null(json_read_text(json_read_get(root, "i"), &size));
	assert_int_equal(json_read_integer(json_read_get(root, "t")), 0);
	assert_int_equal(json_read_size(json_read_get(root, "t")), 0);
}

static void walks_members(void **state)
{
	OWNED(json_root) struct json *root = parse("{\"a\":1,\"b\":2,\"c\":3}");
	const char *key;
	const struct json *value;
	int64_t sum = 0;
	void *at = NULL;
	while ((at = json_read_next(root, at, &key, &value)))
		sum = sum * 10 + json_read_integer(value);
	assert_int_equal(sum, 123);
}

static void fields_follow_the_platforms_rules(void **state)
{
	OWNED(json_root)
	struct json *root = parse("{\"Location\":\"ord\",\"IMAGE\":\"\",\"name\":null,\"n\":7,\"flag\":true,"
				  "\"x\":\"upper\",\"X\":\"exact\"}");
	static const char *const images[] = {"latest", "canary", NULL};
	struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
	assert_string_equal(json_fields_text(&fields, "location", JSON_REQUIRED), "ord");
	assert_null(json_fields_text(&fields, "image", JSON_OPTIONAL));
	assert_null(json_fields_text(&fields, "name", JSON_OPTIONAL));
	assert_int_equal(json_fields_choice(&fields, "image", images, 1), 1);
	assert_int_equal(json_fields_integer(&fields, "n", 0, 10, 3), 7);
	assert_int_equal(json_fields_integer(&fields, "absent", 0, 10, 3), 3);
	assert_true(json_fields_bool(&fields, "flag", false));
	assert_string_equal(json_fields_text(&fields, "X", JSON_OPTIONAL), "exact");
	struct error err;
	assert_true(json_fields_ok(&fields, &err));
}

static void the_first_failure_sticks(void **state)
{
	OWNED(json_root) struct json *root = parse("{\"a\":7,\"b\":\"x\"}");
	struct json_fields fields = json_fields_of(root, JSON_EXACT_CASE);
	struct error err;
	assert_null(json_fields_text(&fields, "a", JSON_OPTIONAL));
	assert_null(json_fields_text(&fields, "missing", JSON_REQUIRED));
	assert_false(json_fields_ok(&fields, &err));
	assert_int_equal(err.code, ERR_INVALID_FIELD);
	assert_string_equal(err.message, "a must be a string, got a number");

	struct json_fields missing = json_fields_of(root, JSON_EXACT_CASE);
	json_fields_text(&missing, "c", JSON_REQUIRED);
	assert_false(json_fields_ok(&missing, &err));
	assert_int_equal(err.code, ERR_MISSING_FIELD);
	assert_string_equal(err.message, "c is required");
}

static void only_an_object_has_fields(void **state)
{
	struct error err;
	const char *texts[] = {"[]", "\"x\"", "1"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		OWNED(json_root) struct json *root = parse(texts[i]);
		struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
		assert_false(json_fields_ok(&fields, &err));
		assert_int_equal(err.code, ERR_BAD_REQUEST);
	}
	OWNED(json_root) struct json *null = parse("null");
	struct json_fields none = json_fields_of(null, JSON_ANY_CASE);
	assert_null(json_fields_text(&none, "a", JSON_OPTIONAL));
	assert_true(json_fields_ok(&none, &err));
	struct json_fields absent = json_fields_of(NULL, JSON_ANY_CASE);
	assert_true(json_fields_ok(&absent, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_json_and_nothing_else),
		cmocka_unit_test(options_decide_on_duplicates_and_nul),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(a_failure_names_its_place),
		cmocka_unit_test(reads_nodes_by_kind),
		cmocka_unit_test(walks_members),
		cmocka_unit_test(fields_follow_the_platforms_rules),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(only_an_object_has_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
