#include "api/live.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/gate.h"
#include "api/handlers.h"
#include "api/state.h"
#include "api/views.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/workers.h"
#include "platform/live.h"

enum {
	LOOK_MS = 500,
	LOOKS_PER_USAGE = 10, // what was counted is stored no more often
	SILENCE_MS = 15 * 1000,
	WAITING_BYTES_MAX = 64 * 1024
};

struct live_stream {
	struct live_stream *next; // these two guarded by the streams' mutex
	struct live_stream *previous;
	struct task task;
	struct api *api;
	struct net_request *request;
	char database[CRYPT_UUID_TEXT_BYTES];
	struct buffer told; // the last event's JSON
	struct usage_figures usage;
	int looks;
	int64_t spoke_ms; // monotonic
};

struct live_streams {
	struct workers *workers;
	int count_max;
	pthread_mutex_t mutex;
	struct live_stream *first; // guarded by mutex
};

struct live_streams *live_streams_create(struct workers *workers, int count_max)
{
	struct live_streams *streams = calloc(1, sizeof(*streams));
	ASSERT(streams != NULL);
	streams->workers = workers;
	streams->count_max = count_max;
	pthread_mutex_init(&streams->mutex, NULL);
	return streams;
}

void live_streams_free(struct live_streams *streams)
{
	if (!streams)
		return;
	ASSERT(streams->first == NULL);
	pthread_mutex_destroy(&streams->mutex);
	free(streams);
}

static bool add(struct live_streams *streams, struct live_stream *stream, struct error *err)
{
	int count = 0;
	pthread_mutex_lock(&streams->mutex);
	for (struct live_stream *other = streams->first; other; other = other->next)
		count += strcmp(other->database, stream->database) == 0 &&
			 !net_request_is_abandoned(other->request);
	bool ok = count < streams->count_max;
	if (ok) {
		stream->next = streams->first;
		if (stream->next)
			stream->next->previous = stream;
		streams->first = stream;
	}
	pthread_mutex_unlock(&streams->mutex);
	return ok || error_set(err, ERR_RATE_LIMITED,
			       "a database is watched by at most %d at a time (limit listeners-max)",
			       streams->count_max);
}

static void take_out(struct live_streams *streams, struct live_stream *stream)
{
	pthread_mutex_lock(&streams->mutex);
	if (stream->previous)
		stream->previous->next = stream->next;
	else
		streams->first = stream->next;
	if (stream->next)
		stream->next->previous = stream->previous;
	pthread_mutex_unlock(&streams->mutex);
}

static void destroy(struct live_stream *stream)
{
	buffer_cleanup(&stream->told);
	free(stream);
}

static bool look_at_usage(struct live_stream *stream, struct api_request *req, struct error *err)
{
	int64_t now_ms = clock_wall_ms();
	struct usage_period period;
	if (stream->looks++ % LOOKS_PER_USAGE != 0)
		return true;
	return usage_period_of(usage_month_of(now_ms), now_ms, &period, err) &&
	       platform_stored_usage(req->platform, &req->organization, &req->database, &period, req->arena,
				     &stream->usage, err);
}

// *out_changed: since the last time.
static bool look(struct live_stream *stream, struct api_request *req, bool *out_changed, struct error *err)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer writer = json_write_to(&text);
	struct live_database live;
	if (!look_at_usage(stream, req, err) ||
	    !platform_look_at(req->platform, &req->organization, &req->database, req->arena, &live, err))
		return false;
	view_live_database(&writer, &live, &stream->usage);
	*out_changed = text.size != stream->told.size || memcmp(text.data, stream->told.data, text.size) != 0;
	if (*out_changed) {
		buffer_truncate(&stream->told, 0);
		buffer_append(&stream->told, text.data, text.size);
	}
	return true;
}

static void say(struct live_stream *stream, const char *text, size_t size)
{
	stream->spoke_ms = clock_monotonic_ms();
	net_reply_push(stream->request, text, size);
}

static void tell(struct live_stream *stream)
{
	OWNED(buffer) struct buffer event = {0};
	buffer_append_text(&event, "event: database\ndata: ");
	buffer_append(&event, stream->told.data, stream->told.size);
	buffer_append_text(&event, "\n\n");
	say(stream, event.data, event.size);
}

// A client that does not read misses states, not the newest one: it is told again once there is room.
static bool go_on(struct live_stream *stream)
{
	static const char comment[] = ": keep-alive\n\n";
	OWNED(arena) struct arena arena = {0};
	struct api_request req;
	struct error ignored;
	bool changed;
	if (net_request_is_abandoned(stream->request) || atomic_load(&stream->api->draining))
		return false;
	if (!gate_admit_again(stream->api, stream->request, &arena, &req, &ignored) ||
	    strcmp(req.database.uuid, stream->database) != 0)
		return false;
	if (net_reply_push(stream->request, "", 0) > WAITING_BYTES_MAX)
		return true;
	if (!look(stream, &req, &changed, &ignored))
		return false;
	if (changed)
		tell(stream);
	else if (clock_monotonic_ms() >= stream->spoke_ms + SILENCE_MS)
		say(stream, comment, sizeof(comment) - 1);
	return true;
}

static void run(struct task *task)
{
	struct live_stream *stream = CONTAINER_OF(task, struct live_stream, task);
	struct live_streams *streams = stream->api->live;
	struct net_request *request = stream->request;
	if (!workers_stopping(streams->workers) && go_on(stream)) {
		workers_run_at(streams->workers, task, clock_monotonic_ms() + LOOK_MS);
		return;
	}
	take_out(streams, stream);
	destroy(stream);
	net_request_finish(request);
}

static void begin(struct live_stream *stream)
{
	net_reply_type(stream->request, "text/event-stream");
	net_reply_header(stream->request, "Cache-Control", "no-store");
	net_reply_begin(stream->request);
	tell(stream);
}

static bool is_head(const struct api_request *req)
{
	return strcmp(net_request_method(req->net), "HEAD") == 0;
}

bool api_live_database(struct api_request *req, struct error *err)
{
	struct live_streams *streams = req->api->live;
	bool changed;
	if (is_head(req)) {
		net_reply_type(req->net, "text/event-stream");
		return true;
	}
	if (atomic_load(&req->api->draining))
		return error_set(err, ERR_SHUTDOWN, "server is shutting down");
	struct live_stream *stream = calloc(1, sizeof(*stream));
	ASSERT(stream != NULL);
	stream->task.run = run;
	stream->api = req->api;
	stream->request = req->net;
	snprintf(stream->database, sizeof(stream->database), "%s", req->database.uuid);
	if (!look(stream, req, &changed, err) || !add(streams, stream, err)) {
		destroy(stream);
		return false;
	}
	begin(stream);
	req->goes_on = true;
	workers_run_at(streams->workers, &stream->task, clock_monotonic_ms() + LOOK_MS);
	return true;
}
