#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"

enum { NEVER = -1 };

// Platform tokens do not expire. Clients that then call them invalid are not to be helped by an invented date
// (§3.1).
bool api_validate_token(struct api_request *req, struct error *err)
{
	(void)err;
	view_token_validity(&req->out, NEVER);
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

// A token for a group or with fewer rights must not come out as one for everything.
static void refuse_narrower_than_organization(struct json_fields *fields, const char *organization)
{
	const char *group = body_text(fields, "group", JSON_OPTIONAL);
	const struct json *scopes = json_fields_get(fields, "scopes");
	if (scopes && json_read_kind(scopes) != JSON_KIND_ARRAY)
		json_fields_fail(fields, ERR_INVALID_FIELD, "scopes must be an array of strings");
	bool scoped = scopes && json_read_size(scopes) > 0;
	if (group && !organization)
		json_fields_fail(fields, ERR_BAD_REQUEST, "group needs organization beside it");
	else if (group && !scoped)
		json_fields_fail(fields, ERR_BAD_REQUEST, "group needs scopes beside it");
	else if (group)
		json_fields_fail(fields, ERR_GROUP_NOT_FOUND, "group not found");
	else if (scoped)
		json_fields_fail(fields, ERR_BAD_REQUEST, "scopes need organization and group beside them");
}

static bool mint(struct api_request *req, struct token *out, const char **out_secret, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *organization = body_text(&fields, "organization", JSON_OPTIONAL);
	refuse_narrower_than_organization(&fields, organization);
	if (!json_fields_ok(&fields, err))
		return false;
	return platform_mint_token(req->platform, &req->caller, api_param(req, "name"), organization,
				   req->arena, out, out_secret, err);
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
