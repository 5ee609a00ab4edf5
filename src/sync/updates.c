#include "sync/updates.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/trace.h"
#include "fleet/history.h"
#include "sync/internal.h"
#include "sync/page_source.h"
#include "sync/poll.h"

enum {
	PIECE_BYTES = 64 * 1024,
	WAITING_BYTES_MAX = 256 * 1024,
	WAITING_BYTES_RESUME = 64 * 1024,
};

struct updates {
	struct sync *sync;
	struct net_request *request;
	struct access_grant grant;
	struct updates_request message;
	struct job job;
	struct fleet_history *history;
	struct poll poll;
	struct page_source *source;
	struct task task;
	struct buffer piece;
	uint64_t sent_bytes;
	int64_t deadline_ms; // monotonic: the end of the reply, at the latest
	bool begun;          // to be sent
};

// -- the reply ----------------------------------------------------------------------------------------

static bool is_abandoned(void *context)
{
	struct updates *updates = context;
	return net_request_is_abandoned(updates->request);
}

static void release(struct updates *updates)
{
	page_source_close(updates->source);
	if (updates->history && updates->sent_bytes > 0)
		fleet_history_count(updates->history, SYNCED_PAGES, updates->sent_bytes);
	fleet_history_close(updates->history);
	buffer_cleanup(&updates->piece);
}

// What the client has of a reply that fails does not end well: it cannot be taken for the whole.
static void fail(struct updates *updates, const struct error *err)
{
	struct net_request *request = updates->request;
	release(updates);
	if (!updates->begun) {
		sync_refuse(request, err);
		return;
	}
	trace_debug("sync.pull_failed", "code", error_code_name(err->code), "request_id",
		    net_request_id(request));
	net_reply_break(request);
}

static size_t send_piece(struct updates *updates)
{
	if (!updates->begun)
		net_reply_begin(updates->request);
	updates->begun = true;
	updates->sent_bytes += updates->piece.size;
	size_t waiting = net_reply_push(updates->request, updates->piece.data, updates->piece.size);
	buffer_truncate(&updates->piece, 0);
	return waiting;
}

// A reply that fits into one piece is one like any other: head and body go out together.
static void finish(struct updates *updates)
{
	struct net_request *request = updates->request;
	if (updates->begun)
		send_piece(updates);
	else
		buffer_append(net_reply_body(request), updates->piece.data, updates->piece.size);
	if (!updates->begun)
		updates->sent_bytes = updates->piece.size;
	release(updates);
	net_request_finish(request);
}

static bool may_go_on(struct updates *updates, struct error *err)
{
	if (is_abandoned(updates))
		return error_set(err, ERR_SHUTDOWN, "the client closed the connection");
	if (!access_is_current(updates->sync->access, &updates->grant))
		return error_set(err, ERR_AUTH_JWT_INVALID, "the token was revoked meanwhile");
	return clock_monotonic_ms() < updates->deadline_ms ||
	       error_set(err, ERR_TIMEOUT,
			 "the client takes too long to read the reply (sync-reply-timeout)");
}

// *out_done: the last page is in the piece.
static bool fill_piece(struct updates *updates, bool *out_done, struct error *err)
{
	*out_done = false;
	while (updates->piece.size < PIECE_BYTES) {
		uint32_t page_no;
		const char *page;
		if (!page_source_next(updates->source, &page_no, &page, err))
			return false;
		if (!page) {
			*out_done = true;
			return true;
		}
		updates_write_page(&updates->piece, page_no, page);
	}
	return true;
}

static void go_on(struct task *task);

static void on_drained(void *context, struct net_request *request)
{
	(void)request;
	struct updates *updates = context;
	updates->task.run = go_on;
	workers_run(updates->sync->workers, &updates->task);
}

static void stream(struct updates *updates)
{
	struct error err;
	for (;;) {
		bool done;
		if (!may_go_on(updates, &err) || !fill_piece(updates, &done, &err)) {
			fail(updates, &err);
			return;
		}
		if (done) {
			finish(updates);
			return;
		}
		if (send_piece(updates) > WAITING_BYTES_MAX) {
			net_reply_when_drained(updates->request, WAITING_BYTES_RESUME, on_drained, updates);
			return; // and it may be another thread's already
		}
	}
}

static void go_on(struct task *task)
{
	stream(CONTAINER_OF(task, struct updates, task));
}

static void answer(struct updates *updates)
{
	struct error err;
	updates->deadline_ms = clock_monotonic_ms() + updates->sync->reply_ms_max;
	if (!page_source_open(updates->history, &updates->message, &updates->job, &updates->source, &err)) {
		fail(updates, &err);
		return;
	}
	net_reply_type(updates->request, "application/protobuf");
	updates_write_header(&updates->piece, page_source_log_id(updates->source),
			     page_source_frame_no(updates->source), page_source_page_count(updates->source));
	stream(updates);
}

// -- waiting ------------------------------------------------------------------------------------------

static bool is_over(const struct poll *poll)
{
	struct updates *updates = CONTAINER_OF(poll, struct updates, poll);
	struct fleet_position position;
	struct error ignored;
	return is_abandoned(updates) || !access_is_current(updates->sync->access, &updates->grant) ||
	       !fleet_history_position(updates->history, &position, &ignored);
}

static void after_wait(struct task *task)
{
	struct updates *updates = CONTAINER_OF(task, struct updates, poll.task);
	struct error err;
	if (sync_authorize(updates->sync, updates->request, &updates->grant, &err))
		answer(updates);
	else
		fail(updates, &err);
}

static bool has_all(const struct updates *updates)
{
	const struct revision *client = &updates->message.client;
	struct fleet_position position;
	struct error ignored;
	return fleet_history_position(updates->history, &position, &ignored) &&
	       strcmp(client->log_id, position.log_id) == 0 && client->frame_no == position.frame_no;
}

static bool wait_for_news(struct updates *updates)
{
	const struct updates_request *message = &updates->message;
	int64_t wait_ms = updates->sync->long_poll_ms_max;
	if (message->long_poll_ms == 0 || message->server.present || !has_all(updates))
		return false;
	if (message->long_poll_ms < (uint64_t)wait_ms)
		wait_ms = (int64_t)message->long_poll_ms;
	updates->poll.task.run = after_wait;
	updates->poll.is_over = is_over;
	updates->poll.deadline_ms = clock_monotonic_ms() + wait_ms;
	return poll_begin(updates->sync->polls, &updates->poll, updates->history, message->client.frame_no);
}

// -- beginnings ---------------------------------------------------------------------------------------

static void begin_on_worker(void *context, struct net_request *request)
{
	(void)request;
	struct updates *updates = context;
	struct error err;
	if (!fleet_history_open(updates->sync->fleet, updates->grant.database, &updates->history, &err))
		fail(updates, &err);
	else if (!wait_for_news(updates))
		answer(updates);
}

void updates_handle(void *context, struct net_request *request)
{
	struct arena *arena = net_request_arena(request);
	const struct buffer *body = net_request_body(request);
	struct updates *updates = arena_alloc(arena, sizeof(*updates));
	struct error err;
	updates->sync = context;
	updates->request = request;
	updates->job = (struct job){.is_stopping = is_abandoned, .context = updates};
	if (!sync_authorize(context, request, &updates->grant, &err) ||
	    !updates_decode(arena, body->data, body->size, &updates->message, &err))
		sync_refuse(request, &err);
	else
		net_request_run(request, begin_on_worker, updates, false);
}
