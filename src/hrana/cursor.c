#include "hrana/cursor.h"

#include "base/arena.h"
#include "hrana/errors.h"
#include "hrana/run.h"

void cursor_begin(struct cursor *cursor, struct batch *batch)
{
	*cursor = (struct cursor){.batch = batch};
}

static bool run_step(struct cursor *cursor, struct program *program, struct error *err)
{
	struct step *step = &cursor->batch->steps[cursor->next];
	struct statement_result result;
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_CURSOR, &program->out, &program->gauge,
		     program->hrana->limits.reply_bytes_max, &cursor->counted, step->want_rows);
	encoder.step = (uint32_t)cursor->next;
	if (!fleet_session_execute(program_session(program), &step->statement, &encoder.sink, &result, err)) {
		encode_undo(&encoder);
		return false;
	}
	if (result.has_last_insert_rowid || result.affected_row_count > 0)
		stream_wrote(program->stream);
	encode_end(&encoder, &result);
	return true;
}

static bool run_or_skip(struct cursor *cursor, struct program *program, struct error *err)
{
	const struct step *step = &cursor->batch->steps[cursor->next];
	bool autocommit = fleet_session_is_autocommit(program_session(program));
	if (!batch_holds(step->condition, cursor->outcomes, autocommit))
		return true;
	if (run_step(cursor, program, err)) {
		cursor->outcomes[cursor->next] = STEP_OK;
		return true;
	}
	if (!errors_is_statement(err) || err->code == ERR_RESPONSE_TOO_LARGE)
		return false;
	cursor->outcomes[cursor->next] = STEP_ERROR;
	program->out.wire->step_error(&program->out, (uint32_t)cursor->next, err);
	return gauge_grow(&program->gauge, program->out.json.out->size, err);
}

static bool run_on(struct cursor *cursor, struct program *program, size_t bytes_max, bool *out_done,
		   struct error *err)
{
	size_t before = program->out.json.out->size;
	if (!cursor->outcomes) {
		if (!run_check_steps(program, cursor->batch, err))
			return false;
		cursor->outcomes =
			arena_alloc(program->arena, cursor->batch->step_count * sizeof(*cursor->outcomes));
	}
	for (; cursor->next < cursor->batch->step_count; cursor->next++) {
		if (program->out.json.out->size - before >= bytes_max)
			return true;
		if (!program->has_client(program, err) || !run_or_skip(cursor, program, err))
			return false;
	}
	*out_done = true;
	return true;
}

bool cursor_run(struct cursor *cursor, struct program *program, size_t entries_max, size_t bytes_max,
		bool *out_done, struct error *err)
{
	(void)entries_max;
	*out_done = false;
	if (run_on(cursor, program, bytes_max, out_done, err))
		return true;
	if (!errors_is_statement(err))
		return false;
	program->out.wire->batch_error(&program->out, err);
	*out_done = true;
	return true;
}

void cursor_end(struct cursor *cursor, struct program *program)
{
	(void)program;
	cursor->next = cursor->batch->step_count;
}
