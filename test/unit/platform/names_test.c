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

static void email_addresses(void **state)
{
	static const char *const good[] = {"a@b", "ann+x@example.com", "\xc3\xbc@x.y"};
	static const char *const bad[] = {"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\n", "a@\x7f"};
	char longest[256];
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(name_is_email(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(name_is_email(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[1] = '@';
	longest[EMAIL_LENGTH_MAX] = '\0';
	assert_true(name_is_email(longest));
	longest[EMAIL_LENGTH_MAX] = 'a';
	longest[EMAIL_LENGTH_MAX + 1] = '\0';
	assert_false(name_is_email(longest));
}

static void names_of_organizations(void **state)
{
	char name[2 * NAME_LENGTH_MAX + 3];
	assert_true(name_is_for_organization("Team \xc3\x9c"));
	assert_false(name_is_for_organization(""));
	assert_false(name_is_for_organization("---"));
	assert_false(name_is_for_organization("a\tb"));
	// Characters are counted, not bytes.
	for (size_t i = 0; i < NAME_LENGTH_MAX; i++)
		memcpy(name + 2 * i, "\xc3\xbc", 2);
	memcpy(name + 2 * NAME_LENGTH_MAX - 2, "x", 2);
	assert_true(name_is_for_organization(name));
	memcpy(name + 2 * NAME_LENGTH_MAX - 2, "xy", 3);
	assert_false(name_is_for_organization(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(databases_are_lower_case_letters_digits_and_inner_dashes),
		cmocka_unit_test(tokens_may_have_dots_and_capitals_but_not_a_route_s_name),
		cmocka_unit_test(users_are_called_as_on_github),
		cmocka_unit_test(slugs_come_from_any_name_with_a_letter_or_digit),
		cmocka_unit_test(labels_are_compared_without_case),
		cmocka_unit_test(email_addresses),
		cmocka_unit_test(names_of_organizations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
