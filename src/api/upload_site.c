#include "api/upload_site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/errors.h"
#include "api/state.h"
#include "api/uploads.h"
#include "api/views.h"
#include "net/target.h"
#include "platform/access.h"
#include "platform/upload.h"

enum { PIECE_BYTES = 64 * 1024, START_BYTES_MAX = 64 * 1024 };

// -- who may --------------------------------------------------------------------------------------------

// A key would have to be kept with the database; nobody shall believe that it is encrypted.
static bool refuse_encryption(const struct net_request *request, struct error *err)
{
	static const char *const headers[] = {"x-turso-encryption-key", "x-turso-encryption-cipher"};
	for (size_t i = 0; i < ARRAY_LENGTH(headers); i++) {
		if (net_request_header(request, headers[i]))
			return error_set(err, ERR_BAD_REQUEST,
					 "encrypted databases are not supported by this server (header %s)",
					 headers[i]);
	}
	return true;
}

// The UUID of the database that the request may fill.
static bool admit(struct api *api, struct net_request *request, struct access_grant *out, struct error *err)
{
	if (!access_check(platform_access(api->platform), net_request_label(request),
			  net_request_header(request, "Authorization"), out, err))
		return false;
	if (out->read_only)
		return error_set(err, ERR_INSUFFICIENT_SCOPE, "the database token may only read");
	return refuse_encryption(request, err) && platform_check_draft(api->platform, out->database, err);
}

static void finish(struct net_request *request, bool done, const struct error *err)
{
	if (!done)
		api_reply_error(request, err, 0);
	net_request_finish(request);
}

// -- whole ----------------------------------------------------------------------------------------------

static bool take_whole(struct api *api, struct net_request *request, struct error *err)
{
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct access_grant grant;
	if (!admit(api, request, &grant, err))
		return false;
	if (net_request_body_size(request) == UINT64_MAX)
		return error_set(err, ERR_BAD_REQUEST, "Content-Length is required");
	return platform_begin_upload(api->platform, &file, err) &&
	       upload_receive(request, api->platform, &file, err) &&
	       platform_fill_draft(api->platform, grant.database, &file, err);
}

static void handle_whole(void *context, struct net_request *request)
{
	struct error err;
	finish(request, take_whole(context, request, &err), &err);
}

// -- in chunks ------------------------------------------------------------------------------------------

static bool read_size(struct net_request *request, uint64_t *out, struct error *err)
{
	OWNED(json_root) struct json *body = NULL;
	if (!body_read(net_request_body(request), BODY_REQUIRED, &body, err))
		return false;
	struct json_fields fields = json_fields_of(body, JSON_ANY_CASE);
	const struct json *size = json_fields_get(&fields, "db_size_bytes");
	if (!size)
		return error_set(err, ERR_MISSING_FIELD, "db_size_bytes is required");
	if (json_read_kind(size) != JSON_KIND_INTEGER || json_read_integer(size) < 0)
		return error_set(err, ERR_INVALID_FIELD, "db_size_bytes must be a whole number");
	*out = (uint64_t)json_read_integer(size);
	return true;
}

static bool start(struct api *api, struct net_request *request, struct error *err)
{
	struct json_writer out = json_write_to(net_reply_body(request));
	struct chunked_upload upload;
	struct access_grant grant;
	uint64_t size = 0;
	if (!admit(api, request, &grant, err) || !read_size(request, &size, err) ||
	    !platform_start_chunks(api->platform, grant.database, size, &upload, err))
		return false;
	view_upload_started(&out, upload.id, upload.chunk_bytes);
	return true;
}

static void handle_start(void *context, struct net_request *request)
{
	struct error err;
	finish(request, start(context, request, &err), &err);
}

static bool read_number(const char *text, uint64_t *out, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9')
		return error_set(err, ERR_INVALID_FIELD, "the number of a chunk must be a whole number");
	*out = value;
	return true;
}

static bool take_chunk(struct api *api, struct net_request *request, struct error *err)
{
	OWNED(upload_chunk) struct upload_chunk chunk = {.fd = -1, .marks_fd = -1};
	char piece[PIECE_BYTES];
	struct access_grant grant;
	uint64_t number = 0;
	size_t got;
	if (!admit(api, request, &grant, err) ||
	    !read_number(net_request_param(request, "n"), &number, err) ||
	    !platform_begin_chunk(api->platform, grant.database, net_request_param(request, "id"), number,
				  &chunk, err))
		return false;
	do {
		if (!net_request_read(request, piece, sizeof(piece), &got, err) ||
		    !platform_add_to_chunk(&chunk, piece, got, err))
			return false;
	} while (got > 0);
	return platform_end_chunk(&chunk, err);
}

static void handle_chunk(void *context, struct net_request *request)
{
	struct json_writer out = json_write_to(net_reply_body(request));
	struct error err;
	bool done = take_chunk(context, request, &err);
	if (done)
		view_nothing(&out);
	finish(request, done, &err);
}

static bool finalize(struct api *api, struct net_request *request, struct error *err)
{
	struct json_writer out = json_write_to(net_reply_body(request));
	struct access_grant grant;
	if (!admit(api, request, &grant, err) ||
	    !platform_finish_chunks(api->platform, grant.database, net_request_param(request, "id"), err))
		return false;
	view_nothing(&out);
	return true;
}

static void handle_finalize(void *context, struct net_request *request)
{
	struct error err;
	finish(request, finalize(context, request, &err), &err);
}

// -- site -----------------------------------------------------------------------------------------------

static const struct net_route routes[] = {
	{"POST", "/v1/upload", handle_whole, NET_STREAM, 0, NULL}, // up to upload-size-max
	{"PUT", "/v2/upload/start", handle_start, NET_WORKER, START_BYTES_MAX, NULL},
	{"PUT", "/v2/upload/{id}/chunk/{n}", handle_chunk, NET_STREAM, UPLOAD_CHUNK_BYTES, NULL},
	{"PUT", "/v2/upload/{id}/finalize", handle_finalize, NET_WORKER, 0, NULL},
};

static bool claims(void *context, struct net_request *request)
{
	const struct api *api = context;
	char label[TARGET_LABEL_BYTES_MAX];
	const char *rest;
	const char *path = target_collapse(net_request_arena(request), net_request_path(request));
	if (!strstr(path, "/upload") ||
	    target_of_request(request, path, api->domain, label, &rest) == TARGET_NONE ||
	    (strcmp(rest, "/v1/upload") != 0 && strncmp(rest, "/v2/upload/", 11) != 0))
		return false;
	net_request_set_target(request, label, rest);
	net_reply_header(request, "Access-Control-Allow-Origin", "*");
	return true;
}

static void refuse(void *context, struct net_request *request, const struct error *err)
{
	(void)context;
	if (err->code == ERR_METHOD_NOT_ALLOWED && strcmp(net_request_method(request), "OPTIONS") == 0) {
		net_reply_status(request, 204);
		net_reply_header(request, "Access-Control-Allow-Methods", "POST, PUT");
		net_reply_header(request, "Access-Control-Allow-Headers", "Authorization, Content-Type");
		net_reply_header(request, "Access-Control-Max-Age", "86400");
		return;
	}
	struct error told = *err;
	const struct net_route *route = net_request_route(request);
	if (route && route->handler == handle_whole)
		upload_name_limit(&told);
	api_reply_error(request, &told, 0);
}

struct net_site upload_site(struct api *api)
{
	struct net_route *made = arena_alloc(&api->arena, sizeof(routes));
	memcpy(made, routes, sizeof(routes));
	for (size_t i = 0; i < ARRAY_LENGTH(routes); i++) {
		if (made[i].place == NET_STREAM && made[i].body_bytes_max == 0)
			made[i].body_bytes_max = api->upload_bytes_max;
	}
	return (struct net_site){
		.name = "upload",
		.routes = made,
		.route_count = ARRAY_LENGTH(routes),
		.context = api,
		.claims = claims,
		.refuse = refuse,
	};
}
