#include "api/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void every_row_is_whole(void **state)
{
	size_t count;
	const struct api_row *rows = api_rows(&count);
	assert_true(count > 30);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].method);
		assert_int_equal(rows[i].path[0], '/');
		assert_non_null(rows[i].handler);
		assert_true(strlen(rows[i].summary) > 0);
	}
}

// A row that forgets its organization, or asks for one that its path does not name, would open a door.
static void who_may_fits_the_path(void **state)
{
	size_t count;
	const struct api_row *rows = api_rows(&count);
	for (size_t i = 0; i < count; i++) {
		bool has_organization = strstr(rows[i].path, "{org}") != NULL;
		if (has_organization != (rows[i].who >= WHO_VIEWER))
			fail_msg("%s %s", rows[i].method, rows[i].path);
		if (has_organization != (rows[i].scope != SCOPE_NONE))
			fail_msg("scope of %s %s", rows[i].method, rows[i].path);
		if (strstr(rows[i].path, "{db}") && !has_organization)
			fail_msg("%s %s has a database without an organization", rows[i].method,
				 rows[i].path);
	}
}

static void reading_is_for_viewers_and_changing_is_not(void **state)
{
	size_t count;
	const struct api_row *rows = api_rows(&count);
	for (size_t i = 0; i < count; i++) {
		bool reads = strcmp(rows[i].method, "GET") == 0;
		if (rows[i].who >= WHO_VIEWER) {
			assert_int_equal(rows[i].who == WHO_VIEWER, reads);
			assert_int_equal(rows[i].scope == SCOPE_READ, reads);
		}
		if (rows[i].body != BODY_NONE || rows[i].forms & KEYED)
			assert_false(reads || strcmp(rows[i].method, "DELETE") == 0);
	}
}

static void no_path_is_served_twice(void **state)
{
	OWNED(arena) struct arena arena = {0};
	size_t count, seen = 0;
	const struct api_row *rows = api_rows(&count);
	const char *names[1024];
	for (size_t i = 0; i < count; i++) {
		const char *paths[API_PATHS_MAX];
		size_t path_count = api_row_paths(&rows[i], &arena, paths);
		for (size_t j = 0; j < path_count; j++) {
			const char *name = arena_printf(&arena, "%s %s", rows[i].method, paths[j]);
			for (size_t k = 0; k < seen; k++)
				assert_string_not_equal(names[k], name);
			assert_true(seen < ARRAY_LENGTH(names));
			names[seen++] = name;
		}
	}
}

static void twins_of_a_path(void **state)
{
	OWNED(arena) struct arena arena = {0};
	const struct api_row row = {.path = "/v1/organizations/{org}/databases/{db}/instances",
				    .forms = USER_TWIN | V3_TWIN};
	const char *paths[API_PATHS_MAX];
	assert_int_equal(api_row_paths(&row, &arena, paths), 4);
	assert_string_equal(paths[0], "/v1/organizations/{org}/databases/{db}/instances");
	assert_string_equal(paths[1], "/v1/databases/{db}/instances");
	assert_string_equal(paths[2], "/v3/organizations/{org}/databases/{db}/instances");
	assert_string_equal(paths[3], "/v3/databases/{db}/instances");

	const struct api_row locations = {.path = "/v2/organizations/{org}/locations", .forms = USER_TWIN};
	assert_int_equal(api_row_paths(&locations, &arena, paths), 2);
	assert_string_equal(paths[1], "/v2/locations");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(who_may_fits_the_path),
		cmocka_unit_test(reading_is_for_viewers_and_changing_is_not),
		cmocka_unit_test(no_path_is_served_twice),
		cmocka_unit_test(twins_of_a_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
