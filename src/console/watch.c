#include "console/watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/crypt.h"
#include "base/disk.h"
#include "base/exposition.h"
#include "base/json_write.h"
#include "base/trace.h"
#include "console/process.h"

enum { TOKEN_BYTES_MIN = 16, TOKEN_FILE_BYTES_MAX = 4096, PARTS_MAX = 8, CHECKS_MAX = 8 };

struct watch {
	char *data_folder;
	char *token_file; // NULL: none
	uint64_t disk_free_min;
	struct workers *workers;
	struct watch_part parts[PARTS_MAX];
	size_t part_count;
	struct watch_check checks[CHECKS_MAX];
	size_t check_count;
	bool (*may_watch)(void *context, const char *authorization, struct error *err);
	void *context;
};

// -- alive --------------------------------------------------------------------------------------------

// Alive is who answers.
static void handle_health(void *context, struct net_request *request)
{
	(void)context;
	net_reply_header(request, "Cache-Control", "no-store");
	buffer_append_text(net_reply_body(request), "{\"status\":\"ok\"}");
	net_request_finish(request);
}

// -- ready --------------------------------------------------------------------------------------------

static bool data_is_writable(void *context, struct error *err)
{
	struct watch *watch = context;
	if (disk_is_writable(watch->data_folder, err))
		return true;
	return error_set(err, err->code, "the data folder cannot be written to");
}

static bool disk_has_room(void *context, struct error *err)
{
	struct watch *watch = context;
	uint64_t free_bytes;
	if (!disk_free_bytes(watch->data_folder, &free_bytes, err))
		return error_set(err, ERR_IO, "the room on the data folder's disk cannot be told");
	return free_bytes >= watch->disk_free_min ||
	       error_set(err, ERR_FULL, "less than disk-free-min is left on the data folder's disk");
}

// What came of all checks. Of several that fail the first one tells why, before all those that only warn.
struct verdict {
	bool warned;
	bool failed;
	struct error why;
};

static void note_failure(struct verdict *verdict, const struct watch_check *check, const struct error *err)
{
	trace_debug("server.not_ready", "check", check->name, "error", err->message, "detail", err->detail);
	if ((!verdict->warned && !verdict->failed) || (!verdict->failed && !check->warns))
		verdict->why = *err;
	verdict->warned = verdict->warned || check->warns;
	verdict->failed = verdict->failed || !check->warns;
}

static void run_check(const struct watch_check *check, struct json_writer *w, struct verdict *verdict)
{
	struct error err;
	bool passes = check->passes(check->context, &err);
	json_write_object(w);
	json_write_member_text(w, "name", check->name);
	json_write_member_text(w, "status", passes ? "ok" : "failed");
	if (!passes)
		json_write_member_text(w, "error", err.message);
	json_write_end_object(w);
	if (!passes)
		note_failure(verdict, check, &err);
}

static void handle_ready(void *context, struct net_request *request)
{
	struct watch *watch = context;
	OWNED(buffer) struct buffer checks = {0};
	struct json_writer list = json_write_to(&checks);
	struct json_writer w = json_write_to(net_reply_body(request));
	struct verdict verdict = {0};
	json_write_array(&list);
	for (size_t i = 0; i < watch->check_count; i++)
		run_check(&watch->checks[i], &list, &verdict);
	json_write_end_array(&list);
	json_write_object(&w);
	json_write_member_text(&w, "status",
			       verdict.failed   ? "unavailable"
			       : verdict.warned ? "degraded"
						: "ok");
	if (verdict.failed || verdict.warned)
		json_write_member_text(&w, "error", verdict.why.message);
	json_write_key(&w, "checks");
	json_write_raw(&w, checks.data, checks.size);
	json_write_end_object(&w);
	net_reply_status(request, verdict.failed ? 503 : 200);
	net_reply_header(request, "Cache-Control", "no-store");
	net_request_finish(request);
}

// -- numbers ------------------------------------------------------------------------------------------

// Read each time, so that a new token takes effect by being written there.
static bool read_token(const struct watch *watch, struct buffer *out, struct error *err)
{
	if (!disk_read_file(watch->token_file, TOKEN_FILE_BYTES_MAX, out, err))
		return false;
	while (out->size > 0 && (unsigned char)out->data[out->size - 1] <= ' ')
		out->size--;
	return out->size >= TOKEN_BYTES_MIN ||
	       error_set(err, ERR_USAGE, "metrics-token: the file holds no token of %d characters and more",
			 TOKEN_BYTES_MIN);
}

static bool has_own_token(const struct watch *watch, const char *authorization)
{
	OWNED(buffer) struct buffer token = {0};
	struct error ignored;
	if (!watch->token_file || !authorization || strncasecmp(authorization, "Bearer ", 7) != 0 ||
	    !read_token(watch, &token, &ignored))
		return false;
	uint8_t wanted[CRYPT_HASH_BYTES];
	uint8_t given[CRYPT_HASH_BYTES];
	const char *text = authorization + 7;
	while (*text == ' ')
		text++;
	crypt_hash(token.data, token.size, wanted);
	crypt_hash(text, strlen(text), given);
	return crypt_equal(wanted, given, sizeof(wanted));
}

static void refuse_metrics(struct net_request *request, const struct error *err)
{
	bool known = err->code == ERR_INSUFFICIENT_ROLE || err->code == ERR_INSUFFICIENT_SCOPE;
	struct json_writer w = json_write_to(net_reply_body(request));
	net_request_count_error(request, err->code);
	net_reply_status(request, known ? 403 : 401);
	if (!known)
		net_reply_header(request, "WWW-Authenticate", "Bearer");
	json_write_object(&w);
	json_write_member_text(&w, "error", err->message);
	json_write_member_text(&w, "code", known ? "forbidden" : "unauthorized");
	json_write_end_object(&w);
	net_request_finish(request);
}

static void tell_metrics(void *context, struct net_request *request)
{
	struct watch *watch = context;
	struct buffer *out = net_reply_body(request);
	for (size_t i = 0; i < watch->part_count; i++)
		watch->parts[i].write(watch->parts[i].context, out);
	process_write_metrics(watch->workers, watch->data_folder, out);
	net_reply_type(request, EXPOSITION_TYPE);
	net_reply_header(request, "Cache-Control", "no-store");
	net_request_finish(request);
}

static void handle_metrics(void *context, struct net_request *request)
{
	struct watch *watch = context;
	struct error err;
	const char *authorization = net_request_header(request, "Authorization");
	if (has_own_token(watch, authorization) || watch->may_watch(watch->context, authorization, &err))
		tell_metrics(context, request);
	else
		refuse_metrics(request, &err);
}

// -- site ---------------------------------------------------------------------------------------------

static const struct net_route routes[] = {
	{"GET", "/health", handle_health, NET_INLINE, 0, NULL},
	{"GET", "/ready", handle_ready, NET_WORKER, 0, NULL},
	{"GET", "/metrics", handle_metrics, NET_WORKER, 0, NULL},
};

static const struct net_route open_routes[] = {
	{"GET", "/health", handle_health, NET_INLINE, 0, NULL},
	{"GET", "/ready", handle_ready, NET_WORKER, 0, NULL},
	{"GET", "/metrics", tell_metrics, NET_WORKER, 0, NULL},
};

static bool claims(void *context, struct net_request *request)
{
	const char *path = net_request_path(request);
	(void)context;
	return strcmp(path, "/health") == 0 || strcmp(path, "/ready") == 0 || strcmp(path, "/metrics") == 0;
}

struct net_site watch_site(struct watch *watch)
{
	return (struct net_site){
		.name = "watch",
		.routes = routes,
		.route_count = ARRAY_LENGTH(routes),
		.context = watch,
		.claims = claims,
	};
}

struct net_site watch_open_site(struct watch *watch)
{
	return (struct net_site){
		.name = "watch",
		.routes = open_routes,
		.route_count = ARRAY_LENGTH(open_routes),
		.context = watch,
	};
}

// -- life ---------------------------------------------------------------------------------------------

static bool check_token(const struct watch *watch, struct error *err)
{
	OWNED(buffer) struct buffer token = {0};
	if (!watch->token_file || read_token(watch, &token, err))
		return true;
	err->code = ERR_USAGE;
	return strncmp(err->message, "metrics-token", 13) == 0 ? false : error_context(err, "metrics-token");
}

bool watch_open(const struct watch_options *options, struct watch **out, struct error *err)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	ASSERT(watch != NULL);
	ASSERT(options->part_count <= PARTS_MAX && options->check_count + 2 <= CHECKS_MAX);
	watch->data_folder = strdup(options->data_folder);
	watch->token_file = options->token_file ? strdup(options->token_file) : NULL;
	watch->disk_free_min = options->disk_free_min;
	watch->workers = options->workers;
	watch->may_watch = options->may_watch;
	watch->context = options->context;
	for (size_t i = 0; i < options->part_count; i++)
		watch->parts[watch->part_count++] = options->parts[i];
	watch->checks[watch->check_count++] =
		(struct watch_check){"data_folder", data_is_writable, watch, false};
	watch->checks[watch->check_count++] = (struct watch_check){"disk_space", disk_has_room, watch, false};
	for (size_t i = 0; i < options->check_count; i++)
		watch->checks[watch->check_count++] = options->checks[i];
	if (!check_token(watch, err)) {
		watch_close(watch);
		return false;
	}
	*out = watch;
	return true;
}

void watch_close(struct watch *watch)
{
	if (!watch)
		return;
	free(watch->data_folder);
	free(watch->token_file);
	free(watch);
}
