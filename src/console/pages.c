#include "console/pages.h"

#include <string.h>

static const char root_page[] =
	"<!doctype html>\n"
	"<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Atoll</title>\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42em;margin:4em auto;padding:0 1em}"
	"code{background:#eee;padding:.1em .3em}@media(prefers-color-scheme:dark)"
	"{body{background:#111;color:#ddd}code{background:#333}}</style></head>\n"
	"<body><h1>Atoll</h1>\n"
	"<p>This is atolld " ATOLL_VERSION ", a server of logical SQLite databases.</p>\n"
	"<ul>\n"
	"<li>Platform API: <code>/v1/organizations/{organization}/databases</code> with a platform token. "
	"The first start "
	"wrote one to <code>bootstrap.json</code> in the data folder.</li>\n"
	"<li>Databases: <code>/db/{database}-{organization}/</code> for libSQL clients, with a database "
	"token.</li>\n"
	"<li>Health: <a href=\"/health\"><code>/health</code></a>, version: <a "
	"href=\"/version\"><code>/version</code></a>.</li>\n"
	"</ul>\n"
	"<p>The command line is <code>atoll</code>; <code>atoll help</code> and README.md in the source tree "
	"show a first "
	"session.</p>\n"
	"</body></html>\n";

static void handle_root(void *context, struct net_request *request)
{
	(void)context;
	net_reply_type(request, "text/html; charset=utf-8");
	net_reply_header(request, "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
	net_reply_header(request, "X-Content-Type-Options", "nosniff");
	net_reply_header(request, "Cache-Control", "no-cache");
	buffer_append(net_reply_body(request), root_page, sizeof(root_page) - 1);
	net_request_finish(request);
}

static const struct net_route routes[] = {
	{"GET", "/", handle_root, NET_INLINE, 0, NULL},
};

// Only what it can answer: all else about "/", and its refusal, is the Platform API's.
static bool claims(void *context, struct net_request *request)
{
	(void)context;
	const char *method = net_request_method(request);
	const char *path = net_request_path(request);
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	// A command line sent this browser to log in.
	bool logs_in = net_request_query(request, "port") || net_request_query(request, "redirect");
	return reads && strcmp(path, "/") == 0 && !logs_in;
}

struct net_site pages_site(void)
{
	return (struct net_site){
		.name = "console",
		.routes = routes,
		.route_count = ARRAY_LENGTH(routes),
		.claims = claims,
	};
}
