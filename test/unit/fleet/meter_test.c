// What is used is counted once, where it ran, whatever way it came and whoever takes the counts meanwhile.

#include "base/buffer.h"
#include "fleet/meter.h"
#include "fleet/world.h"

struct taken {
	uint64_t primary_read;
	uint64_t primary_written;
	uint64_t replica_read;
	uint64_t replica_written;
	uint64_t synced;
	uint64_t storage;
	int usages;
	int queries;
	uint64_t last_cost;
	uint64_t select_runs; // of the text "SELECT v FROM t WHERE id=?"
	bool saw_parameter;
	size_t longest;
	char costliest[100];
};

static const char point_select[] = "SELECT v FROM t WHERE id=?";

static void on_usage(void *context, const struct fleet_usage *usage)
{
	struct taken *taken = context;
	bool primary = strstr(usage->instance, "-2222-") != NULL;
	*(primary ? &taken->primary_read : &taken->replica_read) += usage->rows_read;
	*(primary ? &taken->primary_written : &taken->replica_written) += usage->rows_written;
	taken->synced += usage->bytes_synced;
	taken->storage += usage->storage_bytes;
	taken->usages++;
}

static void on_query(void *context, const struct fleet_query_usage *query)
{
	struct taken *taken = context;
	uint64_t cost = query->rows_read + query->rows_written;
	assert_int_equal(strlen(query->sql), query->sql_size);
	if (taken->queries++ == 0)
		snprintf(taken->costliest, sizeof(taken->costliest), "%s", query->sql);
	else
		assert_true(cost <= taken->last_cost);
	taken->last_cost = cost;
	if (strcmp(query->sql, point_select) == 0)
		taken->select_runs += query->runs;
	taken->saw_parameter = taken->saw_parameter || strstr(query->sql, "secret");
	if (query->sql_size > taken->longest)
		taken->longest = query->sql_size;
}

static void take(struct world *world, const char *database, struct taken *taken)
{
	const struct fleet_usage_sink sink = {.usage = on_usage, .query = on_query, .context = taken};
	taken->queries = 0;
	fleet_take_usage(world->fleet, database, &sink);
}

static struct taken take_anew(struct world *world)
{
	struct taken taken = {0};
	take(world, NULL, &taken);
	return taken;
}

// What belonged to an instance that was destroyed is told once nothing works on it any more: a task may hold it for a moment.
static struct taken take_late(struct world *world, uint64_t rows_read)
{
	struct taken taken = {0};
	for (int tries = 0; tries < 1000 && taken.replica_read + taken.primary_read < rows_read; tries++) {
		take(world, NULL, &taken);
		usleep(10000);
	}
	return taken;
}

static struct fleet_session *begin(struct world *world)
{
	world_create(world, 1);
	struct fleet_session *session = world_session(world, world_database(0), NULL);
	world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
	world_must(session, "INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c')");
	return session;
}

static void select_point(struct fleet_session *session, int64_t id)
{
	struct error err = {0};
	struct world_sink sink = world_new_sink();
	struct value argument = {.kind = VALUE_INTEGER, .integer = id};
	struct statement statement = {
		.sql = point_select, .sql_size = strlen(point_select), .args = &argument, .arg_count = 1};
	struct statement_result result;
	assert_true(fleet_session_execute(session, &statement, &sink.sink, &result, &err));
	assert_int_equal(result.rows_read, 1); // the row is there
}

static void every_path_counts_once(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	struct taken taken = take_anew(world);
	assert_int_equal(taken.primary_written, 3);
	assert_true(taken.storage >= 2 * 4096);
	taken = take_anew(world);
	assert_int_equal(taken.usages, 0);
	assert_int_equal(taken.queries, 0);
	select_point(session, 1);
	select_point(session, 2);
	assert_true(
		world_quick_run(world, world_database(0), NULL, "SELECT v FROM t WHERE id=3", NULL, &err));
	assert_true(
		world_quick_run(world, world_database(0), NULL, "INSERT INTO t VALUES (4,'d')", NULL, &err));
	static const char sequence[] = "INSERT INTO t VALUES (5,'e'); UPDATE t SET v='x' WHERE id<3";
	assert_true(fleet_session_sequence(session, sequence, strlen(sequence), &err));
	world_must(session, "BEGIN");
	world_must(session, "DELETE FROM t WHERE id=5");
	world_must(session, "COMMIT");
	taken = take_anew(world);
	assert_int_equal(taken.primary_written, 1 + 1 + 2 + 1);
	assert_int_equal(taken.primary_read, 3);
	assert_int_equal(taken.select_runs, 2);
	assert_int_equal(taken.usages, 1);
	// A failed statement is none that was free.
	assert_false(world_run(session, "INSERT INTO t VALUES (10,1),(1,1)", NULL, &err));
	fleet_session_close(session);
}

static void each_instance_counts_what_ran_there(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	fleet_session_close(begin(world));
	world_add_replicas(world);
	take_anew(world);
	struct fleet_session *session = world_session(world, world_database(0), world_replica(0).text);
	select_point(session, 1);
	world_must(session, "INSERT INTO t VALUES (7,'g')");
	assert_true(world_quick_run(world, world_database(0), world_replica(0).text,
				    "SELECT v FROM t WHERE id=7", NULL, &err));
	fleet_count_synced(world->fleet, world_database(0).text, world_replica(0).text, SYNCED_PAGES, 1234);
	struct taken taken = take_anew(world);
	assert_int_equal(taken.replica_read, 2);
	assert_int_equal(taken.replica_written, 0);
	assert_int_equal(taken.primary_written, 1);
	assert_int_equal(taken.synced, 1234);
	assert_int_equal(taken.usages, 2);
	assert_int_equal(taken.storage % 8192, 0);
	assert_true(taken.storage > 0);
	fleet_session_close(session);
}

static void what_is_destroyed_or_closed_is_still_told(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	world_add_replicas(world);
	take_anew(world);
	fleet_session_close(session);
	session = world_session(world, world_database(0), world_replica(0).text);
	select_point(session, 1);
	fleet_session_close(session);
	assert_true(
		fleet_destroy_instance(world->fleet, world_database(0).text, world_replica(0).text, &err));
	struct taken taken = take_late(world, 1);
	assert_int_equal(taken.replica_read, 1);
	assert_int_equal(taken.storage, 0);
	session = world_session(world, world_database(0), NULL);
	select_point(session, 1);
	select_point(session, 2);
	fleet_session_close(session);
	assert_true(fleet_destroy_database(world->fleet, world_database(0).text, &err));
	taken = take_late(world, 2);
	assert_int_equal(taken.primary_read, 2);
	assert_int_equal(taken.select_runs, 2);
	assert_int_equal(taken.storage, 0);
}

static void the_costliest_texts_are_kept_and_cut(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = begin(world);
	OWNED(buffer) struct buffer text = {0};
	take_anew(world);
	world_must(
		session,
		"INSERT INTO t(v) WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<900) "
		"SELECT i FROM n");
	for (int i = 0; i < 400; i++) {
		buffer_truncate(&text, 0);
		buffer_printf(&text, "SELECT v, %d FROM t WHERE id=1", i);
		world_must(session, buffer_text(&text));
	}
	buffer_truncate(&text, 0);
	buffer_append_text(&text, "SELECT count(v) FROM t WHERE v <> '");
	for (int i = 0; i < 3000; i++)
		buffer_append_text(&text, "é");
	buffer_append_text(&text, "'");
	world_must(session, buffer_text(&text));
	struct taken taken = take_anew(world);
	assert_int_equal(taken.queries, METER_QUERIES_MAX);
	assert_true(taken.longest == METER_SQL_BYTES_MAX || taken.longest == METER_SQL_BYTES_MAX - 1);
	assert_true(strncmp(taken.costliest, "INSERT INTO t(v)", 16) == 0 ||
		    strncmp(taken.costliest, "SELECT count(v)", 15) == 0);
	assert_true(taken.primary_read >= 400 + 900);
	assert_false(taken.saw_parameter);
	fleet_session_close(session);
}

static void parameters_are_in_no_text(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	struct world_sink sink = world_new_sink();
	struct value argument = {.kind = VALUE_TEXT, .size = 6, .bytes = "secret"};
	static const char sql[] = "INSERT INTO t(v) VALUES (?)";
	struct statement statement = {.sql = sql, .sql_size = strlen(sql), .args = &argument, .arg_count = 1};
	struct statement_result result;
	assert_true(fleet_session_execute(session, &statement, &sink.sink, &result, &err));
	struct taken taken = take_anew(world);
	assert_true(taken.queries > 0);
	assert_false(taken.saw_parameter);
	fleet_session_close(session);
}

// -- many at once -------------------------------------------------------------------------------------

enum { THREADS = 6, RUNS = 300 };

struct user {
	struct world *world;
	int number;
};

static void *use(void *argument)
{
	struct user *user = argument;
	struct world *world = user->world;
	char sql[100];
	for (int i = 0; i < RUNS; i++) {
		struct error err = {0};
		int id = 1000 + user->number * RUNS + i;
		snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d,'x')", id); // a text of its own
		if (!world_quick_run(world, world_database(0), NULL, sql, NULL, &err))
			fail_msg("%s", err.message);
		if (!world_quick_run(world, world_database(0), NULL, "SELECT v FROM t WHERE id=1", NULL,
				     &err))
			fail_msg("%s", err.message);
	}
	return NULL;
}

struct taker {
	struct world *world;
	_Atomic(bool) stop;
	struct taken taken;
};

static void *take_often(void *argument)
{
	struct taker *taker = argument;
	while (!atomic_load(&taker->stop))
		take(taker->world, world_database(0).text, &taker->taken);
	return NULL;
}

// A large update exceeds the budget of a quick statement, takes the shared transaction with it, and all run again.
static void *disturb(void *argument)
{
	struct user *user = argument;
	char sql[100];
	for (int i = 0; i < 10; i++) {
		struct error err = {0};
		snprintf(sql, sizeof(sql), "UPDATE big SET v=v+%d", i);
		if (!world_quick_run(user->world, world_database(0), NULL, sql, NULL, &err))
			fail_msg("%s", err.message);
	}
	return NULL;
}

static void nothing_is_lost_or_doubled_while_it_is_taken(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = begin(world);
	world_must(session, "CREATE TABLE big(id INTEGER PRIMARY KEY, v)");
	world_must(session,
		   "INSERT INTO big(v) WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE "
		   "i<20000) SELECT i FROM n");
	take_anew(world);
	pthread_t threads[THREADS + 1];
	struct user users[THREADS + 1];
	pthread_t taker_thread;
	struct taker taker = {.world = world};
	pthread_create(&taker_thread, NULL, take_often, &taker);
	for (int i = 0; i <= THREADS; i++) {
		users[i] = (struct user){.world = world, .number = i};
		pthread_create(&threads[i], NULL, i < THREADS ? use : disturb, &users[i]);
	}
	for (int i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&taker.stop, true);
	pthread_join(taker_thread, NULL);
	take(world, NULL, &taker.taken);
	assert_int_equal(taker.taken.primary_written, THREADS * RUNS + 10 * 20000);
	fleet_session_close(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_path_counts_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(each_instance_counts_what_ran_there, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_is_destroyed_or_closed_is_still_told, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_costliest_texts_are_kept_and_cut, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(parameters_are_in_no_text, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_lost_or_doubled_while_it_is_taken, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
