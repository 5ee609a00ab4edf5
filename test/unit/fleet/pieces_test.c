// Statements in pieces: paused after a row, gone on with, ended early, and all that may happen meanwhile.

#include "fleet/world.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include "engine/database.h"
#include "engine/usage.h"
#include "fleet/internal.h"

enum { NUMBER = 0 };

// Wants to be paused after each row; notes what it was told.
struct piecewise {
	struct result_sink sink;
	struct fleet_session *session; // to settle in the middle, or NULL
	int columns_calls;
	int rows;
	int64_t value;
	bool pause_at_columns;
	int ticks_left; // -1: a tick stops nothing
	bool was_provisional;
};

static bool take_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	struct piecewise *own = (struct piecewise *)sink;
	(void)columns;
	(void)count;
	own->columns_calls++;
	own->was_provisional = sink->provisional;
	sink->pause = own->pause_at_columns;
	return !own->session || fleet_session_settle_rows(own->session, err);
}

static bool take_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct piecewise *own = (struct piecewise *)sink;
	own->rows++;
	own->value = count > 0 && values[0].kind == VALUE_INTEGER ? values[0].integer : 0;
	sink->pause = true;
	return !own->session || fleet_session_settle_rows(own->session, err);
}

static void begin_anew(struct result_sink *sink)
{
	((struct piecewise *)sink)->rows = 0;
}

static bool stop_by_tick(struct result_sink *sink, struct error *err)
{
	struct piecewise *own = (struct piecewise *)sink;
	if (own->ticks_left < 0 || own->ticks_left-- > 0)
		return true;
	return error_set(err, ERR_SHUTDOWN, "enough");
}

static struct piecewise new_piecewise(void)
{
	return (struct piecewise){.sink = {.columns = take_columns,
					   .row = take_row,
					   .restart = begin_anew,
					   .tick = stop_by_tick},
				  .ticks_left = -1};
}

static bool begin(struct fleet_session *session, const char *sql, struct piecewise *sink, bool *out_paused,
		  struct error *err)
{
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	return fleet_session_begin(session, &statement, &sink->sink, &result, out_paused, err);
}

static void must_pause(struct fleet_session *session, const char *sql, struct piecewise *sink)
{
	struct error err;
	bool paused;
	if (!begin(session, sql, sink, &paused, &err))
		fail_msg("%s: %s", sql, err.message);
	assert_true(paused);
	assert_int_equal(sink->rows, 1);
}

// Goes on to the end; returns the rows of the whole.
static int go_on(struct fleet_session *session, struct piecewise *sink, struct statement_result *out)
{
	bool paused = true;
	struct error err;
	while (paused) {
		if (!fleet_session_resume(session, &sink->sink, out, &paused, &err))
			fail_msg("%s", err.message);
	}
	return sink->rows;
}

static void must_not_go_on(struct fleet_session *session, struct piecewise *sink, struct error *err)
{
	struct statement_result result;
	bool paused;
	assert_false(fleet_session_resume(session, &sink->sink, &result, &paused, err));
	assert_false(paused);
}

static void settle(struct fleet_session *session)
{
	struct error err;
	if (!fleet_session_settle(session, &err))
		fail_msg("%s", err.message);
}

static struct fleet_session *session_on(struct world *world, const char *instance)
{
	return world_session(world, world_database(NUMBER), instance);
}

static struct fleet_session *session_with_rows(struct world *world)
{
	if (atomic_load(&world->database_count) == 0)
		world_create(world, 1);
	struct fleet_session *session = session_on(world, "");
	world_must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
	world_must(session, "INSERT INTO t(id) VALUES (1), (2), (3), (4)");
	return session;
}

static void pauses_after_rows_and_counts_the_whole_once(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct fleet_instance *instance = world_acquire(world, world_database(NUMBER), "");
	struct usage usage = {0};
	engine_take_usage(instance->engine, &usage);
	usage_cleanup(&usage);
	struct piecewise sink = new_piecewise();
	struct statement_result result = {0};
	must_pause(session, "SELECT id FROM t ORDER BY id", &sink);
	engine_take_usage(instance->engine, &usage);
	assert_int_equal(usage.counts.runs, 0);
	assert_int_equal(go_on(session, &sink, &result), 4);
	assert_int_equal(sink.columns_calls, 1);
	assert_int_equal(sink.value, 4);
	assert_int_equal(result.rows_read, 4);
	assert_int_equal(result.frame_no, fleet_session_frame_no(session));
	engine_take_usage(instance->engine, &usage);
	assert_int_equal(usage.counts.runs, 1);
	assert_int_equal(usage.counts.rows_read, 4);
	usage_cleanup(&usage);
	fleet_release(instance);
	fleet_session_close(session);
}

static void pauses_before_the_first_row(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	struct statement_result result;
	struct error err;
	bool paused;
	sink.pause_at_columns = true;
	assert_true(begin(session, "SELECT id FROM t ORDER BY id", &sink, &paused, &err));
	assert_true(paused);
	assert_int_equal(sink.rows, 0);
	assert_true(fleet_session_resume(session, &sink.sink, &result, &paused, &err));
	assert_true(paused);
	assert_int_equal(sink.value, 1);
	assert_int_equal(go_on(session, &sink, &result), 4);
	// Without a row there is nothing to wait for.
	sink = new_piecewise();
	sink.pause_at_columns = true;
	assert_true(begin(session, "SELECT id FROM t WHERE id < 0", &sink, &paused, &err));
	assert_false(paused);
	fleet_session_close(session);
}

static void ends_early_and_the_next_begins_anew(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	must_pause(session, "SELECT id FROM t", &sink);
	fleet_session_abandon(session);
	fleet_session_abandon(session); // nothing to end is fine
	assert_int_equal(world_ask(session, "SELECT id FROM t"), 4);
	sink = new_piecewise();
	must_pause(session, "SELECT id FROM t", &sink);
	assert_int_equal(go_on(session, &sink, &(struct statement_result){0}), 4);
	fleet_session_close(session);
}

static void refuses_other_statements_meanwhile(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	struct error err;
	must_pause(session, "SELECT id FROM t", &sink);
	assert_false(world_run(session, "SELECT 1", NULL, &err));
	assert_int_equal(err.code, ERR_INTERNAL);
	assert_int_equal(go_on(session, &sink, &(struct statement_result){0}), 4);
	fleet_session_close(session);
}

// What an autocommit write returns is true only when it has ended.
static void an_autocommit_write_does_not_pause(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	struct error err;
	bool paused;
	assert_true(begin(session, "UPDATE t SET body = 'x' RETURNING id", &sink, &paused, &err));
	assert_false(paused);
	assert_true(sink.was_provisional);
	assert_int_equal(sink.rows, 4);
	world_must(session, "BEGIN");
	sink = new_piecewise();
	must_pause(session, "UPDATE t SET body = 'y' RETURNING id", &sink);
	assert_false(sink.was_provisional);
	struct statement_result result = {0};
	assert_int_equal(go_on(session, &sink, &result), 4);
	assert_int_equal(result.affected_row_count, 4);
	sink = new_piecewise();
	assert_true(begin(session, "COMMIT", &sink, &paused, &err));
	assert_true(sink.was_provisional);
	settle(session);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t WHERE body = 'y'"), 4);
	fleet_session_close(session);
}

static void let_pass(int64_t ms)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never;
	clock_cond_init(&never);
	int64_t until_ms = clock_monotonic_ms() + ms;
	pthread_mutex_lock(&mutex);
	while (clock_cond_wait(&never, &mutex, until_ms))
		;
	pthread_mutex_unlock(&mutex);
	pthread_cond_destroy(&never);
}

static void the_time_of_a_pause_does_not_count(void **state)
{
	enum { LIMIT_MS = 1000 };
	struct world *world = *state;
	world_close(world);
	world->options.limits.statement_ms_max = LIMIT_MS;
	world_open(world);
	struct fleet_session *session = session_with_rows(world);
	struct piecewise sink = new_piecewise();
	struct statement_result result = {0};
	must_pause(session, "SELECT id FROM t", &sink);
	let_pass(LIMIT_MS + 100);
	assert_int_equal(go_on(session, &sink, &result), 4);
	assert_true(result.duration_ms < LIMIT_MS);
	// A piece that works for too long is stopped like a whole.
	sink = new_piecewise();
	must_pause(session,
		   "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)"
		   " SELECT i FROM c WHERE i = 1 OR i < 0",
		   &sink);
	struct error err;
	must_not_go_on(session, &sink, &err);
	assert_int_equal(err.code, ERR_STATEMENT_TIMEOUT);
	fleet_session_close(session);
}

static void a_tick_comes_without_rows_and_may_stop(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	struct error err;
	bool paused;
	sink.ticks_left = 3;
	assert_false(begin(session,
			   "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c)"
			   " SELECT i FROM c WHERE i < 0",
			   &sink, &paused, &err));
	assert_int_equal(err.code, ERR_SHUTDOWN);
	assert_string_equal(err.message, "enough");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 4);
	fleet_session_close(session);
}

static void what_rows_tell_can_be_made_durable_in_the_middle(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct fleet_session *other = session_on(world, "");
	struct fleet_instance *instance = world_acquire(world, world_database(NUMBER), "");
	for (int i = 0; i < 50; i++) {
		// Committed, and not waited for by whoever wrote it.
		struct world_sink ignored = world_new_sink();
		struct statement write = {.sql = "INSERT INTO t DEFAULT VALUES", .sql_size = 28};
		struct statement_result result;
		struct error err;
		assert_true(fleet_session_execute(other, &write, &ignored.sink, &result, &err));
		struct piecewise sink = new_piecewise();
		sink.session = session;
		must_pause(session, "SELECT count(*), id FROM t GROUP BY id", &sink);
		assert_true(engine_database_durable(instance->engine) >= result.frame_no);
		fleet_session_abandon(session);
	}
	fleet_release(instance);
	fleet_session_close(other);
	fleet_session_close(session);
}

struct writer {
	struct fleet_session *session;
	bool ok;
	struct error err;
};

static void *write_now(void *context)
{
	struct writer *writer = context;
	writer->ok = world_run(writer->session, "INSERT INTO t(body) VALUES ('other')", NULL, &writer->err);
	return NULL;
}

static void write_beside(struct world *world, const char *instance)
{
	struct writer writer = {.session = session_on(world, instance)};
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, write_now, &writer), 0);
	pthread_join(thread, NULL);
	if (!writer.ok)
		fail_msg("%s", writer.err.message);
	fleet_session_close(writer.session);
}

static void lose_a_transaction_while_paused(struct world *world, struct fleet_session *session,
					    bool settle_between)
{
	struct piecewise sink = new_piecewise();
	struct error err;
	world_must(session, "BEGIN IMMEDIATE");
	world_must(session, "INSERT INTO t(body) VALUES ('lost')");
	must_pause(session, "SELECT id FROM t", &sink);
	write_beside(world, "");
	if (settle_between)
		settle(session);
	assert_true(fleet_session_is_autocommit(session));
	must_not_go_on(session, &sink, &err);
	assert_int_equal(err.code, ERR_TRANSACTION_TIMEOUT);
	settle(session);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t WHERE body = 'lost'"), 0);
}

static void a_paused_writer_gives_way_to_others(void **state)
{
	struct world *world = *state;
	world_close(world);
	world->options.limits.transaction_ms_max = 50;
	world_open(world);
	struct fleet_session *session = session_with_rows(world);
	lose_a_transaction_while_paused(world, session, false);
	lose_a_transaction_while_paused(world, session, true);
	fleet_session_close(session);
}

static void closing_a_session_ends_its_paused_statement(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct piecewise sink = new_piecewise();
	world_must(session, "BEGIN");
	world_must(session, "INSERT INTO t(body) VALUES ('mine')");
	must_pause(session, "SELECT id FROM t", &sink);
	fleet_session_close(session);
	session = session_on(world, "");
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t WHERE body = 'mine'"), 0);
	world_must(session, "INSERT INTO t DEFAULT VALUES");
	fleet_session_close(session);
}

static void an_interrupt_ends_it_when_it_goes_on(void **state)
{
	struct fleet_session *session = session_with_rows(*state);
	struct piecewise sink = new_piecewise();
	struct error err;
	must_pause(session, "SELECT id FROM t", &sink);
	fleet_session_interrupt(session);
	must_not_go_on(session, &sink, &err);
	assert_int_equal(err.code, ERR_SQLITE);
	assert_int_equal(err.sqlite_code, SQLITE_INTERRUPT);
	assert_int_equal(sink.rows, 1);
	fleet_session_close(session);
}

static void a_database_may_go_meanwhile(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct piecewise sink = new_piecewise();
	struct error err;
	must_pause(session, "SELECT id FROM t", &sink);
	assert_true(fleet_destroy_database(world->fleet, world_database(NUMBER).text, &err));
	must_not_go_on(session, &sink, &err);
	assert_int_equal(err.sqlite_code, SQLITE_INTERRUPT);
	fleet_session_close(session);
}

static void is_in_use_while_it_is_paused(void **state)
{
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct piecewise sink = new_piecewise();
	must_pause(session, "SELECT id FROM t", &sink);
	fleet_close_idle(world->fleet, 0);
	assert_int_equal(go_on(session, &sink, &(struct statement_result){0}), 4);
	fleet_session_close(session);
}

// On a replica the transaction that writes, and with it the statement that is paused, lives on the primary.
static void pauses_on_the_primary_for_a_replica(void **state)
{
	struct world *world = *state;
	fleet_session_close(session_with_rows(world));
	world_add_replicas(world);
	struct fleet_session *session = session_on(world, world_replica(NUMBER).text);
	struct piecewise sink = new_piecewise();
	world_must(session, "BEGIN");
	world_must(session, "INSERT INTO t(id) VALUES (5)");
	must_pause(session, "SELECT id FROM t ORDER BY id", &sink);
	assert_int_equal(go_on(session, &sink, &(struct statement_result){0}), 5);
	sink = new_piecewise();
	must_pause(session, "SELECT id FROM t ORDER BY id", &sink);
	fleet_session_abandon(session);
	assert_false(fleet_session_is_autocommit(session));
	world_must(session, "COMMIT");
	assert_true(fleet_session_is_autocommit(session));
	assert_int_equal(world_ask(session, "SELECT max(id) FROM t"), 5);
	fleet_session_close(session);
}

static void a_paused_read_on_a_replica_keeps_its_moment(void **state)
{
	struct world *world = *state;
	struct fleet_session *writer = session_with_rows(world);
	world_add_replicas(world);
	struct fleet_session *reader = session_on(world, world_replica(NUMBER).text);
	struct piecewise sink = new_piecewise();
	must_pause(reader, "SELECT id FROM t ORDER BY id", &sink);
	uint64_t before = fleet_session_frame_no(reader);
	world_must(writer, "INSERT INTO t(id) VALUES (5), (6), (7)");
	struct fleet_session *other = session_on(world, world_replica(NUMBER).text);
	struct error err;
	assert_true(fleet_session_wait_for(other, fleet_session_frame_no(writer), &err));
	assert_int_equal(world_ask(other, "SELECT count(*) FROM t"), 7);
	assert_true(fleet_session_frame_no(writer) > before);
	assert_int_equal(go_on(reader, &sink, &(struct statement_result){0}), 4);
	assert_int_equal(world_ask(reader, "SELECT count(*) FROM t"), 7);
	fleet_session_close(other);
	fleet_session_close(reader);
	fleet_session_close(writer);
}

// A replica that is filled anew has another file: the statement is ended, the session goes over to it.
static void a_replica_may_be_replaced_meanwhile(void **state)
{
	struct world *world = *state;
	fleet_session_close(session_with_rows(world));
	world_add_replicas(world);
	struct fleet_session *session = session_on(world, world_replica(NUMBER).text);
	struct piecewise sink = new_piecewise();
	struct error err;
	must_pause(session, "SELECT id FROM t", &sink);
	struct fleet_instance *old = world_acquire(world, world_database(NUMBER), world_replica(NUMBER).text);
	if (!fleet_fill_replica(old->database, &old->spec, &err))
		fail_msg("%s", err.message);
	fleet_release(old);
	must_not_go_on(session, &sink, &err);
	assert_int_equal(err.sqlite_code, SQLITE_INTERRUPT);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM t"), 4);
	fleet_session_close(session);
}

// The write-ahead log cannot be reset while somebody reads from it; writing goes on, and later it is.
static void checkpoints_cope_with_a_paused_reader(void **state)
{
	enum { ROUNDS = 12, LONG_WAL_BYTES = 4 * 4096 * 4096 };
	struct world *world = *state;
	struct fleet_session *session = session_with_rows(world);
	struct fleet_session *writer = session_on(world, "");
	struct piecewise sink = new_piecewise();
	must_pause(session, "SELECT id FROM t ORDER BY id", &sink);
	world_must(writer, "CREATE TABLE large(body BLOB)");
	const char *write = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3)"
			    " INSERT INTO large SELECT zeroblob(2000000) FROM c";
	for (int i = 0; i < ROUNDS; i++)
		world_must(writer, write);
	assert_int_equal(go_on(session, &sink, &(struct statement_result){0}), 4);
	// Nobody is in the way any more: the log is written from its start again.
	struct fleet_instance *instance = world_acquire(world, world_database(NUMBER), "");
	for (int i = 0; i < ROUNDS; i++)
		world_must(writer, write);
	assert_int_equal(world_ask(session, "SELECT count(*) FROM large"), 2 * ROUNDS * 3);
	char path[200];
	struct stat wal;
	snprintf(path, sizeof(path), "%s/databases/%s/%s/data.db-wal", world->folder,
		 world_database(NUMBER).text, world_primary(NUMBER).text);
	if (stat(path, &wal) == 0)
		assert_true(wal.st_size < 2 * ROUNDS * 6000000LL - LONG_WAL_BYTES / 4);
	else
		fail_msg("%s", path);
	fleet_release(instance);
	fleet_session_close(writer);
	fleet_session_close(session);
}

int main(void)
{
#define PIECES_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		PIECES_TEST(pauses_after_rows_and_counts_the_whole_once),
		PIECES_TEST(pauses_before_the_first_row),
		PIECES_TEST(ends_early_and_the_next_begins_anew),
		PIECES_TEST(refuses_other_statements_meanwhile),
		PIECES_TEST(an_autocommit_write_does_not_pause),
		PIECES_TEST(the_time_of_a_pause_does_not_count),
		PIECES_TEST(a_tick_comes_without_rows_and_may_stop),
		PIECES_TEST(what_rows_tell_can_be_made_durable_in_the_middle),
		PIECES_TEST(a_paused_writer_gives_way_to_others),
		PIECES_TEST(closing_a_session_ends_its_paused_statement),
		PIECES_TEST(an_interrupt_ends_it_when_it_goes_on),
		PIECES_TEST(a_database_may_go_meanwhile),
		PIECES_TEST(is_in_use_while_it_is_paused),
		PIECES_TEST(pauses_on_the_primary_for_a_replica),
		PIECES_TEST(a_paused_read_on_a_replica_keeps_its_moment),
		PIECES_TEST(a_replica_may_be_replaced_meanwhile),
		PIECES_TEST(checkpoints_cope_with_a_paused_reader),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
