#include "hrana/call.h"

#include "base/arena.h"
#include "base/trace.h"
#include "base/workers.h"
#include "hrana/errors.h"

// To look costs a system call. A statement that runs long is interrupted by the streams' timer meanwhile.
enum { STEPS_BETWEEN_LOOKS = 64 };

// A network thread must not parse for longer than it takes to answer a handful of other requests.
enum { INLINE_BODY_BYTES = 64 * 1024 };

void call_refuse(struct net_request *request, const struct error *err)
{
	const char *content_type;
	struct buffer *body = net_reply_body(request);
	buffer_truncate(body, 0);
	int status = errors_write_body(body, err, &content_type);
	net_request_count_error(request, err->code);
	net_reply_status(request, status);
	net_reply_type(request, content_type);
	if (status == 500)
		trace_error("sql.failed", "code", error_code_name(err->code), "detail", err->detail,
			    "request_id", net_request_id(request));
}

static bool check_credential(struct hrana *hrana, struct net_request *request, struct access_grant *out,
			     struct error *err)
{
	const char *label = net_request_label(request);
	if (!label) {
		const char *host = net_request_header(request, "host");
		return error_set(
			err, ERR_BAD_REQUEST,
			"Invalid host header: `%.200s` names no database; put /db/NAME before the path",
			host ? host : "");
	}
	return access_check(hrana->access, label, net_request_header(request, "authorization"), out, err);
}

static bool has_client(struct program *program, struct error *err)
{
	struct call *call = CONTAINER_OF(program, struct call, program);
	bool looks = ++call->steps % STEPS_BETWEEN_LOOKS == 0;
	if (!stream_is_abandoned(program->stream) && !(looks && net_request_is_abandoned(call->request)))
		return true;
	return error_set(err, ERR_SHUTDOWN, "the client closed the connection, or the server is stopping");
}

struct call *call_begin(struct hrana *hrana, struct net_request *request, int version,
			const struct wire *wire)
{
	struct arena *arena = net_request_arena(request);
	struct call *call = arena_alloc(arena, sizeof(*call));
	struct error err;
	if (!check_credential(hrana, request, &call->grant, &err)) {
		call_refuse(request, &err);
		net_request_finish(request);
		return NULL;
	}
	call->hrana = hrana;
	call->request = request;
	call->arena = arena;
	call->version = version;
	call->program = program_begin(hrana, arena, wire, net_reply_body(request));
	call->program.has_client = has_client;
	net_reply_type(request, wire->reply_type);
	return call;
}

bool call_parse(struct call *call, struct error *err)
{
	return decode_parse(net_request_body(call->request), &call->body, err);
}

void call_drop_body(struct call *call)
{
	if (call->body)
		call->decoded = false;
	json_read_free(call->body);
	call->body = NULL;
}

bool call_read_baton(struct call *call, const char *baton, size_t size, struct error *err)
{
	call->has_baton = baton != NULL;
	if (baton && !baton_read(baton, size, call->hrana->baton_key, &call->grant, &call->baton))
		return error_set(err, ERR_BATON_INVALID, "Received an invalid baton");
	call->urgent = call->has_baton && (call->baton.flags & BATON_TRANSACTION);
	return true;
}

static void decode_then(struct call *call)
{
	struct error err;
	if (call->decode(call, &err)) {
		call->then(call);
	} else {
		call_fail(call, &err);
		call_finish(call);
	}
}

static void decode_on_worker(void *context, struct net_request *request)
{
	(void)request;
	decode_then(context);
}

void call_decode_then(struct call *call, call_decode *decode, call_work *then)
{
	call->decode = decode;
	call->then = then;
	// Urgent, for it does not block, and whether the rest is urgent stands in the body.
	if (net_request_body(call->request)->size > INLINE_BODY_BYTES)
		net_request_run(call->request, decode_on_worker, call, true);
	else
		decode_then(call);
}

static void work_on_worker(void *context, struct net_request *request)
{
	(void)request;
	struct call *call = context;
	call->work(call);
}

static void start(struct admission_ticket *ticket)
{
	struct call *call = CONTAINER_OF(ticket, struct call, ticket);
	call->admitted = true;
	net_request_run(call->request, work_on_worker, call, call->urgent);
}

static void enter(struct call *call)
{
	struct error err;
	call->ticket.start = start;
	if (!admission_enter(call->hrana->admission, call->grant.database, &call->ticket, call->urgent,
			     &err)) {
		call_fail(call, &err);
		call_finish(call);
	}
}

static void enter_after(struct stream_waiter *waiter)
{
	enter(CONTAINER_OF(waiter, struct call, waiter));
}

void call_dispatch(struct call *call, call_work *work)
{
	call->work = work;
	call->waiter.go = enter_after;
	if (!call->has_baton ||
	    !stream_await(call->hrana->streams, &call->grant, &call->baton, &call->waiter))
		enter(call);
}

void call_pause(struct call *call)
{
	call->admitted = false;
	admission_leave(call->hrana->admission, call->grant.database);
}

void call_go_on(struct call *call)
{
	call->urgent = true; // never refused
	enter(call);
}

bool call_open_stream(struct call *call, struct error *err)
{
	const struct pipeline *pipeline = &call->pipeline;
	bool passing =
		call->closed || (pipeline->request_count > 0 &&
				 pipeline->requests[pipeline->request_count - 1].kind == REQUEST_CLOSE);
	return stream_acquire(call->hrana->streams, call->request, &call->grant,
			      call->has_baton ? &call->baton : NULL, passing, &call->program.stream, err);
}

bool call_leave_stream(struct call *call, char baton[BATON_TEXT_BYTES], struct error *err)
{
	if (!fleet_session_settle(stream_session(call->program.stream), err))
		return false;
	struct stream *stream = TAKE(call->program.stream);
	baton[0] = '\0';
	if (call->closed || stream_is_abandoned(stream))
		stream_close(call->hrana->streams, stream);
	else
		stream_release(call->hrana->streams, stream, &call->grant, baton);
	return true;
}

void call_restart_reply(struct call *call)
{
	encode_restart(&call->program.out);
	gauge_release(&call->program.gauge);
}

void call_fail(struct call *call, const struct error *err)
{
	if (call->program.stream)
		stream_close(call->hrana->streams, TAKE(call->program.stream));
	call_restart_reply(call);
	call_refuse(call->request, err);
}

void call_finish(struct call *call)
{
	ASSERT(call->program.stream == NULL);
	call_drop_body(call);
	gauge_release(&call->program.gauge);
	if (call->admitted)
		admission_leave(call->hrana->admission, call->grant.database);
	if (call->cut)
		net_reply_break(call->request);
	else
		net_request_finish(call->request);
}
