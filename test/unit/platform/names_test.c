#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "platform/names.h"

static char sixty_four[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
static char sixty_five[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static void databases_are_lower_case_letters_digits_and_inner_dashes(void **state)
{
	assert_true(name_is_plain("a"));
	assert_true(name_is_plain("7"));
	assert_true(name_is_plain("my-db"));
	assert_true(name_is_plain("my--db"));
	assert_true(name_is_plain(sixty_four));
	assert_false(name_is_plain(sixty_five));
	assert_false(name_is_plain(""));
	assert_false(name_is_plain("-"));
	assert_false(name_is_plain("-db"));
	assert_false(name_is_plain("db-"));
	assert_false(name_is_plain("My-db"));
	assert_false(name_is_plain("my_db"));
	assert_false(name_is_plain("my.db"));
	assert_false(name_is_plain("m\xc3\xbc"));
	assert_false(name_is_plain("a b"));
}

static void tokens_may_have_dots_and_capitals_but_not_a_route_s_name(void **state)
{
	assert_true(name_is_for_token("CI.deploy_2-x"));
	assert_true(name_is_for_token("-"));
	assert_true(name_is_for_token(sixty_four));
	assert_false(name_is_for_token(sixty_five));
	assert_false(name_is_for_token(""));
	assert_false(name_is_for_token("validate"));
	assert_false(name_is_for_token("a/b"));
	assert_false(name_is_for_token("a b"));
}

static void users_are_called_as_on_github(void **state)
{
	assert_true(name_is_for_user("Ada-Lovelace"));
	assert_true(name_is_for_user("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(name_is_for_user("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
	assert_false(name_is_for_user("ada.lovelace"));
	assert_false(name_is_for_user("ada_lovelace"));
	assert_false(name_is_for_user(""));
}

static void slugs_come_from_any_name_with_a_letter_or_digit(void **state)
{
	char slug[NAME_BYTES];
	assert_true(name_make_slug("My Org", slug));
	assert_string_equal(slug, "my-org");
	assert_true(name_make_slug("  A & B (2026)! ", slug));
	assert_string_equal(slug, "a-b-2026");
	assert_true(name_make_slug("M\xc3\xbcller", slug));
	assert_string_equal(slug, "m-ller");
	assert_true(name_make_slug(sixty_five, slug));
	assert_string_equal(slug, sixty_four);
	assert_false(name_make_slug("", slug));
	assert_false(name_make_slug("!!!", slug));
}

static void labels_are_compared_without_case(void **state)
{
	char label[LABEL_BYTES];
	char long_text[LABEL_BYTES + 1];
	assert_true(name_make_label("My-DB-My-Org", label));
	assert_string_equal(label, "my-db-my-org");
	memset(long_text, 'a', LABEL_BYTES);
	long_text[LABEL_BYTES] = '\0';
	assert_false(name_make_label(long_text, label));
	assert_true(name_make_label(long_text + 1, label));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(databases_are_lower_case_letters_digits_and_inner_dashes),
		cmocka_unit_test(tokens_may_have_dots_and_capitals_but_not_a_route_s_name),
		cmocka_unit_test(users_are_called_as_on_github),
		cmocka_unit_test(slugs_come_from_any_name_with_a_letter_or_digit),
		cmocka_unit_test(labels_are_compared_without_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
