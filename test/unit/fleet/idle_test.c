// Databases that nobody uses are closed, and nobody who comes notices more than that.

#include <dirent.h>

#include "fleet/meter.h"
#include "fleet/world.h"

static int open_files(void)
{
	DIR *list = opendir("/proc/self/fd");
	assert_non_null(list);
	int count = 0;
	while (readdir(list))
		count++;
	closedir(list);
	return count;
}

static struct fleet_session *begin(struct world *world)
{
	world_create(world, 1);
	struct fleet_session *session = world_session(world, world_database(0), NULL);
	world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
	world_must(session, "INSERT INTO t VALUES (1, 10)");
	return session;
}

// Whoever follows or flushes at the moment keeps it open for that moment.
static void close_all(struct world *world, int files)
{
	int64_t deadline_ms = clock_monotonic_ms() + 20000;
	do
		fleet_close_idle(world->fleet, 0);
	while (open_files() > files && clock_monotonic_ms() < deadline_ms);
	assert_in_range(open_files(), 0, files);
}

static void what_is_closed_opens_again_as_it_was(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	int64_t value = 0;
	int files = open_files();
	fleet_session_close(begin(world));
	assert_true(open_files() > files);
	close_all(world, files);
	assert_true(
		world_quick_run(world, world_database(0), NULL, "SELECT v FROM t WHERE id=1", &value, &err));
	assert_int_equal(value, 10);
	// The whole way through, again and again.
	for (int i = 0; i < 5; i++) {
		close_all(world, files);
		assert_true(
			world_quick_run(world, world_database(0), NULL, "UPDATE t SET v=v+1", NULL, &err));
	}
	close_all(world, files);
	world_close(world);
	world_open(world);
	struct fleet_session *session = world_session(world, world_database(0), NULL);
	assert_int_equal(world_ask(session, "SELECT v FROM t"), 15);
	fleet_session_close(session);
}

static void what_is_used_stays_open(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = begin(world);
	world_must(session, "BEGIN");
	world_must(session, "UPDATE t SET v=77");
	fleet_close_idle(world->fleet, 0);
	assert_int_equal(world_ask(session, "SELECT v FROM t"), 77);
	world_must(session, "COMMIT");
	int files = open_files();
	fleet_session_close(session);
	fleet_close_idle(world->fleet, 60000);
	assert_int_equal(open_files(), files);
}

static void replicas_close_with_their_primary_and_follow_again(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	int64_t value = 0;
	int files = open_files();
	fleet_session_close(begin(world));
	world_add_replicas(world);
	for (int i = 0; i < 5; i++) {
		close_all(world, files);
		const char *there = world_replica(0).text;
		assert_true(world_quick_run(world, world_database(0), i % 2 ? there : NULL,
					    "UPDATE t SET v=v+1", NULL, &err));
		struct fleet_session *session =
			world_session(world, world_database(0), world_replica(0).text);
		int64_t deadline_ms = clock_monotonic_ms() + 20000;
		do
			value = world_ask(session, "SELECT v FROM t");
		while (value != 11 + i && clock_monotonic_ms() < deadline_ms);
		assert_int_equal(value, 11 + i);
		fleet_session_close(session);
	}
}

static void add_usage(void *context, const struct fleet_usage *usage)
{
	struct fleet_usage *sum = context;
	sum->rows_read += usage->rows_read;
	sum->rows_written += usage->rows_written;
	sum->storage_bytes = usage->storage_bytes;
}

static void add_query(void *context, const struct fleet_query_usage *usage)
{
	(void)context;
	assert_true(usage->runs > 0);
}

static struct fleet_usage take(struct world *world)
{
	struct fleet_usage sum = {0};
	const struct fleet_usage_sink sink = {.usage = add_usage, .query = add_query, .context = &sum};
	fleet_take_usage(world->fleet, NULL, &sink);
	return sum;
}

static void what_was_counted_survives(void **state)
{
	struct world *world = *state;
	int files = open_files();
	struct fleet_session *session = begin(world);
	assert_int_equal(world_ask(session, "SELECT v FROM t WHERE id=1"), 10);
	fleet_session_close(session);
	close_all(world, files);
	struct fleet_usage usage = take(world);
	assert_int_equal(usage.rows_read, 1);
	assert_int_equal(usage.rows_written, 1);
	assert_true(usage.storage_bytes > 0);
	assert_int_equal(open_files(), files); // nothing was opened for it
}

// -- many ---------------------------------------------------------------------------------------------

enum { MANY = 120, MANY_FILES = 160 };

static void *use_in_turn(void *argument)
{
	struct world *world = argument;
	for (int i = 0; i < MANY; i++) {
		struct error err = {0};
		if (!world_quick_run(world, world_database(i), NULL, "UPDATE t SET v=v+1", NULL, &err))
			fail_msg("%s", err.message);
	}
	return NULL;
}

static void more_databases_than_descriptors(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	int64_t value = 0;
	world_close(world);
	world->options.open_files_max = MANY_FILES;
	world_open(world);
	int files = open_files();
	world_create(world, MANY);
	assert_in_range(open_files(), 0, files + MANY_FILES);
	for (int i = 0; i < MANY; i++) {
		if (!world_quick_run(world, world_database(i), NULL, "CREATE TABLE t(v)", NULL, &err) ||
		    !world_quick_run(world, world_database(i), NULL, "INSERT INTO t VALUES (0)", NULL, &err))
			fail_msg("%s", err.message);
	}
	assert_in_range(open_files(), 0, files + MANY_FILES);
	pthread_t threads[8];
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, use_in_turn, world);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_in_range(open_files(), 0, files + MANY_FILES);
	for (int i = 0; i < MANY; i++) {
		assert_true(world_quick_run(world, world_database(i), NULL, "SELECT v FROM t", &value, &err));
		assert_int_equal(value, 8);
	}
}

static void the_longest_unused_makes_room(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	world_close(world);
	world->options.open_databases_max = 3;
	world->options.database_idle_ms = 3600000;
	world_open(world);
	int files = open_files();
	world_create(world, 10);
	for (int i = 0; i < 30; i++)
		assert_true(world_quick_run(world, world_database(i * 7 % 10), NULL, "SELECT 1", NULL, &err));
	struct fleet_session *session = world_session(world, world_database(4), NULL);
	world_must(session, "BEGIN");
	world_must(session, "CREATE TABLE t(v)");
	for (int i = 0; i < 30; i++)
		assert_true(world_quick_run(world, world_database(i % 10), NULL, "SELECT 1", NULL, &err));
	world_must(session, "COMMIT");
	fleet_session_close(session);
	assert_in_range(open_files(), files, files + 3 * 14);
}

// -- while they are closed ----------------------------------------------------------------------------

enum { DATABASES = 3, USERS = 6, ROUNDS = 120 };

struct user {
	struct world *world;
	int number;
	int written[DATABASES];
};

static void *use(void *argument)
{
	struct user *user = argument;
	for (int i = 0; i < ROUNDS; i++) {
		struct error err = {0};
		int number = (user->number + i) % DATABASES;
		struct world_id replica = world_replica(number);
		const char *where = i % 3 == 0 ? replica.text : NULL;
		const char *sql = i % 2 ? "SELECT v FROM t" : "UPDATE t SET v=v+1";
		if (!world_quick_run(user->world, world_database(number), where, sql, NULL, &err))
			fail_msg("%s: %s (%s)", sql, err.message, err.detail);
		user->written[number] += i % 2 == 0;
		if (i % 10 == 0) {
			struct fleet_session *session =
				world_session(user->world, world_database(number), where);
			world_must(session, "BEGIN IMMEDIATE");
			world_must(session, "UPDATE t SET v=v+1");
			world_must(session, "COMMIT");
			user->written[number]++;
			fleet_session_close(session);
		}
	}
	return NULL;
}

struct closer {
	struct world *world;
	_Atomic(bool) stop;
	struct fleet_usage sum;
};

static void *close_always(void *argument)
{
	struct closer *closer = argument;
	const struct fleet_usage_sink sink = {
		.usage = add_usage, .query = add_query, .context = &closer->sum};
	while (!atomic_load(&closer->stop)) {
		fleet_close_idle(closer->world->fleet, 0);
		fleet_take_usage(closer->world->fleet, NULL, &sink);
	}
	return NULL;
}

static void closing_under_use_loses_nothing(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	int64_t value = 0;
	world_create(world, DATABASES);
	for (int i = 0; i < DATABASES; i++) {
		assert_true(world_quick_run(world, world_database(i), NULL, "CREATE TABLE t(v)", NULL, &err));
		assert_true(world_quick_run(world, world_database(i), NULL, "INSERT INTO t VALUES (0)", NULL,
					    &err));
	}
	world_add_replicas(world);
	take(world);
	struct closer closer = {.world = world};
	struct user users[USERS];
	pthread_t threads[USERS + 1];
	pthread_create(&threads[USERS], NULL, close_always, &closer);
	for (int i = 0; i < USERS; i++) {
		users[i] = (struct user){.world = world, .number = i};
		pthread_create(&threads[i], NULL, use, &users[i]);
	}
	for (int i = 0; i < USERS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&closer.stop, true);
	pthread_join(threads[USERS], NULL);
	int written = 0;
	for (int i = 0; i < DATABASES; i++) {
		int wanted = 0;
		for (int k = 0; k < USERS; k++)
			wanted += users[k].written[i];
		assert_true(world_quick_run(world, world_database(i), NULL, "SELECT v FROM t", &value, &err));
		assert_int_equal(value, wanted);
		written += wanted;
	}
	struct fleet_usage rest = take(world);
	assert_int_equal(closer.sum.rows_written + rest.rows_written, written);
}

static void destroying_while_closing_leaves_nothing(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct closer closer = {.world = world};
	pthread_t thread;
	pthread_create(&thread, NULL, close_always, &closer);
	for (int i = 0; i < 8; i++) {
		world_create(world, i + 1);
		assert_true(world_quick_run(world, world_database(i), NULL, "CREATE TABLE t(v)", NULL, &err));
		assert_true(fleet_destroy_database(world->fleet, world_database(i).text, &err));
		char folder[200];
		snprintf(folder, sizeof(folder), "%s/databases/%s", world->folder, world_database(i).text);
		assert_false(disk_exists(folder));
	}
	atomic_store(&closer.stop, true);
	pthread_join(thread, NULL);
}

static void time_closes_by_itself(void **state)
{
	struct world *world = *state;
	world_close(world);
	world->options.database_idle_ms = 1;
	world_open(world);
	int files = open_files();
	fleet_session_close(begin(world));
	int64_t deadline_ms = clock_monotonic_ms() + 20000;
	while (open_files() > files && clock_monotonic_ms() < deadline_ms)
		sched_yield();
	assert_int_equal(open_files(), files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_closed_opens_again_as_it_was, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_is_used_stays_open, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(replicas_close_with_their_primary_and_follow_again,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_was_counted_survives, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(more_databases_than_descriptors, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(the_longest_unused_makes_room, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(closing_under_use_loses_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(destroying_while_closing_leaves_nothing, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(time_closes_by_itself, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
