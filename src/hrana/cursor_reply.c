#include "hrana/cursor_reply.h"

#include <string.h>

#include "base/arena.h"
#include "base/trace.h"
#include "hrana/call.h"
#include "hrana/cursor.h"
#include "hrana/run.h"

// A piece is a chunk of the reply. What waits for the client is little in comparison with what SQLite keeps of a file.
enum {
	PIECE_BYTES = 64 * 1024,
	PIECE_KEPT_BYTES = 4 * PIECE_BYTES,
	WAITING_BYTES_MAX = 256 * 1024,
	WAITING_BYTES_RESUME = 64 * 1024,
};

struct cursor_reply {
	struct call *call;
	struct cursor cursor;
	struct buffer piece; // where entries go once the reply has begun
	size_t head_size;
	size_t waiting; // for the client, as of the last piece
	bool begun;
};

static bool decode(struct call *call, struct error *err)
{
	struct decoder decoder = {.arena = call->arena, .version = call->version};
	struct pipeline *pipeline = &call->pipeline;
	return call->program.out.wire->read_cursor(&decoder, net_request_body(call->request), &call->body,
						   pipeline, err) &&
	       call_read_baton(call, pipeline->baton, pipeline->baton_size, err);
}

// The head comes first and its baton is known late; all batons have the same length, and a cursor never closes its stream.
static void write_head(struct cursor_reply *reply)
{
	struct encode_out *out = &reply->call->program.out;
	char baton[BATON_TEXT_BYTES];
	memset(baton, ' ', sizeof(baton) - 1);
	baton[sizeof(baton) - 1] = '\0';
	out->wire->cursor_head(out, baton);
	reply->head_size = out->json.out->size;
}

static void put_baton(struct cursor_reply *reply, const char *baton)
{
	OWNED(buffer) struct buffer head = {0};
	struct encode_out head_out = encode_to(reply->call->program.out.wire, &head);
	head_out.wire->cursor_head(&head_out, baton);
	ASSERT(head.size == reply->head_size);
	memcpy(net_reply_body(reply->call->request)->data, head.data, head.size);
	net_reply_type(reply->call->request, head_out.wire->cursor_type);
}

// -- sending ----------------------------------------------------------------------------------------------

static bool may_change(const struct batch *batch)
{
	for (size_t i = 0; i < batch->step_count; i++) {
		if (!run_is_plain_read(&batch->steps[i].statement))
			return true;
	}
	return false;
}

// Before the batch has ended. The statement that runs at the moment holds its connection: nothing may be asked of it.
static void begin_reply(struct cursor_reply *reply)
{
	struct call *call = reply->call;
	char baton[BATON_TEXT_BYTES];
	stream_promise(call->hrana->streams, call->program.stream, &call->grant,
		       may_change(reply->cursor.batch), baton);
	put_baton(reply, baton);
	net_reply_begin(call->request);
	call->program.out.json.out = &reply->piece;
	reply->begun = true;
}

static void push_piece(struct cursor_reply *reply)
{
	struct buffer *piece = &reply->piece;
	if (piece->size == 0)
		return;
	reply->waiting = net_reply_push(reply->call->request, piece->data, piece->size);
	if (piece->capacity > PIECE_KEPT_BYTES)
		buffer_cleanup(piece);
	else
		buffer_truncate(piece, 0);
}

static bool send_piece(struct cursor_reply *reply, struct error *err)
{
	if (!cursor_settle(&reply->cursor, err))
		return false;
	if (reply->begun)
		push_piece(reply);
	else
		begin_reply(reply);
	cursor_sent(&reply->cursor, reply->waiting > WAITING_BYTES_MAX);
	return true;
}

static bool flush(struct cursor *cursor, struct error *err)
{
	return send_piece(cursor->context, err);
}

// -- ends -------------------------------------------------------------------------------------------------

static bool end_whole(struct cursor_reply *reply, struct error *err)
{
	char baton[BATON_TEXT_BYTES];
	if (!call_leave_stream(reply->call, baton, err))
		return false;
	if (reply->begun) {
		push_piece(reply);
		return true;
	}
	// Its stream was taken away: there is no baton, and nobody who would read one.
	if (!baton[0])
		return error_set(err, ERR_SHUTDOWN,
				 "the client closed the connection, or the server is stopping");
	put_baton(reply, baton);
	return true;
}

// The reply has begun: its status cannot say it any more. The client is told, if what was told before holds.
static void end_begun(struct cursor_reply *reply, struct error *err)
{
	struct call *call = reply->call;
	struct encode_out *out = &call->program.out;
	struct error settle_error;
	bool tells = err->code != ERR_SHUTDOWN && call->program.stream &&
		     cursor_settle(&reply->cursor, &settle_error);
	if (tells) {
		out->wire->batch_error(out, err);
		push_piece(reply);
	}
	call->cut = !tells;
	if (call->program.stream)
		stream_close(call->hrana->streams, TAKE(call->program.stream));
	trace_debug("sql.cursor_failed", "code", error_code_name(err->code), "request_id",
		    net_request_id(call->request));
}

static void end(struct cursor_reply *reply, bool ok, struct error *err)
{
	struct call *call = reply->call;
	cursor_end(&reply->cursor);
	if (!(ok && end_whole(reply, err))) {
		if (reply->begun)
			end_begun(reply, err);
		else
			call_fail(call, err);
	}
	buffer_cleanup(&reply->piece);
	call_finish(call);
}

// -- pieces -----------------------------------------------------------------------------------------------

static bool begin(struct cursor_reply *reply, struct error *err)
{
	struct call *call = reply->call;
	if (call->program.stream)
		return true;
	if (!call_open_stream(call, err))
		return false;
	if (call->pipeline.broken)
		return error_set(err, ERR_PROTOCOL, "%s", call->pipeline.broken);
	write_head(reply);
	cursor_begin(&reply->cursor, &call->pipeline.requests[0].batch);
	reply->cursor.flush = flush;
	reply->cursor.context = reply;
	return true;
}

static void on_drained(void *context, struct net_request *request)
{
	(void)request;
	call_go_on(context);
}

static void work(struct call *call)
{
	struct cursor_reply *reply = call->cursor_reply;
	struct error err;
	bool done = false;
	bool ok = begin(reply, &err);
	while (ok && !done) {
		ok = cursor_run(&reply->cursor, &call->program, SIZE_MAX, PIECE_BYTES, &done, &err) &&
		     (done || send_piece(reply, &err));
		if (ok && !done && reply->waiting > WAITING_BYTES_MAX) {
			call_pause(call);
			net_reply_when_drained(call->request, WAITING_BYTES_RESUME, on_drained, call);
			return; // and the call may be another thread's already
		}
	}
	end(reply, ok, &err);
}

static void take(struct call *call)
{
	call->cursor_reply = arena_alloc(call->arena, sizeof(*call->cursor_reply));
	call->cursor_reply->call = call;
	call_dispatch(call, work);
}

static void handle(struct hrana *hrana, struct net_request *request, const struct wire *wire)
{
	struct call *call = call_begin(hrana, request, 3, wire);
	if (call)
		call_decode_then(call, decode, take);
}

void cursor_reply_handle(void *context, struct net_request *request)
{
	handle(context, request, &wire_json);
}

void cursor_reply_handle_protobuf(void *context, struct net_request *request)
{
	handle(context, request, &wire_protobuf);
}
