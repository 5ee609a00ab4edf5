// Changed rows are told when they are durable, each once, to those who listen, on every path by which something is written.

#include "fleet/listen.h"
#include "fleet/world.h"

struct heard {
	_Atomic(uint64_t) of[CHANGE_KIND_COUNT];
	_Atomic(uint64_t) calls;
	_Atomic(bool) ended;
};

static void on_changed(void *context, const struct change_counts *counts)
{
	struct heard *heard = context;
	assert_false(atomic_load(&heard->ended));
	assert_non_null(counts);
	for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++)
		atomic_fetch_add(&heard->of[kind], counts->of[kind]);
	atomic_fetch_add(&heard->calls, 1);
}

static struct fleet_listener *listen_to(struct world *world, const char *table, struct heard *heard)
{
	struct fleet_listener *listener;
	struct error err;
	assert_true(fleet_listen(world->fleet, world_database(0).text, world_primary(0).text, table,
				 on_changed, heard, &listener, &err));
	assert_non_null(listener);
	return listener;
}

static void wait_for(const _Atomic(uint64_t) *number, uint64_t expected)
{
	int64_t deadline_ms = clock_monotonic_ms() + 60000;
	while (atomic_load(number) < expected && clock_monotonic_ms() < deadline_ms)
		usleep(500);
	assert_int_equal(atomic_load(number), expected);
}

static struct fleet_session *begin(struct world *world)
{
	world_create(world, 1);
	struct fleet_session *session = world_session(world, world_database(0), NULL);
	world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
	world_must(session, "CREATE TABLE u(b)");
	return session;
}

static void sessions_and_quick_statements_are_heard(void **state)
{
	struct world *world = *state;
	struct heard heard = {0};
	struct error err = {0};
	struct fleet_session *session = begin(world);
	struct fleet_listener *listener = listen_to(world, "T", &heard);
	world_must(session, "INSERT INTO t(b) VALUES (1), (2)");
	wait_for(&heard.of[CHANGE_INSERT], 2);
	assert_true(
		world_quick_run(world, world_database(0), NULL, "INSERT INTO t(b) VALUES (3)", NULL, &err));
	wait_for(&heard.of[CHANGE_INSERT], 3);
	assert_true(world_quick_run(world, world_database(0), NULL, "DELETE FROM t", NULL, &err));
	wait_for(&heard.of[CHANGE_DELETE], 3);
	world_must(session, "INSERT INTO u VALUES (1)");
	world_must(session, "INSERT INTO t(b) VALUES (4)");
	wait_for(&heard.of[CHANGE_INSERT], 4);
	assert_int_equal(atomic_load(&heard.calls), 4);
	fleet_listener_end(listener);
	fleet_session_close(session);
}

static void an_open_transaction_is_heard_with_its_commit_alone(void **state)
{
	struct world *world = *state;
	struct heard heard = {0};
	struct fleet_session *session = begin(world);
	world_must(session, "BEGIN");
	world_must(session, "INSERT INTO t(b) VALUES (1)");
	struct fleet_listener *listener = listen_to(world, "t", &heard);
	world_must(session, "INSERT INTO t(b) VALUES (2), (3)");
	assert_int_equal(atomic_load(&heard.calls), 0);
	world_must(session, "COMMIT");
	wait_for(&heard.of[CHANGE_INSERT], 2);
	// What was done before it began to listen is not known.
	wait_for(&heard.of[CHANGE_UNKNOWN], 1);
	world_must(session, "BEGIN");
	world_must(session, "DELETE FROM t");
	world_must(session, "ROLLBACK");
	world_must(session, "UPDATE t SET b = 4 WHERE id = 1");
	wait_for(&heard.of[CHANGE_UPDATE], 1);
	assert_int_equal(atomic_load(&heard.of[CHANGE_DELETE]), 0);
	fleet_listener_end(listener);
	world_must(session, "DELETE FROM t");
	fleet_session_close(session);
}

static void a_replica_has_nothing_to_say(void **state)
{
	struct world *world = *state;
	struct heard heard = {0};
	struct error err;
	struct fleet_session *session = begin(world);
	world_add_replicas(world);
	struct fleet_listener *listener = NULL;
	assert_true(fleet_listen(world->fleet, world_database(0).text, world_replica(0).text, "t", on_changed,
				 &heard, &listener, &err));
	assert_null(listener);
	fleet_session_close(session);
}

enum { WRITERS = 4, WRITES = 60, COMERS = 3 };

struct crowd {
	struct world *world;
	_Atomic(bool) over;
};

static void *write_many(void *context)
{
	struct crowd *crowd = context;
	struct error err;
	struct fleet_session *session = world_session(crowd->world, world_database(0), NULL);
	for (int i = 0; i < WRITES; i++) {
		if (i % 2)
			world_must(session, "INSERT INTO t(b) VALUES (1)");
		else
			assert_true(world_quick_run(crowd->world, world_database(0), NULL,
						    "INSERT INTO t(b) VALUES (2)", NULL, &err));
	}
	fleet_session_close(session);
	return NULL;
}

static void *come_and_go(void *context)
{
	struct crowd *crowd = context;
	while (!atomic_load(&crowd->over)) {
		struct heard of_written = {0};
		struct heard of_other = {0};
		fleet_listener_end(listen_to(crowd->world, "t", &of_written));
		atomic_store(&of_written.ended, true);
		// This one may hear that something unknown happened, in a transaction that was open when it came.
		fleet_listener_end(listen_to(crowd->world, "u", &of_other));
		atomic_store(&of_other.ended, true);
	}
	return NULL;
}

static void nothing_is_missed_while_others_come_and_go(void **state)
{
	struct world *world = *state;
	struct heard heard = {0};
	struct crowd crowd = {.world = world};
	pthread_t writers[WRITERS];
	pthread_t comers[COMERS];
	struct fleet_session *session = begin(world);
	struct fleet_listener *listener = listen_to(world, "t", &heard);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_many, &crowd), 0);
	for (int i = 0; i < COMERS; i++)
		assert_int_equal(pthread_create(&comers[i], NULL, come_and_go, &crowd), 0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&crowd.over, true);
	for (int i = 0; i < COMERS; i++)
		pthread_join(comers[i], NULL);
	wait_for(&heard.of[CHANGE_INSERT], WRITERS * WRITES);
	assert_int_equal(atomic_load(&heard.of[CHANGE_UNKNOWN]), 0);
	fleet_listener_end(listener);
	fleet_session_close(session);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sessions_and_quick_statements_are_heard, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(an_open_transaction_is_heard_with_its_commit_alone,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_replica_has_nothing_to_say, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_missed_while_others_come_and_go, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
