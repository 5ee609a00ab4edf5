#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/admission.h"
#include "base/arena.h"
#include "base/json_write.h"
#include "fleet/meter.h"
#include "net/target.h"
#include "sync/export.h"
#include "sync/internal.h"
#include "sync/offline.h"
#include "sync/peers.h"
#include "sync/poll.h"
#include "sync/proxy.h"
#include "sync/pull.h"
#include "sync/push.h"
#include "sync/push_stage.h"
#include "sync/updates.h"

// -- who asks -----------------------------------------------------------------------------------------

bool sync_authorize(struct sync *sync, const struct net_request *request, struct access_grant *out,
		    struct error *err)
{
	const char *credential = net_request_header(request, "authorization");
	if (!credential)
		credential = net_request_header(request, "x-authorization");
	if (!access_check(sync->access, net_request_label(request), credential, out, err))
		return false;
	fleet_saw_replica(sync->fleet, out->database, net_request_peer(request),
			  credential ? credential : "");
	return true;
}

static int status_of(const struct error *err)
{
	switch (err->code) {
	case ERR_NAMESPACE_NOT_FOUND:
	case ERR_ROUTE_NOT_FOUND:
		return 404;
	case ERR_METHOD_NOT_ALLOWED:
		return 405;
	case ERR_BODY_TOO_LARGE:
		return 413;
	case ERR_FORBIDDEN:
		return 403;
	case ERR_STALE:
		return 410;
	case ERR_RATE_LIMITED:
		return 429;
	case ERR_NOT_READY:
	case ERR_TIMEOUT:
	case ERR_TRANSACTION_BUSY:
	case ERR_UNAVAILABLE:
	case ERR_SHUTDOWN:
		return 503;
	case ERR_INTERNAL:
	case ERR_FULL:
	case ERR_IO:
	case ERR_CORRUPT:
		return 500;
	default:
		return strncmp(error_code_name(err->code), "AUTH_", 5) == 0 ? 401 : 400;
	}
}

static void write_refusal(struct net_request *request, const struct error *err)
{
	struct buffer *body = net_reply_body(request);
	int status = status_of(err);
	buffer_truncate(body, 0);
	struct json_writer w = json_write_to(body);
	json_write_object(&w);
	json_write_key(&w, "error");
	if (status == 401)
		json_write_text(&w,
				arena_printf(net_request_arena(request), "Unauthorized: `%s`", err->message));
	else
		json_write_text(&w, err->message);
	json_write_end_object(&w);
	net_request_count_error(request, err->code);
	net_reply_status(request, status);
}

void sync_refuse(struct net_request *request, const struct error *err)
{
	write_refusal(request, err);
	net_request_finish(request);
}

// -- routes -------------------------------------------------------------------------------------------

enum { BODY_NONE = 0, BODY_MESSAGE = 1 };

static const struct net_route routes[] = {
	{"GET", "/info", offline_handle_info, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/export/{g}", export_handle, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/sync/{g}/{a}/{b}", offline_handle_pull, NET_INLINE, BODY_NONE, NULL},
	{"POST", "/sync/{g}/{a}/{b}", push_handle, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/sync/{g}/{a}/{b}/{baton}", push_handle, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/wal_log.ReplicationLog/Hello", pull_handle_hello, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/wal_log.ReplicationLog/BatchLogEntries", pull_handle_batch, NET_INLINE, BODY_MESSAGE,
	 NULL},
	{"POST", "/wal_log.ReplicationLog/Snapshot", pull_handle_snapshot, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/wal_log.ReplicationLog/LogEntries", pull_handle_log_entries, NET_INLINE, BODY_MESSAGE,
	 NULL},
	{"POST", "/proxy.Proxy/Execute", proxy_handle_execute, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/proxy.Proxy/Describe", proxy_handle_describe, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/proxy.Proxy/Disconnect", proxy_handle_disconnect, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/proxy.Proxy/StreamExec", proxy_handle_stream, NET_INLINE, BODY_MESSAGE, NULL},
	{"POST", "/pull-updates", updates_handle, NET_INLINE, BODY_MESSAGE, NULL},
	// @tursodatabase/sync 0.2 begins so.
	{"GET", "/pull-updates", updates_handle, NET_INLINE, BODY_NONE, NULL},
};

static bool is_own_path(const char *path)
{
	static const char *const paths[] = {
		"/info", "/export/", "/sync/", "/pull-updates", "/wal_log.ReplicationLog/", "/proxy.Proxy/",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		size_t size = strlen(paths[i]);
		bool folder = paths[i][size - 1] == '/';
		if (folder ? strncmp(path, paths[i], size) == 0 : strcmp(path, paths[i]) == 0)
			return true;
	}
	return false;
}

static bool claims(void *context, struct net_request *request)
{
	struct sync *sync = context;
	char label[TARGET_LABEL_BYTES_MAX];
	const char *rest;
	const char *path = target_collapse(net_request_arena(request), net_request_path(request));
	enum target_source source = target_of_request(request, path, sync->domain, label, &rest);
	if (source == TARGET_NONE || !is_own_path(rest) ||
	    (source == TARGET_BY_HOST && !access_knows_label(sync->access, label)))
		return false;
	net_request_set_target(request, label, rest);
	net_reply_header(request, "Access-Control-Allow-Origin", "*");
	return true;
}

static void refuse(void *context, struct net_request *request, const struct error *err)
{
	(void)context;
	bool lost = err->code == ERR_ROUTE_NOT_FOUND || err->code == ERR_METHOD_NOT_ALLOWED;
	if (lost && strcmp(net_request_method(request), "OPTIONS") == 0)
		net_reply_preflight(request);
	else
		write_refusal(request, err);
}

struct net_site sync_site(struct sync *sync)
{
	return (struct net_site){
		.name = "sync",
		.routes = sync->routes,
		.route_count = ARRAY_LENGTH(routes),
		.context = sync,
		.claims = claims,
		.refuse = refuse,
	};
}

// Of a database at a moment.
enum {
	PROGRAMS_RUNNING_MAX = 32,
	PROGRAMS_WAITING_MAX = 1024,
	SNAPSHOTS_MAX = 16,
	SNAPSHOTS_WAITING_MAX = 4096,
};

// -- life ---------------------------------------------------------------------------------------------

bool sync_open(const struct sync_options *options, struct sync **out, struct error *err)
{
	if (!options->domain || !options->domain[0])
		return error_set(err, ERR_USAGE, "the domain of database addresses is not set");
	struct sync *sync = calloc(1, sizeof(*sync));
	ASSERT(sync != NULL);
	sync->fleet = options->fleet;
	sync->access = options->access;
	sync->workers = options->workers;
	OWNED(buffer) struct buffer domain = {0};
	buffer_append_byte(&domain, '.');
	for (const char *c = options->domain; *c; c++)
		buffer_append_byte(&domain, (char)tolower((unsigned char)*c));
	buffer_append_byte(&domain, '\0');
	sync->domain = buffer_take(&domain, NULL);
	sync->routes = malloc(sizeof(routes));
	ASSERT(sync->routes != NULL);
	memcpy(sync->routes, routes, sizeof(routes));
	for (size_t i = 0; i < ARRAY_LENGTH(routes); i++)
		sync->routes[i].body_bytes_max = routes[i].body_bytes_max ? options->request_bytes_max : 0;
	crypt_random(sync->session_key, sizeof(sync->session_key));
	sync->result_bytes_max = options->result_bytes_max;
	sync->admission = admission_create(PROGRAMS_RUNNING_MAX, PROGRAMS_WAITING_MAX);
	sync->snapshots = admission_create(SNAPSHOTS_MAX, SNAPSHOTS_WAITING_MAX);
	const struct peers_options peers = {
		.fleet = options->fleet,
		.access = options->access,
		.workers = options->workers,
		.count_max = options->connection_count_max,
		.idle_ms = options->connection_idle_ms,
	};
	sync->peers = peers_create(&peers);
	sync->long_poll_ms_max = options->long_poll_ms_max;
	sync->reply_ms_max = options->reply_ms_max;
	sync->polls = polls_create(options->workers);
	sync->generation_frames = (uint32_t)options->generation_frames;
	sync->stages = push_stages_create(options->push_bytes_max);
	*out = sync;
	return true;
}

void sync_interrupt(struct sync *sync)
{
	peers_interrupt(sync->peers);
}

void sync_drain(struct sync *sync)
{
	polls_end(sync->polls);
}

void sync_close(struct sync *sync)
{
	if (!sync)
		return;
	peers_close(sync->peers);
	admission_destroy(sync->admission);
	admission_destroy(sync->snapshots);
	polls_free(sync->polls);
	push_stages_free(sync->stages);
	free(sync->routes);
	free(sync->domain);
	free(sync);
}
