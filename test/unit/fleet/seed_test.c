// What a database has from the start: copies of others, files, dumps.

#include "fleet/seed_world.h"

#include <fcntl.h>
#include <sys/stat.h>

static void fill(struct world *world, int number)
{
	assert_true(world_create(world, number));
	struct fleet_session *session = session_on(world, number);
	must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
	must(session, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
		      "INSERT INTO t SELECT i, printf('row %d', i) FROM n");
	fleet_session_close(session);
}

static void copy_now(struct world *world, int number, int source)
{
	struct error err;
	if (!fleet_seed_copy(world->fleet, database_id(number), database_id(source), SEED_NOW, &err))
		fail_msg("%s (%s)", err.message, err.detail);
}

static void a_copy_begins_a_life_of_its_own(void **state)
{
	struct world *world = *state;
	fill(world, 1);
	struct fleet_session *source = session_on(world, 1);
	must(source, "INSERT INTO t VALUES (5000, 'in the write-ahead log')");
	copy_now(world, 2, 1);
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	must(source, "DELETE FROM t");
	assert_true(world_create(world, 2));
	assert_false(fleet_seed_exists(world->fleet, database_id(2)));
	struct fleet_session *copy = session_on(world, 2);
	expect(copy, "SELECT count(*) FROM t", "2001");
	must(copy, "INSERT INTO t VALUES (6000, 'only here')");
	expect(source, "SELECT count(*) FROM t", "0");
	fleet_session_close(copy);
	fleet_session_close(source);
	// A replica and a restart see it, too.
	assert_true(world_create(world, 2));
	world_close(world);
	world_open(world);
	copy = session_on(world, 2);
	expect(copy, "SELECT count(*) FROM t", "2002");
	fleet_session_close(copy);
}

static void a_source_without_instances_gives_its_seed_or_nothing(void **state)
{
	struct world *world = *state;
	copy_now(world, 3, 2);
	assert_false(fleet_seed_exists(world->fleet, database_id(3)));
	fill(world, 1);
	copy_now(world, 2, 1);
	copy_now(world, 3, 2);
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	assert_true(world_create(world, 3));
	struct fleet_session *session = session_on(world, 3);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	char *uploads = path_in(world, "uploads");
	assert_int_equal(files_in(uploads), 0);
	free(uploads);
}

static void a_discarded_seed_leaves_nothing(void **state)
{
	struct world *world = *state;
	fill(world, 1);
	copy_now(world, 2, 1);
	fleet_seed_discard(world->fleet, database_id(2));
	char *folder = path_in(world, "databases/%s", database_id(2));
	assert_false(disk_exists(folder));
	free(folder);
}

// The first primary fails after it took the seed; another one, under another name, takes its place.
static void a_failed_primary_does_not_lose_the_seed(void **state)
{
	struct world *world = *state;
	struct error err;
	fill(world, 1);
	copy_now(world, 2, 1);
	// SQLite cannot open a file whose index is a folder.
	char *folder = path_in(world, "databases/%s/%s", database_id(2), instance_id(2, 0, 0));
	char *in_the_way =
		path_in(world, "databases/%s/%s/data.db-shm", database_id(2), instance_id(2, 0, 0));
	assert_true(disk_make_folder(in_the_way, &err));
	assert_false(world_create(world, 2));
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	world->instance_counts[2] = 0;
	world->generation[2] = 1;
	assert_true(fleet_destroy_instance(world->fleet, database_id(2), instance_id(2, 0, 0), &err));
	assert_true(world_create(world, 2));
	struct fleet_session *session = session_on(world, 2);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	free(folder);
	free(in_the_way);
}

// The process ended between the renaming and the first history.
static void a_seed_that_was_taken_before_a_crash_is_used(void **state)
{
	struct world *world = *state;
	struct error err;
	fill(world, 1);
	copy_now(world, 2, 1);
	char *folder = path_in(world, "databases/%s/%s", database_id(2), instance_id(2, 0, 0));
	char *file = path_in(world, "databases/%s/%s/data.db", database_id(2), instance_id(2, 0, 0));
	char *seed = seed_file(world, 2);
	assert_true(disk_make_folder(folder, &err));
	assert_int_equal(rename(seed, file), 0);
	assert_true(world_create(world, 2));
	struct fleet_session *session = session_on(world, 2);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	free(folder);
	free(file);
	free(seed);
}

static void a_start_removes_what_was_under_way(void **state)
{
	struct world *world = *state;
	struct error err;
	char *uploads = path_in(world, "uploads");
	char *ours = path_in(world, "uploads/seed-0011.db");
	char *old = path_in(world, "uploads/old");
	char *fresh = path_in(world, "uploads/fresh");
	struct stat status;
	assert_int_equal(stat(uploads, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_string_equal(fleet_upload_folder(world->fleet), uploads);
	assert_true(disk_write_file(ours, "x", 1, &err) && disk_write_file(old, "x", 1, &err) &&
		    disk_write_file(fresh, "x", 1, &err));
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	world_close(world);
	world_open(world);
	assert_false(disk_exists(ours));
	assert_false(disk_exists(old));
	assert_true(disk_exists(fresh));
	free(uploads);
	free(ours);
	free(old);
	free(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_begins_a_life_of_its_own, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_source_without_instances_gives_its_seed_or_nothing,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_discarded_seed_leaves_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_failed_primary_does_not_lose_the_seed, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_seed_that_was_taken_before_a_crash_is_used, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_start_removes_what_was_under_way, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
