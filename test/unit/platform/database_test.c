#include "platform/database.h"

#include "unit/platform/world.h"

static bool create(struct world *world, struct database_wish wish, struct database *out)
{
	return platform_create_database(world->platform, &world->caller, &world->organization, &wish,
					&world->arena, out, &world->err);
}

static bool find(struct world *world, const char *ref, struct database *out)
{
	return platform_find_database(world->platform, &world->organization, ref, &world->arena, out,
				      &world->err);
}

static void a_new_database_has_no_instances(void **state)
{
	struct world *world = *state;
	struct database made;
	struct database found;
	world_must(world, create(world, (struct database_wish){.name = "my-db", .location = "ord"}, &made));
	assert_string_equal(made.name, "my-db");
	assert_string_equal(made.hostname, "my-db-my-org.db.test:8080");
	assert_string_equal(made.primary_region, "");
	assert_int_equal(made.region_count, 0);
	world_must(world, find(world, "my-db", &found));
	assert_string_equal(found.uuid, made.uuid);
	world_must(world, find(world, made.uuid, &found));
	assert_string_equal(found.name, "my-db");
	world_expect(world, find(world, "other", &found), ERR_DATABASE_NOT_FOUND,
		     "could not find database with name [other]: record not found");
}

static void wishes_are_checked(void **state)
{
	struct world *world = *state;
	struct database made;
	world_expect(world, create(world, (struct database_wish){0}, &made), ERR_MISSING_FIELD,
		     "name is required");
	world_expect(world, create(world, (struct database_wish){.name = "a", .image = "beta"}, &made),
		     ERR_INVALID_FIELD, "invalid image: beta");
	world_expect(world, create(world, (struct database_wish){.name = "a", .location = "xyz"}, &made),
		     ERR_INVALID_LOCATION, "invalid location: xyz");
	world_expect(world, create(world, (struct database_wish){.name = "a", .group = "default"}, &made),
		     ERR_GROUP_NOT_FOUND, "group not found");
	assert_false(create(world, (struct database_wish){.name = "A"}, &made));
	assert_int_equal(world->err.code, ERR_INVALID_NAME);
	world_must(world, create(world, (struct database_wish){.name = "a", .image = "canary"}, &made));
	world_expect(world, create(world, (struct database_wish){.name = "a"}, &made), ERR_ALREADY_EXISTS,
		     "database with name [a] already exists");
}

// "a" of "b-my-org" would be called as "a-b" of "my-org" is.
static void one_hostname_has_one_database(void **state)
{
	struct world *world = *state;
	struct database made;
	struct organization personal;
	struct instance_created instance;
	world_must(world, platform_enter_organization(world->platform, &world->caller, NULL, &world->arena,
						      &personal, &world->err));
	world_must(world, create(world, (struct database_wish){.name = "x"}, &made));
	instance = world_make_instance(world, &made, "ord", NULL);
	// A database that wants to be called like that instance.
	char *name = arena_text(&world->arena, world_label(world, instance.instance.hostname));
	*strstr(name, "-my-org") = '\0';
	world_expect(world, create(world, (struct database_wish){.name = name}, &made), ERR_ALREADY_EXISTS,
		     "hostname is already taken");
}

static void lists_are_sorted_and_come_in_pages(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"b", "a", "d", "c", "e"};
	static const char *const pages[][2] = {{"a", "b"}, {"c", "d"}, {"e", NULL}};
	struct database *list;
	size_t count;
	const char *next;
	struct database_filter filter = {0};
	world_must(world, platform_list_databases(world->platform, &world->organization, &filter,
						  &world->arena, &list, &count, &next, &world->err));
	assert_int_equal(count, 0);
	assert_null(next);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		world_make_database(world, names[i]);
	world_must(world, platform_list_databases(world->platform, &world->organization, &filter,
						  &world->arena, &list, &count, &next, &world->err));
	assert_int_equal(count, 5);
	assert_string_equal(list[4].name, "e");
	assert_null(next);

	filter.limit = 2;
	for (size_t page = 0; page < ARRAY_LENGTH(pages); page++) {
		world_must(world, platform_list_databases(world->platform, &world->organization, &filter,
							  &world->arena, &list, &count, &next, &world->err));
		assert_int_equal(count, pages[page][1] ? 2 : 1);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(list[i].name, pages[page][i]);
		assert_int_equal(next != NULL, page < 2);
		filter.cursor = next;
	}
}

static void impossible_pages_are_refused_and_filters_match_nothing(void **state)
{
	struct world *world = *state;
	struct database *list;
	size_t count;
	const char *next;
	static const struct database_filter bad[] = {
		{.limit = -1}, {.limit = 1001}, {.cursor = "!"}, {.cursor = ""}, {.cursor = "QQ"}};
	static const struct database_filter empty[] = {
		{.group = "g"}, {.schema = "s"}, {.schema_parents = true}, {.parent = "p"}};
	world_make_database(world, "a");
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		assert_false(platform_list_databases(world->platform, &world->organization, &bad[i],
						     &world->arena, &list, &count, &next, &world->err));
		assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(empty); i++) {
		world_must(world, platform_list_databases(world->platform, &world->organization, &empty[i],
							  &world->arena, &list, &count, &next, &world->err));
		assert_int_equal(count, 0);
	}
}

static void regions_are_distinct_with_the_primary_s_first(void **state)
{
	struct world *world = *state;
	struct database found;
	struct database database = world_make_database(world, "db");
	world_make_instance(world, &database, "ord", NULL);
	world_make_instance(world, &database, "nrt", NULL);
	world_make_instance(world, &database, "ams", NULL);
	world_make_instance(world, &database, "nrt", NULL);
	world_must(world, find(world, "db", &found));
	assert_string_equal(found.primary_region, "ord");
	assert_int_equal(found.region_count, 3);
	assert_string_equal(found.regions[0], "ord");
	assert_string_equal(found.regions[1], "ams");
	assert_string_equal(found.regions[2], "nrt");
}

static void a_destroyed_database_leaves_its_name_and_nothing_else(void **state)
{
	struct world *world = *state;
	struct database found;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	world_must(world, world_wait(world, &database, made.instance.name));
	const char *folder = arena_printf(&world->arena, "%s/databases/%s", world->folder, database.uuid);
	assert_true(disk_exists(folder));
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &database, &world->err));
	assert_false(disk_exists(folder));
	assert_false(find(world, "db", &found));
	assert_false(platform_destroy_database(world->platform, &world->caller, &world->organization,
					       &database, &world->err));
	assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);
	struct database again = world_make_database(world, "db");
	assert_string_not_equal(again.uuid, database.uuid);
	assert_string_equal(again.hostname, database.hostname);
}

static void folders_without_a_database_are_swept_at_the_start(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	world_must(world, world_wait(world, &database, made.instance.name));
	const char *kept = arena_printf(&world->arena, "%s/databases/%s", world->folder, database.uuid);
	const char *left = arena_printf(&world->arena, "%s/databases/0b5a2d3e-0000-4000-8000-000000000000",
					world->folder);
	world_must(world, disk_make_folder(left, &world->err));
	world_stop(world);
	world_start(world);
	assert_false(disk_exists(left));
	assert_true(disk_exists(kept));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_database_has_no_instances, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(wishes_are_checked, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(one_hostname_has_one_database, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(lists_are_sorted_and_come_in_pages, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(impossible_pages_are_refused_and_filters_match_nothing,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(regions_are_distinct_with_the_primary_s_first, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_destroyed_database_leaves_its_name_and_nothing_else,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(folders_without_a_database_are_swept_at_the_start,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
