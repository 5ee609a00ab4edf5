#include "sync/offline.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "log/log.h"

enum { PULL_FRAMES_MAX = 128 };

struct asking {
	struct sync *sync;
	struct access_grant grant;
};

static void put32(struct buffer *out, uint32_t value)
{
	const char bytes[] = {(char)(value >> 24), (char)(value >> 16), (char)(value >> 8), (char)value};
	buffer_append(out, bytes, sizeof(bytes));
}

bool offline_open(struct sync *sync, const struct access_grant *grant, struct fleet_history **out,
		  struct error *err)
{
	struct fleet_history *history;
	if (!fleet_history_open(sync->fleet, grant->database, &history, err))
		return false;
	if (!fleet_history_serves_offline(history)) {
		fleet_history_close(history);
		return error_set(err, ERR_ROUTE_NOT_FOUND,
				 "this database does not serve clients that work offline (offline_sync)");
	}
	*out = history;
	return true;
}

bool offline_param(const struct net_request *request, const char *name, uint32_t *out, struct error *err)
{
	const char *text = net_request_param(request, name);
	uint64_t value = 0;
	size_t size = text ? strlen(text) : 0;
	bool ok = size > 0 && size <= 10;
	for (size_t i = 0; ok && i < size; i++) {
		ok = text[i] >= '0' && text[i] <= '9';
		value = value * 10 + (uint64_t)(text[i] - '0');
	}
	*out = (uint32_t)value;
	return (ok && value > 0 && value <= UINT32_MAX) ||
	       error_set(err, ERR_BAD_REQUEST, "the path is /sync/{generation}/{first}/{behind the last}");
}

// -- info -----------------------------------------------------------------------------------------------

static void answer_info(struct asking *asking, struct net_request *request, struct fleet_history *history)
{
	struct generation generation;
	struct error err;
	if (!fleet_history_serves_offline(history)) {
		net_reply_status(request, 404);
		net_reply_type(request, "text/plain; charset=utf-8");
		net_request_finish(request);
		return;
	}
	if (!fleet_history_newest_generation(history, asking->sync->generation_frames, &generation, &err)) {
		sync_refuse(request, &err);
		return;
	}
	struct json_writer w = json_write_to(net_reply_body(request));
	json_write_object(&w);
	json_write_key(&w, "current_generation");
	json_write_unsigned(&w, generation.number);
	json_write_end_object(&w);
	net_request_finish(request);
}

static void info_on_worker(void *context, struct net_request *request)
{
	struct asking *asking = context;
	struct fleet_history *history;
	struct error err;
	if (!fleet_history_open(asking->sync->fleet, asking->grant.database, &history, &err)) {
		sync_refuse(request, &err);
		return;
	}
	answer_info(asking, request, history);
	fleet_history_close(history);
}

static void handle(struct sync *sync, struct net_request *request,
		   void (*on_worker)(void *context, struct net_request *request))
{
	struct asking *asking = arena_alloc(net_request_arena(request), sizeof(*asking));
	struct error err;
	asking->sync = sync;
	if (sync_authorize(sync, request, &asking->grant, &err))
		net_request_run(request, on_worker, asking, false);
	else
		sync_refuse(request, &err);
}

void offline_handle_info(void *context, struct net_request *request)
{
	handle(context, request, info_on_worker);
}

// -- frames ---------------------------------------------------------------------------------------------

static void append_frame(struct buffer *out, const struct log_txn *txn, uint32_t at)
{
	static const char salts_and_checksums[OFFLINE_FRAME_HEAD_BYTES - 8];
	put32(out, txn->page_nos[at]);
	put32(out, at + 1 == txn->frame_count ? txn->size_after : 0);
	buffer_append(out, salts_and_checksums, sizeof(salts_and_checksums));
	buffer_append(out, txn->pages + (size_t)at * LOG_PAGE_BYTES, LOG_PAGE_BYTES);
}

static bool gone(struct error *err)
{
	if (err->code != ERR_NOT_FOUND && err->code != ERR_CORRUPT)
		return false;
	return error_set(err, ERR_STALE,
			 "these frames are no longer kept: delete the local files, and begin with an empty "
			 "replica");
}

// Frames in the middle of a transaction are reached from where the generation begins.
static bool open_cursor(struct fleet_history *history, uint64_t begin, uint64_t position,
			struct log_cursor **out, struct error *err)
{
	return fleet_history_read(history, position, out, err) ||
	       (err->code == ERR_NOT_FOUND && position > begin &&
		fleet_history_read(history, begin, out, err)) ||
	       gone(err);
}

bool offline_read(struct fleet_history *history, const struct generation *generation, uint32_t from,
		  uint32_t count, struct buffer *out, struct error *err)
{
	struct log_cursor *cursor;
	struct log_txn txn;
	uint64_t next = generation->begin + from; // frame_no
	uint64_t stop = next + count;
	bool found = true;
	if (stop > generation->end + 1)
		stop = generation->end + 1;
	if (!open_cursor(history, generation->begin, next - 1, &cursor, err))
		return false;
	bool ok = true;
	while (ok && next < stop) {
		ok = log_cursor_next(cursor, &txn, &found, err);
		if (!ok || !found)
			break;
		uint64_t first = txn.frame_no - txn.frame_count + 1;
		for (; next < stop && next <= txn.frame_no; next++)
			append_frame(out, &txn, (uint32_t)(next - first));
	}
	log_cursor_close(cursor);
	if (!ok && err->code == ERR_CORRUPT)
		fleet_history_tend(history);
	return ok || gone(err);
}

// Nothing is there: the client has all of the generation, and is told which one is the newest.
static void answer_end(struct net_request *request, const struct generation *generation)
{
	struct json_writer w = json_write_to(net_reply_body(request));
	json_write_object(&w);
	json_write_key(&w, "generation");
	json_write_unsigned(&w, generation->newest);
	json_write_end_object(&w);
	net_reply_status(request, 400);
	net_request_finish(request);
}

// A client that pushed has gone over the end of its generation, which goes on for it.
static void go_over_end(struct generation *generation, uint32_t from)
{
	if (from <= generation->end - generation->begin + 1)
		return;
	generation->end = generation->durable;
	generation->newest = generation->number;
}

static bool is_behind(const struct generation *generation, uint32_t from, struct error *err)
{
	uint64_t has = generation->end - generation->begin;
	return from <= has + 1 ||
	       error_set(
		       err, ERR_STALE,
		       "generation %u has %llu frames only: delete the local files, and begin with an empty "
		       "replica",
		       generation->number, (unsigned long long)has);
}

static bool pull(struct asking *asking, struct net_request *request, struct fleet_history *history,
		 struct generation *generation, struct error *err)
{
	uint32_t number, from, behind;
	if (!offline_param(request, "g", &number, err) || !offline_param(request, "a", &from, err) ||
	    !offline_param(request, "b", &behind, err))
		return false;
	if (behind <= from)
		return error_set(err, ERR_BAD_REQUEST, "no frames are asked for");
	if (!fleet_history_generation(history, number, asking->sync->generation_frames, generation, err))
		return false;
	go_over_end(generation, from);
	if (!is_behind(generation, from, err))
		return false;
	uint32_t count = behind - from < PULL_FRAMES_MAX ? behind - from : PULL_FRAMES_MAX;
	return offline_read(history, generation, from, count, net_reply_body(request), err);
}

static void pull_on_worker(void *context, struct net_request *request)
{
	struct asking *asking = context;
	struct fleet_history *history;
	struct generation generation;
	struct error err;
	if (!offline_open(asking->sync, &asking->grant, &history, &err)) {
		sync_refuse(request, &err);
		return;
	}
	if (!pull(asking, request, history, &generation, &err)) {
		sync_refuse(request, &err);
	} else if (net_reply_body(request)->size == 0) {
		answer_end(request, &generation);
	} else {
		fleet_history_count(history, SYNCED_OFFLINE, net_reply_body(request)->size);
		net_reply_type(request, "application/octet-stream");
		net_request_finish(request);
	}
	fleet_history_close(history);
}

void offline_handle_pull(void *context, struct net_request *request)
{
	handle(context, request, pull_on_worker);
}
