#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"

static void setting_says_false_and_clears_the_rest(void **state)
{
	struct error err = {.sqlite_code = 5, .detail = "old"};
	assert_false(error_set(&err, ERR_LIMIT, "at most %d", 7));
	assert_int_equal(err.code, ERR_LIMIT);
	assert_string_equal(err.message, "at most 7");
	assert_string_equal(err.detail, "");
	assert_int_equal(err.sqlite_code, 0);
	assert_false(error_detail(&err, "file %s", "x"));
	assert_string_equal(err.detail, "file x");
	assert_string_equal(err.message, "at most 7");
}

static void a_full_disk_is_told_from_other_failures(void **state)
{
	struct error err;
	error_errno(&err, ENOSPC, "/data/x", "cannot write");
	assert_int_equal(err.code, ERR_FULL);
	error_errno(&err, EDQUOT, "/data/x", "cannot write");
	assert_int_equal(err.code, ERR_FULL);
	error_errno(&err, EIO, "/data/x", "cannot write");
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.message, "cannot write");
	assert_non_null(strstr(err.detail, "/data/x"));
}

static void context_goes_before_the_message(void **state)
{
	struct error err;
	error_set(&err, ERR_IO, "no");
	error_detail(&err, "kept");
	assert_false(error_context(&err, "open %s", "x"));
	assert_string_equal(err.message, "open x: no");
	assert_string_equal(err.detail, "kept");
	assert_int_equal(err.code, ERR_IO);
}

static bool is_utf8(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
		int more = *at < 0x80 ? 0 : *at >= 0xE0 ? 2 : 1;
		for (; more > 0; more--) {
			if ((*++at & 0xC0) != 0x80)
				return false;
		}
	}
	return true;
}

static void a_long_message_is_cut_between_characters(void **state)
{
	// Each alignment of two- and three-byte characters against the end.
	for (size_t lead = 0; lead < 4; lead++) {
		char text[1000];
		memset(text, 'a', lead);
		text[lead] = '\0';
		while (strlen(text) + 6 < sizeof(text))
			memcpy(text + strlen(text), "\xC3\xA9\xE2\x82\xAC", 6);
		struct error err;
		error_set(&err, ERR_LIMIT, "%s", text);
		assert_true(strlen(err.message) < sizeof(err.message));
		assert_true(strlen(err.message) > sizeof(err.message) - 5);
		assert_true(is_utf8(err.message));
		error_context(&err, "%s", text);
		assert_true(is_utf8(err.message));
		error_set(&err, ERR_LIMIT, "short");
		error_context(&err, "%s", text);
		assert_true(is_utf8(err.message));
	}
}

static void every_code_has_its_name(void **state)
{
	assert_string_equal(error_code_name(ERR_NONE), "NONE");
	assert_string_equal(error_code_name(ERR_FULL), "FULL");
	for (int code = 0; code < ERROR_CODE_COUNT; code++)
		assert_non_null(error_code_name((enum error_code)code));
	assert_string_equal(error_code_name(ERROR_CODE_COUNT), "UNKNOWN");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting_says_false_and_clears_the_rest),
		cmocka_unit_test(a_full_disk_is_told_from_other_failures),
		cmocka_unit_test(context_goes_before_the_message),
		cmocka_unit_test(a_long_message_is_cut_between_characters),
		cmocka_unit_test(every_code_has_its_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
