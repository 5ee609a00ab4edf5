#include "hrana/cursor_reply.h"

#include <string.h>

#include "base/arena.h"
#include "hrana/call.h"
#include "hrana/cursor.h"

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

// The head is known at the end and stands at the beginning; all batons have the same length, and a cursor never closes its
// stream.
static bool run_all(struct call *call, struct error *err)
{
	struct encode_out *out = &call->program.out;
	char baton[BATON_TEXT_BYTES];
	struct cursor cursor;
	bool done = false;
	if (!call_open_stream(call, err))
		return false;
	if (call->pipeline.broken)
		return error_set(err, ERR_PROTOCOL, "%s", call->pipeline.broken);
	memset(baton, ' ', sizeof(baton) - 1);
	baton[sizeof(baton) - 1] = '\0';
	out->wire->cursor_head(out, baton);
	size_t head_size = out->json.out->size;
	cursor_begin(&cursor, &call->pipeline.requests[0].batch);
	bool ok = true;
	while (ok && !done)
		ok = cursor_run(&cursor, &call->program, SIZE_MAX, SIZE_MAX, &done, err);
	cursor_end(&cursor);
	if (!ok)
		return false;
	if (!call_leave_stream(call, baton, err))
		return false;
	OWNED(buffer) struct buffer head = {0};
	struct encode_out head_out = encode_to(out->wire, &head);
	out->wire->cursor_head(&head_out, baton);
	ASSERT(head.size == head_size);
	memcpy(out->json.out->data, head.data, head_size);
	net_reply_type(call->request, out->wire->cursor_type);
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

void cursor_reply_handle(void *context, struct net_request *request)
{
	struct call *call = call_begin(context, request, 3);
	if (call)
		call_decode_then(call, decode, take);
}
