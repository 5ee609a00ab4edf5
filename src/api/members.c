#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"

bool api_list_members(struct api_request *req, struct error *err)
{
	struct member *members;
	size_t count;
	if (!platform_list_members(req->platform, &req->organization, req->arena, &members, &count, err))
		return false;
	view_members(&req->out, members, count);
	return true;
}

bool api_get_member(struct api_request *req, struct error *err)
{
	struct member member;
	if (!platform_find_member(req->platform, &req->organization, api_param(req, "username"), req->arena,
				  &member, err))
		return false;
	view_member(&req->out, &member);
	return true;
}

static bool add(struct api_request *req, struct json_fields *fields, const char *username, struct error *err)
{
	enum role role = body_role(fields, JSON_OPTIONAL);
	if (!json_fields_ok(fields, err))
		return false;

	struct member member;
	if (!platform_add_member(req->platform, &req->caller, &req->organization, username, role, req->arena,
				 &member, err))
		return false;
	view_member_added(&req->out, &member);
	return true;
}

bool api_add_member(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *username = body_text(&fields, "username", JSON_REQUIRED);
	return add(req, &fields, username, err);
}

// The SDK's form: the name stands in the path, and once more in the body.
bool api_add_named_member(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	return add(req, &fields, api_param(req, "username"), err);
}

bool api_set_role(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	enum role role = body_role(&fields, JSON_REQUIRED);
	if (!json_fields_ok(&fields, err))
		return false;

	struct member member;
	if (!platform_set_role(req->platform, &req->caller, &req->organization, api_param(req, "username"),
			       role, req->arena, &member, err))
		return false;
	view_member(&req->out, &member);
	return true;
}

bool api_remove_member(struct api_request *req, struct error *err)
{
	struct member member;
	if (!platform_remove_member(req->platform, &req->caller, &req->organization,
				    api_param(req, "username"), req->arena, &member, err))
		return false;
	view_name(&req->out, "member", member.username);
	return true;
}
