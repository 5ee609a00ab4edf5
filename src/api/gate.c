#include "api/gate.h"

#include <string.h>
#include <strings.h>

#include "api/errors.h"
#include "api/state.h"
#include "base/clock.h"
#include "platform/scope.h"
#include "platform/token.h"

enum { KEY_CHARACTERS_MAX = 128, REPLAY_WAIT_MS = 30000 };

const char *api_param(const struct api_request *req, const char *name)
{
	const char *value = net_request_param(req->net, name);
	ASSERT(value);
	return value;
}

const char *api_query(const struct api_request *req, const char *name)
{
	const char *value = net_request_query(req->net, name);
	return value && value[0] ? value : NULL;
}

struct json_fields api_fields(const struct api_request *req)
{
	return json_fields_of(req->body, JSON_ANY_CASE);
}

// "Bearer TOKEN", the scheme in any letter case.
static const char *bearer_token(const char *authorization)
{
	static const char scheme[] = "Bearer";
	size_t size = strlen(scheme);
	if (!authorization || strncasecmp(authorization, scheme, size) != 0 || authorization[size] != ' ')
		return NULL;
	const char *token = authorization + size;
	while (*token == ' ')
		token++;
	return *token ? token : NULL;
}

static bool starts_with(const char *text, const char *start)
{
	return text && strncmp(text, start, strlen(start)) == 0;
}

// What is known of a client before it says who it is.
static void find_origin(struct api_request *req)
{
	const char *agent = net_request_header(req->net, "User-Agent");
	req->caller.origin = starts_with(agent, "turso-cli/") || starts_with(agent, "atoll/") ? "cli" : "web";
	req->caller.address = net_request_peer(req->net);
}

static bool find_caller(struct api_request *req, struct error *err)
{
	const char *token = bearer_token(net_request_header(req->net, "Authorization"));
	if (!token)
		return error_set(err, ERR_UNAUTHORIZED, "missing authorization header");
	if (!platform_authenticate(req->platform, token, req->arena, &req->caller, err))
		return false;
	find_origin(req);
	return true;
}

static enum role role_needed(enum api_who who)
{
	switch (who) {
	case WHO_OWNER:
		return ROLE_OWNER;
	case WHO_ADMIN:
		return ROLE_ADMIN;
	case WHO_MEMBER:
		return ROLE_MEMBER;
	case WHO_VIEWER:
	case WHO_ADMINISTRATOR:
	case WHO_USER:
	case WHO_ANYBODY:
		break;
	}
	return ROLE_VIEWER;
}

// Whoever takes itself away needs no more than to be there.
static bool concerns_oneself(const struct api_request *req)
{
	const char *username = net_request_param(req->net, "username");
	ASSERT(req->caller.username);
	return req->row->forms & OR_ONESELF && username && strcasecmp(username, req->caller.username) == 0;
}

static bool check_role(const struct api_request *req, struct error *err)
{
	enum role needed = role_needed(req->row->who);
	if (req->organization.role >= needed || concerns_oneself(req))
		return true;
	if (req->row->forms & SETS_ROLE)
		return error_set(err, ERR_INSUFFICIENT_ROLE,
				 "updating member roles is only allowed for admin or owner");
	return error_set(err, ERR_INSUFFICIENT_ROLE,
			 "this needs the role %s in organization %s, and yours is %s", role_name(needed),
			 req->organization.slug, role_name(req->organization.role));
}

// What the token is good for, whatever its user's role is.
static bool check_scope(const struct api_request *req, struct error *err)
{
	enum scope needed = req->row->scope;
	if ((req->caller.scopes & needed) == needed)
		return true;
	if (needed == SCOPE_ACCOUNT)
		return error_set(err, ERR_INSUFFICIENT_SCOPE,
				 "this token is good for one organization only; this needs one for all");
	if (needed == SCOPE_ORGANIZATION)
		return error_set(
			err, ERR_INSUFFICIENT_SCOPE,
			"this token is good for one group only; this needs one for the organization");
	return error_set(err, ERR_INSUFFICIENT_SCOPE, "this needs the scope %s, which the token has not",
			 scope_name(needed));
}

static bool check_administrator(const struct api_request *req, struct error *err)
{
	if (req->row->who != WHO_ADMINISTRATOR || req->caller.administrator)
		return true;
	return error_set(err, ERR_INSUFFICIENT_ROLE, "this is for administrators of the server only");
}

static bool enter_organization(struct api_request *req, struct error *err)
{
	return platform_enter_organization(req->platform, &req->caller, net_request_param(req->net, "org"),
					   req->arena, &req->organization, err) &&
	       check_role(req, err);
}

static bool find_database(struct api_request *req, struct error *err)
{
	const char *ref = net_request_param(req->net, "db");
	if (!ref ||
	    platform_find_database(req->platform, &req->organization, ref, req->arena, &req->database, err))
		return true;
	// Clients compare this sentence letter by letter (§3.7).
	if (err->code == ERR_DATABASE_NOT_FOUND && req->row->forms & PART_GOES)
		return error_set(err, ERR_DATABASE_NOT_FOUND,
				 "could not find database %s to delete instance from", ref);
	return false;
}

static bool find_group(struct api_request *req, struct error *err)
{
	const char *ref = net_request_param(req->net, "group");
	return !ref ||
	       platform_find_group(req->platform, &req->organization, ref, req->arena, &req->group, err);
}

static bool admit(struct api_request *req, struct error *err)
{
	if (req->row->who == WHO_ANYBODY) {
		find_origin(req);
		return true;
	}
	if (!find_caller(req, err))
		return false;
	if (req->row->who < WHO_VIEWER)
		return check_administrator(req, err) && check_scope(req, err);
	return enter_organization(req, err) && check_scope(req, err) && find_group(req, err) &&
	       find_database(req, err);
}

static bool handle(struct api_request *req, struct error *err)
{
	OWNED(json_root) struct json *body = NULL;
	if (!body_read(net_request_body(req->net), req->row->body, &body, err))
		return false;
	req->body = body;
	bool done = req->row->handler(req, err);
	req->body = NULL;
	return done;
}

// Caller, method, path and key, each ended by a byte that none of them holds.
static struct replay_ticket ticket_of(const struct api_request *req, const char *key)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_printf(&text, "%lld\n%lld\n%lld\n%s\n%s\n%s", (long long)req->caller.user,
		      (long long)req->caller.organization, (long long)req->caller.group, req->row->method,
		      net_request_path(req->net), key);
	const struct buffer *body = net_request_body(req->net);
	struct replay_ticket ticket;
	crypt_hash(text.data, text.size, ticket.key);
	crypt_hash(body->data, body->size, ticket.body);
	return ticket;
}

static bool handle_once(struct api_request *req, const char *key, struct error *err)
{
	if (strlen(key) > KEY_CHARACTERS_MAX)
		return error_set(err, ERR_BAD_REQUEST, "Idempotency-Key is longer than %d characters",
				 KEY_CHARACTERS_MAX);
	struct replay *replay = req->api->replay;
	struct replay_ticket ticket = ticket_of(req, key);
	struct buffer *answer = net_reply_body(req->net);
	int status = 200;
	switch (replay_begin(replay, &ticket, clock_monotonic_ms() + REPLAY_WAIT_MS, answer, &status)) {
	case REPLAY_AGAIN:
		net_reply_status(req->net, status);
		return true;
	case REPLAY_OTHER_BODY:
		return error_set(err, ERR_ALREADY_EXISTS,
				 "this Idempotency-Key was used with another body; take a new key");
	case REPLAY_UNDER_WAY:
		return error_set(err, ERR_UNAVAILABLE,
				 "the first request with this Idempotency-Key is still under way; try again");
	case REPLAY_FIRST:
		break;
	}
	bool done = handle(req, err);
	replay_end(replay, &ticket, status, done ? answer : NULL);
	return done;
}

void gate_allow_origin(const struct api *api, struct net_request *request)
{
	if (!api->cors_origin)
		return;
	net_reply_header(request, "Access-Control-Allow-Origin", api->cors_origin);
	net_reply_header(request, "Access-Control-Expose-Headers", "X-Request-Id");
	if (strcmp(api->cors_origin, "*") != 0)
		net_reply_header(request, "Vary", "Origin");
}

bool gate_admit_again(struct api *api, struct net_request *request, struct arena *arena,
		      struct api_request *out, struct error *err)
{
	*out = (struct api_request){
		.api = api,
		.platform = api->platform,
		.net = request,
		.row = net_request_route(request)->facts,
		.arena = arena,
	};
	return admit(out, err);
}

void gate_serve(void *context, struct net_request *request)
{
	struct api *api = context;
	struct api_request req = {
		.api = api,
		.platform = api->platform,
		.net = request,
		.row = net_request_route(request)->facts,
		.arena = net_request_arena(request),
		.out = json_write_to(net_reply_body(request)),
	};
	struct error err;
	gate_allow_origin(api, request);
	const char *key = req.row->forms & KEYED ? net_request_header(request, "Idempotency-Key") : NULL;
	if (!admit(&req, &err) || !(key && key[0] ? handle_once(&req, key, &err) : handle(&req, &err)))
		api_reply_error_until(request, &err, req.error_status, req.retry_ms);
	else if (req.goes_on)
		return; // and it may have ended already
	net_request_finish(request);
}
