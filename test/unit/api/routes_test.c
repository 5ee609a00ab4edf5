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
		bool of_organization = rows[i].scope != SCOPE_NONE && rows[i].scope != SCOPE_ACCOUNT;
		if (has_organization != of_organization ||
		    (rows[i].who == WHO_ADMINISTRATOR && rows[i].scope != SCOPE_ACCOUNT))
			fail_msg("scope of %s %s", rows[i].method, rows[i].path);
		if (strstr(rows[i].path, "{db}") && !has_organization)
			fail_msg("%s %s has a database without an organization", rows[i].method,
				 rows[i].path);
	}
}

// Who may do what to which part of an organization; a row that is not allowed for here has no place in the table.
static const struct right {
	const char *start; // of the path below /organizations/{org}; the first that fits counts
	const char *method;
	enum api_who who;
} rights[] = {
	{"/databases/{db}/transfer", NULL, WHO_ADMIN},
	{"/databases/{db}/transfer", NULL, WHO_ADMIN},
	{"/databases", "GET", WHO_VIEWER},
	{"/databases", NULL, WHO_MEMBER},
	{"/groups/{group}/transfer", NULL, WHO_ADMIN},
	{"/groups/{group}/aws", "POST", WHO_ADMIN},
	{"/groups", "GET", WHO_VIEWER},
	{"/groups", NULL, WHO_MEMBER},
	{"/backups", NULL, WHO_ADMIN},
	{"/api-tokens", "GET", WHO_VIEWER},
	{"/api-tokens", NULL, WHO_MEMBER},
	{"/members", "GET", WHO_VIEWER},
	{"/members", NULL, WHO_ADMIN},
	{"/invite", "GET", WHO_VIEWER},
	{"/invite", NULL, WHO_ADMIN},
	{"/subscription", "GET", WHO_VIEWER},
	{"/subscription", NULL, WHO_ADMIN},
	{"/billing", NULL, WHO_ADMIN},
	{"/jwks", "GET", WHO_VIEWER},
	{"/jwks", NULL, WHO_ADMIN},
	{"", "GET", WHO_VIEWER},
	{"", "PATCH", WHO_ADMIN},
	{"", "DELETE", WHO_OWNER},
};

static const struct right *right_of(const struct api_row *row)
{
	const char *tail = strstr(row->path, "{org}") + strlen("{org}");
	for (size_t i = 0; i < ARRAY_LENGTH(rights); i++) {
		if (strncmp(tail, rights[i].start, strlen(rights[i].start)) == 0 &&
		    (!rights[i].method || strcmp(rights[i].method, row->method) == 0))
			return &rights[i];
	}
	fail_msg("no right for %s %s", row->method, row->path);
	return NULL;
}

static void every_row_obeys_the_table_of_rights(void **state)
{
	size_t count;
	const struct api_row *rows = api_rows(&count);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].who < WHO_VIEWER)
			continue;
		if (rows[i].who != right_of(&rows[i])->who)
			fail_msg("%s %s is for others", rows[i].method, rows[i].path);
	}
}

// A token that may only read changes nothing, whatever role its user has.
static void changing_needs_a_scope_of_its_own(void **state)
{
	size_t count;
	const struct api_row *rows = api_rows(&count);
	for (size_t i = 0; i < count; i++) {
		bool reads = strcmp(rows[i].method, "GET") == 0;
		if (rows[i].who >= WHO_VIEWER && rows[i].scope == SCOPE_READ && !reads)
			fail_msg("%s %s", rows[i].method, rows[i].path);
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
		cmocka_unit_test(every_row_obeys_the_table_of_rights),
		cmocka_unit_test(changing_needs_a_scope_of_its_own),
		cmocka_unit_test(no_path_is_served_twice),
		cmocka_unit_test(twins_of_a_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
