#include "hrana/run.h"

#include "base/arena.h"
#include "hrana/batch.h"
#include "hrana/errors.h"

bool run_find_text(struct call *call, struct step *step, struct error *err)
{
	struct statement *statement = &step->statement;
	return statement->sql ||
	       stream_find_sql(call->stream, step->sql_id, &statement->sql, &statement->sql_size, err);
}

static bool wait_for(struct call *call, uint64_t replication_index, struct error *err)
{
	return replication_index == 0 ||
	       fleet_session_wait_for(stream_session(call->stream), replication_index, err);
}

static bool execute(struct call *call, struct step *step, struct encoder *encoder, struct error *err)
{
	struct statement_result result;
	if (!fleet_session_execute(stream_session(call->stream), &step->statement, &encoder->sink, &result,
				   err)) {
		encode_undo(encoder);
		return false;
	}
	if (result.has_last_insert_rowid || result.affected_row_count > 0)
		stream_wrote(call->stream);
	encode_end(encoder, &result);
	return true;
}

bool run_statement(struct call *call, struct step *step, struct error *err)
{
	if (!run_find_text(call, step, err) || !wait_for(call, step->replication_index, err))
		return false;
	size_t counted = 0;
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_RESULT, &call->out, &call->gauge, call->hrana->limits.result_bytes_max,
		     &counted, step->want_rows);
	return execute(call, step, &encoder, err);
}

// -- batch --------------------------------------------------------------------------------------------

struct failure {
	const char *code; // NULL: the step did not fail
	const char *message;
};

// Before the first step runs: each text, the right to run it, and that its arguments are of one kind. One bad
// step fails all.
static bool check_steps(struct call *call, struct batch *batch, struct error *err)
{
	struct fleet_session *session = stream_session(call->stream);
	uint64_t index = batch->replication_index;
	for (size_t i = 0; i < batch->step_count; i++) {
		struct step *step = &batch->steps[i];
		struct statement *statement = &step->statement;
		if (!run_find_text(call, step, err) ||
		    !fleet_session_check(session, statement->sql, statement->sql_size, err))
			return false;
		if (statement->arg_count > 0 && statement->named_arg_count > 0)
			return error_set(err, ERR_ARGS_BOTH,
					 "Specifying both positional and named arguments is not supported");
		if (step->replication_index > index)
			index = step->replication_index;
	}
	return wait_for(call, index, err);
}

static void write_cursor_error(struct call *call, uint32_t step, const struct error *err)
{
	struct json_writer *w = &call->out;
	buffer_printf(w->out, "{\"type\":\"step_error\",\"step\":%u,\"error\":", step);
	w->comma = false;
	errors_write(w, err);
	ENCODE_LITERAL(w, "}\n");
	w->comma = false;
}

// Runs one step. A failure of its own is noted; others, and a result that is too large, fail the batch.
static bool run_step(struct call *call, struct batch *batch, size_t number, struct encoder *encoder,
		     enum step_outcome *out_outcome, struct failure *out_failure, struct error *err)
{
	if (execute(call, &batch->steps[number], encoder, err)) {
		*out_outcome = STEP_OK;
		return true;
	}
	if (!errors_is_statement(err) || err->code == ERR_RESPONSE_TOO_LARGE)
		return false;
	*out_outcome = STEP_ERROR;
	*out_failure = (struct failure){
		.code = errors_wire_code(err),
		.message = arena_text(call->arena, err->message),
	};
	if (encoder->form == ENCODE_CURSOR)
		write_cursor_error(call, (uint32_t)number, err);
	return gauge_grow(&call->gauge, call->out.out->size, err);
}

static void write_failures(struct json_writer *w, const struct failure *failures, size_t count)
{
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		if (!failures[i].code) {
			json_write_null(w);
			continue;
		}
		json_write_object(w);
		json_write_member_text(w, "message", failures[i].message);
		json_write_member_text(w, "code", failures[i].code);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

bool run_batch(struct call *call, struct batch *batch, enum encode_form form, struct error *err)
{
	if (!check_steps(call, batch, err))
		return false;
	struct fleet_session *session = stream_session(call->stream);
	struct json_writer *w = &call->out;
	size_t count = batch->step_count;
	const struct hrana_limits *limits = &call->hrana->limits;
	size_t result_max = form == ENCODE_CURSOR ? limits->reply_bytes_max : limits->result_bytes_max;
	enum step_outcome *outcomes = arena_alloc(call->arena, count * sizeof(*outcomes));
	struct failure *failures = arena_alloc(call->arena, count * sizeof(*failures));
	size_t counted = 0;
	if (form == ENCODE_RESULT) {
		json_write_object(w);
		json_write_key(w, "step_results");
		json_write_array(w);
	}
	for (size_t i = 0; i < count; i++) {
		if (!call_has_client(call, err))
			return false;
		struct encoder encoder;
		encode_begin(&encoder, form, w, &call->gauge, result_max, &counted,
			     batch->steps[i].want_rows);
		encoder.step = (uint32_t)i;
		if (batch_holds(batch->steps[i].condition, outcomes, fleet_session_is_autocommit(session)) &&
		    !run_step(call, batch, i, &encoder, &outcomes[i], &failures[i], err))
			return false;
		if (form == ENCODE_RESULT && outcomes[i] != STEP_OK)
			json_write_null(w);
	}
	if (form == ENCODE_RESULT) {
		json_write_end_array(w);
		json_write_key(w, "step_errors");
		write_failures(w, failures, count);
		json_write_key(w, "replication_index");
		json_write_integer_text(w, (int64_t)fleet_session_frame_no(session));
		json_write_end_object(w);
	}
	return true;
}
