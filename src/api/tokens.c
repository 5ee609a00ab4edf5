#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"
#include "net/server.h"
#include "platform/scope.h"

enum { NEVER = -1 };

// Platform tokens do not expire. Clients that then call them invalid are not to be helped by an invented date
// (§3.1).
bool api_validate_token(struct api_request *req, struct error *err)
{
	(void)err;
	view_token_validity(&req->out,
			    req->caller.expires_ms == INT64_MAX ? NEVER : req->caller.expires_ms / 1000);
	return true;
}

bool api_list_tokens(struct api_request *req, struct error *err)
{
	struct token *tokens;
	size_t count;
	if (!platform_list_tokens(req->platform, &req->caller, req->arena, &tokens, &count, err))
		return false;
	view_tokens(&req->out, tokens, count);
	return true;
}

// Names of scopes and presets, as a set.
static unsigned read_scopes(struct json_fields *fields)
{
	const struct json *list = json_fields_get(fields, "scopes");
	unsigned scopes = SCOPE_NONE;
	if (list && json_read_kind(list) != JSON_KIND_ARRAY)
		json_fields_fail(fields, ERR_INVALID_FIELD, "scopes must be an array of strings");
	for (size_t i = 0; list && i < json_read_size(list); i++) {
		const char *name = json_read_text(json_read_at(list, i), NULL);
		if (!name)
			json_fields_fail(fields, ERR_INVALID_FIELD, "scopes must be an array of strings");
		else if (scope_of(name) == SCOPE_NONE)
			json_fields_fail(fields, ERR_INVALID_FIELD, "invalid scope: %.80s", name);
		else
			scopes |= scope_of(name);
	}
	return scopes;
}

static bool mint(struct api_request *req, struct token *out, const char **out_secret, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct token_wish wish = {
		.name = api_param(req, "name"),
		.organization = body_text(&fields, "organization", JSON_OPTIONAL),
		.group = body_text(&fields, "group", JSON_OPTIONAL),
		.scopes = read_scopes(&fields),
	};
	if (!json_fields_ok(&fields, err) ||
	    !platform_mint_token(req->platform, &req->caller, &wish, req->arena, out, out_secret, err))
		return false;
	net_reply_header(req->net, "Cache-Control", "no-store");
	return true;
}

bool api_mint_token(struct api_request *req, struct error *err)
{
	struct token token;
	const char *secret;
	if (!mint(req, &token, &secret, err))
		return false;
	view_token_minted(&req->out, &token, secret);
	return true;
}

bool api_mint_token_wrapped(struct api_request *req, struct error *err)
{
	struct token token;
	const char *secret;
	if (!mint(req, &token, &secret, err))
		return false;
	view_token_minted_wrapped(&req->out, &token, secret);
	return true;
}

bool api_revoke_token(struct api_request *req, struct error *err)
{
	const char *name = api_param(req, "name");
	if (!platform_revoke_token(req->platform, &req->caller, name, err))
		return false;
	view_name(&req->out, "token", name);
	return true;
}

bool api_list_organization_tokens(struct api_request *req, struct error *err)
{
	struct token *tokens;
	size_t count;
	if (!platform_list_organization_tokens(req->platform, &req->caller, &req->organization, req->arena,
					       &tokens, &count, err))
		return false;
	view_organization_tokens(&req->out, tokens, count);
	return true;
}

bool api_revoke_organization_token(struct api_request *req, struct error *err)
{
	const char *id = api_param(req, "id");
	if (!platform_revoke_organization_token(req->platform, &req->caller, &req->organization, id, err))
		return false;
	view_name(&req->out, "token", id);
	return true;
}
