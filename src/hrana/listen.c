#include "hrana/listen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/workers.h"
#include "fleet/listen.h"
#include "hrana/call.h"

enum {
	LOOK_MS = 1000,
	SILENCE_MS = 15 * 1000,
	WAITING_BYTES_MAX = 64 * 1024,
	WAITING_BYTES_RESUME = 16 * 1024,
	ACTIONS_MAX = 16, // in a query, with repetitions
	TABLE_BYTES_MAX = 1024,
};

struct listener {
	struct listener *next;
	struct listener *previous;
	struct call *call;
	char *table;
	bool tells[CHANGE_KIND_COUNT];
	struct fleet_listener *source;

	pthread_mutex_t mutex;
	// guarded by mutex
	bool ready;       // the reply has begun
	bool missing;     // something was not told
	int64_t spoke_ms; // monotonic
};

struct listeners {
	struct workers *workers;
	int database_count_max;
	struct task task;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct listener *first;
	bool scheduled;
	bool ended; // no new ones
	bool freed; // the task is the last to know them
};

// -- events -------------------------------------------------------------------------------------------

static const char *const kind_names[CHANGE_KIND_COUNT] = {"unknown", "delete", "insert", "update"};

static size_t say_locked(struct listener *listener, const char *text, size_t size)
{
	if (size > 0)
		listener->spoke_ms = clock_monotonic_ms();
	return net_reply_push(listener->call->request, text, size);
}

// Once the client has taken most of what waited, it is told that not all was said.
static void catch_up_locked(struct listener *listener)
{
	static const char lost[] = "event: error\ndata: some changes were lost\n\n";
	if (!listener->missing || say_locked(listener, "", 0) > WAITING_BYTES_RESUME)
		return;
	listener->missing = false;
	say_locked(listener, lost, sizeof(lost) - 1);
}

static void write_counts(struct buffer *out, const struct listener *listener,
			 const struct change_counts *counts)
{
	const char *comma = "";
	buffer_append_text(out, "event: changes\ndata: {");
	for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++) {
		if (counts->of[kind] == 0 || !listener->tells[kind])
			continue;
		buffer_printf(out, "%s\"%s\":%" PRIu64, comma, kind_names[kind], counts->of[kind]);
		comma = ",";
	}
	buffer_append_text(out, "}\n\n");
}

static bool concerns(const struct listener *listener, const struct change_counts *counts)
{
	for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++) {
		if (counts->of[kind] > 0 && listener->tells[kind])
			return true;
	}
	return false;
}

// What comes before the reply has begun is told with its beginning, as something that was lost.
static void on_changed(void *context, const struct change_counts *counts)
{
	struct listener *listener = context;
	struct call *call = listener->call;
	if ((counts && !concerns(listener, counts)) || !access_is_current(call->hrana->access, &call->grant))
		return;
	OWNED(buffer) struct buffer event = {0};
	if (counts)
		write_counts(&event, listener, counts);
	pthread_mutex_lock(&listener->mutex);
	if (listener->ready)
		catch_up_locked(listener);
	if (!counts || !listener->ready || listener->missing)
		listener->missing = true;
	else
		listener->missing = say_locked(listener, event.data, event.size) > WAITING_BYTES_MAX;
	pthread_mutex_unlock(&listener->mutex);
}

// -- ends ---------------------------------------------------------------------------------------------

static void end_listener(struct listener *listener)
{
	struct call *call = listener->call;
	fleet_listener_end(listener->source);
	pthread_mutex_destroy(&listener->mutex);
	free(listener->table);
	free(listener);
	call_finish(call);
}

static void remove_locked(struct listeners *listeners, struct listener *listener)
{
	if (listener->previous)
		listener->previous->next = listener->next;
	else
		listeners->first = listener->next;
	if (listener->next)
		listener->next->previous = listener->previous;
}

static bool is_over(const struct listener *listener)
{
	const struct call *call = listener->call;
	return net_request_is_abandoned(call->request) || !fleet_listener_is_live(listener->source) ||
	       !access_is_current(call->hrana->access, &call->grant);
}

static void keep_alive(struct listener *listener)
{
	static const char comment[] = ": keep-alive\n\n";
	pthread_mutex_lock(&listener->mutex);
	catch_up_locked(listener);
	if (clock_monotonic_ms() >= listener->spoke_ms + SILENCE_MS && !listener->missing)
		say_locked(listener, comment, sizeof(comment) - 1);
	pthread_mutex_unlock(&listener->mutex);
}

// Takes out those that are over, linked by `next`; the others are kept alive.
static struct listener *look_locked(struct listeners *listeners)
{
	struct listener *over = NULL;
	struct listener *next;
	for (struct listener *listener = listeners->first; listener; listener = next) {
		next = listener->next;
		if (!listeners->ended && !is_over(listener)) {
			keep_alive(listener);
			continue;
		}
		remove_locked(listeners, listener);
		listener->next = over;
		over = listener;
	}
	return over;
}

static void end_all(struct listener *over)
{
	while (over) {
		struct listener *next = over->next;
		end_listener(over);
		over = next;
	}
}

static void destroy(struct listeners *listeners)
{
	pthread_mutex_destroy(&listeners->mutex);
	free(listeners);
}

static void run(struct task *task)
{
	struct listeners *listeners = CONTAINER_OF(task, struct listeners, task);
	pthread_mutex_lock(&listeners->mutex);
	struct listener *over = look_locked(listeners);
	pthread_mutex_unlock(&listeners->mutex);
	end_all(over);
	pthread_mutex_lock(&listeners->mutex);
	bool freed = listeners->freed;
	bool again = listeners->first != NULL;
	listeners->scheduled = again;
	pthread_mutex_unlock(&listeners->mutex);
	if (freed)
		destroy(listeners);
	else if (again)
		workers_run_at(listeners->workers, task, clock_monotonic_ms() + LOOK_MS);
}

struct listeners *listeners_create(struct workers *workers, int database_count_max)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));
	ASSERT(listeners != NULL);
	listeners->workers = workers;
	listeners->database_count_max = database_count_max;
	listeners->task.run = run;
	pthread_mutex_init(&listeners->mutex, NULL);
	return listeners;
}

void listeners_end(struct listeners *listeners)
{
	pthread_mutex_lock(&listeners->mutex);
	listeners->ended = true;
	struct listener *over = look_locked(listeners);
	pthread_mutex_unlock(&listeners->mutex);
	end_all(over);
}

void listeners_free(struct listeners *listeners)
{
	pthread_mutex_lock(&listeners->mutex);
	ASSERT(listeners->first == NULL);
	listeners->freed = true;
	bool scheduled = listeners->scheduled;
	pthread_mutex_unlock(&listeners->mutex);
	if (!scheduled)
		destroy(listeners);
}

// -- beginnings ---------------------------------------------------------------------------------------

static bool add_locked(struct listeners *listeners, struct listener *listener, struct error *err)
{
	int count = 0;
	if (listeners->ended)
		return error_set(err, ERR_SHUTDOWN, "server is shutting down");
	for (struct listener *other = listeners->first; other; other = other->next)
		count += strcmp(other->call->grant.database, listener->call->grant.database) == 0 &&
			 !net_request_is_abandoned(other->call->request);
	if (count >= listeners->database_count_max)
		return error_set(err, ERR_RATE_LIMITED,
				 "a database has at most %d listeners (limit listeners-max)",
				 listeners->database_count_max);
	listener->next = listeners->first;
	if (listener->next)
		listener->next->previous = listener;
	listeners->first = listener;
	return true;
}

// The lock keeps the task away until the reply has begun: it is the only one that ends it.
static bool add(struct listeners *listeners, struct listener *listener, struct error *err)
{
	struct net_request *request = listener->call->request;
	pthread_mutex_lock(&listeners->mutex);
	bool ok = add_locked(listeners, listener, err);
	bool start = ok && !listeners->scheduled;
	listeners->scheduled = listeners->scheduled || ok;
	if (ok) {
		net_reply_type(request, "text/event-stream");
		net_reply_header(request, "Cache-Control", "no-cache");
		net_reply_begin(request);
		pthread_mutex_lock(&listener->mutex);
		listener->ready = true;
		catch_up_locked(listener);
		pthread_mutex_unlock(&listener->mutex);
	}
	pthread_mutex_unlock(&listeners->mutex);
	if (start)
		workers_run_at(listeners->workers, &listeners->task, clock_monotonic_ms() + LOOK_MS);
	return ok;
}

static bool find_kind(const char *name, int *out)
{
	for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++) {
		*out = kind;
		if (strcmp(name, kind_names[kind]) == 0)
			return true;
	}
	return false;
}

static bool read_actions(struct net_request *request, struct listener *listener, struct error *err)
{
	const char *actions[ACTIONS_MAX];
	size_t count = net_request_queries(request, "action", actions, ACTIONS_MAX);
	if (count > ACTIONS_MAX)
		return error_set(err, ERR_BAD_REQUEST, "the query names more than %d actions", ACTIONS_MAX);
	for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++)
		listener->tells[kind] = count == 0;
	// What is not known exactly may be any of them.
	listener->tells[CHANGE_UNKNOWN] = true;
	for (size_t i = 0; i < count; i++) {
		int kind;
		if (!find_kind(actions[i], &kind))
			return error_set(err, ERR_BAD_REQUEST,
					 "action: `%.40s` is none of delete, insert, update", actions[i]);
		listener->tells[kind] = true;
	}
	return true;
}

static bool read_query(struct net_request *request, struct listener *listener, struct error *err)
{
	const char *table = net_request_query(request, "table");
	if (!table || !table[0])
		return error_set(err, ERR_BAD_REQUEST, "table is missing in the query");
	if (strlen(table) > TABLE_BYTES_MAX)
		return error_set(err, ERR_BAD_REQUEST, "table: a name has at most %d bytes", TABLE_BYTES_MAX);
	listener->table = strdup(table);
	ASSERT(listener->table != NULL);
	return read_actions(request, listener, err);
}

static void append_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
			     (byte >= 'A' && byte <= 'Z') || strchr("-._~", byte) != NULL;
		if (plain)
			buffer_append_byte(out, (char)byte);
		else
			buffer_printf(out, "%%%02X", byte);
	}
}

// The database's own name means its primary, and by the path it is good on every host.
static bool redirect(struct listener *listener, struct error *err)
{
	struct call *call = listener->call;
	OWNED(buffer) struct buffer location = {0};
	OWNED(text) char *label = NULL;
	if (!access_database_label(call->hrana->access, &call->grant, &label, err))
		return false;
	buffer_printf(&location, "/db/%s/beta/listen?table=", label);
	append_escaped(&location, listener->table);
	bool all = true;
	for (int kind = CHANGE_DELETE; kind < CHANGE_KIND_COUNT; kind++)
		all = all && listener->tells[kind];
	for (int kind = CHANGE_DELETE; !all && kind < CHANGE_KIND_COUNT; kind++) {
		if (listener->tells[kind])
			buffer_printf(&location, "&action=%s", kind_names[kind]);
	}
	net_reply_status(call->request, 307);
	net_reply_type(call->request, "text/plain; charset=utf-8");
	net_reply_header(call->request, "Location", buffer_text(&location));
	return true;
}

// *out_listens: the reply goes on.
static bool begin(struct listener *listener, bool *out_listens, struct error *err)
{
	struct call *call = listener->call;
	const struct access_grant *grant = &call->grant;
	*out_listens = false;
	if (!read_query(call->request, listener, err) ||
	    !fleet_listen(call->hrana->fleet, grant->database, grant->instance, listener->table, on_changed,
			  listener, &listener->source, err))
		return false;
	if (!listener->source)
		return redirect(listener, err);
	*out_listens = add(call->hrana->listeners, listener, err);
	return *out_listens;
}

static void begin_on_worker(void *context, struct net_request *request)
{
	(void)request;
	struct call *call = context;
	struct listener *listener = calloc(1, sizeof(*listener));
	struct error err;
	bool listens;
	ASSERT(listener != NULL);
	listener->call = call;
	listener->spoke_ms = clock_monotonic_ms();
	pthread_mutex_init(&listener->mutex, NULL);
	if (!begin(listener, &listens, &err))
		call_fail(call, &err);
	else if (listens)
		return; // and it may have ended already
	end_listener(listener);
}

void listen_handle(void *context, struct net_request *request)
{
	struct call *call = call_begin(context, request, 3, &wire_json);
	if (call)
		net_request_run(request, begin_on_worker, call, false);
}
