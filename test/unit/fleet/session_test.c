// A primary and a replica in a temporary folder, used as hrana uses them.

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/session.h"

static const char database_id[] = "11111111-1111-4111-8111-111111111111";
static const char primary_id[] = "22222222-2222-4222-8222-222222222222";
static const char replica_id[] = "33333333-3333-4333-8333-333333333333";

struct world {
	char folder[64];
	struct workers *workers;
	struct fleet *fleet;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int ready;
	int instance_count;
};

static bool describe(void *context, const char *database, struct fleet_instance_spec **out, size_t *count,
		     struct engine_rules *rules, struct error *err)
{
	*rules = (struct engine_rules){0};
	struct world *world = context;
	if (strcmp(database, database_id) != 0)
		return error_set(err, ERR_DATABASE_NOT_FOUND, "no such database");
	struct fleet_instance_spec *specs = calloc(2, sizeof(*specs));
	snprintf(specs[0].uuid, sizeof(specs[0].uuid), "%s", primary_id);
	snprintf(specs[0].location, sizeof(specs[0].location), "ord");
	specs[0].primary = true;
	snprintf(specs[1].uuid, sizeof(specs[1].uuid), "%s", replica_id);
	snprintf(specs[1].location, sizeof(specs[1].location), "nrt");
	*out = specs;
	*count = (size_t)world->instance_count;
	return true;
}

static void on_event(void *context, const char *database, const char *instance, const struct error *why)
{
	struct world *world = context;
	(void)database;
	(void)instance;
	pthread_mutex_lock(&world->mutex);
	world->ready += why == NULL;
	if (why)
		print_message("instance failed: %s (%s)\n", why->message, why->detail);
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->mutex);
}

static void wait_ready(struct world *world, int count)
{
	pthread_mutex_lock(&world->mutex);
	while (world->ready < count)
		assert_true(clock_cond_wait(&world->changed, &world->mutex, clock_monotonic_ms() + 20000));
	pthread_mutex_unlock(&world->mutex);
}

static void open_fleet(struct world *world)
{
	struct error err = {0};
	struct fleet_options options = {.data_folder = world->folder,
					.limits = {.statement_ms_max = 5000,
						   .transaction_ms_max = 300,
						   .lane_wait_ms_max = 30000,
						   .sql_bytes_max = 100000,
						   .connections_per_instance_max = 16,
						   .row_bytes_max = 5000000,
						   .transaction_bytes_max = 20 << 20},
					.log_bytes_max = 64 << 20,
					.describe = describe,
					.instance_event = on_event,
					.context = world};
	assert_true(workers_start(32, 8, &world->workers, &err));
	options.workers = world->workers;
	if (!fleet_open(&options, &world->fleet, &err))
		fail_msg("%s: %s", err.message, err.detail);
}

static void close_fleet(struct world *world)
{
	fleet_close(world->fleet);
	workers_stop(world->workers);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(world->folder, "/tmp/atoll-session-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	pthread_mutex_init(&world->mutex, NULL);
	clock_cond_init(&world->changed);
	open_fleet(world);
	world->instance_count = 1;
	fleet_create_instance(world->fleet, database_id, primary_id);
	wait_ready(world, 1);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	close_fleet(world);
	assert_true(disk_remove_tree(world->folder, &err));
	free(world);
	return 0;
}

static void add_replica(struct world *world)
{
	world->instance_count = 2;
	fleet_create_instance(world->fleet, database_id, replica_id);
	wait_ready(world, 2);
}

struct rows {
	struct result_sink sink;
	int count;
	char text[2000]; // values joined by '|', rows ended by ';'
};

static bool rows_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	(void)sink;
	(void)columns;
	(void)count;
	(void)err;
	return true;
}

static bool rows_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct rows *rows = (struct rows *)sink;
	(void)err;
	rows->count++;
	for (int i = 0; i < count; i++) {
		size_t used = strlen(rows->text);
		size_t room = sizeof(rows->text) - used;
		if (values[i].kind == VALUE_INTEGER)
			snprintf(rows->text + used, room, "%lld|", (long long)values[i].integer);
		else if (values[i].kind == VALUE_TEXT)
			snprintf(rows->text + used, room, "%.*s|", (int)values[i].size, values[i].bytes);
		else
			snprintf(rows->text + used, room, "?|");
	}
	strncat(rows->text, ";", sizeof(rows->text) - strlen(rows->text) - 1);
	return true;
}

static void rows_restart(struct result_sink *sink)
{
	struct rows *rows = (struct rows *)sink;
	rows->count = 0;
	rows->text[0] = '\0';
}

static struct rows new_rows(void)
{
	return (struct rows){.sink = {rows_columns, rows_row, rows_restart}};
}

static struct fleet_session *session_on(struct world *world, const char *instance)
{
	struct error err;
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	struct fleet_session *session;
	if (!fleet_acquire(world->fleet, database_id, instance, &held, &err))
		fail_msg("%s", err.message);
	assert_true(fleet_session_open(held, false, &session, &err));
	return session;
}

static bool run(struct fleet_session *session, const char *sql, struct rows *rows, struct error *err)
{
	struct rows own = new_rows();
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	rows = rows ? rows : &own;
	rows_restart(&rows->sink);
	bool ok = fleet_session_execute(session, &statement, &rows->sink, &result, err);
	struct error settle_error;
	if (!fleet_session_settle(session, &settle_error)) {
		*err = settle_error;
		return false;
	}
	return ok;
}

static void must(struct fleet_session *session, const char *sql)
{
	struct error err;
	if (!run(session, sql, NULL, &err))
		fail_msg("%s: %s (%s)", sql, err.message, err.detail);
}

static void expect(struct fleet_session *session, const char *sql, const char *rows_text)
{
	struct error err;
	struct rows rows = new_rows();
	if (!run(session, sql, &rows, &err))
		fail_msg("%s: %s", sql, err.message);
	assert_string_equal(rows.text, rows_text);
}

static void expect_error(struct fleet_session *session, const char *sql, enum error_code code)
{
	struct error err;
	if (run(session, sql, NULL, &err))
		fail_msg("%s succeeded", sql);
	if (err.code != code)
		fail_msg("%s: %s %s", sql, error_code_name(err.code), err.message);
}

static void writes_and_reads_on_the_primary(void **state)
{
	struct fleet_session *s = session_on(*state, "");
	must(s, "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT UNIQUE)");
	must(s, "INSERT INTO t VALUES (1, 'one'), (2, 'two')");
	expect(s, "SELECT id, name FROM t ORDER BY id", "1|one|;2|two|;");
	expect_error(s, "INSERT INTO t VALUES (1, 'x')", ERR_SQLITE);
	expect_error(s, "SELECT nope FROM t", ERR_SQL_INPUT);
	expect_error(s, "SELEC 1", ERR_SQL_PARSE);
	expect_error(s, "SELECT 1; SELECT 2", ERR_SQL_MANY_STATEMENTS);
	expect_error(s, " -- nothing", ERR_SQL_NO_STATEMENT);
	expect_error(s, "ATTACH 'x.db' AS x", ERR_SQL_PARSE);
	expect_error(s, "PRAGMA journal_mode=DELETE", ERR_SQL_PARSE);
	expect_error(s, "SELECT * FROM sqlite_dbpage", ERR_SQLITE);
	expect_error(s, "CREATE TEMP TABLE x(y)", ERR_SQL_PARSE);
	fleet_session_close(s);
}

static void transactions_span_statements(void **state)
{
	struct fleet_session *s = session_on(*state, "");
	must(s, "CREATE TABLE t(id INTEGER)");
	must(s, "BEGIN TRANSACTION READONLY");
	must(s, "COMMIT");
	must(s, "BEGIN");
	must(s, "INSERT INTO t VALUES (1)");
	assert_false(fleet_session_is_autocommit(s));
	must(s, "ROLLBACK");
	expect(s, "SELECT count(*) FROM t", "0|;");
	must(s, "BEGIN IMMEDIATE");
	must(s, "INSERT INTO t VALUES (1)");
	must(s, "COMMIT");
	must(s, "SAVEPOINT a");
	must(s, "INSERT INTO t VALUES (2)");
	must(s, "RELEASE a");
	expect(s, "SELECT count(*) FROM t", "2|;");
	must(s, "VACUUM");
	expect(s, "SELECT count(*) FROM t", "2|;");
	fleet_session_close(s);
}

static void a_replica_reads_what_its_session_wrote(void **state)
{
	struct world *world = *state;
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT)");
	must(p, "INSERT INTO t VALUES (1, 'before')");
	add_replica(world);
	struct fleet_session *r = session_on(world, replica_id);
	expect(r, "SELECT name FROM t", "before|;");
	char sql[100];
	for (int i = 2; i < 200; i++) {
		snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d, 'n%d')", i, i);
		must(r, sql);
		snprintf(sql, sizeof(sql), "SELECT max(id) FROM t");
		char expected[20];
		snprintf(expected, sizeof(expected), "%d|;", i);
		expect(r, sql, expected);
	}
	must(r, "CREATE TABLE made_here(x)");
	must(r, "INSERT INTO made_here VALUES (5)");
	expect(r, "SELECT x FROM made_here", "5|;");
	must(r, "BEGIN");
	must(r, "INSERT INTO made_here VALUES (6)");
	expect(r, "SELECT count(*) FROM made_here", "2|;");
	must(r, "COMMIT");
	expect(r, "SELECT count(*) FROM made_here", "2|;");
	must(p, "DELETE FROM t");
	must(p, "VACUUM");
	must(r, "INSERT INTO t VALUES (7, 'seven')");
	expect(r, "SELECT name FROM t", "seven|;");
	fleet_session_close(p);
	fleet_session_close(r);
}

static void read_file(const char *path, struct buffer *out)
{
	struct error err;
	if (!disk_read_file(path, 1 << 30, out, &err))
		fail_msg("%s", err.detail);
}

static void a_replica_equals_its_primary_byte_for_byte(void **state)
{
	struct world *world = *state;
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)");
	add_replica(world);
	struct fleet_session *r = session_on(world, replica_id);
	for (int round = 0; round < 60; round++) {
		must(p, "INSERT INTO t(body) VALUES (randomblob(20000))");
		must(r, "INSERT INTO t(body) VALUES (randomblob(700))");
		must(p, "UPDATE t SET body = randomblob(3000) WHERE id % 7 = abs(random()) % 7");
		if (round % 20 == 10) {
			must(p, "DELETE FROM t WHERE id % 3 = 0");
			must(p, "CREATE INDEX IF NOT EXISTS by_body ON t(length(body))");
		}
		if (round % 30 == 20)
			must(r, "VACUUM");
	}
	must(r, "INSERT INTO t(body) VALUES ('last')");
	expect(r, "SELECT count(*) > 10 FROM t", "1|;");
	expect(r, "PRAGMA integrity_check", "ok|;");
	fleet_session_close(p);
	fleet_session_close(r);
	fleet_close(world->fleet);
	char path[300];
	OWNED(buffer) struct buffer primary = {0};
	OWNED(buffer) struct buffer replica = {0};
	snprintf(path, sizeof(path), "%s/databases/%s/%s/data.db", world->folder, database_id, primary_id);
	read_file(path, &primary);
	snprintf(path, sizeof(path), "%s/databases/%s/%s/data.db", world->folder, database_id, replica_id);
	read_file(path, &replica);
	assert_int_equal(primary.size, replica.size);
	assert_memory_equal(primary.data, replica.data, primary.size);
	workers_stop(world->workers);
	open_fleet(world);
	r = session_on(world, replica_id);
	expect(r, "SELECT count(*) > 10 FROM t", "1|;");
	must(r, "INSERT INTO t(body) VALUES ('after restart')");
	expect(r, "SELECT count(*) FROM t WHERE body = 'after restart'", "1|;");
	fleet_session_close(r);
}

static void a_writer_that_waits_ends_an_overdue_transaction(void **state)
{
	struct fleet_session *a = session_on(*state, "");
	struct fleet_session *b = session_on(*state, "");
	must(a, "CREATE TABLE t(id INTEGER)");
	must(a, "BEGIN IMMEDIATE");
	must(a, "INSERT INTO t VALUES (1)");
	must(b, "INSERT INTO t VALUES (2)");
	expect_error(a, "COMMIT", ERR_TRANSACTION_TIMEOUT);
	expect(a, "SELECT id FROM t", "2|;");
	must(a, "INSERT INTO t VALUES (3)");
	fleet_session_close(a);
	fleet_session_close(b);
}

// -- quick path ---------------------------------------------------------------------------------------

struct writer {
	struct world *world;
	int first;
	int count;
	int lost;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int settled;
};

struct pending {
	struct quick_wait wait;
	struct writer *writer;
};

static void on_settled(struct quick_wait *wait, bool lost)
{
	struct pending *pending = (struct pending *)wait;
	struct writer *writer = pending->writer;
	pthread_mutex_lock(&writer->mutex);
	writer->settled++;
	writer->lost += lost;
	pthread_cond_signal(&writer->changed);
	pthread_mutex_unlock(&writer->mutex);
}

static void *write_quickly(void *argument)
{
	struct writer *writer = argument;
	struct error err;
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	assert_true(fleet_acquire(writer->world->fleet, database_id, "", &instance, &err));
	struct pending *pending = calloc((size_t)writer->count, sizeof(*pending));
	struct fleet_session *session = session_on(writer->world, "");
	int held = 0;
	for (int i = 0; i < writer->count; i++) {
		struct value args[1] = {{.kind = VALUE_INTEGER, .integer = writer->first + i}};
		static const char sql[] = "INSERT INTO t VALUES (?)";
		struct statement statement = {sql, sizeof(sql) - 1, args, 1, NULL, 0};
		struct rows rows = new_rows();
		struct statement_result result;
		bool ok = false;
		pending[i] = (struct pending){.wait = {.settled = on_settled}, .writer = writer};
		enum quick_outcome outcome = fleet_quick_execute(instance, false, &statement, &rows.sink,
								 &pending[i].wait, &result, &ok, &err);
		if (outcome == QUICK_HELD) {
			assert_true(ok);
			held++;
		} else {
			assert_int_equal(outcome, QUICK_DECLINED);
			assert_true(fleet_session_execute(session, &statement, &rows.sink, &result, &err));
			assert_true(fleet_session_settle(session, &err));
		}
	}
	fleet_session_close(session);
	pthread_mutex_lock(&writer->mutex);
	while (writer->settled < held)
		clock_cond_wait(&writer->changed, &writer->mutex, INT64_MAX);
	pthread_mutex_unlock(&writer->mutex);
	free(pending);
	return NULL;
}

static void quick_writers_and_sessions_lose_nothing(void **state)
{
	enum { THREADS = 6, EACH = 300 };
	struct world *world = *state;
	struct fleet_session *s = session_on(world, "");
	must(s, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	add_replica(world);
	struct writer writers[THREADS];
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++) {
		writers[i] = (struct writer){.world = world, .first = i * EACH, .count = EACH};
		pthread_mutex_init(&writers[i].mutex, NULL);
		clock_cond_init(&writers[i].changed);
		pthread_create(&threads[i], NULL, write_quickly, &writers[i]);
	}
	struct fleet_session *r = session_on(world, replica_id);
	for (int i = 0; i < 30; i++) {
		must(s, "BEGIN IMMEDIATE");
		char sql[100];
		snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%d)", 100000 + i);
		must(s, sql);
		must(s, "COMMIT");
		expect(r, "SELECT count(*) >= 0 FROM t", "1|;");
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(writers[i].lost, 0);
	}
	expect(s, "SELECT count(*) FROM t", "1830|;");
	must(r, "INSERT INTO t VALUES (999999)");
	expect(r, "SELECT count(*) FROM t", "1831|;");
	expect(r, "PRAGMA integrity_check", "ok|;");
	fleet_session_close(r);
	fleet_session_close(s);
}

static void a_lost_group_is_told_to_every_member(void **state)
{
	struct world *world = *state;
	struct fleet_session *s = session_on(world, "");
	must(s, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	must(s, "CREATE TRIGGER no_twelve BEFORE INSERT ON t WHEN new.id = 12 BEGIN SELECT raise(ROLLBACK, "
		"'no'); END");
	struct writer writer = {.world = world, .first = 0, .count = 10};
	pthread_mutex_init(&writer.mutex, NULL);
	clock_cond_init(&writer.changed);
	write_quickly(&writer);
	expect(s, "SELECT count(*) FROM t", "10|;");
	expect_error(s, "INSERT INTO t VALUES (12)", ERR_SQLITE);
	fleet_session_close(s);
}

// What forbids sharing is learned anew when the transaction that brings it commits, not when its statement runs.
static void a_rollback_trigger_made_in_a_transaction_stops_sharing(void **state)
{
	struct world *world = *state;
	struct fleet_session *s = session_on(world, "");
	must(s, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	struct writer first = {.world = world, .first = 0, .count = 5};
	pthread_mutex_init(&first.mutex, NULL);
	clock_cond_init(&first.changed);
	must(s, "BEGIN");
	must(s, "CREATE TRIGGER no_twelve BEFORE INSERT ON t WHEN new.id = 12 BEGIN SELECT raise(ROLLBACK, "
		"'no'); END");
	must(s, "COMMIT");
	write_quickly(&first);
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	struct error err;
	assert_true(fleet_acquire(world->fleet, database_id, "", &instance, &err));
	static const char sql[] = "INSERT INTO t VALUES (100)";
	struct statement statement = {.sql = sql, .sql_size = sizeof(sql) - 1};
	struct rows rows = new_rows();
	struct statement_result result;
	struct quick_wait wait = {.settled = on_settled};
	bool ok;
	assert_int_equal(
		fleet_quick_execute(instance, false, &statement, &rows.sink, &wait, &result, &ok, &err),
		QUICK_DECLINED);
	expect(s, "SELECT count(*) FROM t", "5|;");
	fleet_session_close(s);
}

static void pragmas_belong_to_their_stream(void **state)
{
	struct fleet_session *s = session_on(*state, "");
	struct error err;
	must(s, "CREATE TABLE parent(id INTEGER PRIMARY KEY)");
	must(s, "CREATE TABLE child(parent INTEGER REFERENCES parent(id))");
	static const char on[] = "PRAGMA foreign_keys=ON";
	struct describe_result described;
	assert_true(fleet_session_check(s, on, strlen(on), &err));
	assert_true(fleet_session_describe(s, on, strlen(on), &described, &err));
	describe_result_cleanup(&described);
	must(s, "INSERT INTO child VALUES (1)"); // checked and described, but not run
	for (int i = 0; i < 2; i++) {
		must(s, on);
		assert_false(fleet_session_is_plain(s));
		expect_error(s, "INSERT INTO child VALUES (2)", ERR_SQLITE);
		must(s, "PRAGMA foreign_keys=OFF");
		must(s, "INSERT INTO child VALUES (3)");
	}
	must(s, on);
	fleet_session_close(s);
	s = session_on(*state, "");
	must(s, "INSERT INTO child VALUES (4)");
	fleet_session_close(s);
}

static void a_vacuum_is_part_of_the_history(void **state)
{
	struct world *world = *state;
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)");
	must(p, "INSERT INTO t(body) VALUES (zeroblob(900000))");
	add_replica(world);
	must(p, "DELETE FROM t");
	must(p, "VACUUM");
	fleet_session_close(p);
	fleet_close(world->fleet); // the WAL is gone after this
	workers_stop(world->workers);
	open_fleet(world);
	p = session_on(world, primary_id);
	struct fleet_session *r = session_on(world, replica_id);
	must(r, "INSERT INTO t(body) VALUES ('after')");
	expect(p, "PRAGMA page_count", "2|;");
	expect(r, "PRAGMA page_count", "2|;");
	expect(r, "SELECT body FROM t", "after|;");
	expect(r, "PRAGMA integrity_check", "ok|;");
	fleet_session_close(p);
	fleet_session_close(r);
}

static void every_statement_of_a_program_hears_of_the_theft(void **state)
{
	struct world *world = *state;
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER)");
	add_replica(world);
	struct fleet_session *r = session_on(world, replica_id);
	must(r, "BEGIN IMMEDIATE");
	must(r, "INSERT INTO t VALUES (1)");
	must(p, "INSERT INTO t VALUES (2)");
	static const char *const program[] = {"SELECT 1", "INSERT INTO t VALUES (3)", "COMMIT"};
	struct error err;
	for (size_t i = 0; i < ARRAY_LENGTH(program); i++) {
		struct statement statement = {.sql = program[i], .sql_size = strlen(program[i])};
		struct statement_result result;
		assert_false(fleet_session_execute(r, &statement, NULL, &result, &err));
		assert_int_equal(err.code, ERR_TRANSACTION_TIMEOUT);
	}
	assert_true(fleet_session_settle(r, &err));
	expect(p, "SELECT id FROM t", "2|;");
	must(r, "INSERT INTO t VALUES (4)");
	expect(r, "SELECT id FROM t", "2|;4|;");
	fleet_session_close(p);
	fleet_session_close(r);
}

static void a_transaction_that_is_too_large_is_rolled_back(void **state)
{
	struct fleet_session *s = session_on(*state, "");
	struct error err;
	must(s, "CREATE TABLE t(body BLOB)");
	must(s, "INSERT INTO t VALUES (zeroblob(4000000))");
	must(s, "BEGIN");
	for (int i = 0; i < 4; i++)
		must(s, "INSERT INTO t VALUES (zeroblob(4000000))");
	bool ok = run(s, "INSERT INTO t VALUES (zeroblob(4900000))", NULL, &err) &&
		  run(s, "INSERT INTO t VALUES (zeroblob(4900000))", NULL, &err) &&
		  run(s, "COMMIT", NULL, &err);
	assert_false(ok);
	assert_int_equal(err.code, ERR_SQLITE);
	assert_int_equal(err.sqlite_code & 0xff, 13); // SQLITE_FULL
	assert_non_null(strstr(err.message, "transaction-size-max"));
	if (!fleet_session_is_autocommit(s))
		must(s, "ROLLBACK");
	expect(s, "SELECT count(*) FROM t", "1|;");
	must(s, "INSERT INTO t VALUES (zeroblob(4000000))");
	expect(s, "SELECT count(*) FROM t", "2|;");
	fleet_session_close(s);
}

static void destroying_ends_sessions(void **state)
{
	struct world *world = *state;
	struct error err;
	struct fleet_session *s = session_on(world, "");
	must(s, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	assert_true(fleet_destroy_database(world->fleet, database_id, &err));
	expect_error(s, "INSERT INTO t VALUES (1)", ERR_NOT_READY);
	fleet_session_close(s);
}

static void *write_large(void *argument)
{
	struct fleet_session *p = session_on(argument, primary_id);
	for (int i = 0; i < 100; i++)
		must(p, "UPDATE t SET body = randomblob(1500000)");
	fleet_session_close(p);
	return NULL;
}

static void *be_refused(void *argument)
{
	struct fleet_session *r = session_on(argument, replica_id);
	for (int i = 0; i < 1500; i++) {
		must(r, "BEGIN TRANSACTION READONLY");
		expect_error(r, "INSERT INTO t VALUES (2, 'no')", ERR_SQLITE);
		must(r, "ROLLBACK");
	}
	fleet_session_close(r);
	return NULL;
}

// The applier alone writes on a replica; a client that tries must not come near what it works on.
static void refused_writes_do_not_disturb_a_replica(void **state)
{
	enum { CLIENTS = 3 };
	struct world *world = *state;
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB)");
	must(p, "INSERT INTO t VALUES (1, '')");
	add_replica(world);
	pthread_t writer;
	pthread_t clients[CLIENTS];
	pthread_create(&writer, NULL, write_large, world);
	for (int i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, be_refused, world);
	pthread_join(writer, NULL);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	struct fleet_session *r = session_on(world, replica_id);
	must(r, "INSERT INTO t VALUES (3, 'three')");
	expect(r, "SELECT count(*) FROM t", "2|;");
	expect(r, "PRAGMA integrity_check", "ok|;");
	fleet_session_close(p);
	fleet_session_close(r);
}

static void explained_pragmas_belong_to_their_stream(void **state)
{
	static const char *const texts[] = {"EXPLAIN PRAGMA foreign_keys=ON",
					    "\xEF\xBB\xBFPRAGMA foreign_keys=ON"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct fleet_session *s = session_on(*state, "");
		must(s, texts[i]);
		fleet_session_close(s);
		s = session_on(*state, "");
		expect(s, "PRAGMA foreign_keys", "0|;");
		fleet_session_close(s);
	}
}

static void copy_file(struct world *world, const char *from, const char *to)
{
	char path[300];
	struct error err;
	OWNED(buffer) struct buffer bytes = {0};
	snprintf(path, sizeof(path), "%s/databases/%s/%s", world->folder, database_id, from);
	read_file(path, &bytes);
	snprintf(path, sizeof(path), "%s/databases/%s/%s", world->folder, database_id, to);
	assert_true(disk_write_file(path, bytes.data, bytes.size, &err));
}

static void reopen(struct world *world)
{
	fleet_close(world->fleet);
	workers_stop(world->workers);
	open_fleet(world);
}

static uint64_t frame_no_of(struct world *world, const char *instance)
{
	struct fleet_status status;
	struct error err;
	assert_true(fleet_instance_status(world->fleet, database_id, instance, &status, &err));
	return status.frame_no;
}

// A history that does not lead to the WAL begins anew, behind all that the WAL holds: the next start finds nothing new
// in it.
static void a_restarted_history_does_not_repeat_the_wal(void **state)
{
	static const char segment[] = "log/00000000000000000000.log";
	struct world *world = *state;
	char data[100];
	char wal[100];
	snprintf(data, sizeof(data), "%s/data.db", primary_id);
	snprintf(wal, sizeof(wal), "%s/data.db-wal", primary_id);
	struct fleet_session *p = session_on(world, primary_id);
	must(p, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
	copy_file(world, segment, "log-of-another-life");
	fleet_session_close(p);
	reopen(world);
	p = session_on(world, primary_id);
	must(p, "INSERT INTO t VALUES (1)");
	must(p, "INSERT INTO t VALUES (2)");
	copy_file(world, data, "data");
	copy_file(world, wal, "wal");
	fleet_session_close(p);
	fleet_close(world->fleet);
	workers_stop(world->workers);
	copy_file(world, "data", data);
	copy_file(world, "wal", wal);
	copy_file(world, "log-of-another-life", segment);
	open_fleet(world);
	uint64_t frame_no = frame_no_of(world, primary_id);
	reopen(world);
	assert_int_equal(frame_no_of(world, primary_id), frame_no);
	p = session_on(world, primary_id);
	expect(p, "SELECT id FROM t", "1|;2|;");
	must(p, "INSERT INTO t VALUES (3)");
	add_replica(world);
	struct fleet_session *r = session_on(world, replica_id);
	expect(r, "SELECT count(*) FROM t", "3|;");
	fleet_session_close(p);
	fleet_session_close(r);
}

static void move_primary(struct world *world, const char *from, const char *to)
{
	char old_path[300];
	char new_path[300];
	snprintf(old_path, sizeof(old_path), "%s/databases/%s/%s/%s", world->folder, database_id, primary_id,
		 from);
	snprintf(new_path, sizeof(new_path), "%s/databases/%s/%s/%s", world->folder, database_id, primary_id,
		 to);
	assert_int_equal(rename(old_path, new_path), 0);
}

static void a_replica_follows_a_primary_that_opens_later(void **state)
{
	struct world *world = *state;
	struct fleet_session *r = session_on(world, primary_id);
	must(r, "CREATE TABLE t(id INTEGER)");
	must(r, "INSERT INTO t VALUES (1)");
	add_replica(world);
	fleet_session_close(r);
	fleet_close(world->fleet);
	workers_stop(world->workers);
	move_primary(world, "data.db", "away");
	open_fleet(world);
	r = session_on(world, replica_id);
	expect(r, "SELECT id FROM t", "1|;");
	expect_error(r, "INSERT INTO t VALUES (2)", ERR_UNAVAILABLE);
	move_primary(world, "away", "data.db");
	fleet_create_instance(world->fleet, database_id, primary_id);
	wait_ready(world, 3);
	must(r, "INSERT INTO t VALUES (2)");
	expect(r, "SELECT count(*) FROM t", "2|;");
	fleet_session_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(writes_and_reads_on_the_primary, setup, teardown),
		cmocka_unit_test_setup_teardown(transactions_span_statements, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replica_reads_what_its_session_wrote, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replica_equals_its_primary_byte_for_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(a_writer_that_waits_ends_an_overdue_transaction, setup,
						teardown),
		cmocka_unit_test_setup_teardown(quick_writers_and_sessions_lose_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_group_is_told_to_every_member, setup, teardown),
		cmocka_unit_test_setup_teardown(a_rollback_trigger_made_in_a_transaction_stops_sharing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(pragmas_belong_to_their_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vacuum_is_part_of_the_history, setup, teardown),
		cmocka_unit_test_setup_teardown(every_statement_of_a_program_hears_of_the_theft, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refused_writes_do_not_disturb_a_replica, setup, teardown),
		cmocka_unit_test_setup_teardown(explained_pragmas_belong_to_their_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(a_restarted_history_does_not_repeat_the_wal, setup, teardown),
		cmocka_unit_test_setup_teardown(a_replica_follows_a_primary_that_opens_later, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_transaction_that_is_too_large_is_rolled_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(destroying_ends_sessions, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
