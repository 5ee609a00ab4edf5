#include "sync/export.h"

#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/trace.h"
#include "base/workers.h"
#include "sync/offline.h"
#include "sync/page_source.h"

enum {
	PIECE_BYTES = 64 * 1024,
	WAITING_BYTES_MAX = 256 * 1024,
	WAITING_BYTES_RESUME = 64 * 1024,
	FORMATS_OFFSET = 18, // of page 1: how the file is to be read and written; 2 is by a write-ahead log
};

struct export
{
	struct sync *sync;
	struct net_request *request;
	struct access_grant grant;
	struct updates_request wish;
	struct job job;
	struct fleet_history *history;
	struct page_source *source;
	struct task task;
	struct buffer piece;
	uint64_t sent_bytes;
	int64_t deadline_ms; // monotonic
	bool begun;
};

static bool is_abandoned(void *context)
{
	struct export *export = context;
	return net_request_is_abandoned(export->request);
}

static void release(struct export *export)
{
	page_source_close(export->source);
	if (export->history && export->sent_bytes > 0)
		fleet_history_count(export->history, SYNCED_OFFLINE, export->sent_bytes);
	fleet_history_close(export->history);
	buffer_cleanup(&export->piece);
}

static void fail(struct export *export, const struct error *err)
{
	struct net_request *request = export->request;
	release(export);
	if (!export->begun) {
		sync_refuse(request, err);
		return;
	}
	trace_debug("sync.export_failed", "code", error_code_name(err->code), "request_id",
		    net_request_id(request));
	net_reply_break(request);
}

static size_t send_piece(struct export *export)
{
	if (!export->begun)
		net_reply_begin(export->request);
	export->begun = true;
	export->sent_bytes += export->piece.size;
	size_t waiting = net_reply_push(export->request, export->piece.data, export->piece.size);
	buffer_truncate(&export->piece, 0);
	return waiting;
}

static bool may_go_on(struct export *export, struct error *err)
{
	if (is_abandoned(export))
		return error_set(err, ERR_SHUTDOWN, "the client closed the connection");
	if (!access_is_current(export->sync->access, &export->grant))
		return error_set(err, ERR_AUTH_JWT_INVALID, "the token was revoked meanwhile");
	return clock_monotonic_ms() < export->deadline_ms ||
	       error_set(err, ERR_TIMEOUT,
			 "the client takes too long to read the reply (sync-reply-timeout)");
}

static bool fill_piece(struct export *export, bool *out_done, struct error *err)
{
	*out_done = false;
	while (export->piece.size < PIECE_BYTES && !*out_done) {
		uint32_t page_no;
		const char *page;
		if (!page_source_next(export->source, &page_no, &page, err))
			return false;
		*out_done = !page;
		if (!page)
			break;
		size_t at = export->piece.size;
		buffer_append(&export->piece, page, LOG_PAGE_BYTES);
		if (page_no == 1)
			memset(export->piece.data + at + FORMATS_OFFSET, 2, 2);
	}
	return true;
}

static void go_on(struct task *task);

static void on_drained(void *context, struct net_request *request)
{
	(void)request;
	struct export *export = context;
	export->task.run = go_on;
	workers_run(export->sync->workers, &export->task);
}

static void stream(struct export *export)
{
	struct error err;
	for (;;) {
		bool done;
		if (!may_go_on(export, &err) || !fill_piece(export, &done, &err)) {
			fail(export, &err);
			return;
		}
		size_t waiting = send_piece(export);
		if (done) {
			release(export);
			net_request_finish(export->request);
			return;
		}
		if (waiting > WAITING_BYTES_MAX) {
			net_reply_when_drained(export->request, WAITING_BYTES_RESUME, on_drained, export);
			return; // and it may be another thread's already
		}
	}
}

static void go_on(struct task *task)
{
	stream(CONTAINER_OF(task, struct export, task));
}

static bool begin(struct export *export, struct error *err)
{
	uint32_t number;
	struct generation generation;
	if (!offline_param(export->request, "g", &number, err) ||
	    !offline_open(export->sync, &export->grant, &export->history, err) ||
	    !fleet_history_generation(export->history, number, export->sync->generation_frames, &generation,
				      err))
		return false;
	struct revision *revision = &export->wish.server;
	revision->present = true;
	revision->frame_no = generation.begin;
	memcpy(revision->log_id, generation.log_id, sizeof(revision->log_id));
	return page_source_open(export->history, &export->wish, &export->job, &export->source, err);
}

static void begin_on_worker(void *context, struct net_request *request)
{
	struct export *export = context;
	struct error err;
	export->deadline_ms = clock_monotonic_ms() + export->sync->reply_ms_max;
	if (!begin(export, &err)) {
		fail(export, &err);
		return;
	}
	net_reply_type(request, "application/octet-stream");
	stream(export);
}

void export_handle(void *context, struct net_request *request)
{
	struct export *export = arena_alloc(net_request_arena(request), sizeof(*export));
	struct error err;
	export->sync = context;
	export->request = request;
	export->job = (struct job){.is_stopping = is_abandoned, .context = export};
	if (sync_authorize(context, request, &export->grant, &err))
		net_request_run(request, begin_on_worker, export, false);
	else
		sync_refuse(request, &err);
}
