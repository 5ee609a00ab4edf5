#include <sys/stat.h>

#include "unit/platform/world.h"

static void the_first_start_makes_a_user_and_an_organization(void **state)
{
	struct world *world = *state;
	struct organization *list;
	size_t count;
	struct stat info;
	assert_string_equal(world->caller.username, "admin");
	assert_string_equal(world->organization.slug, "my-org");
	assert_string_equal(world->organization.name, "My Org");
	assert_string_equal(world->organization.type, "team");
	assert_int_equal(world->organization.role, ROLE_OWNER);
	world_must(world, platform_list_organizations(world->platform, &world->caller, &world->arena, &list,
						      &count, &world->err));
	assert_int_equal(count, 2);
	assert_string_equal(list[0].slug, "admin");
	assert_string_equal(list[0].name, "personal");
	assert_string_equal(list[0].type, "personal");
	assert_string_equal(list[1].slug, "my-org");
	assert_int_equal(stat(world->bootstrap_file, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
}

static void later_starts_change_nothing(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer before = {0};
	OWNED(buffer) struct buffer after = {0};
	bool created = true;
	world_must(world, disk_read_file(world->bootstrap_file, 10000, &before, &world->err));
	world_stop(world);
	world_start(world);
	world_must(world, world_bootstrap(world, &created));
	assert_false(created);
	world_must(world, disk_read_file(world->bootstrap_file, 10000, &after, &world->err));
	assert_string_equal(buffer_text(&before), buffer_text(&after));
	world_enter(world);
}

static int setup_empty(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_true(crypt_start(&world->err));
	snprintf(world->folder, sizeof(world->folder), "/tmp/atoll-platform-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->bootstrap_file, sizeof(world->bootstrap_file), "%s/bootstrap.json", world->folder);
	world_start(world);
	*state = world;
	return 0;
}

static void one_name_for_both_gives_one_organization(void **state)
{
	struct world *world = *state;
	struct organization *list;
	size_t count;
	bool created = false;
	struct platform_bootstrap first = {.organization = "ada",
					   .username = "Ada",
					   .url = "http://127.0.0.1:8080",
					   .file = world->bootstrap_file};
	world_must(world, platform_bootstrap(world->platform, &first, &created, &world->err));
	assert_true(created);
	world_enter(world);
	assert_string_equal(world->organization.slug, "Ada");
	world_must(world, platform_list_organizations(world->platform, &world->caller, &world->arena, &list,
						      &count, &world->err));
	assert_int_equal(count, 1);
}

static void unusable_names_are_refused(void **state)
{
	struct world *world = *state;
	bool created;
	struct platform_bootstrap first = {.organization = "!!!",
					   .username = "admin",
					   .url = "http://127.0.0.1:8080",
					   .file = world->bootstrap_file};
	assert_false(platform_bootstrap(world->platform, &first, &created, &world->err));
	assert_int_equal(world->err.code, ERR_USAGE);
	first.organization = "default";
	first.username = "ad min";
	assert_false(platform_bootstrap(world->platform, &first, &created, &world->err));
	assert_int_equal(world->err.code, ERR_USAGE);
	assert_false(disk_exists(world->bootstrap_file));
}

static void without_the_file_there_is_no_user(void **state)
{
	struct world *world = *state;
	bool created;
	const char *secret;
	snprintf(world->bootstrap_file, sizeof(world->bootstrap_file), "%s/nowhere/bootstrap.json",
		 world->folder);
	assert_false(world_bootstrap(world, &created));
	assert_false(
		platform_mint_operator_token(world->platform, NULL, &world->arena, &secret, &world->err));
	assert_int_equal(world->err.code, ERR_NOT_FOUND);
	snprintf(world->bootstrap_file, sizeof(world->bootstrap_file), "%s/bootstrap.json", world->folder);
	world_must(world, world_bootstrap(world, &created));
	assert_true(created);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_start_makes_a_user_and_an_organization, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(later_starts_change_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(one_name_for_both_gives_one_organization, setup_empty,
						world_teardown),
		cmocka_unit_test_setup_teardown(unusable_names_are_refused, setup_empty, world_teardown),
		cmocka_unit_test_setup_teardown(without_the_file_there_is_no_user, setup_empty,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
