#include "api/api.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "api/errors.h"
#include "api/gate.h"
#include "api/state.h"
#include "api/uploads.h"

enum {
	KEEP_ANSWERS_MS = 24 * 60 * 60 * 1000,
	WAIT_MS_MAX = 30000,
	UPLOAD_BYTES_MAX = 1 << 30,
	LISTENER_COUNT_MAX = 128
};

static void route_add(struct api *api, const struct api_row *row, const char *path)
{
	bool streams = row->body == BODY_STREAM;
	// What is open and takes no body tells what is known anyway.
	bool quick = row->who == WHO_ANYBODY && row->body == BODY_NONE;
	api->routes[api->route_count++] = (struct net_route){
		.method = row->method,
		.path = path,
		.handler = gate_serve,
		.place = quick     ? NET_INLINE
			 : streams ? NET_STREAM
				   : NET_WORKER,
		.body_bytes_max = row->body == BODY_NONE ? 0
				  : streams              ? api->upload_bytes_max + FORM_BYTES_MAX
							 : BODY_BYTES_MAX,
		.facts = row,
	};
}

// As net/target.h takes it: lower-case, with a dot before it.
static const char *dotted(struct arena *arena, const char *domain)
{
	char *text = arena_printf(arena, ".%s", domain);
	for (char *c = text; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return text;
}

bool api_open(const struct api_options *options, struct api **out, struct error *err)
{
	struct api *api = calloc(1, sizeof(*api));
	if (!api)
		return error_set(err, ERR_MEMORY, "out of memory");
	api->platform = options->platform;
	api->wait_ms_max = options->wait_ms_max ? options->wait_ms_max : WAIT_MS_MAX;
	if (options->cors_origin && options->cors_origin[0])
		api->cors_origin = arena_text(&api->arena, options->cors_origin);
	api->url = arena_text(&api->arena, options->url ? options->url : "http://localhost");
	api->domain = dotted(&api->arena, options->domain ? options->domain : "localhost");
	api->upload_bytes_max = options->upload_bytes_max ? options->upload_bytes_max : UPLOAD_BYTES_MAX;
	atomic_init(&api->draining, false);
	api->replay = replay_create(KEEP_ANSWERS_MS, REPLAY_COUNT_MAX);
	api->live = live_streams_create(options->workers, options->listener_count_max
								  ? options->listener_count_max
								  : LISTENER_COUNT_MAX);

	size_t row_count;
	const struct api_row *rows = api_rows(&row_count);
	api->routes = arena_alloc(&api->arena, row_count * API_PATHS_MAX * sizeof(*api->routes));
	for (size_t i = 0; i < row_count; i++) {
		const char *paths[API_PATHS_MAX];
		size_t path_count = api_row_paths(&rows[i], &api->arena, paths);
		for (size_t j = 0; j < path_count; j++)
			route_add(api, &rows[i], paths[j]);
	}
	documents_make(&api->documents);
	*out = api;
	return true;
}

// Browsers ask with OPTIONS before they send a token along; no row has that method.
static bool is_preflight(const struct api *api, struct net_request *request, const struct error *err)
{
	return api->cors_origin && err->code == ERR_METHOD_NOT_ALLOWED &&
	       strcmp(net_request_method(request), "OPTIONS") == 0;
}

static void refuse(void *context, struct net_request *request, const struct error *err)
{
	struct api *api = context;
	gate_allow_origin(api, request);
	if (is_preflight(api, request, err)) {
		net_reply_status(request, 204);
		net_reply_header(request, "Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE");
		net_reply_header(request, "Access-Control-Allow-Headers",
				 "Authorization, Content-Type, Idempotency-Key");
		net_reply_header(request, "Access-Control-Max-Age", "86400");
		return;
	}
	struct error told = *err;
	const struct net_route *route = net_request_route(request);
	if (route && route->place == NET_STREAM)
		upload_name_limit(&told);
	api_reply_error(request, &told, 0);
}

struct net_site api_site(struct api *api)
{
	return (struct net_site){
		.name = "api",
		.routes = api->routes,
		.route_count = api->route_count,
		.context = api,
		.refuse = refuse,
	};
}

void api_drain(struct api *api)
{
	atomic_store(&api->draining, true);
}

void api_close(struct api *api)
{
	if (!api)
		return;
	live_streams_free(api->live);
	replay_destroy(api->replay);
	documents_cleanup(&api->documents);
	arena_cleanup(&api->arena);
	free(api);
}
