#include "platform/invite.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"
#include "net/server.h"

// -- of the organization ------------------------------------------------------------------------------

bool api_list_invites(struct api_request *req, struct error *err)
{
	struct invite *invites;
	size_t count;
	if (!platform_list_invites(req->platform, &req->organization, false, req->arena, &invites, &count,
				   err))
		return false;
	view_invites(&req->out, invites, count);
	return true;
}

bool api_list_invites_v1(struct api_request *req, struct error *err)
{
	struct invite *invites;
	size_t count;
	if (!platform_list_invites(req->platform, &req->organization, true, req->arena, &invites, &count,
				   err))
		return false;
	view_invites_v1(&req->out, invites, count);
	return true;
}

static bool create(struct api_request *req, struct invite *out, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *email = body_text(&fields, "email", JSON_OPTIONAL);
	const char *username = body_text(&fields, "username", JSON_OPTIONAL);
	enum role role = body_role(&fields, JSON_OPTIONAL);
	return json_fields_ok(&fields, err) &&
	       platform_create_invite(req->platform, &req->caller, &req->organization, email, username, role,
				      req->arena, out, err);
}

bool api_create_invite(struct api_request *req, struct error *err)
{
	struct invite invite;
	if (!create(req, &invite, err))
		return false;
	view_invited(&req->out, &invite);
	return true;
}

bool api_create_invite_v1(struct api_request *req, struct error *err)
{
	struct invite invite;
	if (!create(req, &invite, err))
		return false;
	view_invited_v1(&req->out, &invite);
	return true;
}

bool api_remove_invite(struct api_request *req, struct error *err)
{
	if (!platform_remove_invite(req->platform, &req->caller, &req->organization, api_param(req, "email"),
				    err))
		return false;
	view_nothing(&req->out);
	return true;
}

// -- of the caller ------------------------------------------------------------------------------------

bool api_list_own_invites(struct api_request *req, struct error *err)
{
	struct invite *invites;
	size_t count;
	if (!platform_list_own_invites(req->platform, &req->caller, req->arena, &invites, &count, err))
		return false;
	view_own_invites(&req->out, invites, count);
	return true;
}

// What is no number is no invite's.
static int64_t invite_id(const struct api_request *req)
{
	int64_t id;
	return api_number_of(api_param(req, "id"), &id) ? id : -1;
}

bool api_accept_own_invite(struct api_request *req, struct error *err)
{
	struct invite invite;
	if (!platform_accept_own_invite(req->platform, &req->caller, invite_id(req), req->arena, &invite,
					err))
		return false;
	view_invite_accepted(&req->out, &invite, NULL);
	return true;
}

bool api_decline_invite(struct api_request *req, struct error *err)
{
	if (!platform_decline_invite(req->platform, &req->caller, invite_id(req), req->arena, err))
		return false;
	view_nothing(&req->out);
	return true;
}

bool api_accept_invite(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *secret = body_text(&fields, "token", JSON_REQUIRED);
	const char *username = body_text(&fields, "username", JSON_REQUIRED);
	const char *password = body_text(&fields, "password", JSON_REQUIRED);
	if (!json_fields_ok(&fields, err))
		return false;

	struct invite invite;
	struct session session;
	if (!platform_accept_invite(req->platform, &req->caller, secret, username, password, req->arena,
				    &invite, &session, &req->retry_ms, err))
		return false;
	net_reply_header(req->net, "Cache-Control", "no-store");
	view_invite_accepted(&req->out, &invite, &session);
	return true;
}
