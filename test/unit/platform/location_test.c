#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/internal.h"

static struct platform *open_with(const char *codes, const char *closest, struct error *err)
{
	struct platform *platform = calloc(1, sizeof(*platform));
	if (locations_open(platform, codes, closest, err))
		return platform;
	free(platform);
	return NULL;
}

static void close_again(struct platform *platform)
{
	free(platform);
}

static void all_built_in_ones_are_served_unless_told_otherwise(void **state)
{
	struct error err;
	size_t count;
	struct platform *platform = open_with(NULL, NULL, &err);
	assert_non_null(platform);
	const struct location *const *locations = platform_locations(platform, &count);
	assert_int_equal(count, 32);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(locations[i - 1]->code, locations[i]->code) < 0);
	assert_string_equal(platform_find_location(platform, "ord")->description, "Chicago, Illinois (US)");
	assert_string_equal(platform_find_location(platform, "gru")->description, "S\xc3\xa3o Paulo, Brazil");
	assert_non_null(platform_find_location(platform, "local"));
	assert_null(platform_find_location(platform, "ORD"));
	assert_null(platform_find_location(platform, " ord"));
	assert_null(platform_find_location(platform, ""));
	assert_string_equal(platform_closest_location(platform)->code, "ams");
	close_again(platform);
}

static void settings_choose_what_is_served_and_what_is_closest(void **state)
{
	struct error err;
	size_t count;
	struct platform *platform = open_with("ord, nrt,local", "nrt", &err);
	assert_non_null(platform);
	platform_locations(platform, &count);
	assert_int_equal(count, 3);
	assert_null(platform_find_location(platform, "ams"));
	assert_string_equal(platform_closest_location(platform)->code, "nrt");
	close_again(platform);

	platform = open_with("ord,ams", "", &err);
	assert_string_equal(platform_closest_location(platform)->code, "ord");
	close_again(platform);

	assert_null(open_with("ord,xyz", NULL, &err));
	assert_string_equal(err.message, "locations: there is no location \"xyz\"");
	assert_null(open_with("ord,,ams", NULL, &err));
	assert_null(open_with("ord", "nrt", &err));
	assert_string_equal(err.message, "closest location: \"nrt\" is not served here");
}

static void expect_closest(struct platform *platform, const char *code, const char *expected)
{
	const struct location *closest[LOCATION_CLOSEST_MAX];
	char text[64] = "";
	size_t count = platform_closest_locations(platform, platform_find_location(platform, code), closest);
	for (size_t i = 0; i < count; i++) {
		strncat(text, i ? " " : "", sizeof(text) - strlen(text) - 1);
		strncat(text, closest[i]->code, sizeof(text) - strlen(text) - 1);
	}
	assert_string_equal(text, expected);
}

static void the_nearest_others_come_first(void **state)
{
	struct error err;
	struct platform *platform = open_with(NULL, NULL, &err);
	expect_closest(platform, "ord", "yyz iad ewr");
	expect_closest(platform, "ams", "fra lhr cdg");
	expect_closest(platform, "nrt", "hkg sin sea");
	expect_closest(platform, "local", "");
	close_again(platform);
	platform = open_with("ord,nrt,local", NULL, &err);
	expect_closest(platform, "ord", "nrt");
	close_again(platform);
	platform = open_with("ord", NULL, &err);
	expect_closest(platform, "ord", "");
	close_again(platform);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_built_in_ones_are_served_unless_told_otherwise),
		cmocka_unit_test(settings_choose_what_is_served_and_what_is_closest),
		cmocka_unit_test(the_nearest_others_come_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
