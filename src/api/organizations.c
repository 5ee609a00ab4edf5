#include "api/handlers.h"
#include "api/views.h"

bool api_get_caller(struct api_request *req, struct error *err)
{
	(void)err;
	view_caller(&req->out, &req->caller);
	return true;
}

bool api_list_organizations(struct api_request *req, struct error *err)
{
	struct organization *organizations;
	size_t count;
	if (!platform_list_organizations(req->platform, &req->caller, req->arena, &organizations, &count,
					 err))
		return false;
	view_organizations(&req->out, organizations, count);
	return true;
}

bool api_get_organization(struct api_request *req, struct error *err)
{
	(void)err;
	view_organization(&req->out, &req->organization);
	return true;
}
