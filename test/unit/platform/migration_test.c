#include "platform/migration.h"

#include "base/clock.h"
#include "platform/group.h"
#include "platform/internal.h"
#include "unit/platform/world.h"

static struct group make_group(struct world *world, const char *name, int databases)
{
	struct group group;
	struct group_wish wish = {.name = name, .location = "ord"};
	world_must(world, platform_create_group(world->platform, &world->caller, &world->organization, &wish,
						&world->arena, &group, &world->err));
	for (int i = 0; i < databases; i++) {
		struct database database;
		struct database_wish one = {.name = arena_printf(&world->arena, "%s-%d", name, i),
					    .group = name};
		world_must(world,
			   platform_create_database(world->platform, &world->caller, &world->organization,
						    &one, &world->arena, &database, &world->err));
	}
	return group;
}

static bool start(struct world *world, const struct group *group, struct migration_wish wish,
		  struct migration *out)
{
	if (wish.concurrency == 0)
		wish.concurrency = 2;
	return platform_create_migration(world->platform, &world->caller, &world->organization, group, &wish,
					 &world->arena, out, &world->err);
}

static struct migration await(struct world *world, const struct group *group, const char *uuid)
{
	struct migration migration = {0};
	int64_t deadline_ms = clock_monotonic_ms() + 30000;
	while (migration.ended_ms == 0 && clock_monotonic_ms() < deadline_ms) {
		const char *sql;
		usleep(2000);
		world_must(world, platform_find_migration(world->platform, &world->organization, group, uuid,
							  &world->arena, &migration, &sql, &world->err));
	}
	assert_int_not_equal(migration.ended_ms, 0);
	return migration;
}

static void each_database_has_it_once(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "once", 5);
	struct migration migration, again;
	struct migration_wish wish = {.name = "m", .sql = "CREATE TABLE t (x)", .applies = true};
	world_must(world, start(world, &group, wish, &migration));
	migration = await(world, &group, migration.uuid);
	assert_string_equal(migration.state, "done");
	assert_int_equal(migration.counts[MIGRATION_DONE], 5);
	world_must(world, start(world, &group, wish, &again));
	again = await(world, &group, again.uuid);
	assert_string_equal(again.state, "done");
	assert_int_equal(again.counts[MIGRATION_SKIPPED], 5);
}

static void what_was_under_way_goes_on_with_the_next_start(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "start", 4);
	struct migration migration;
	world_must(world, start(world, &group,
				(struct migration_wish){.name = "m",
							.sql = "CREATE TABLE t (x)",
							.dry_run = DRY_RUN_NONE,
							.applies = true,
							.pause_ms = 50},
				&migration));
	platform_finish(world->platform);
	world_stop(world);
	world_start(world);
	world_enter(world);
	world_must(world, platform_find_group(world->platform, &world->organization, "start", &world->arena,
					      &group, &world->err));
	migration = await(world, &group, migration.uuid);
	assert_string_equal(migration.state, "done");
	assert_int_equal(migration.counts[MIGRATION_DONE], 4);
}

static void a_failed_one_is_resumed(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "fail", 2);
	struct migration migration;
	struct migration_database *databases;
	size_t count;
	struct migration_wish wish = {
		.name = "m", .sql = "SELECT 1; INSERT INTO t VALUES (1)", .applies = true};
	world_must(world, start(world, &group, wish, &migration));
	migration = await(world, &group, migration.uuid);
	assert_string_equal(migration.state, "failed");
	assert_string_equal(migration.failure, "the dry run failed; nothing was applied");
	world_must(world, platform_list_migration_databases(world->platform, &world->organization, &migration,
							    "failed", 1, 10, &world->arena, &databases,
							    &count, &world->err));
	assert_int_equal(count, 1);
	assert_int_equal(databases[0].statement, 2);
	wish = (struct migration_wish){.name = "t", .sql = "CREATE TABLE t (x)", .applies = true};
	struct migration first;
	world_must(world, start(world, &group, wish, &first));
	await(world, &group, first.uuid);
	world_must(world,
		   platform_resume_migration(world->platform, &world->caller, &world->organization, &group,
					     migration.uuid, &world->arena, &migration, &world->err));
	migration = await(world, &group, migration.uuid);
	assert_string_equal(migration.state, "done");
	assert_int_equal(migration.counts[MIGRATION_DONE], 2);
}

static void wishes_are_checked(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "wish", 0);
	struct migration migration;
	world_expect(world, start(world, &group, (struct migration_wish){.sql = "SELECT 1"}, &migration),
		     ERR_MISSING_FIELD, "name is required");
	world_expect(world, start(world, &group, (struct migration_wish){.name = "m"}, &migration),
		     ERR_MISSING_FIELD, "sql is required");
	world_expect(
		world,
		start(world, &group, (struct migration_wish){.name = "a\nb", .sql = "SELECT 1"}, &migration),
		ERR_INVALID_FIELD, "name must be 1 to 128 bytes without control characters");
	world_expect(world,
		     start(world, &group,
			   (struct migration_wish){.name = "m", .sql = "SELECT 1", .dry_run = DRY_RUN_NONE},
			   &migration),
		     ERR_INVALID_FIELD, "without a dry run and without apply nothing is left");
}

static void it_goes_with_its_group(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "gone", 1);
	struct migration migration;
	world_must(world, start(world, &group,
				(struct migration_wish){.name = "m", .sql = "SELECT 1", .applies = true},
				&migration));
	await(world, &group, migration.uuid);
	world_must(world, platform_destroy_group(world->platform, &world->caller, &world->organization,
						 &group, &world->err));
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	assert_int_equal(sql_single(store_query(txn, "SELECT (SELECT count(*) FROM migration) +"
						     " (SELECT count(*) FROM migration_database)")),
			 0);
	world_must(world, store_commit(&txn, &world->err));
}

// SQLite gives the number of a row that is gone to the next one, whoever's that is.
static void a_text_is_never_that_of_one_that_is_gone(void **state)
{
	enum { count = MIGRATION_CONCURRENCY_MAX };
	struct world *world = *state;
	struct group group = make_group(world, "first", count);
	struct migration migration;
	world_must(world, start(world, &group,
				(struct migration_wish){.name = "m",
							.sql = "CREATE TABLE t (x)",
							.dry_run = DRY_RUN_ALL,
							.applies = true,
							.concurrency = count},
				&migration));
	migration = await(world, &group, migration.uuid);
	assert_int_equal(migration.counts[MIGRATION_DONE], count);
	world_must(world, platform_destroy_group(world->platform, &world->caller, &world->organization,
						 &group, &world->err));
	int64_t row = migration.row;
	group = make_group(world, "second", count);
	world_must(world, start(world, &group,
				(struct migration_wish){.name = "m",
							.sql = "INSERT INTO nothing VALUES (1)",
							.dry_run = DRY_RUN_NONE,
							.applies = true,
							.concurrency = count},
				&migration));
	assert_int_equal(migration.row, row);
	migration = await(world, &group, migration.uuid);
	assert_string_equal(migration.state, "failed");
	assert_int_equal(migration.counts[MIGRATION_FAILED], count);
}

static void a_large_group_holds_no_other_up(void **state)
{
	struct world *world = *state;
	struct group large = make_group(world, "large", 3 * MIGRATION_CONCURRENCY_MAX);
	struct group small = make_group(world, "small", 1);
	struct migration migration, other;
	const char *sql;
	struct migration_wish wish = {
		.name = "m",
		.sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
		       " SELECT count(*) FROM n",
		.dry_run = DRY_RUN_NONE,
		.applies = true,
		.concurrency = MIGRATION_CONCURRENCY_MAX};
	world_must(world, start(world, &large, wish, &migration));
	world_must(world, start(world, &small, wish, &other));
	other = await(world, &small, other.uuid);
	assert_string_equal(other.state, "done");
	world_must(world,
		   platform_find_migration(world->platform, &world->organization, &large, migration.uuid,
					   &world->arena, &migration, &sql, &world->err));
	assert_true(migration.counts[MIGRATION_PENDING] > 0);
	await(world, &large, migration.uuid);
}

static int teardown(void **state)
{
	struct world *world = *state;
	platform_finish(world->platform);
	return world_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_database_has_it_once, world_setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_under_way_goes_on_with_the_next_start, world_setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_failed_one_is_resumed, world_setup, teardown),
		cmocka_unit_test_setup_teardown(wishes_are_checked, world_setup, teardown),
		cmocka_unit_test_setup_teardown(it_goes_with_its_group, world_setup, teardown),
		cmocka_unit_test_setup_teardown(a_text_is_never_that_of_one_that_is_gone, world_setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_large_group_holds_no_other_up, world_setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
