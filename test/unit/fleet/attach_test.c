// Another database is read under a name, by those who may, never written, and never shown before it is durable.

#include "fleet/world.h"

static bool find(void *context, const char *name, char out_database[CRYPT_UUID_TEXT_BYTES], struct error *err)
{
	(void)context;
	if (strncmp(name, "db-", 3) != 0)
		return error_set(err, ERR_FORBIDDEN, "Namespace `%s` doesn't allow attach", name);
	memcpy(out_database, world_database(atoi(name + 3)).text, CRYPT_UUID_TEXT_BYTES);
	return true;
}

static struct fleet_session *session_on(struct world *world, int number, const char *instance)
{
	struct fleet_session *session = world_session(world, world_database(number), instance);
	fleet_session_let_attach(session, find, NULL);
	return session;
}

static void allow(struct world *world, struct engine_rules rules)
{
	fleet_set_rules(world->fleet, world_database(1).text, &rules);
}

// Two databases, the second of which may be attached; a session on the first.
static struct fleet_session *begin(struct world *world)
{
	world_create(world, 2);
	for (int i = 0; i < 2; i++) {
		struct fleet_session *session = session_on(world, i, NULL);
		world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
		world_must(session, "CREATE INDEX ix ON t(v)");
		world_must(session,
			   i ? "INSERT INTO t VALUES (1, 100), (2, 200)" : "INSERT INTO t VALUES (1, 1)");
		fleet_session_close(session);
	}
	allow(world, (struct engine_rules){.allow_attach = true});
	return session_on(world, 0, NULL);
}

static void expect(bool ok, const struct error *err, enum error_code code, const char *message)
{
	assert_false(ok);
	assert_string_equal(err->message, message);
	assert_string_equal(error_code_name(err->code), error_code_name(code));
}

static void an_attached_database_is_read(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	assert_true(fleet_session_is_plain(session));
	world_must(session, "ATTACH \"db-1\" AS other");
	assert_false(fleet_session_is_plain(session));
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
	assert_int_equal(world_ask(session, "SELECT a.v + b.v FROM t a JOIN other.t b USING (id)"), 101);
	world_must(session, "INSERT INTO t SELECT id + 10, v FROM other.t");
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 301);
	world_must(session, "DETACH other");
	assert_true(fleet_session_is_plain(session));
	assert_false(world_run(session, "SELECT sum(v) FROM other.t", NULL, &err));
	assert_false(world_run(session, "DETACH other", NULL, &err));
	// Within one transaction, in any letter case and spelling.
	world_must(session, "BEGIN IMMEDIATE");
	world_must(session, "attach database [db-1] as \"An Other\";");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM \"an other\".t"), 2);
	world_must(session, "UPDATE t SET v = 5 WHERE id = 1");
	world_must(session, "COMMIT");
	world_must(session, "DETACH DATABASE `an other`");
	fleet_session_close(session);
	// The connection serves others, who find nothing.
	session = session_on(world, 0, NULL);
	assert_false(world_run(session, "SELECT sum(v) FROM other.t", NULL, &err));
	assert_int_equal(world_ask(session, "SELECT count(*) FROM pragma_database_list"), 1);
	fleet_session_close(session);
}

static void only_identifiers_attach_and_only_for_those_who_may(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	static const char *const bad[] = {
		"ATTACH 'db-1' AS other",
		"ATTACH \"db-1\" AS 'other'",
		"ATTACH ? AS other",
		"ATTACH db || '-1' AS other",
		"ATTACH \"db-1\"",
		"ATTACH AS other",
		"ATTACH \"db-1\" AS other KEY 'k'",
		"ATTACH \"\" AS other",
		"DETACH 'other'",
		"ATTACH \"db-1\" AS other(1)",
		"ATTACH (SELECT 1) AS other",
		"EXPLAIN ATTACH \"db-1\" AS other",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (world_run(session, bad[i], NULL, &err))
			fail_msg("%s", bad[i]);
	}
	expect(world_run(session, "ATTACH secret AS other", NULL, &err), &err, ERR_FORBIDDEN,
	       "Namespace `secret` doesn't allow attach");
	assert_false(world_run(session, "ATTACH \"db-1\" AS a; ATTACH \"db-1\" AS b", NULL, &err));
	assert_int_equal(err.code, ERR_SQL_MANY_STATEMENTS);
	assert_false(fleet_session_check(session, "ATTACH secret AS other", 22, &err));
	assert_true(fleet_session_check(session, "ATTACH \"db-1\" AS other", 22, &err));
	assert_false(world_run(session, "ATTACH \"db-1\" AS main", NULL, &err));
	world_must(session, "ATTACH \"db-1\" AS other");
	assert_false(world_run(session, "ATTACH \"db-1\" AS OTHER", NULL, &err));
	fleet_session_close(session);
	session = world_session(world, world_database(0), NULL); // nobody said what it may
	expect(world_run(session, "ATTACH \"db-1\" AS other", NULL, &err), &err, ERR_FORBIDDEN,
	       "Namespace `db-1` doesn't allow attach");
	fleet_session_close(session);
}

static void nothing_is_written_there(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	world_must(session, "ATTACH \"db-1\" AS other");
	static const char *const bad[] = {
		"INSERT INTO other.t VALUES (3, 3)",
		"UPDATE other.t SET v = 0",
		"DELETE FROM other.t",
		"CREATE TABLE other.u(x)",
		"DROP TABLE other.t",
		"ALTER TABLE other.t ADD COLUMN w",
		"CREATE INDEX other.i ON t(v)",
		"PRAGMA other.user_version = 7",
		"VACUUM other",
		"REINDEX other.t",
		"ANALYZE other",
		"CREATE VIEW other.w AS SELECT 1",
		"WITH x AS (SELECT 1) DELETE FROM other.t",
		"PRAGMA other.wal_checkpoint",
		"PRAGMA other.journal_mode = DELETE",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (world_run(session, bad[i], NULL, &err))
			fail_msg("%s", bad[i]);
	}
	world_must(session, "VACUUM");
	world_must(session, "PRAGMA other.table_info(t)");
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
	fleet_session_close(session);
	session = session_on(world, 1, NULL);
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 300);
	assert_int_equal(world_ask(session, "PRAGMA user_version"), 0);
	fleet_session_close(session);
}

static void what_is_no_longer_allowed_ends_with_the_next_statement(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	static const char sql[] = "SELECT sum(v) FROM other.t";
	struct fleet_session *session = begin(world);
	world_must(session, "ATTACH \"db-1\" AS other");
	world_must(session, "BEGIN");
	assert_int_equal(world_ask(session, sql), 300);
	allow(world, (struct engine_rules){0});
	expect(world_run(session, sql, NULL, &err), &err, ERR_FORBIDDEN,
	       "Namespace `db-1` doesn't allow attach");
	world_must(session, "ROLLBACK");
	allow(world, (struct engine_rules){.allow_attach = true, .block_reads = true});
	expect(world_run(session, sql, NULL, &err), &err, ERR_BLOCKED, "Operation was blocked");
	allow(world, (struct engine_rules){.allow_attach = true});
	assert_int_equal(world_ask(session, sql), 300);
	assert_true(fleet_destroy_database(world->fleet, world_database(1).text, &err));
	expect(world_run(session, sql, NULL, &err), &err, ERR_FORBIDDEN,
	       "Namespace `db-1` doesn't allow attach");
	world_must(session, "DETACH other");
	assert_int_equal(world_ask(session, "SELECT v FROM t"), 1);
	fleet_session_close(session);
}

static void a_replica_attaches_and_its_writes_do_too(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = begin(world);
	fleet_session_close(session);
	world_add_replicas(world);
	session = session_on(world, 0, world_replica(0).text);
	world_must(session, "ATTACH \"db-1\" AS other");
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
	world_must(session, "INSERT INTO t SELECT id + 10, v FROM other.t"); // on the primary
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 301);
	world_must(session, "BEGIN");
	world_must(session, "DELETE FROM t WHERE id > 10");
	world_must(session, "ATTACH \"db-1\" AS more");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM more.t, other.t"), 4);
	world_must(session, "COMMIT");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM more.t"), 2);
	world_must(session, "DETACH other");
	world_must(session, "DETACH more");
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 1);
	fleet_session_close(session);
}

static void what_is_attached_stays_open(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = begin(world);
	world_must(session, "ATTACH \"db-1\" AS other");
	for (int i = 0; i < 20; i++) {
		fleet_close_idle(world->fleet, 0);
		assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
	}
	fleet_session_close(session);
}

// -- many at once -------------------------------------------------------------------------------------

enum { ROUNDS = 400 };

struct writer {
	struct world *world;
	_Atomic(bool) stop;
};

// Pairs in one transaction: a reader of the other database never sees half of one.
static void *write_pairs(void *argument)
{
	struct writer *writer = argument;
	struct fleet_session *session = session_on(writer->world, 1, NULL);
	for (int i = 0; !atomic_load(&writer->stop); i++) {
		world_must(session, "BEGIN IMMEDIATE");
		world_must(session, "UPDATE t SET v = v + 1 WHERE id = 1");
		world_must(session, "UPDATE t SET v = v - 1 WHERE id = 2");
		if (i % 8 == 0)
			world_must(session, "UPDATE t SET w = randomblob(200000) WHERE id = 1");
		world_must(session, "COMMIT");
	}
	fleet_session_close(session);
	return NULL;
}

static void readers_see_whole_transactions_across_checkpoints(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	struct fleet_session *owner = session_on(world, 1, NULL);
	world_must(owner, "ALTER TABLE t ADD COLUMN w");
	fleet_session_close(owner);
	struct writer writer = {.world = world};
	pthread_t thread;
	pthread_create(&thread, NULL, write_pairs, &writer);
	for (int i = 0; i < ROUNDS; i++) {
		world_must(session, "ATTACH \"db-1\" AS other");
		assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
		world_must(session, "INSERT OR REPLACE INTO t SELECT id, v FROM other.t");
		assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 300);
		world_must(session, "DETACH other");
	}
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	fleet_session_close(session);
	// Each history has its own frames only: both open again from what is on the disk.
	world_add_replicas(world);
	for (int i = 0; i < 2; i++) {
		session = session_on(world, i, world_replica(i).text);
		assert_int_equal(world_ask(session, "SELECT sum(v) FROM t"), 300);
		fleet_session_close(session);
	}
	world_close(world);
	world->rules = (struct engine_rules){.allow_attach = true};
	world_open(world);
	assert_true(world_quick_run(world, world_database(1), NULL, "PRAGMA integrity_check", NULL, &err));
	session = session_on(world, 0, NULL);
	world_must(session, "ATTACH \"db-1\" AS other");
	assert_int_equal(world_ask(session, "SELECT sum(v) FROM other.t"), 300);
	fleet_session_close(session);
}

enum { COMMITS = 3000 };

struct committer {
	struct world *world;
	_Atomic(uint64_t) frames[COMMITS + 1]; // by value: the commit that made it
};

// Waits for no disk: most commits are not durable when others can see them.
static void *commit_fast(void *argument)
{
	struct committer *committer = argument;
	struct fleet_session *session = session_on(committer->world, 1, NULL);
	static const char sql[] = "UPDATE t SET v = v + 1 WHERE id = 9";
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	for (int i = 1; i <= COMMITS; i++) {
		struct error err = {0};
		struct statement_result result;
		if (!fleet_session_execute(session, &statement, NULL, &result, &err))
			fail_msg("%s", err.message);
		atomic_store(&committer->frames[i], result.frame_no);
	}
	fleet_session_close(session);
	return NULL;
}

static void nothing_is_shown_before_it_is_durable_there(void **state)
{
	struct world *world = *state;
	struct error err = {0};
	struct fleet_session *session = begin(world);
	struct fleet_session *owner = session_on(world, 1, NULL);
	world_must(owner, "INSERT INTO t VALUES (9, 0)");
	fleet_session_close(owner);
	world_must(session, "ATTACH \"db-1\" AS other");
	struct committer *committer = calloc(1, sizeof(*committer));
	committer->world = world;
	pthread_t thread;
	pthread_create(&thread, NULL, commit_fast, committer);
	int64_t value = 0;
	while (value < COMMITS) {
		struct fleet_status status;
		value = world_ask(session, "SELECT v FROM other.t WHERE id = 9");
		assert_true(fleet_instance_status(world->fleet, world_database(1).text, world_primary(1).text,
						  &status, &err));
		uint64_t frame_no;
		while (value > 0 && (frame_no = atomic_load(&committer->frames[value])) == 0)
			sched_yield();
		if (value > 0)
			assert_true(status.frame_no >= frame_no);
	}
	pthread_join(thread, NULL);
	fleet_session_close(session);
	free(committer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_attached_database_is_read, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(only_identifiers_attach_and_only_for_those_who_may,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_written_there, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_is_no_longer_allowed_ends_with_the_next_statement,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_replica_attaches_and_its_writes_do_too, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_is_attached_stays_open, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(nothing_is_shown_before_it_is_durable_there, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(readers_see_whole_transactions_across_checkpoints,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
