// What the owner of a database allows holds on every path: in sessions, in open transactions, for quick statements, on
// replicas, and from the moment it is said.

#include "fleet/world.h"

static const char growth[] = "INSERT INTO t(b) VALUES (randomblob(20000))";

static void expect_blocked(bool ok, const struct error *err)
{
	assert_false(ok);
	assert_int_equal(err->code, ERR_BLOCKED);
	assert_string_equal(err->message, "Operation was blocked");
}

static void expect_size_limit(bool ok, const struct error *err)
{
	assert_false(ok);
	assert_int_equal(err->code, ERR_SQLITE);
	assert_int_equal(err->sqlite_code & 0xff, 13); // SQLITE_FULL
	assert_string_equal(err->message,
			    "SQLite error: size limit of the database reached (size_limit = 200000 bytes)");
}

static struct fleet_session *begin(struct world *world)
{
	world_create(world, 1);
	struct fleet_session *session = world_session(world, world_database(0), NULL);
	world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
	world_must(session, "INSERT INTO t(b) VALUES (1)");
	return session;
}

static void set_rules(struct world *world, struct engine_rules rules)
{
	fleet_set_rules(world->fleet, world_database(0).text, &rules);
}

static void blocked_writes_end_at_once_and_only_writes(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	int64_t value = 0;
	struct fleet_session *session = begin(world);
	world_must(session, "BEGIN");
	world_must(session, "INSERT INTO t(b) VALUES (2)");
	set_rules(world, (struct engine_rules){.block_writes = true});
	expect_blocked(world_run(session, "INSERT INTO t(b) VALUES (3)", NULL, &err), &err);
	expect_blocked(world_run(session, "CREATE TABLE u(x)", NULL, &err), &err);
	expect_blocked(world_run(session, "PRAGMA user_version=7", NULL, &err), &err);
	// One that looks as if it read: SQLite takes `$x((` and the parenthesis behind it for a variable.
	expect_blocked(world_run(session, "WITH a AS (SELECT $x(() ) INSERT INTO t(b) SELECT 4", NULL, &err),
		       &err);
	world_must(session, "SAVEPOINT s");
	world_must(session, "RELEASE s");
	world_must(session, "COMMIT");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 2);
	assert_int_equal(world_ask(session, "PRAGMA user_version"), 0);
	expect_blocked(world_run(session, "BEGIN IMMEDIATE", NULL, &err), &err);
	expect_blocked(world_quick_run(world, world_database(0), NULL, "DELETE FROM t", NULL, &err), &err);
	assert_true(world_quick_run(world, world_database(0), NULL, "SELECT count(*) FROM t", &value, &err));
	assert_int_equal(value, 2);
	set_rules(world, (struct engine_rules){0});
	world_must(session, "INSERT INTO t(b) VALUES (3)");
	fleet_session_close(session);
}

static void blocked_reads_block_all_but_the_end_of_a_transaction(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	world_must(session, "BEGIN");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 1);
	set_rules(world, (struct engine_rules){.block_reads = true});
	expect_blocked(world_run(session, "SELECT count(*) FROM t", NULL, &err), &err);
	expect_blocked(world_run(session, "DELETE FROM t", NULL, &err), &err);
	world_must(session, "ROLLBACK");
	expect_blocked(world_run(session, "BEGIN", NULL, &err), &err);
	expect_blocked(world_quick_run(world, world_database(0), NULL, "SELECT 1", NULL, &err), &err);
	set_rules(world, (struct engine_rules){0});
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 1);
	fleet_session_close(session);
}

static void replicas_obey_and_so_does_what_is_opened_later(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	fleet_session_close(begin(world));
	world_add_replicas(world);
	set_rules(world, (struct engine_rules){.block_reads = true});
	struct fleet_session *session = world_session(world, world_database(0), world_replica(0).text);
	expect_blocked(world_run(session, "SELECT 1", NULL, &err), &err);
	expect_blocked(world_run(session, "INSERT INTO t(b) VALUES (1)", NULL, &err), &err);
	fleet_session_close(session);
	expect_blocked(
		world_quick_run(world, world_database(0), world_replica(0).text, "SELECT 1", NULL, &err),
		&err);
	world_close(world);
	world->rules = (struct engine_rules){.block_writes = true};
	world_open(world);
	session = world_session(world, world_database(0), NULL);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 1);
	expect_blocked(world_run(session, "INSERT INTO t(b) VALUES (1)", NULL, &err), &err);
	fleet_session_close(session);
}

static void growth_beyond_the_limit_fails_alone(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	set_rules(world, (struct engine_rules){.size_bytes_max = 200000});
	bool full = false;
	for (int i = 0; i < 20 && !full; i++)
		full = !world_run(session, growth, NULL, &err);
	expect_size_limit(!full, &err);
	int64_t rows = world_ask(session, "SELECT count(*) FROM t");
	assert_in_range(rows, 5, 12);
	// A transaction keeps what it did before.
	world_must(session, "BEGIN");
	world_must(session, "INSERT INTO t(b) VALUES ('kept')");
	expect_size_limit(world_run(session, growth, NULL, &err), &err);
	assert_false(fleet_session_is_autocommit(session));
	world_must(session, "COMMIT");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t WHERE b='kept'"), 1);
	expect_size_limit(world_quick_run(world, world_database(0), NULL, growth, NULL, &err), &err);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), rows + 1);
	// What is deleted makes room, and a larger limit does at once.
	world_must(session, "DELETE FROM t WHERE id IN (2, 3)");
	world_must(session, growth);
	set_rules(world, (struct engine_rules){.size_bytes_max = 400000});
	world_must(session, "INSERT INTO t(b) VALUES (randomblob(100000))");
	set_rules(world, (struct engine_rules){0});
	world_must(session, "INSERT INTO t(b) VALUES (randomblob(1000000))");
	fleet_session_close(session);
}

static void a_limit_below_the_size_lets_read_delete_and_vacuum(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	for (int i = 0; i < 20; i++)
		world_must(session, growth);
	set_rules(world, (struct engine_rules){.size_bytes_max = 200000});
	expect_size_limit(world_run(session, growth, NULL, &err), &err);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 21);
	world_must(session, "DELETE FROM t WHERE id > 8");
	world_must(session, growth); // room is left in the file
	world_must(session, "DELETE FROM t WHERE id > 8");
	world_must(session, "VACUUM");
	assert_in_range(world_ask(session, "PRAGMA page_count"), 1, 48);
	// From now on the limit holds, for everybody.
	bool full = false;
	for (int i = 0; i < 20 && !full; i++)
		full = !world_quick_run(world, world_database(0), NULL, growth, NULL, &err);
	expect_size_limit(!full, &err);
	expect_size_limit(world_run(session, growth, NULL, &err), &err);
	assert_in_range(world_ask(session, "PRAGMA page_count"), 1, 48);
	fleet_session_close(session);
}

// -- many at once -------------------------------------------------------------------------------------

struct writer {
	struct world *world;
	const char *sql;
	int written;
	int refused;
};

static void *write_quickly(void *argument)
{
	struct writer *writer = argument;
	for (int i = 0; i < 60; i++) {
		struct error err = {0};
		if (world_quick_run(writer->world, world_database(0), NULL, writer->sql, NULL, &err))
			writer->written++;
		else
			writer->refused++;
	}
	return NULL;
}

static void neighbours_of_one_that_outgrows_the_limit_lose_nothing(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	set_rules(world, (struct engine_rules){.size_bytes_max = 200000});
	while (world_run(session, growth, NULL, &err))
		;
	world_must(session, "DELETE FROM t WHERE id = 2"); // room for the small ones
	pthread_t threads[6];
	struct writer writers[6];
	static const char large[] = "INSERT INTO t(b) VALUES (randomblob(90000))";
	for (int i = 0; i < 6; i++) {
		writers[i] = (struct writer){.world = world,
					     .sql = i % 2 ? large : "INSERT INTO t(b) VALUES ('small')"};
		pthread_create(&threads[i], NULL, write_quickly, &writers[i]);
	}
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(writers[i].written, i % 2 ? 0 : 60);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t WHERE b='small'"), 180);
	fleet_session_close(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(blocked_writes_end_at_once_and_only_writes, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(blocked_reads_block_all_but_the_end_of_a_transaction,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(replicas_obey_and_so_does_what_is_opened_later, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(growth_beyond_the_limit_fails_alone, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_limit_below_the_size_lets_read_delete_and_vacuum,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(neighbours_of_one_that_outgrows_the_limit_lose_nothing,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
