#include "platform/oauth.h"

#include <string.h>
#include <strings.h>

#include "api/form.h"
#include "api/handlers.h"
#include "api/views.h"
#include "base/crypt.h"
#include "net/server.h"

// Turso's clients put everything into the query (api-reference/oauth), those of RFC 6749 into a form.
static const char *param(struct api_request *req, const char *name)
{
	const char *value = api_query(req, name);
	return value ? value : form_text(net_request_body(req->net), name, req->arena);
}

bool api_oauth_authorize(struct api_request *req, struct error *err)
{
	const struct oauth_request request = {
		.client_id = param(req, "client_id"),
		.redirect_uri = param(req, "redirect_uri"),
		.response_type = param(req, "response_type"),
		.challenge_method = param(req, "code_challenge_method"),
		.challenge = param(req, "code_challenge"),
		.state = param(req, "state"),
	};
	const char *location;
	if (!platform_oauth_authorize(req->platform, &req->caller, &request, req->arena, &location, err))
		return false;
	net_reply_status(req->net, 303);
	net_reply_type(req->net, "text/html; charset=utf-8");
	net_reply_header(req->net, "Location", location);
	net_reply_header(req->net, "Cache-Control", "no-store");
	buffer_append_text(net_reply_body(req->net), "<!doctype html>\n<title>Let in</title>\n");
	return true;
}

// "Basic base64(client_id:client_secret)"
static void read_basic(struct api_request *req, struct oauth_exchange *exchange)
{
	static const char scheme[] = "Basic ";
	OWNED(buffer) struct buffer pair = {0};
	const char *header = net_request_header(req->net, "Authorization");
	if (!header || strncasecmp(header, scheme, strlen(scheme)) != 0)
		return;
	header += strlen(scheme);
	if (!crypt_base64_decode(&pair, header, strlen(header), false))
		return;
	char *text = arena_text(req->arena, buffer_text(&pair));
	char *colon = strchr(text, ':');
	if (!colon)
		return;
	*colon = '\0';
	exchange->client_id = text;
	exchange->client_secret = colon + 1;
}

bool api_oauth_exchange(struct api_request *req, struct error *err)
{
	struct oauth_exchange exchange = {
		.client_id = param(req, "client_id"),
		.client_secret = param(req, "client_secret"),
		.redirect_uri = param(req, "redirect_uri"),
		.grant_type = param(req, "grant_type"),
		.verifier = param(req, "code_verifier"),
		.code = param(req, "code"),
	};
	const char *token;
	read_basic(req, &exchange);
	if (!platform_oauth_exchange(req->platform, &req->caller, &exchange, req->arena, &token, err))
		return false;
	net_reply_header(req->net, "Cache-Control", "no-store");
	view_access_token(&req->out, token);
	return true;
}
