#include "hrana/pipeline.h"

#include "hrana/decode_fast.h"
#include "hrana/errors.h"
#include "hrana/quick.h"
#include "hrana/run.h"

static bool closed(struct error *err)
{
	return error_set(err, ERR_PROTOCOL, "Stream for this baton was closed");
}

static bool run_sequence(struct call *call, struct step *step, struct error *err)
{
	struct fleet_session *session = stream_session(call->stream);
	const struct statement *text = &step->statement;
	stream_wrote(call->stream);
	return run_find_text(call, step, err) &&
	       (step->replication_index == 0 ||
		fleet_session_wait_for(session, step->replication_index, err)) &&
	       fleet_session_check_sequence(session, text->sql, text->sql_size, err) &&
	       fleet_session_sequence(session, text->sql, text->sql_size, err);
}

static bool run_describe(struct call *call, struct step *step, struct error *err)
{
	struct fleet_session *session = stream_session(call->stream);
	const struct statement *text = &step->statement;
	struct describe_result result;
	if (!run_find_text(call, step, err) ||
	    !(step->replication_index == 0 ||
	      fleet_session_wait_for(session, step->replication_index, err)) ||
	    !fleet_session_describe(session, text->sql, text->sql_size, &result, err))
		return false;
	encode_describe(&call->out, &result);
	describe_result_cleanup(&result);
	return true;
}

// Writes the members of the response that come after its type.
static bool run_request(struct call *call, struct request *request, struct error *err)
{
	struct streams *streams = call->hrana->streams;
	struct json_writer *w = &call->out;
	bool needs_database = request->kind != REQUEST_CLOSE && request->kind != REQUEST_STORE_SQL &&
			      request->kind != REQUEST_CLOSE_SQL;
	if (needs_database && call->closed)
		return closed(err);
	switch (request->kind) {
	case REQUEST_CLOSE:
		call->closed = true;
		return true;
	case REQUEST_EXECUTE:
		json_write_key(w, "result");
		return run_statement(call, &request->step, err);
	case REQUEST_BATCH:
		json_write_key(w, "result");
		return run_batch(call, &request->batch, ENCODE_RESULT, err);
	case REQUEST_SEQUENCE:
		return run_sequence(call, &request->step, err);
	case REQUEST_DESCRIBE:
		json_write_key(w, "result");
		return run_describe(call, &request->step, err);
	case REQUEST_STORE_SQL:
		return stream_store_sql(streams, call->stream, request->step.sql_id,
					request->step.statement.sql, request->step.statement.sql_size, err);
	case REQUEST_CLOSE_SQL:
		stream_forget_sql(streams, call->stream, request->step.sql_id);
		return true;
	case REQUEST_GET_AUTOCOMMIT:
		json_write_member_bool(w, "is_autocommit",
				       fleet_session_is_autocommit(stream_session(call->stream)));
		return true;
	case REQUEST_KIND_COUNT:
		break;
	}
	return closed(err);
}

// One entry of `results`. A failed statement is an entry like others; false is the end of the whole request.
static bool answer_request(struct call *call, struct request *request, struct error *err)
{
	struct json_writer *w = &call->out;
	size_t mark = w->out->size;
	bool comma = w->comma;
	if (!call_has_client(call, err))
		return false;
	json_write_object(w);
	json_write_member_text(w, "type", "ok");
	json_write_key(w, "response");
	json_write_object(w);
	json_write_member_text(w, "type", decode_kind_name(request->kind));
	if (run_request(call, request, err)) {
		json_write_end_object(w);
		json_write_end_object(w);
		return true;
	}
	if (!errors_is_statement(err))
		return false;
	buffer_truncate(w->out, mark);
	w->comma = comma;
	json_write_object(w);
	json_write_member_text(w, "type", "error");
	json_write_key(w, "error");
	errors_write(w, err);
	json_write_end_object(w);
	return true;
}

void pipeline_write_end(struct json_writer *w, const char *baton)
{
	json_write_member_text(w, "baton", baton[0] ? baton : NULL);
	json_write_member_text(w, "base_url", NULL);
	json_write_end_object(w);
}

static bool decode(struct call *call, struct error *err)
{
	struct pipeline *pipeline = &call->pipeline;
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	*pipeline = (struct pipeline){0};
	if (!decode_fast(call->arena, net_request_body(call->request), pipeline) &&
	    (!call_parse(call, err) || !decode_pipeline(&decoder, call->body, pipeline, err)))
		return false;
	call->decoded = true;
	return call_read_baton(call, pipeline->baton, pipeline->baton_size, err);
}

static bool run_all(struct call *call, struct error *err)
{
	struct pipeline *pipeline = &call->pipeline;
	struct json_writer *w = &call->out;
	// The quick path may have given up what the pipeline borrowed from.
	if (!call->decoded && !decode(call, err))
		return false;
	if (!call_open_stream(call, err))
		return false;
	if (pipeline->broken)
		return error_set(err, ERR_PROTOCOL, "%s", pipeline->broken);
	json_write_object(w);
	json_write_key(w, "results");
	json_write_array(w);
	for (size_t i = 0; i < pipeline->request_count; i++) {
		if (!answer_request(call, &pipeline->requests[i], err))
			return false;
	}
	json_write_end_array(w);
	char baton[BATON_TEXT_BYTES];
	if (!call_leave_stream(call, baton, err))
		return false;
	pipeline_write_end(w, baton);
	return true;
}

void pipeline_work(struct call *call)
{
	struct error err;
	if (!run_all(call, &err))
		call_fail(call, &err);
	call_finish(call);
}

static void take(struct call *call)
{
	if (!quick_take(call))
		call_dispatch(call, pipeline_work);
}

static void handle(struct hrana *hrana, struct net_request *request, int version)
{
	struct call *call = call_begin(hrana, request, version);
	if (call)
		call_decode_then(call, decode, take);
}

void pipeline_handle_v2(void *context, struct net_request *request)
{
	handle(context, request, 2);
}

void pipeline_handle_v3(void *context, struct net_request *request)
{
	handle(context, request, 3);
}
