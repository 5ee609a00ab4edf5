#include "hrana/pipeline.h"

#include "hrana/decode_fast.h"
#include "hrana/errors.h"
#include "hrana/quick.h"
#include "hrana/run.h"

static bool closed(struct error *err)
{
	return error_set(err, ERR_PROTOCOL, "Stream for this baton was closed");
}

static bool take_request(struct call *call, struct request *request, struct error *err)
{
	struct streams *streams = call->hrana->streams;
	struct stream *stream = call->program.stream;
	const struct step *step = &request->step;
	switch (request->kind) {
	case REQUEST_CLOSE:
		call->closed = true;
		return true;
	case REQUEST_STORE_SQL:
		return stream_store_sql(streams, stream, step->sql_id, step->statement.sql,
					step->statement.sql_size, err);
	case REQUEST_CLOSE_SQL:
		stream_forget_sql(streams, stream, step->sql_id);
		return true;
	default:
		return call->closed ? closed(err) : run_request(&call->program, request, err);
	}
}

// One entry of `results`. A failed statement is an entry like others; false is the end of the whole request.
static bool answer_request(struct call *call, struct request *request, struct error *err)
{
	struct encode_out *out = &call->program.out;
	struct encode_mark mark = encode_mark(out);
	if (!call->program.has_client(&call->program, err))
		return false;
	out->wire->answer_begin(out, request->kind);
	if (take_request(call, request, err)) {
		out->wire->answer_end(out);
		return true;
	}
	if (!errors_is_statement(err))
		return false;
	encode_return(out, &mark);
	out->wire->answer_error(out, err);
	return true;
}

static bool decode(struct call *call, struct error *err)
{
	struct pipeline *pipeline = &call->pipeline;
	const struct wire *wire = call->program.out.wire;
	const struct buffer *body = net_request_body(call->request);
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	*pipeline = (struct pipeline){0};
	if (!(!wire->is_binary && decode_fast(call->arena, body, pipeline)) &&
	    !wire->read_pipeline(&decoder, body, &call->body, pipeline, err))
		return false;
	call->decoded = true;
	return call_read_baton(call, pipeline->baton, pipeline->baton_size, err);
}

static bool run_all(struct call *call, struct error *err)
{
	struct pipeline *pipeline = &call->pipeline;
	struct encode_out *out = &call->program.out;
	// The quick path may have given up what the pipeline borrowed from.
	if (!call->decoded && !decode(call, err))
		return false;
	if (!call_open_stream(call, err))
		return false;
	if (pipeline->broken)
		return error_set(err, ERR_PROTOCOL, "%s", pipeline->broken);
	out->wire->pipeline_begin(out);
	for (size_t i = 0; i < pipeline->request_count; i++) {
		if (!answer_request(call, &pipeline->requests[i], err))
			return false;
	}
	char baton[BATON_TEXT_BYTES];
	if (!call_leave_stream(call, baton, err))
		return false;
	out->wire->pipeline_end(out, baton);
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

static void handle(struct hrana *hrana, struct net_request *request, int version, const struct wire *wire)
{
	struct call *call = call_begin(hrana, request, version, wire);
	if (call)
		call_decode_then(call, decode, take);
}

void pipeline_handle_v2(void *context, struct net_request *request)
{
	handle(context, request, 2, &wire_json);
}

void pipeline_handle_v3(void *context, struct net_request *request)
{
	handle(context, request, 3, &wire_json);
}

void pipeline_handle_v3_protobuf(void *context, struct net_request *request)
{
	handle(context, request, 3, &wire_protobuf);
}
