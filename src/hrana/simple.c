#include "hrana/simple.h"

#include "base/arena.h"
#include "hrana/legacy.h"
#include "hrana/run.h"

static bool parse_object(struct call *call, struct error *err)
{
	if (!call_parse(call, err))
		return false;
	return json_read_kind(call->body) == JSON_KIND_OBJECT ||
	       decode_fail(err, "the body", "an object", call->body);
}

// The session of this request alone; what is open at the end is rolled back.
static bool open_stream(struct call *call, const char *broken, struct error *err)
{
	call->closed = true;
	return call_open_stream(call, err) && (!broken || error_set(err, ERR_PROTOCOL, "%s", broken));
}

static bool leave_stream(struct call *call, struct error *err)
{
	char baton[BATON_TEXT_BYTES];
	return call_leave_stream(call, baton, err);
}

static bool run_execute(struct call *call, struct error *err)
{
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	struct step *step = arena_alloc(call->arena, sizeof(*step));
	if (!parse_object(call, err) ||
	    !decode_statement(&decoder, json_read_get(call->body, "stmt"), step, err) ||
	    !open_stream(call, decoder.broken, err))
		return false;
	json_write_object(&call->program.out.json);
	json_write_key(&call->program.out.json, "result");
	if (!run_statement(&call->program, step, err))
		return false;
	json_write_end_object(&call->program.out.json);
	return leave_stream(call, err);
}

static bool run_batch_of_v1(struct call *call, struct error *err)
{
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	struct batch *batch = arena_alloc(call->arena, sizeof(*batch));
	if (!parse_object(call, err) ||
	    !decode_batch(&decoder, json_read_get(call->body, "batch"), batch, err) ||
	    !open_stream(call, decoder.broken, err))
		return false;
	json_write_object(&call->program.out.json);
	json_write_key(&call->program.out.json, "result");
	if (!run_batch(&call->program, batch, err))
		return false;
	json_write_end_object(&call->program.out.json);
	return leave_stream(call, err);
}

static void finish(struct call *call, bool ok, const struct error *err)
{
	if (!ok)
		call_fail(call, err);
	call_finish(call);
}

static void work_execute(struct call *call)
{
	struct error err;
	finish(call, run_execute(call, &err), &err);
}

static void work_batch(struct call *call)
{
	struct error err;
	finish(call, run_batch_of_v1(call, &err), &err);
}

static void work_legacy(struct call *call)
{
	struct error err;
	finish(call, legacy_run(call, &err), &err);
}

static void handle(struct hrana *hrana, struct net_request *request, call_work *work)
{
	struct call *call = call_begin(hrana, request, 1, &wire_json);
	if (call)
		call_dispatch(call, work);
}

void simple_handle_execute(void *context, struct net_request *request)
{
	handle(context, request, work_execute);
}

void simple_handle_batch(void *context, struct net_request *request)
{
	handle(context, request, work_batch);
}

void simple_handle_legacy(void *context, struct net_request *request)
{
	handle(context, request, work_legacy);
}
