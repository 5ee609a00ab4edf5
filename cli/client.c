#include "cli/client.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/hints.h"
#include "cli/json_copy.h"

enum {
	ANSWER_DEPTH_MAX = 64,
	// Waiting for an instance is a long poll of 30 seconds.
	CALL_TIMEOUT_MS = 90 * 1000,
};

struct client client_of(struct arena *arena, const struct settings *settings, struct http *http)
{
	return (struct client){
		.arena = arena,
		.settings = settings,
		.http = http,
		.org = settings->org.value,
		.server_code = "",
	};
}

static bool no_token(const struct client *client, struct error *err)
{
	const struct settings *settings = client->settings;
	error_set(err, ERR_UNAUTHORIZED,
		  "no token for %s: log in with \"atoll auth login --url URL --token TOKEN\", or set "
		  "ATOLL_TOKEN",
		  settings->url.value);
	if (settings->note)
		snprintf(err->message + strlen(err->message), sizeof(err->message) - strlen(err->message),
			 " (%s)", settings->note);
	return false;
}

static bool unreachable(const struct client *client, const struct http_request *request, struct error *err)
{
	if (err->code == ERR_SHUTDOWN || err->code == ERR_IO || err->code == ERR_FULL)
		return false;
	if (strncmp(request->url, client->settings->url.value, strlen(client->settings->url.value)) != 0)
		return error_context(err, "%s", request->url);
	char why[sizeof(err->message)];
	memcpy(why, err->message, sizeof(why));
	const struct setting *url = &client->settings->url;
	if (err->code != ERR_UNAVAILABLE && err->code != ERR_TIMEOUT)
		return error_context(err, "%s", url->value);
	return error_set(err, err->code, "cannot reach the server at %s (from %s): %.200s", url->value,
			 url->origin, why);
}

// What the server said, with what only this side knows: where the setting that failed came from.
static bool refuse(struct client *client, const struct http_request *request, int status,
		   const struct json *answer, struct error *err)
{
	const struct settings *settings = client->settings;
	bool with_own_token = request->bearer && request->bearer == settings->token.value;
	const char *text = json_text_at(answer, "error");
	client->server_code = arena_text(client->arena, json_text_at(answer, "code"));
	if (!*text)
		return error_set(err, ERR_BAD_REQUEST,
				 "%s (from %s) answered with status %d and not as an Atoll server does",
				 settings->url.value, settings->url.origin, status);
	if (status == 401 && with_own_token)
		return error_set(
			err, ERR_UNAUTHORIZED, "%s: the server at %s does not accept the token from %s", text,
			settings->url.value, settings->token.origin ? settings->token.origin : "nowhere");
	if (status == 401)
		return error_set(err, ERR_UNAUTHORIZED, "%s", text);
	const char *code = client->server_code;
	bool about_org = strcmp(code, "org_not_found") == 0 || strcmp(code, "not_a_member") == 0;
	if (about_org && settings->org.value)
		error_set(err, ERR_BAD_REQUEST, "%s (%s comes from %s)", text, settings->org.value,
			  settings->org.origin);
	else
		error_set(err, strcmp(code, "not_ready") == 0 ? ERR_NOT_READY : ERR_BAD_REQUEST, "%s", text);
	return error_detail(err, "%s", hint_of(code));
}

static bool exchange(struct client *client, const struct http_request *request, struct json **out,
		     struct error *err)
{
	client->status = 0;
	client->server_code = "";
	OWNED(http_answer) struct http_answer answer = {0};
	if (!http_send(client->http, request, &answer, err))
		return unreachable(client, request, err);
	client->status = answer.status;
	OWNED(json_root) struct json *root = NULL;
	if (answer.body.size > 0) {
		struct error ignored;
		if (!json_read_parse(answer.body.data, answer.body.size, 0, ANSWER_DEPTH_MAX, &root,
				     &ignored))
			return refuse(client, request, answer.status, NULL, err);
	}
	// A chunk of an upload may be answered with 201.
	if (answer.status != 200 && answer.status != 201)
		return refuse(client, request, answer.status, root, err);
	*out = TAKE(root);
	return true;
}

bool client_send(struct client *client, const struct http_request *request, struct json **out,
		 struct error *err)
{
	const struct settings *settings = client->settings;
	struct http_request full = *request;
	if (request->url[0] == '/') {
		full.url = arena_printf(client->arena, "%s%s", settings->url.value, request->url);
		if (!request->bearer && !settings->token.value)
			return no_token(client, err);
		if (!request->bearer)
			full.bearer = settings->token.value;
	}
	return exchange(client, &full, out, err);
}

bool client_call(struct client *client, const char *method, const char *path, const char *body,
		 struct json **out, struct error *err)
{
	struct http_request request = {
		.method = method,
		.url = path,
		.body = body,
		.body_size = body ? strlen(body) : 0,
		.timeout_ms = CALL_TIMEOUT_MS,
	};
	return client_send(client, &request, out, err);
}

bool client_call_public(struct client *client, const char *path, int64_t timeout_ms, struct json **out,
			struct error *err)
{
	struct http_request request = {
		.method = "GET",
		.url = arena_printf(client->arena, "%s%s", client->settings->url.value, path),
		.timeout_ms = timeout_ms,
	};
	return exchange(client, &request, out, err);
}

bool client_post_public(struct client *client, const char *path, const char *body, struct json **out,
			struct error *err)
{
	struct http_request request = {
		.method = "POST",
		.url = arena_printf(client->arena, "%s%s", client->settings->url.value, path),
		.body = body,
		.body_size = strlen(body),
		.timeout_ms = CALL_TIMEOUT_MS,
	};
	return exchange(client, &request, out, err);
}

// The only one; else the only one that is not the user's personal one, which nobody has to use; else the personal
// one if there is nothing but it. More than that needs a word of the user.
static const struct json *choose_org(const struct json *list)
{
	const struct json *personal = NULL, *team = NULL;
	size_t teams = 0;
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *org = json_read_at(list, i);
		if (strcmp(json_text_at(org, "type"), "personal") == 0) {
			personal = org;
		} else {
			team = org;
			teams++;
		}
	}
	if (teams == 0)
		return personal;
	return teams == 1 ? team : NULL;
}

bool client_find_org(struct client *client, const char **out, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(client, "GET", "/v1/organizations", NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "organizations");
	const struct json *chosen = choose_org(list);
	*out = chosen ? arena_text(client->arena, json_text_at(chosen, "slug")) : NULL;
	if (!chosen && json_read_size(list) == 0)
		return error_set(err, ERR_BAD_REQUEST, "the user of this token is in no organization");
	return true;
}

bool client_org(struct client *client, const char **out, struct error *err)
{
	if (!client->org && !client_find_org(client, &client->org, err))
		return false;
	if (!client->org)
		return error_set(
			err, ERR_USAGE,
			"you are in several organizations: name one with --org, ATOLL_ORG or \"atoll org "
			"switch\"; \"atoll org list\" shows them");
	*out = client->org;
	return true;
}

static bool org_path(struct client *client, const char **out, va_list segments, struct error *err)
{
	const char *org = NULL;
	if (!client_org(client, &org, err))
		return false;
	const char *path =
		arena_printf(client->arena, "/v1/organizations/%s", address_segment(client->arena, org));
	const char *segment;
	while ((segment = va_arg(segments, const char *)))
		path = arena_printf(client->arena, "%s/%s", path, address_segment(client->arena, segment));
	*out = path;
	return true;
}

bool client_org_path(struct client *client, const char **out, struct error *err, ...)
{
	va_list segments;
	va_start(segments, err);
	bool ok = org_path(client, out, segments, err);
	va_end(segments);
	return ok;
}

bool client_org_call(struct client *client, const char *method, const char *body, struct json **out,
		     struct error *err, ...)
{
	va_list segments;
	va_start(segments, err);
	const char *path = NULL;
	bool ok = org_path(client, &path, segments, err);
	va_end(segments);
	return ok && client_call(client, method, path, body, out, err);
}

const char *client_address_of(struct client *client, const char *hostname)
{
	const char *server = client->settings->url.value;
	if (!client->form_known) {
		client->form = address_choose_form(client->arena, server, hostname, address_can_resolve);
		client->form_known = true;
	}
	return address_of_database(client->arena, server, hostname, client->form);
}
