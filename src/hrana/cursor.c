#include "hrana/cursor.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/workers.h"
#include "hrana/errors.h"
#include "hrana/run.h"

enum { FLUSH_AFTER_NS = 3 * 1000 * 1000, HELD_KEPT_BYTES = 256 * 1024 };

// -- room -----------------------------------------------------------------------------------------------

static bool has_room(const struct cursor *cursor)
{
	return cursor->entry_count < cursor->entries_max &&
	       cursor->program->out.json.out->size < cursor->size_max;
}

static bool holds_entries(const struct cursor *cursor)
{
	return cursor->held.next < cursor->held.count;
}

// Where the next entry goes.
static struct encode_out *place_for_entry(struct cursor *cursor)
{
	if (has_room(cursor) && !holds_entries(cursor))
		return &cursor->program->out;
	return &cursor->held.out;
}

static void count_entry(struct cursor *cursor)
{
	cursor->entry_count++;
	if (cursor->flush && cursor->waiting_since_ns == 0)
		cursor->waiting_since_ns = clock_monotonic_ns();
}

static void note_held(struct held_entries *held)
{
	if (held->count == held->capacity) {
		held->capacity = held->capacity ? 2 * held->capacity : 64;
		held->ends = realloc(held->ends, held->capacity * sizeof(*held->ends));
		ASSERT(held->ends != NULL);
	}
	held->ends[held->count++] = held->bytes.size;
	held->out.json.comma = false;
}

// An entry was written there.
static void added(struct cursor *cursor, const struct encode_out *place)
{
	if (place == &cursor->held.out)
		note_held(&cursor->held);
	else
		count_entry(cursor);
}

static void drop_held(struct held_entries *held)
{
	if (held->bytes.capacity > HELD_KEPT_BYTES)
		buffer_cleanup(&held->bytes);
	else
		buffer_truncate(&held->bytes, 0);
	held->count = 0;
	held->next = 0;
}

static void give_out_held(struct cursor *cursor)
{
	struct held_entries *held = &cursor->held;
	struct encode_out *out = &cursor->program->out;
	while (holds_entries(cursor) && has_room(cursor)) {
		size_t begin = held->next > 0 ? held->ends[held->next - 1] : 0;
		if (out->json.comma)
			buffer_append_byte(out->json.out, ',');
		buffer_append(out->json.out, held->bytes.data + begin, held->ends[held->next] - begin);
		out->json.comma = out->entries == ENTRY_LISTED && !out->wire->is_binary;
		held->next++;
		count_entry(cursor);
	}
	if (held->count > 0 && !holds_entries(cursor))
		drop_held(held);
}

// -- the sink -------------------------------------------------------------------------------------------

static bool on_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	struct cursor *cursor = CONTAINER_OF(sink, struct cursor, sink);
	struct program *program = cursor->program;
	const struct step *step = &cursor->batch->steps[cursor->next];
	struct encode_out *place = sink->provisional ? &cursor->held.out : &program->out;
	size_t result_max = sink->provisional ? program->hrana->limits.result_bytes_max : SIZE_MAX;
	cursor->counted = 0;
	cursor->unsettled = true;
	encode_begin(&cursor->encoder, ENCODE_CURSOR, place, &cursor->gauge, result_max, &cursor->counted,
		     step->want_rows);
	cursor->encoder.step = (uint32_t)cursor->next;
	if (!cursor->encoder.sink.columns(&cursor->encoder.sink, columns, count, err))
		return false;
	added(cursor, place);
	sink->pause = !has_room(cursor);
	return true;
}

static bool on_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct cursor *cursor = CONTAINER_OF(sink, struct cursor, sink);
	if (!cursor->encoder.want_rows)
		return true;
	if (!cursor->encoder.sink.row(&cursor->encoder.sink, values, count, err))
		return false;
	added(cursor, cursor->encoder.out);
	sink->pause = !has_room(cursor);
	return true;
}

// Statements of a session are never begun anew once they gave something.
static void on_restart(struct result_sink *sink)
{
	struct cursor *cursor = CONTAINER_OF(sink, struct cursor, sink);
	ASSERT(sink->provisional);
	drop_held(&cursor->held);
}

static bool on_tick(struct result_sink *sink, struct error *err)
{
	struct cursor *cursor = CONTAINER_OF(sink, struct cursor, sink);
	if (!cursor->program->has_client(cursor->program, err))
		return false;
	if (!cursor->flush || cursor->waiting_since_ns == 0 || sink->provisional ||
	    clock_monotonic_ns() < cursor->waiting_since_ns + FLUSH_AFTER_NS)
		return true;
	return cursor->flush(cursor, err);
}

// -- steps ----------------------------------------------------------------------------------------------

static void end_step(struct cursor *cursor, const struct statement_result *result)
{
	struct program *program = cursor->program;
	if (result->has_last_insert_rowid || result->affected_row_count > 0)
		stream_wrote(program->stream);
	cursor->encoder.out = place_for_entry(cursor);
	encode_end(&cursor->encoder, result);
	added(cursor, cursor->encoder.out);
	cursor->outcomes[cursor->next++] = STEP_OK;
}

// A statement's own failure is an entry; others, and a result that is too large, end the batch.
static bool fail_step(struct cursor *cursor, struct error *err)
{
	if (cursor->sink.provisional)
		drop_held(&cursor->held);
	if (!errors_is_statement(err) || err->code == ERR_RESPONSE_TOO_LARGE)
		return false;
	struct encode_out *place = place_for_entry(cursor);
	place->wire->step_error(place, (uint32_t)cursor->next, err);
	added(cursor, place);
	cursor->outcomes[cursor->next++] = STEP_ERROR;
	return true;
}

static bool holds(const struct cursor *cursor)
{
	bool autocommit = fleet_session_is_autocommit(program_session(cursor->program));
	return batch_holds(cursor->batch->steps[cursor->next].condition, cursor->outcomes, autocommit);
}

// Runs the next step, or a piece of it, or skips it.
static bool run_step(struct cursor *cursor, struct error *err)
{
	struct fleet_session *session = program_session(cursor->program);
	struct statement_result result;
	bool paused = false;
	bool ok;
	if (cursor->paused) {
		ok = fleet_session_resume(session, &cursor->sink, &result, &paused, err);
	} else if (!holds(cursor)) {
		cursor->next++;
		return true;
	} else {
		cursor->sink.provisional = false;
		ok = fleet_session_begin(session, &cursor->batch->steps[cursor->next].statement,
					 &cursor->sink, &result, &paused, err);
	}
	cursor->paused = ok && paused;
	if (cursor->paused)
		return true;
	cursor->unsettled = true;
	if (!ok)
		return fail_step(cursor, err);
	end_step(cursor, &result);
	return true;
}

static bool check(struct cursor *cursor, struct error *err)
{
	if (cursor->outcomes)
		return true;
	if (!run_check_steps(cursor->program, cursor->batch, err))
		return false;
	cursor->outcomes =
		arena_alloc(cursor->program->arena, cursor->batch->step_count * sizeof(*cursor->outcomes));
	return true;
}

static bool run_on(struct cursor *cursor, bool *out_done, struct error *err)
{
	give_out_held(cursor);
	if (!check(cursor, err))
		return false;
	while (cursor->next < cursor->batch->step_count && has_room(cursor)) {
		if (!cursor->program->has_client(cursor->program, err) || !run_step(cursor, err))
			return false;
		give_out_held(cursor);
	}
	*out_done = cursor->next == cursor->batch->step_count && !holds_entries(cursor);
	return true;
}

// -- the whole ------------------------------------------------------------------------------------------

void cursor_begin(struct cursor *cursor, struct batch *batch)
{
	*cursor = (struct cursor){
		.batch = batch,
		.sink = {.columns = on_columns, .row = on_row, .restart = on_restart, .tick = on_tick},
	};
}

static void begin_piece(struct cursor *cursor, struct program *program, size_t entries_max, size_t bytes_max)
{
	size_t size = program->out.json.out->size;
	cursor->program = program;
	cursor->stream = program->stream;
	cursor->entry_count = 0;
	cursor->entries_max = entries_max;
	cursor->bytes_max = bytes_max;
	cursor->size_max = bytes_max < SIZE_MAX - size ? size + bytes_max : SIZE_MAX;
	cursor->encoder.out = &program->out;
	cursor->held.out = encode_to(program->out.wire, &cursor->held.bytes);
	cursor->held.out.entries = program->out.entries;
	if (cursor->gauge.all)
		return;
	// A piece is bounded by what the caller wants; one row has its own limit.
	cursor->gauge = program->gauge;
	cursor->gauge.counted = 0;
	cursor->gauge.reply_max = SIZE_MAX;
}

bool cursor_run(struct cursor *cursor, struct program *program, size_t entries_max, size_t bytes_max,
		bool *out_done, struct error *err)
{
	*out_done = false;
	begin_piece(cursor, program, entries_max, bytes_max);
	if (run_on(cursor, out_done, err))
		return true;
	if (!errors_is_statement(err))
		return false;
	struct encode_out *place = place_for_entry(cursor);
	place->wire->batch_error(place, err);
	added(cursor, place);
	cursor->next = cursor->batch->step_count;
	*out_done = !holds_entries(cursor);
	return true;
}

bool cursor_settle(struct cursor *cursor, struct error *err)
{
	if (!cursor->unsettled)
		return true;
	if (!fleet_session_settle_rows(program_session(cursor->program), err))
		return false;
	cursor->unsettled = false;
	return true;
}

void cursor_sent(struct cursor *cursor, bool enough)
{
	cursor->size_max = enough ? 0 : cursor->bytes_max;
	cursor->waiting_since_ns = 0;
	if (!holds_entries(cursor) && cursor->gauge.all)
		gauge_release(&cursor->gauge);
}

void cursor_end(struct cursor *cursor)
{
	if (!cursor->batch)
		return;
	if (cursor->paused)
		fleet_session_abandon(stream_session(cursor->stream));
	cursor->paused = false;
	cursor->next = cursor->batch->step_count;
	drop_held(&cursor->held);
	buffer_cleanup(&cursor->held.bytes);
	free(cursor->held.ends);
	cursor->held.ends = NULL;
	cursor->held.capacity = 0;
	if (cursor->gauge.all)
		gauge_release(&cursor->gauge);
}
