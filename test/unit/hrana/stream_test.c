#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "hrana/stream.h"
#include "unit/hrana/world.h"

static int start_fleet(void **state)
{
	(void)state;
	world_open();
	return 0;
}

static int stop_fleet(void **state)
{
	(void)state;
	return world_close();
}

static bool ignore_columns(struct result_sink *sink, const struct column *columns, int count,
			   struct error *err)
{
	return true;
}

static bool ignore_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	return true;
}

static void ignore_restart(struct result_sink *sink)
{
}

static void run(struct stream *stream, const char *sql)
{
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct result_sink sink = {.columns = ignore_columns, .row = ignore_row, .restart = ignore_restart};
	struct statement_result result;
	struct error err;
	if (!fleet_session_execute(stream_session(stream), &statement, &sink, &result, &err))
		fail_msg("%s: %s", sql, err.message);
}

static struct stream *open_new(struct streams *streams)
{
	struct stream *stream;
	struct error err;
	if (!stream_acquire(streams, NULL, &grant, NULL, false, &stream, &err))
		fail_msg("%s", err.message);
	return stream;
}

struct named {
	struct stream *stream; // only to look at, as long as it is known to exist
	struct baton baton;
};

static struct named release(struct streams *streams, struct stream *stream)
{
	char text[BATON_TEXT_BYTES];
	struct named named = {.stream = stream};
	stream_release(streams, stream, &grant, text);
	assert_true(baton_read(text, strlen(text), key, &grant, &named.baton));
	return named;
}

static struct named leave(struct streams *streams, const char *sql, bool wrote)
{
	struct stream *stream = open_new(streams);
	run(stream, sql);
	if (wrote)
		stream_wrote(stream);
	return release(streams, stream);
}

static enum error_code code_of(struct streams *streams, const struct baton *baton)
{
	struct stream *stream;
	struct error err = {0};
	if (!stream_acquire(streams, NULL, &grant, baton, false, &stream, &err))
		return err.code;
	stream_close(streams, stream);
	return ERR_NONE;
}

static void a_session_that_only_read_is_given_back(void **state)
{
	struct streams *streams = world_streams(10, 2, 60000);
	struct named read = leave(streams, "SELECT 1", false);
	assert_null(stream_session(read.stream));
	assert_int_equal(read.baton.flags, 0);
	struct stream *again;
	struct error err;
	assert_true(stream_acquire(streams, NULL, &grant, &read.baton, false, &again, &err));
	assert_ptr_equal(again, read.stream);
	run(again, "SELECT 2");
	stream_close(streams, again);
	streams_close(streams);
}

static void of_those_that_wrote_the_longest_idle_gives_way(void **state)
{
	struct streams *streams = world_streams(10, 2, 60000);
	struct named one = leave(streams, "SELECT 1", true);
	struct named open = leave(streams, "BEGIN", true);
	struct named two = leave(streams, "SELECT 1", true);
	assert_non_null(stream_session(one.stream));
	struct named three = leave(streams, "SELECT 1", true);
	assert_null(stream_session(one.stream));
	assert_non_null(stream_session(two.stream));
	assert_non_null(stream_session(three.stream));
	// A transaction is no such session.
	assert_non_null(stream_session(open.stream));
	assert_int_equal(code_of(streams, &one.baton), ERR_NONE);
	streams_close(streams);
}

static void batons_are_good_once(void **state)
{
	struct streams *streams = world_streams(10, 2, 60000);
	struct named one = leave(streams, "SELECT 1", false);
	struct stream *stream;
	struct error err;
	assert_true(stream_acquire(streams, NULL, &grant, &one.baton, false, &stream, &err));
	assert_int_equal(code_of(streams, &one.baton), ERR_BATON_REUSED); // busy
	struct named two = release(streams, stream);
	assert_int_equal(two.baton.sequence, one.baton.sequence + 1);
	assert_int_equal(code_of(streams, &one.baton), ERR_BATON_REUSED); // spent
	assert_int_equal(code_of(streams, &two.baton), ERR_NONE);
	assert_int_equal(code_of(streams, &two.baton), ERR_BATON_INVALID); // closed
	assert_int_equal(code_of(streams, &one.baton), ERR_BATON_INVALID);
	streams_close(streams);
}

static void room_is_made_by_those_that_lose_the_least(void **state)
{
	struct streams *streams = world_streams(4, 8, 60000);
	struct error err;
	struct named transaction = leave(streams, "BEGIN", false);
	struct named settings = leave(streams, "PRAGMA foreign_keys = ON", false);
	struct stream *storing = open_new(streams);
	assert_true(stream_store_sql(streams, storing, 1, "SELECT 1", 8, &err));
	struct named stored = release(streams, storing);
	struct named plain = leave(streams, "SELECT 1", true);
	assert_int_equal(settings.baton.flags, BATON_SETTINGS);
	assert_int_equal(stored.baton.flags, BATON_STORED_SQL);
	assert_true(transaction.baton.flags & BATON_TRANSACTION);

	struct stream *fifth = open_new(streams); // the plain one goes, and comes back from its baton
	struct stream *revived;
	assert_true(stream_acquire(streams, NULL, &grant, &plain.baton, false, &revived,
				   &err)); // the stored one goes
	assert_int_equal(code_of(streams, &stored.baton), ERR_STREAM_EXPIRED);
	struct stream *sixth = open_new(streams); // the one with settings goes
	assert_int_equal(code_of(streams, &settings.baton), ERR_STREAM_EXPIRED);

	// Nobody is left who could go: a transaction never does, nor who is busy.
	struct stream *seventh;
	assert_false(stream_acquire(streams, NULL, &grant, NULL, false, &seventh, &err));
	assert_int_equal(err.code, ERR_RATE_LIMITED);
	// But a request that closes its stream itself needs no room.
	assert_true(stream_acquire(streams, NULL, &grant, NULL, true, &seventh, &err));
	stream_close(streams, seventh);
	stream_close(streams, fifth);
	stream_close(streams, revived);
	stream_close(streams, sixth);
	assert_int_equal(code_of(streams, &transaction.baton), ERR_NONE);
	streams_close(streams);
}

static void idle_streams_lose_what_the_contract_says(void **state)
{
	struct streams *streams = world_streams(10, 8, 100);
	struct error err;
	struct named wrote = leave(streams, "SELECT 1", true);
	struct named settings = leave(streams, "PRAGMA foreign_keys = ON", false);
	struct stream *storing = open_new(streams);
	assert_true(stream_store_sql(streams, storing, 1, "SELECT 1", 8, &err));
	stream_wrote(storing);
	struct named stored = release(streams, storing);
	struct named transaction = leave(streams, "BEGIN", false);
	// The transaction was released last: when it has expired, the others were idle for long enough too.
	int64_t deadline_ms = clock_monotonic_ms() + 30000;
	enum error_code code = ERR_NONE;
	struct baton spent = transaction.baton;
	spent.sequence += 100; // looks without using it
	while ((code = code_of(streams, &spent)) == ERR_BATON_REUSED && clock_monotonic_ms() < deadline_ms)
		usleep(10000);
	assert_int_equal(code, ERR_STREAM_EXPIRED);
	assert_int_equal(code_of(streams, &transaction.baton), ERR_STREAM_EXPIRED);
	assert_null(stream_session(stored.stream));
	assert_non_null(stream_session(settings.stream));
	struct stream *stream;
	const char *sql;
	size_t size;
	assert_true(stream_acquire(streams, NULL, &grant, &stored.baton, false, &stream, &err));
	assert_true(stream_find_sql(stream, 1, &sql, &size, &err));
	stream_close(streams, stream);
	assert_int_equal(code_of(streams, &settings.baton), ERR_NONE);
	assert_int_equal(code_of(streams, &wrote.baton), ERR_NONE);
	streams_close(streams);
}

static void a_new_table_knows_the_old_batons(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct error err;
	struct named plain = leave(streams, "SELECT 1", true);
	struct named transaction = leave(streams, "BEGIN", false);
	streams_close(streams);
	streams = world_streams(10, 8, 60000);
	assert_int_equal(code_of(streams, &transaction.baton), ERR_STREAM_EXPIRED);
	struct stream *stream;
	assert_true(stream_acquire(streams, NULL, &grant, &plain.baton, false, &stream, &err));
	struct named next = release(streams, stream);
	assert_int_equal(code_of(streams, &plain.baton), ERR_BATON_REUSED);
	assert_int_equal(code_of(streams, &next.baton), ERR_NONE);
	streams_close(streams);
}

struct counting_waiter {
	struct stream_waiter waiter;
	int calls;
};

static void count_call(struct stream_waiter *waiter)
{
	((struct counting_waiter *)(void *)waiter)->calls++;
}

static struct counting_waiter new_waiter(void)
{
	return (struct counting_waiter){.waiter = {.go = count_call}};
}

static struct baton promise(struct streams *streams, struct stream *stream, bool may_change)
{
	char text[BATON_TEXT_BYTES];
	struct baton baton;
	stream_promise(streams, stream, &grant, may_change, text);
	assert_true(baton_read(text, strlen(text), key, &grant, &baton));
	return baton;
}

// hrana.md §3.3: a cursor's baton is issued before its end, and who uses it waits.
static void a_promised_baton_waits_for_the_end_of_the_request(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct stream *stream = open_new(streams);
	struct counting_waiter first = new_waiter();
	struct counting_waiter second = new_waiter();
	run(stream, "SELECT 1");
	struct baton early = promise(streams, stream, false);
	assert_int_equal(early.flags, 0);
	assert_true(stream_await(streams, &grant, &early, &first.waiter));
	assert_false(stream_await(streams, &grant, &early, &second.waiter)); // a baton is good once
	assert_int_equal(code_of(streams, &early), ERR_BATON_REUSED);
	assert_int_equal(first.calls, 0);
	struct named exact = release(streams, stream);
	assert_int_equal(exact.baton.id, early.id);
	assert_int_equal(exact.baton.sequence, early.sequence);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	assert_false(stream_await(streams, &grant, &early, &second.waiter)); // nothing to wait for
	assert_int_equal(code_of(streams, &early), ERR_NONE);
	streams_close(streams);
}

static void a_promise_of_another_is_none(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct access_grant stranger = grant;
	struct counting_waiter waiter = new_waiter();
	stranger.credential_id++;
	struct named before = leave(streams, "SELECT 1", true);
	struct stream *stream;
	struct error err;
	assert_true(stream_acquire(streams, NULL, &grant, &before.baton, false, &stream, &err));
	struct baton early = promise(streams, stream, true);
	assert_false(stream_await(streams, &grant, &before.baton, &waiter.waiter));
	assert_false(stream_await(streams, &stranger, &early, &waiter.waiter));
	assert_true(stream_await(streams, &grant, &early, &waiter.waiter));
	stream_close(streams, stream);
	assert_int_equal(waiter.calls, 1);
	assert_int_equal(code_of(streams, &early), ERR_BATON_INVALID);
	streams_close(streams);
}

// What may have left a transaction behind, and has not, is found by its baton long after.
static void a_promised_baton_stays_good_without_a_transaction(void **state)
{
	struct streams *streams = world_streams(10, 8, 100);
	struct named looked_at = leave(streams, "BEGIN", false);
	struct stream *stream = open_new(streams);
	struct baton early = promise(streams, stream, true);
	assert_int_equal(early.flags, BATON_TRANSACTION);
	run(stream, "SELECT 1");
	stream_wrote(stream);
	release(streams, stream);
	struct named transaction = leave(streams, "BEGIN", false);
	struct baton spent = transaction.baton;
	spent.sequence += 100;
	int64_t deadline_ms = clock_monotonic_ms() + 30000;
	while (code_of(streams, &spent) == ERR_BATON_REUSED && clock_monotonic_ms() < deadline_ms)
		usleep(10000);
	assert_int_equal(code_of(streams, &looked_at.baton), ERR_STREAM_EXPIRED);
	assert_int_equal(code_of(streams, &early), ERR_NONE);
	streams_close(streams);
}

static void a_promised_baton_finds_the_transaction(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct stream *stream = open_new(streams);
	struct error err;
	struct baton early = promise(streams, stream, true);
	run(stream, "BEGIN");
	release(streams, stream);
	assert_true(stream_acquire(streams, NULL, &grant, &early, false, &stream, &err));
	assert_false(fleet_session_is_autocommit(stream_session(stream)));
	stream_close(streams, stream);
	streams_close(streams);
}

static void stored_texts_are_bounded(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct error err;
	char text[101] = {0};
	struct stream *stream = open_new(streams);
	assert_false(stream_store_sql(streams, stream, 1, text, sizeof(text), &err));
	assert_int_equal(err.code, ERR_SQL_STORE_TOO_LARGE);
	assert_true(stream_store_sql(streams, stream, 1, text, 100, &err));
	assert_false(stream_store_sql(streams, stream, 1, text, 1, &err));
	assert_int_equal(err.code, ERR_PROTOCOL);
	// Over the sum of the database: idle streams give way, busy ones do not.
	struct stream *other = open_new(streams);
	assert_false(stream_store_sql(streams, other, 1, text, 100, &err));
	assert_int_equal(err.code, ERR_SQL_STORE_TOO_MANY);
	struct named idle = release(streams, stream);
	assert_true(stream_store_sql(streams, other, 1, text, 100, &err));
	assert_int_equal(code_of(streams, &idle.baton), ERR_STREAM_EXPIRED);
	stream_forget_sql(streams, other, 1);
	for (int id = 0; id < 3; id++)
		assert_true(stream_store_sql(streams, other, id, text, 10, &err));
	assert_false(stream_store_sql(streams, other, 3, text, 1, &err));
	assert_int_equal(err.code, ERR_SQL_STORE_TOO_MANY);
	stream_close(streams, other);
	streams_close(streams);
}

static void thousands_of_streams_find_their_place(void **state)
{
	enum { COUNT = 3000 };
	struct streams *streams = world_streams(COUNT, 8, 60000);
	struct baton *batons = calloc(COUNT, sizeof(*batons));
	for (int i = 0; i < COUNT; i++)
		batons[i] = release(streams, open_new(streams)).baton;
	for (int i = COUNT - 1; i >= 0; i--)
		assert_int_equal(code_of(streams, &batons[i]), ERR_NONE);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(code_of(streams, &batons[i]), ERR_BATON_INVALID);
	free(batons);
	streams_close(streams);
}

static void nothing_runs_after_an_interrupt(void **state)
{
	struct streams *streams = world_streams(10, 8, 60000);
	struct error err;
	struct named idle = leave(streams, "SELECT 1", false);
	struct stream *busy = open_new(streams);
	streams_interrupt(streams);
	assert_true(stream_is_abandoned(busy));
	struct statement endless = {.sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
					   "SELECT count(*) FROM n"};
	endless.sql_size = strlen(endless.sql);
	struct statement_result result;
	assert_false(fleet_session_execute(stream_session(busy), &endless, NULL, &result, &err));
	stream_close(streams, busy);
	assert_int_equal(code_of(streams, &idle.baton), ERR_SHUTDOWN);
	assert_int_equal(code_of(streams, NULL), ERR_SHUTDOWN);
	streams_close(streams);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_that_only_read_is_given_back),
		cmocka_unit_test(of_those_that_wrote_the_longest_idle_gives_way),
		cmocka_unit_test(batons_are_good_once),
		cmocka_unit_test(room_is_made_by_those_that_lose_the_least),
		cmocka_unit_test(idle_streams_lose_what_the_contract_says),
		cmocka_unit_test(a_new_table_knows_the_old_batons),
		cmocka_unit_test(a_promised_baton_waits_for_the_end_of_the_request),
		cmocka_unit_test(a_promise_of_another_is_none),
		cmocka_unit_test(a_promised_baton_stays_good_without_a_transaction),
		cmocka_unit_test(a_promised_baton_finds_the_transaction),
		cmocka_unit_test(stored_texts_are_bounded),
		cmocka_unit_test(thousands_of_streams_find_their_place),
		cmocka_unit_test(nothing_runs_after_an_interrupt),
	};
	return cmocka_run_group_tests(tests, start_fleet, stop_fleet);
}
