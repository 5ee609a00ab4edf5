#include "hrana/run.h"

#include <strings.h>

#include "base/arena.h"
#include "hrana/batch.h"
#include "hrana/errors.h"

struct program program_begin(struct hrana *hrana, struct arena *arena, const struct wire *wire,
			     struct buffer *buffer)
{
	return (struct program){
		.hrana = hrana,
		.arena = arena,
		.out = encode_to(wire, buffer),
		.gauge = {.all = &hrana->replies_bytes,
			  .all_max = hrana->limits.replies_bytes_max,
			  .reply_max = hrana->limits.reply_bytes_max},
	};
}

static bool begins_with_word(const char *sql, size_t size, const char *word)
{
	size_t length = strlen(word);
	return size > length && strncasecmp(sql, word, length) == 0 &&
	       (sql[length] == ' ' || sql[length] == '(' || sql[length] == '\n' || sql[length] == '\t' ||
		sql[length] == '*');
}

bool run_is_plain_read(const struct statement *statement)
{
	return begins_with_word(statement->sql, statement->sql_size, "SELECT") ||
	       begins_with_word(statement->sql, statement->sql_size, "VALUES");
}

bool run_find_text(struct program *program, struct step *step, struct error *err)
{
	struct statement *statement = &step->statement;
	return statement->sql ||
	       stream_find_sql(program->stream, step->sql_id, &statement->sql, &statement->sql_size, err);
}

static bool wait_for(struct program *program, uint64_t replication_index, struct error *err)
{
	return replication_index == 0 ||
	       fleet_session_wait_for(program_session(program), replication_index, err);
}

static bool execute(struct program *program, struct step *step, struct encoder *encoder, struct error *err)
{
	struct statement_result result;
	if (!fleet_session_execute(program_session(program), &step->statement, &encoder->sink, &result,
				   err)) {
		encode_undo(encoder);
		return false;
	}
	if (result.has_last_insert_rowid || result.affected_row_count > 0)
		stream_wrote(program->stream);
	encode_end(encoder, &result);
	return true;
}

bool run_statement(struct program *program, struct step *step, struct error *err)
{
	if (!run_find_text(program, step, err) || !wait_for(program, step->replication_index, err))
		return false;
	size_t counted = 0;
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_RESULT, &program->out, &program->gauge,
		     program->hrana->limits.result_bytes_max, &counted, step->want_rows);
	return execute(program, step, &encoder, err);
}

// -- batch --------------------------------------------------------------------------------------------

bool run_check_steps(struct program *program, struct batch *batch, struct error *err)
{
	struct fleet_session *session = program_session(program);
	uint64_t index = batch->replication_index;
	for (size_t i = 0; i < batch->step_count; i++) {
		struct step *step = &batch->steps[i];
		struct statement *statement = &step->statement;
		if (!run_find_text(program, step, err) ||
		    !fleet_session_check(session, statement->sql, statement->sql_size, err))
			return false;
		if (statement->arg_count > 0 && statement->named_arg_count > 0)
			return error_set(err, ERR_ARGS_BOTH,
					 "Specifying both positional and named arguments is not supported");
		if (step->replication_index > index)
			index = step->replication_index;
	}
	return wait_for(program, index, err);
}

// Runs one step. A failure of its own is noted; others, and a result that is too large, fail the batch.
static bool run_step(struct program *program, struct step *step, size_t *counted,
		     enum step_outcome *out_outcome, struct step_failure *out_failure, struct error *err)
{
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_RESULT, &program->out, &program->gauge,
		     program->hrana->limits.result_bytes_max, counted, step->want_rows);
	if (execute(program, step, &encoder, err)) {
		*out_outcome = STEP_OK;
		return true;
	}
	if (!errors_is_statement(err) || err->code == ERR_RESPONSE_TOO_LARGE)
		return false;
	*out_outcome = STEP_ERROR;
	*out_failure = (struct step_failure){
		.code = errors_wire_code(err),
		.message = arena_text(program->arena, err->message),
	};
	return gauge_grow(&program->gauge, program->out.json.out->size, err);
}

static bool run_or_skip(struct program *program, struct batch *batch, size_t number, size_t *counted,
			enum step_outcome *outcomes, struct step_failure *failures, struct error *err)
{
	struct encode_out *out = &program->out;
	struct step *step = &batch->steps[number];
	struct encode_mark mark = encode_mark(out);
	if (batch_holds(step->condition, outcomes, fleet_session_is_autocommit(program_session(program)))) {
		out->wire->batch_step_begin(out, (uint32_t)number);
		if (!run_step(program, step, counted, &outcomes[number], &failures[number], err))
			return false;
	}
	if (outcomes[number] == STEP_OK) {
		out->wire->batch_step_end(out);
	} else {
		encode_return(out, &mark);
		out->wire->batch_step_none(out);
	}
	return true;
}

bool run_batch(struct program *program, struct batch *batch, struct error *err)
{
	if (!run_check_steps(program, batch, err))
		return false;
	struct encode_out *out = &program->out;
	size_t count = batch->step_count;
	enum step_outcome *outcomes = arena_alloc(program->arena, count * sizeof(*outcomes));
	struct step_failure *failures = arena_alloc(program->arena, count * sizeof(*failures));
	size_t counted = 0;
	out->wire->batch_begin(out);
	for (size_t i = 0; i < count; i++) {
		if (!program->has_client(program, err) ||
		    !run_or_skip(program, batch, i, &counted, outcomes, failures, err))
			return false;
	}
	out->wire->batch_end(out, failures, count, fleet_session_frame_no(program_session(program)));
	return true;
}

// -- requests -----------------------------------------------------------------------------------------

static bool run_sequence(struct program *program, struct step *step, struct error *err)
{
	struct fleet_session *session = program_session(program);
	const struct statement *text = &step->statement;
	stream_wrote(program->stream);
	return run_find_text(program, step, err) && wait_for(program, step->replication_index, err) &&
	       fleet_session_check_sequence(session, text->sql, text->sql_size, err) &&
	       fleet_session_sequence(session, text->sql, text->sql_size, err);
}

static bool run_describe(struct program *program, struct step *step, struct error *err)
{
	const struct statement *text = &step->statement;
	struct describe_result result;
	if (!run_find_text(program, step, err) || !wait_for(program, step->replication_index, err) ||
	    !fleet_session_describe(program_session(program), text->sql, text->sql_size, &result, err))
		return false;
	program->out.wire->describe(&program->out, &result);
	describe_result_cleanup(&result);
	return true;
}

bool run_request(struct program *program, struct request *request, struct error *err)
{
	struct encode_out *out = &program->out;
	bool ok;
	switch (request->kind) {
	case REQUEST_EXECUTE:
		out->wire->result_begin(out);
		ok = run_statement(program, &request->step, err);
		out->wire->result_end(out);
		return ok;
	case REQUEST_BATCH:
		out->wire->result_begin(out);
		ok = run_batch(program, &request->batch, err);
		out->wire->result_end(out);
		return ok;
	case REQUEST_SEQUENCE:
		return run_sequence(program, &request->step, err);
	case REQUEST_DESCRIBE:
		return run_describe(program, &request->step, err);
	case REQUEST_GET_AUTOCOMMIT:
		out->wire->autocommit(out, fleet_session_is_autocommit(program_session(program)));
		return true;
	default:
		return error_set(err, ERR_INTERNAL, "this request needs no database");
	}
}
