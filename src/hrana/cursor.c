#include "hrana/cursor.h"

#include <string.h>

#include "hrana/errors.h"
#include "hrana/run.h"

#define HEAD_BEGIN "{\"baton\":\""
#define HEAD_END   "\",\"base_url\":null}\n"

static bool decode(struct call *call, struct error *err)
{
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	if (!call_parse(call, err))
		return false;
	if (json_read_kind(call->body) != JSON_KIND_OBJECT)
		return decode_fail(err, "the body", "an object", call->body);
	size_t size = 0;
	const struct json *baton = decode_member(call->body, "baton");
	const char *text = baton ? json_read_text(baton, &size) : NULL;
	if (baton && !text)
		return decode_fail(err, "`baton`", "a string", baton);
	struct request *request = arena_alloc(call->arena, sizeof(*request));
	request->kind = REQUEST_BATCH;
	if (!decode_batch(&decoder, json_read_get(call->body, "batch"), &request->batch, err))
		return false;
	call->pipeline = (struct pipeline){.requests = request, .request_count = 1, .broken = decoder.broken};
	return call_read_baton(call, text, size, err);
}

static bool run_all(struct call *call, struct error *err)
{
	struct json_writer *w = &call->out;
	char baton[BATON_TEXT_BYTES] = "";
	if (!call_open_stream(call, err))
		return false;
	if (call->pipeline.broken)
		return error_set(err, ERR_PROTOCOL, "%s", call->pipeline.broken);
	// The baton is known at the end and stands at the beginning; all batons have the same length.
	ENCODE_LITERAL(w, HEAD_BEGIN);
	memset(buffer_reserve(w->out, BATON_TEXT_BYTES - 1), ' ', BATON_TEXT_BYTES - 1);
	w->out->size += BATON_TEXT_BYTES - 1;
	ENCODE_LITERAL(w, HEAD_END);
	if (!run_batch(call, &call->pipeline.requests[0].batch, ENCODE_CURSOR, err)) {
		if (!errors_is_statement(err))
			return false;
		ENCODE_LITERAL(w, "{\"type\":\"error\",\"error\":");
		w->comma = false;
		errors_write(w, err);
		ENCODE_LITERAL(w, "}\n");
	}
	if (!call_leave_stream(call, baton, err))
		return false;
	memcpy(w->out->data + sizeof(HEAD_BEGIN) - 1, baton, BATON_TEXT_BYTES - 1);
	net_reply_type(call->request, "text/plain");
	return true;
}

static void work(struct call *call)
{
	struct error err;
	if (!run_all(call, &err))
		call_fail(call, &err);
	call_finish(call);
}

static void take(struct call *call)
{
	call_dispatch(call, work);
}

void cursor_handle(void *context, struct net_request *request)
{
	struct call *call = call_begin(context, request, 3);
	if (call)
		call_decode_then(call, decode, take);
}
