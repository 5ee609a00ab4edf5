#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "platform/internal.h"

static void close_again(struct platform *platform)
{
	locations_close(platform);
	free(platform);
}

static struct platform *open_defined(const char *codes, const char *defined, const char *closest,
				     struct error *err)
{
	struct platform *platform = calloc(1, sizeof(*platform));
	if (locations_open(platform, codes, defined, closest, err))
		return platform;
	close_again(platform);
	return NULL;
}

static struct platform *open_with(const char *codes, const char *closest, struct error *err)
{
	return open_defined(codes, NULL, closest, err);
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
	assert_string_equal(err.message, "closest-region: location \"nrt\" is not served here");
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

static void operators_define_their_own(void **state)
{
	struct error err;
	size_t count;
	struct platform *platform = open_defined(NULL,
						 "hel=Helsinki, Finland@60.32,24.95; dc-1 = Our cellar @ "
						 "home=here ; ams=Amsterdam Zuid@52.3,4.9;",
						 "hel", &err);
	assert_null(platform); // " home=here" are no coordinates
	assert_string_equal(err.message,
			    "location-define: location dc-1: expected LATITUDE,LONGITUDE behind the @");

	platform = open_defined(NULL,
				"hel=Helsinki, Finland@60.32,24.95; dc-1 = Our cellar=ours ;"
				" ams=Amsterdam Zuid@ 52.3 , 4.9 ;",
				"hel", &err);
	assert_non_null(platform);
	const struct location *const *locations = platform_locations(platform, &count);
	assert_int_equal(count, 34);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(locations[i - 1]->code, locations[i]->code) < 0);
	assert_string_equal(platform_find_location(platform, "hel")->description, "Helsinki, Finland");
	assert_string_equal(platform_find_location(platform, "dc-1")->description, "Our cellar=ours");
	assert_string_equal(platform_find_location(platform, "ams")->description, "Amsterdam Zuid");
	assert_string_equal(platform_closest_location(platform)->code, "hel");
	expect_closest(platform, "hel", "arn waw ams");
	expect_closest(platform, "arn", "hel waw ams");
	expect_closest(platform, "dc-1", "");
	close_again(platform);

	platform = open_defined("hel,ord", "hel=Helsinki, Finland@60.32,24.95;dc-1=Our cellar", NULL, &err);
	assert_non_null(platform);
	platform_locations(platform, &count);
	assert_int_equal(count, 2);
	assert_null(platform_find_location(platform, "dc-1"));
	assert_string_equal(platform_closest_location(platform)->code, "hel");
	expect_closest(platform, "ord", "hel");
	close_again(platform);
}

static void wrong_definitions_are_refused_with_their_reason(void **state)
{
	static const struct {
		const char *defined;
		const char *message;
	} rows[] = {
		{"hel", "location-define: \"hel\": expected CODE=NAME or CODE=NAME@LATITUDE,LONGITUDE"},
		{"HEL=Helsinki",
		 "location-define: \"HEL\" is no location code: use 1 to 31 of a-z, 0-9 and \"-\","
		 " with \"-\" neither first nor last"},
		{"=Helsinki", "location-define: \"\" is no location code: use 1 to 31 of a-z, 0-9 and \"-\","
			      " with \"-\" neither first nor last"},
		{"a2345678901234567890123456789012=Long",
		 "location-define: \"a2345678901234567890123456789012\" is no location code: use 1 to 31 of "
		 "a-z,"
		 " 0-9 and \"-\", with \"-\" neither first nor last"},
		{"hel=@60,24", "location-define: location hel has no name"},
		{"hel=Hel\nsinki", "location-define: the name of location hel holds a control character"},
		{"hel=H@60", "location-define: location hel: expected LATITUDE,LONGITUDE behind the @"},
		{"hel=H@90.1,24",
		 "location-define: location hel: latitude \"90.1\" is not a number from -90 to 90"},
		{"hel=H@nan,24",
		 "location-define: location hel: latitude \"nan\" is not a number from -90 to 90"},
		{"hel=H@,24", "location-define: location hel: latitude \"\" is not a number from -90 to 90"},
		{"hel=H@60,181",
		 "location-define: location hel: longitude \"181\" is not a number from -180 to 180"},
		{"hel=H@60,24,1",
		 "location-define: location hel: longitude \"24,1\" is not a number from -180 to 180"},
		{"hel=H;hel=I", "location-define: location hel is defined twice"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct error err;
		assert_null(open_defined(NULL, rows[i].defined, NULL, &err));
		assert_string_equal(err.message, rows[i].message);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_built_in_ones_are_served_unless_told_otherwise),
		cmocka_unit_test(settings_choose_what_is_served_and_what_is_closest),
		cmocka_unit_test(the_nearest_others_come_first),
		cmocka_unit_test(operators_define_their_own),
		cmocka_unit_test(wrong_definitions_are_refused_with_their_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
