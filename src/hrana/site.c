#include "hrana/hrana.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/exposition.h"
#include "hrana/call.h"
#include "hrana/cursor_reply.h"
#include "hrana/dump_reply.h"
#include "hrana/errors.h"
#include "hrana/listen.h"
#include "hrana/pipeline.h"
#include "hrana/simple.h"
#include "hrana/socket.h"
#include "net/target.h"

// -- answers that need no database ----------------------------------------------------------------------

static void answer_text(struct net_request *request, int status, const char *text)
{
	net_reply_status(request, status);
	net_reply_type(request, "text/plain; charset=utf-8");
	buffer_append_text(net_reply_body(request), text);
	net_request_finish(request);
}

static void handle_health(void *context, struct net_request *request)
{
	(void)context;
	answer_text(request, 200, "");
}

static void handle_version(void *context, struct net_request *request)
{
	(void)context;
	answer_text(request, 200, "atolld " ATOLL_VERSION "\n");
}

static void handle_greeting(void *context, struct net_request *request)
{
	(void)context;
	bool first = strcmp(net_request_path(request), "/v1") == 0;
	answer_text(request, 200,
		    first ? "This is the HTTP API v1.\n" : "Hello, this is HTTP API of Atoll.\n");
}

// Without the headers of a WebSocket there is nothing here.
static void handle_root(void *context, struct net_request *request)
{
	if (net_request_wants_socket(request))
		socket_handle(context, request);
	else
		answer_text(request, 404, "");
}

// Migrations of a schema that databases share: none of ours does.
static void handle_jobs(void *context, struct net_request *request)
{
	struct call *call = call_begin(context, request, 3, &wire_json);
	struct error err;
	if (!call)
		return;
	error_set(&err, ERR_BAD_REQUEST, "Invalid namespace");
	call_fail(call, &err);
	call_finish(call);
}

static void handle_foreign_version(void *context, struct net_request *request)
{
	(void)context;
	struct error err;
	error_set(&err, ERR_BAD_REQUEST, "Invalid path in URI: `%.200s`: the versions are v2 and v3",
		  net_request_path(request));
	call_refuse(request, &err);
	net_request_finish(request);
}

// -- routes -------------------------------------------------------------------------------------------

enum { BODY_NONE = 0, BODY_SQL = 1 };

static const struct net_route routes[] = {
	{"GET", "/", handle_root, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/health", handle_health, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/version", handle_version, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v1", handle_greeting, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v2", handle_greeting, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v3", handle_greeting, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v3-protobuf", handle_greeting, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/beta/listen", listen_handle, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/dump", dump_reply_handle, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v1/jobs", handle_jobs, NET_INLINE, BODY_NONE, NULL},
	{"GET", "/v1/jobs/{id}", handle_jobs, NET_INLINE, BODY_NONE, NULL},
	{"POST", "/", simple_handle_legacy, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v1/execute", simple_handle_execute, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v1/batch", simple_handle_batch, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v2/pipeline", pipeline_handle_v2, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v3/pipeline", pipeline_handle_v3, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v3/cursor", cursor_reply_handle, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v3-protobuf/pipeline", pipeline_handle_v3_protobuf, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/v3-protobuf/cursor", cursor_reply_handle_protobuf, NET_INLINE, BODY_SQL, NULL},
	{"POST", "/dev/{namespace}/{version}/pipeline", handle_foreign_version, NET_INLINE, BODY_NONE, NULL},
};

static struct net_route *make_routes(size_t request_bytes_max)
{
	struct net_route *made = malloc(sizeof(routes));
	ASSERT(made != NULL);
	memcpy(made, routes, sizeof(routes));
	for (size_t i = 0; i < ARRAY_LENGTH(routes); i++)
		made[i].body_bytes_max = routes[i].body_bytes_max == BODY_SQL ? request_bytes_max : 0;
	return made;
}

// -- which requests are ours, and what those get that have no route -------------------------------------

// The protocol's own paths, which mean a database even where no address names one.
static bool is_protocol_path(const char *path)
{
	static const char *const paths[] = {
		"/v1/execute",         "/v1/batch",  "/v2",      "/v2/pipeline", "/v3",
		"/v3/pipeline",        "/v3/cursor", "/version", "/v3-protobuf", "/v3-protobuf/pipeline",
		"/v3-protobuf/cursor",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		if (strcmp(path, paths[i]) == 0)
			return true;
	}
	return strncmp(path, "/dev/", 5) == 0;
}

// A host that names no database may be the platform's own, but not with a path of the protocol.
static bool claims(void *context, struct net_request *request)
{
	struct hrana *hrana = context;
	char label[TARGET_LABEL_BYTES_MAX];
	const char *rest;
	const char *path = target_collapse(net_request_arena(request), net_request_path(request));
	enum target_source source = target_of_request(request, path, hrana->domain, label, &rest);
	bool ours = is_protocol_path(path);
	bool named = source == TARGET_BY_HOST ? ours || access_knows_label(hrana->access, label)
					      : source != TARGET_NONE;
	if (!named && !ours)
		return false;
	net_request_set_target(request, named ? label : NULL, rest);
	net_reply_header(request, "Access-Control-Allow-Origin", "*");
	return true;
}

static void refuse(void *context, struct net_request *request, const struct error *err)
{
	struct hrana *hrana = context;
	const char *label = net_request_label(request);
	bool lost = err->code == ERR_ROUTE_NOT_FOUND || err->code == ERR_METHOD_NOT_ALLOWED;
	if (lost && strcmp(net_request_method(request), "OPTIONS") == 0) {
		net_reply_preflight(request);
	} else if (err->code == ERR_ROUTE_NOT_FOUND && label && !access_knows_label(hrana->access, label)) {
		// Most often a client whose address does not end in a slash: it has dropped the name.
		struct error unknown;
		error_set(
			&unknown, ERR_NAMESPACE_NOT_FOUND,
			"Namespace `%.200s` doesn't exist (an address of the form /db/NAME/ ends in a slash)",
			label);
		call_refuse(request, &unknown);
	} else if (err->code == ERR_BODY_TOO_LARGE) {
		struct error named;
		error_set(&named, err->code, "%s (limit request-body-max)", err->message);
		call_refuse(request, &named);
	} else if (err->code == ERR_ROUTE_NOT_FOUND) {
		net_reply_status(request, 404);
		net_reply_type(request, "text/plain; charset=utf-8");
	} else {
		call_refuse(request, err);
	}
}

struct net_site hrana_site(struct hrana *hrana)
{
	return (struct net_site){
		.name = "hrana",
		.routes = hrana->routes,
		.route_count = ARRAY_LENGTH(routes),
		.context = hrana,
		.claims = claims,
		.compresses = true,
		.refuse = refuse,
	};
}

// -- life ---------------------------------------------------------------------------------------------

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

static struct hrana_limits limits_of(const struct hrana_limits *given)
{
	struct hrana_limits limits = *given;
#define OTHERWISE(name, value) limits.name = limits.name ? limits.name : (value)
	OTHERWISE(request_bytes_max, (size_t)64 * 1024 * 1024);
	OTHERWISE(result_bytes_max, (size_t)10 * 1000 * 1000);
	// A result is measured as it is in the database: in JSON and base64 it is longer.
	OTHERWISE(reply_bytes_max, larger((size_t)32 * 1024 * 1024, 2 * limits.result_bytes_max));
	OTHERWISE(replies_bytes_max, larger((size_t)256 * 1024 * 1024, 2 * limits.reply_bytes_max));
	OTHERWISE(stream_count_max, 512);
	OTHERWISE(held_stream_count_max, 16);
	OTHERWISE(stream_idle_ms, 10 * 1000);
	OTHERWISE(stored_sql_count_max, 50);
	OTHERWISE(stored_sql_bytes_max, 20000);
	OTHERWISE(stored_database_bytes_max, (size_t)16 * 1024 * 1024);
	OTHERWISE(socket_stream_count_max, 128);
	OTHERWISE(socket_text_count_max, 150);
	OTHERWISE(listener_count_max, 128);
	OTHERWISE(running_count_max, 32);
	OTHERWISE(waiting_count_max, 1024);
#undef OTHERWISE
	return limits;
}

bool hrana_open(const struct hrana_options *options, struct hrana **out, struct error *err)
{
	if (!options->domain || !options->domain[0])
		return error_set(err, ERR_USAGE, "the domain of database addresses is not set");
	struct hrana *hrana = calloc(1, sizeof(*hrana));
	ASSERT(hrana != NULL);
	hrana->fleet = options->fleet;
	hrana->access = options->access;
	hrana->workers = options->workers;
	hrana->limits = limits_of(&options->limits);
	memcpy(hrana->baton_key, options->baton_key, sizeof(hrana->baton_key));
	OWNED(buffer) struct buffer domain = {0};
	buffer_append_byte(&domain, '.');
	for (const char *c = options->domain; *c; c++)
		buffer_append_byte(&domain, (char)tolower((unsigned char)*c));
	hrana->domain = buffer_take(&domain, NULL);
	hrana->routes = make_routes(hrana->limits.request_bytes_max);
	pthread_mutex_init(&hrana->sockets_mutex, NULL);
	clock_cond_init(&hrana->sockets_ended);
	hrana->admission = admission_create(hrana->limits.running_count_max, hrana->limits.waiting_count_max);
	struct streams_options streams = {
		.fleet = options->fleet,
		.access = options->access,
		.workers = options->workers,
		.baton_key = hrana->baton_key,
		.count_max = hrana->limits.stream_count_max,
		.held_count_max = hrana->limits.held_stream_count_max,
		.idle_ms = hrana->limits.stream_idle_ms,
		.text_count_max = hrana->limits.stored_sql_count_max,
		.text_bytes_max = hrana->limits.stored_sql_bytes_max,
		.database_text_bytes_max = hrana->limits.stored_database_bytes_max,
	};
	hrana->streams = streams_create(&streams);
	hrana->listeners = listeners_create(hrana->workers, hrana->limits.listener_count_max);
	*out = hrana;
	return true;
}

void hrana_write_metrics(struct hrana *hrana, struct buffer *out)
{
	exposition_single(out, "atoll_sql_streams", "gauge", "Streams over HTTP that hold a session.",
			  (double)streams_count(hrana->streams));
	exposition_single(out, "atoll_websocket_messages_total", "counter",
			  "Messages that came on WebSockets.", (double)atomic_load(&hrana->socket_messages));
	exposition_single(out, "atoll_reply_buffer_bytes", "gauge",
			  "Results that are being written to replies.",
			  (double)atomic_load(&hrana->replies_bytes));
}

void hrana_drain(struct hrana *hrana)
{
	listeners_end(hrana->listeners);
}

void hrana_interrupt(struct hrana *hrana)
{
	streams_interrupt(hrana->streams);
}

void hrana_close(struct hrana *hrana)
{
	if (!hrana)
		return;
	// Their connections have ended; what their streams still do on workers uses all that goes now.
	pthread_mutex_lock(&hrana->sockets_mutex);
	while (hrana->socket_count > 0)
		clock_cond_wait(&hrana->sockets_ended, &hrana->sockets_mutex, INT64_MAX);
	pthread_mutex_unlock(&hrana->sockets_mutex);
	listeners_free(hrana->listeners);
	streams_close(hrana->streams);
	pthread_cond_destroy(&hrana->sockets_ended);
	pthread_mutex_destroy(&hrana->sockets_mutex);
	admission_destroy(hrana->admission);
	free(hrana->routes);
	free(hrana->domain);
	free(hrana);
}
