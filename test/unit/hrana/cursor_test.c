// Batches in pieces: the same entries, whatever the pieces are (spec/hrana.md §2, §3.3, §4).

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/workers.h"
#include "hrana/cursor.h"
#include "unit/hrana/world.h"

enum { STEPS_MAX = 10, RESULT_BYTES_MAX = 20000 };

static struct streams *streams;
static struct hrana hrana;

static int start_fleet(void **state)
{
	world_open();
	streams = world_streams(10, 8, 60000);
	hrana.streams = streams;
	hrana.limits = (struct hrana_limits){.result_bytes_max = RESULT_BYTES_MAX,
					     .reply_bytes_max = RESULT_BYTES_MAX,
					     .replies_bytes_max = 1 << 28};
	return 0;
}

static int stop_fleet(void **state)
{
	streams_close(streams);
	int status = world_close();
	assert_int_equal(atomic_load(&hrana.replies_bytes), 0);
	return status;
}

static bool has_client(struct program *program, struct error *err)
{
	return true;
}

// A stream with a batch, and all that a piece needs.
struct run {
	struct arena arena;
	struct buffer out;
	struct program program;
	struct step steps[STEPS_MAX];
	struct batch batch;
	struct cursor cursor;
};

static void add_step(struct run *run, const char *sql, const struct condition *condition)
{
	struct step *step = &run->steps[run->batch.step_count++];
	*step = (struct step){
		.statement = {.sql = sql, .sql_size = strlen(sql)},
		.want_rows = true,
		.condition = condition,
	};
}

static void set_up(struct run *run, enum entry_form form)
{
	struct error err;
	*run = (struct run){.batch = {.steps = run->steps}};
	run->program = program_begin(&hrana, &run->arena, &wire_json, &run->out);
	run->program.has_client = has_client;
	run->program.out.entries = form;
	if (!stream_acquire(streams, NULL, &grant, NULL, false, &run->program.stream, &err))
		fail_msg("%s", err.message);
}

static void tear_down(struct run *run)
{
	cursor_end(&run->cursor);
	stream_close(streams, run->program.stream);
	arena_cleanup(&run->arena);
	buffer_cleanup(&run->out);
}

static int count(const char *text, const char *part)
{
	int found = 0;
	while ((text = strstr(text, part))) {
		found++;
		text += strlen(part);
	}
	return found;
}

static int count_entries(const char *text)
{
	return count(text, "{\"type\":\"step_") + count(text, "{\"type\":\"row\"") +
	       count(text, "{\"type\":\"error\"");
}

// All pieces, one after the other; entries of a list with a comma between pieces, too.
static void collect(struct run *run, size_t entries_max, size_t bytes_max, struct buffer *all)
{
	struct error err;
	bool done = false;
	cursor_begin(&run->cursor, &run->batch);
	while (!done) {
		buffer_truncate(&run->out, 0);
		run->program.out.json.comma = false;
		if (!cursor_run(&run->cursor, &run->program, entries_max, bytes_max, &done, &err))
			fail_msg("%s", err.message);
		assert_true(cursor_settle(&run->cursor, &err));
		int entries = count_entries(buffer_text(&run->out));
		assert_true((size_t)entries <= entries_max);
		assert_true(done || entries > 0);
		if (entries > 0 && all->size > 0 && run->program.out.entries == ENTRY_LISTED)
			buffer_append_byte(all, ',');
		buffer_append(all, run->out.data, run->out.size);
	}
	cursor_end(&run->cursor);
}

static void expect_pieces(void (*fill)(struct run *run), const char *expected)
{
	static const size_t entries_max[] = {SIZE_MAX, 1, 2, 3, 7};
	for (size_t i = 0; i < ARRAY_LENGTH(entries_max) + 1; i++) {
		bool by_bytes = i == ARRAY_LENGTH(entries_max);
		OWNED(buffer) struct buffer all = {0};
		struct run run;
		set_up(&run, ENTRY_STREAMED);
		fill(&run);
		collect(&run, by_bytes ? SIZE_MAX : entries_max[i], by_bytes ? 1 : SIZE_MAX, &all);
		assert_string_equal(buffer_text(&all), expected);
		tear_down(&run);
	}
}

#define BEGIN(step, column)                                                                                  \
	"{\"type\":\"step_begin\",\"step\":" #step ",\"cols\":[{\"name\":\"" column                          \
	"\",\"decltype\":null}]}\n"
#define ROW(value) "{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"" #value "\"}]}\n"
#define END        "{\"type\":\"step_end\",\"affected_row_count\":0,\"last_insert_rowid\":null}\n"

static void fill_reads(struct run *run)
{
	static const struct condition never = {.kind = CONDITION_ERROR, .step = 0};
	add_step(run, "SELECT 1 AS a", NULL);
	add_step(run, "SELECT 2", &never);
	add_step(run, "SELECT column1 AS b FROM (VALUES (3), (4), (5))", NULL);
	add_step(run, "SELECT 6 AS c WHERE 0", NULL);
}

static void pieces_together_are_the_whole(void **state)
{
	expect_pieces(fill_reads,
		      BEGIN(0, "a") ROW(1) END BEGIN(2, "b") ROW(3) ROW(4) ROW(5) END BEGIN(3, "c") END);
}

static void fill_failures(struct run *run)
{
	static const struct condition failed = {.kind = CONDITION_ERROR, .step = 1};
	add_step(run, "SELECT * FROM nowhere", NULL);
	add_step(run, "SELECT abs(column1) AS a FROM (VALUES (-1), (-9223372036854775807 - 1), (3))", NULL);
	add_step(run, "SELECT 2 AS b", &failed);
}

// hrana.md §3.3: failing before columns are known: only step_error; rows that came before a failure stay.
static void failures_are_entries_where_they_happen(void **state)
{
	expect_pieces(fill_failures,
		      "{\"type\":\"step_error\",\"step\":0,\"error\":{\"message\":\"SQLite error: no such "
		      "table: nowhere\""
		      ",\"code\":\"SQLITE_UNKNOWN\"}}\n" BEGIN(1, "a")
			      ROW(1) "{\"type\":\"step_error\",\"step\":1,\"error\":{\"message\":\"SQLite "
				     "error: integer overflow\""
				     ",\"code\":\"SQLITE_UNKNOWN\"}}\n" BEGIN(2, "b") ROW(2) END);
}

static void fill_malformed(struct run *run)
{
	add_step(run, "CREATE TABLE never(x)", NULL);
	add_step(run, "SELEC", NULL);
}

// hrana.md §3.3: whole-batch failure: `error`, last; nothing runs.
static void a_malformed_step_fails_the_batch(void **state)
{
	struct run run;
	OWNED(buffer) struct buffer all = {0};
	set_up(&run, ENTRY_STREAMED);
	fill_malformed(&run);
	collect(&run, 1, SIZE_MAX, &all);
	assert_int_equal(count_entries(buffer_text(&all)), 1);
	assert_non_null(strstr(buffer_text(&all), "SQL_PARSE_ERROR"));
	run.batch.step_count = 0;
	buffer_truncate(&all, 0);
	add_step(&run, "SELECT 1 FROM sqlite_schema WHERE name = 'never'", NULL);
	collect(&run, SIZE_MAX, SIZE_MAX, &all);
	assert_null(strstr(buffer_text(&all), "\"row\""));
	tear_down(&run);
}

static void fill_writes(struct run *run)
{
	add_step(run, "DROP TABLE IF EXISTS w", NULL);
	add_step(run, "CREATE TABLE w(id INTEGER PRIMARY KEY)", NULL);
	add_step(run, "INSERT INTO w VALUES (5), (6) RETURNING id AS a", NULL);
	add_step(run, "BEGIN", NULL);
	add_step(run, "UPDATE w SET id = id + 10 RETURNING id AS b", NULL);
	add_step(run, "COMMIT", NULL);
}

#define BARE(step) "{\"type\":\"step_begin\",\"step\":" #step ",\"cols\":[]}\n"
#define TYPED(step, column)                                                                                  \
	"{\"type\":\"step_begin\",\"step\":" #step ",\"cols\":[{\"name\":\"" column                          \
	"\",\"decltype\":\"INTEGER\"}]}\n"

static void rows_of_writes_come_in_pieces_too(void **state)
{
	expect_pieces(fill_writes,
		      BARE(0) END BARE(1) END TYPED(2, "a") ROW(5)
			      ROW(6) "{\"type\":\"step_end\",\"affected_row_count\":2,\"last_insert_rowid\":"
				     "6}\n" BARE(3) END TYPED(4, "b") ROW(15)
					     ROW(16) "{\"type\":\"step_end\",\"affected_row_count\":2,\"last_"
						     "insert_rowid\":null}\n" BARE(5) END);
}

static void entries_of_a_list_are_valid_in_each_piece(void **state)
{
	OWNED(buffer) struct buffer whole = {0};
	OWNED(buffer) struct buffer pieces = {0};
	struct run run;
	set_up(&run, ENTRY_LISTED);
	fill_writes(&run);
	collect(&run, SIZE_MAX, SIZE_MAX, &whole);
	tear_down(&run);
	set_up(&run, ENTRY_LISTED);
	fill_writes(&run);
	collect(&run, 2, SIZE_MAX, &pieces);
	tear_down(&run);
	assert_string_equal(buffer_text(&whole), buffer_text(&pieces));
	// hrana.md §0.4: a text on a WebSocket
	assert_non_null(strstr(buffer_text(&whole), "\"last_insert_rowid\":\"6\""));
}

// hrana.md §3.3: no limit of a cursor's result; what an autocommit write returns waits for its end, and has one.
static void only_what_must_wait_is_bounded(void **state)
{
	OWNED(buffer) struct buffer all = {0};
	struct run run;
	set_up(&run, ENTRY_STREAMED);
	add_step(&run, "SELECT column1, printf('%.*c', 15000, 'x') FROM (VALUES (1), (2), (3), (4))", NULL);
	collect(&run, 2, SIZE_MAX, &all);
	assert_true(all.size > 3 * RESULT_BYTES_MAX);
	assert_int_equal(count(buffer_text(&all), "\"row\","), 4);

	run.batch.step_count = 0;
	buffer_truncate(&all, 0);
	add_step(&run, "CREATE TABLE IF NOT EXISTS large(body)", NULL);
	add_step(&run,
		 "INSERT INTO large SELECT printf('%.*c', 15000, 'x') FROM (VALUES (1), (2)) RETURNING body",
		 NULL);
	add_step(&run, "SELECT 'not reached'", NULL);
	collect(&run, SIZE_MAX, SIZE_MAX, &all);
	assert_int_equal(count_entries(buffer_text(&all)), 3);
	assert_non_null(strstr(buffer_text(&all), "RESPONSE_TOO_LARGE"));
	run.batch.step_count = 0;
	buffer_truncate(&all, 0);
	add_step(&run, "SELECT 1 FROM large", NULL);
	collect(&run, SIZE_MAX, SIZE_MAX, &all);
	assert_int_equal(count_entries(buffer_text(&all)), 2);
	tear_down(&run);
}

static void ended_in_the_middle_it_leaves_the_session_as_it_is(void **state)
{
	struct run run;
	struct error err;
	bool done;
	set_up(&run, ENTRY_STREAMED);
	add_step(&run, "BEGIN", NULL);
	add_step(&run, "SELECT column1 FROM (VALUES (1), (2), (3))", NULL);
	add_step(&run, "COMMIT", NULL);
	cursor_begin(&run.cursor, &run.batch);
	assert_true(cursor_run(&run.cursor, &run.program, 4, SIZE_MAX, &done, &err));
	assert_false(done);
	cursor_end(&run.cursor);
	cursor_end(&run.cursor); // twice is fine
	assert_false(fleet_session_is_autocommit(program_session(&run.program)));
	OWNED(buffer) struct buffer all = {0};
	run.batch.step_count = 0;
	add_step(&run, "ROLLBACK", NULL);
	collect(&run, SIZE_MAX, SIZE_MAX, &all);
	assert_true(fleet_session_is_autocommit(program_session(&run.program)));
	tear_down(&run);
}

static int flushes;

// On a WebSocket, each piece is a job with a program of its own, and the end is another one.
static void ended_in_the_middle_it_does_not_need_its_last_program(void **state)
{
	struct run run;
	struct error err;
	bool done = false;
	set_up(&run, ENTRY_LISTED);
	fill_reads(&run);
	cursor_begin(&run.cursor, &run.batch);
	struct program program = run.program;
	assert_true(cursor_run(&run.cursor, &program, 5, SIZE_MAX, &done, &err));
	assert_false(done);
	program = (struct program){0};
	cursor_end(&run.cursor);
	tear_down(&run);
}

static bool note_flush(struct cursor *cursor, struct error *err)
{
	struct buffer *out = cursor->program->out.json.out;
	flushes++;
	assert_true(cursor_settle(cursor, err));
	assert_non_null(strstr(buffer_text(out), "\"row\""));
	buffer_truncate(out, 0);
	cursor_sent(cursor, false);
	return true;
}

// hrana.md §3.3: flush at least every few milliseconds while rows trickle.
static void rows_that_trickle_are_flushed(void **state)
{
	struct run run;
	struct error err;
	bool done;
	set_up(&run, ENTRY_STREAMED);
	add_step(&run,
		 "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 900000)"
		 " SELECT i FROM c WHERE i % 300000 = 1",
		 NULL);
	cursor_begin(&run.cursor, &run.batch);
	run.cursor.flush = note_flush;
	assert_true(cursor_run(&run.cursor, &run.program, SIZE_MAX, SIZE_MAX, &done, &err));
	assert_true(done);
	assert_true(flushes >= 3);
	assert_null(strstr(buffer_text(&run.out), "\"row\""));
	tear_down(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_together_are_the_whole),
		cmocka_unit_test(failures_are_entries_where_they_happen),
		cmocka_unit_test(a_malformed_step_fails_the_batch),
		cmocka_unit_test(rows_of_writes_come_in_pieces_too),
		cmocka_unit_test(entries_of_a_list_are_valid_in_each_piece),
		cmocka_unit_test(only_what_must_wait_is_bounded),
		cmocka_unit_test(ended_in_the_middle_it_leaves_the_session_as_it_is),
		cmocka_unit_test(ended_in_the_middle_it_does_not_need_its_last_program),
		cmocka_unit_test(rows_that_trickle_are_flushed),
	};
	return cmocka_run_group_tests(tests, start_fleet, stop_fleet);
}
