#include "api/body.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool read_sized(const char *text, size_t size, enum body_need need, struct json **out,
		       struct error *err)
{
	OWNED(buffer) struct buffer bytes = {0};
	buffer_append(&bytes, text, size);
	return body_read(&bytes, need, out, err);
}

static bool read_text(const char *text, enum body_need need, struct json **out, struct error *err)
{
	return read_sized(text, strlen(text), need, out, err);
}

static void absent_empty_and_null_are_no_fields(void **state)
{
	static const char *const texts[] = {"", " \r\n\t", "null", " null "};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		OWNED(json_root) struct json *root = NULL;
		struct error err;
		assert_true(read_text(texts[i], BODY_MAYBE, &root, &err));
		struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
		assert_null(body_text(&fields, "location", JSON_OPTIONAL));
		assert_true(json_fields_ok(&fields, &err));
	}
}

static void a_required_body_must_be_there(void **state)
{
	struct json *root = NULL;
	struct error err;
	assert_false(read_text("", BODY_REQUIRED, &root, &err));
	assert_int_equal(err.code, ERR_MISSING_FIELD);
	assert_string_equal(err.message, "missing request body");
}

static void what_is_not_read_may_be_anything(void **state)
{
	struct json *root = NULL;
	struct error err;
	assert_true(read_text("{{{", BODY_NONE, &root, &err));
	assert_null(root);
}

static void refuses_what_is_not_one_json_value(void **state)
{
	static const char *const texts[] = {
		"{",
		"{\"a\":1,}",
		"{a:1}",
		"{} x",
		"{}{}",
		"location=ord",
		"\xef\xbb\xbf{}",
		"{\"a\":\"\xff\"}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":01}",
		"{\"a\":NaN}",
		"'a'",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct json *root = NULL;
		struct error err;
		if (read_text(texts[i], BODY_MAYBE, &root, &err))
			fail_msg("accepted %s", texts[i]);
		assert_int_equal(err.code, ERR_BAD_JSON);
		assert_memory_equal(err.message, "invalid JSON body: ", strlen("invalid JSON body: "));
	}
	struct json *root = NULL;
	struct error err;
	assert_false(read_sized("{}\0", 3, BODY_MAYBE, &root, &err));
	assert_int_equal(err.code, ERR_BAD_JSON);
}

static void refuses_what_is_not_an_object(void **state)
{
	static const char *const texts[] = {"[]", "\"a\"", "7", "1.5", "true", "false"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct json *root = NULL;
		struct error err;
		assert_false(read_text(texts[i], BODY_MAYBE, &root, &err));
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_string_equal(err.message, "request body must be a JSON object");
	}
}

static bool read_nested(unsigned depth, struct error *err)
{
	OWNED(buffer) struct buffer bytes = {0};
	buffer_append_text(&bytes, "{\"a\":");
	for (unsigned i = 1; i < depth; i++)
		buffer_append_byte(&bytes, '[');
	for (unsigned i = 1; i < depth; i++)
		buffer_append_byte(&bytes, ']');
	buffer_append_byte(&bytes, '}');
	OWNED(json_root) struct json *root = NULL;
	return body_read(&bytes, BODY_MAYBE, &root, err);
}

static void nests_to_its_limit_and_no_deeper(void **state)
{
	struct error err;
	assert_true(read_nested(BODY_DEPTH_MAX, &err));
	assert_false(read_nested(BODY_DEPTH_MAX + 1, &err));
	assert_int_equal(err.code, ERR_BAD_JSON);
}

static void keys_match_in_any_letter_case_and_the_exact_one_wins(void **state)
{
	OWNED(json_root) struct json *root = NULL;
	struct error err;
	assert_true(read_text(
		"{\"Location\":\"a\",\"location\":\"b\",\"LOCATION\":\"c\",\"Image\":\"d\",\"IMAGE\":\"e\"}",
		BODY_REQUIRED, &root, &err));
	struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
	assert_string_equal(body_text(&fields, "location", JSON_REQUIRED), "b");
	assert_string_equal(body_text(&fields, "image", JSON_REQUIRED), "e");
	assert_true(json_fields_ok(&fields, &err));
}

static void texts_of_another_kind_are_named(void **state)
{
	static const char *const texts[] = {"{\"location\":7}", "{\"location\":[]}", "{\"location\":{}}",
					    "{\"location\":true}"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		OWNED(json_root) struct json *root = NULL;
		struct error err;
		assert_true(read_text(texts[i], BODY_REQUIRED, &root, &err));
		struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
		assert_null(body_text(&fields, "location", JSON_REQUIRED));
		assert_false(json_fields_ok(&fields, &err));
		assert_int_equal(err.code, ERR_INVALID_FIELD);
		assert_string_equal(err.message, "location must be a string");
	}
}

static void null_and_empty_texts_are_missing(void **state)
{
	static const char *const texts[] = {"{}", "{\"location\":null}", "{\"location\":\"\"}", "null"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		OWNED(json_root) struct json *root = NULL;
		struct error err;
		assert_true(read_text(texts[i], BODY_REQUIRED, &root, &err));
		struct json_fields fields = json_fields_of(root, JSON_ANY_CASE);
		assert_null(body_text(&fields, "location", JSON_REQUIRED));
		assert_false(json_fields_ok(&fields, &err));
		assert_int_equal(err.code, ERR_MISSING_FIELD);
		assert_string_equal(err.message, "location is required");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_empty_and_null_are_no_fields),
		cmocka_unit_test(a_required_body_must_be_there),
		cmocka_unit_test(what_is_not_read_may_be_anything),
		cmocka_unit_test(refuses_what_is_not_one_json_value),
		cmocka_unit_test(refuses_what_is_not_an_object),
		cmocka_unit_test(nests_to_its_limit_and_no_deeper),
		cmocka_unit_test(keys_match_in_any_letter_case_and_the_exact_one_wins),
		cmocka_unit_test(texts_of_another_kind_are_named),
		cmocka_unit_test(null_and_empty_texts_are_missing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
