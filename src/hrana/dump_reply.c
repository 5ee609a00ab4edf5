#include "hrana/dump_reply.h"

#include <string.h>

#include "base/arena.h"
#include "base/trace.h"
#include "hrana/call.h"

enum {
	PIECE_BYTES = 64 * 1024,
	PIECE_KEPT_BYTES = 4 * PIECE_BYTES,
	WAITING_BYTES_MAX = 256 * 1024,
	WAITING_BYTES_RESUME = 64 * 1024,
};

struct dump_reply {
	struct call *call;
	bool preserve_row_ids;
	bool begun; // to be sent
	struct buffer piece;
	size_t waiting; // for the client, as of the last piece
};

// A text that fits into one piece is a reply like any other.
static void send_piece(struct dump_reply *reply)
{
	struct net_request *request = reply->call->request;
	if (!reply->begun)
		net_reply_begin(request);
	reply->begun = true;
	reply->waiting = net_reply_push(request, reply->piece.data, reply->piece.size);
	if (reply->piece.capacity > PIECE_KEPT_BYTES)
		buffer_cleanup(&reply->piece);
	else
		buffer_truncate(&reply->piece, 0);
}

static bool begin(struct dump_reply *reply, struct error *err)
{
	struct call *call = reply->call;
	if (call->program.stream)
		return true;
	net_reply_type(call->request, "text/plain; charset=utf-8");
	return call_open_stream(call, err) &&
	       fleet_session_dump_begin(program_session(&call->program), reply->preserve_row_ids, err);
}

static bool end_whole(struct dump_reply *reply, struct error *err)
{
	char baton[BATON_TEXT_BYTES];
	if (!call_leave_stream(reply->call, baton, err))
		return false;
	if (reply->begun)
		send_piece(reply);
	else
		buffer_append(net_reply_body(reply->call->request), reply->piece.data, reply->piece.size);
	return true;
}

// What the client has of it does not end with COMMIT, and its body is cut: it cannot be taken for the whole.
static void end_begun(struct dump_reply *reply, const struct error *err)
{
	struct call *call = reply->call;
	call->cut = true;
	if (call->program.stream)
		stream_close(call->hrana->streams, TAKE(call->program.stream));
	trace_debug("sql.dump_failed", "code", error_code_name(err->code), "request_id",
		    net_request_id(call->request));
}

static void end(struct dump_reply *reply, bool ok, struct error *err)
{
	if (!(ok && end_whole(reply, err))) {
		if (reply->begun)
			end_begun(reply, err);
		else
			call_fail(reply->call, err);
	}
	buffer_cleanup(&reply->piece);
	call_finish(reply->call);
}

static void on_drained(void *context, struct net_request *request)
{
	(void)request;
	call_go_on(context);
}

static void work(struct call *call)
{
	struct dump_reply *reply = call->dump_reply;
	struct program *program = &call->program;
	struct error err;
	bool done = false;
	bool ok = begin(reply, &err);
	while (ok && !done) {
		ok = program->has_client(program, &err) &&
		     fleet_session_dump_write(program_session(program), &reply->piece, PIECE_BYTES, &done,
					      &err);
		if (!ok || done)
			break;
		send_piece(reply);
		if (reply->waiting > WAITING_BYTES_MAX) {
			call_pause(call);
			net_reply_when_drained(call->request, WAITING_BYTES_RESUME, on_drained, call);
			return; // and the call may be another thread's already
		}
	}
	end(reply, ok, &err);
}

static bool read_query(struct net_request *request, bool *out, struct error *err)
{
	const char *text = net_request_query(request, "preserve_row_ids");
	*out = text && strcmp(text, "true") == 0;
	if (!text || *out || strcmp(text, "false") == 0)
		return true;
	return error_set(err, ERR_BAD_REQUEST, "preserve_row_ids: `%.40s` is neither true nor false", text);
}

void dump_reply_handle(void *context, struct net_request *request)
{
	struct error err;
	struct call *call = call_begin(context, request, 3, &wire_json);
	if (!call)
		return;
	struct dump_reply *reply = arena_alloc(call->arena, sizeof(*reply));
	reply->call = call;
	call->dump_reply = reply;
	call->closed = true;
	if (read_query(request, &reply->preserve_row_ids, &err)) {
		call_dispatch(call, work);
	} else {
		call_fail(call, &err);
		call_finish(call);
	}
}
