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
