#include "console/web.h"

#include <string.h>

#include "console/assets.h"
#include "net/compress.h"

static const char below[] = "/console/";
static const char page_name[] = "index.html";

// Nothing but the server itself is asked for anything, nothing is run or drawn that is not one of its files, and no other
// site may put the page into a frame.
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
			     "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
			     "form-action 'self'";

// NULL: not ours. Files that are not there are not found, not the page.
static const struct asset *asset_at(const char *path)
{
	if (strcmp(path, "/") == 0 || strcmp(path, "/console") == 0)
		return asset_find(page_name);
	if (strncmp(path, below, sizeof(below) - 1) != 0)
		return NULL;
	const char *name = path + sizeof(below) - 1;
	const struct asset *asset = asset_find(name);
	if (asset || strncmp(name, "assets/", 7) == 0)
		return asset;
	return asset_find(page_name);
}

// A tag names the content and its coding: "hash" or "hash-gzip".
static const char *tag_of(struct net_request *request, const struct asset *asset, bool gzip)
{
	return arena_printf(net_request_arena(request), "\"%s%s\"", asset->hash, gzip ? "-gzip" : "");
}

// RFC 9110 §13.1.2: a list of tags, compared weakly, or "*".
static bool has_it(const struct net_request *request, const char *tag)
{
	const char *known = net_request_header(request, "If-None-Match");
	if (!known)
		return false;
	if (strcmp(known, "*") == 0)
		return true;
	for (const char *at = strstr(known, tag); at; at = strstr(at + 1, tag)) {
		const char *end = at + strlen(tag);
		end += strspn(end, " \t");
		if (*end == '\0' || *end == ',')
			return true;
	}
	return false;
}

static void unpack(void *context, struct net_request *request)
{
	asset_unpack(context, net_reply_body(request));
	net_request_finish(request);
}

static void set_headers(struct net_request *request, const struct asset *asset)
{
	net_reply_type(request, asset->type);
	net_reply_header(request, "Cache-Control",
			 asset->lasting ? "public, max-age=31536000, immutable" : "no-cache");
	net_reply_header(request, "Vary", "Accept-Encoding");
	net_reply_header(request, "Content-Security-Policy", policy);
	net_reply_header(request, "X-Content-Type-Options", "nosniff");
	net_reply_header(request, "Referrer-Policy", "no-referrer");
	net_reply_header(request, "Cross-Origin-Opener-Policy", "same-origin");
}

static void serve(void *context, struct net_request *request)
{
	(void)context;
	const struct asset *asset = net_request_state(request);
	bool gzip = compress_is_wanted(net_request_header(request, "Accept-Encoding"));
	const char *tag = tag_of(request, asset, gzip);
	set_headers(request, asset);
	net_reply_header(request, "ETag", tag);
	if (has_it(request, tag)) {
		net_reply_status(request, 304);
		net_request_finish(request);
		return;
	}
	if (!gzip) {
		net_request_run(request, unpack, (void *)asset, false);
		return;
	}
	net_reply_header(request, "Content-Encoding", "gzip");
	buffer_append(net_reply_body(request), (const char *)asset->gzip, asset->gzip_size);
	net_request_finish(request);
}

static const struct net_route routes[] = {
	{"GET", "/", serve, NET_INLINE, 0, NULL},
};

static bool claims(void *context, struct net_request *request)
{
	(void)context;
	const char *method = net_request_method(request);
	const char *path = net_request_path(request);
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	// A command line sent this browser to log in: that page is the Platform API's.
	bool logs_in = strcmp(path, "/") == 0 &&
		       (net_request_query(request, "port") || net_request_query(request, "redirect"));
	const struct asset *asset = reads && !logs_in ? asset_at(path) : NULL;
	if (!asset)
		return false;
	// One handler serves all files, and all places inside the page.
	net_request_set_state(request, (void *)asset);
	net_request_set_target(request, NULL, "/");
	return true;
}

struct net_site web_site(void)
{
	return (struct net_site){
		.name = "console",
		.routes = routes,
		.route_count = ARRAY_LENGTH(routes),
		.claims = claims,
	};
}
