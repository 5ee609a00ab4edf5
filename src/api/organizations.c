#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"

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

bool api_create_organization(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *name = body_text(&fields, "name", JSON_REQUIRED);
	body_text(&fields, "stripe_id", JSON_OPTIONAL);
	bool dry_run;
	if (!json_fields_ok(&fields, err) || !api_query_bool(req, "dry_run", false, &dry_run, err))
		return false;

	struct organization organization;
	if (!platform_create_organization(req->platform, &req->caller, name, dry_run, req->arena,
					  &organization, err))
		return false;
	view_organization_created(&req->out, &organization);
	return true;
}

bool api_update_organization(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct organization *organization = &req->organization;
	bool overages = json_fields_bool(&fields, "overages", organization->overages);
	bool require_mfa = json_fields_bool(&fields, "require_mfa", organization->require_mfa);
	if (!json_fields_ok(&fields, err) ||
	    !platform_update_organization(req->platform, &req->caller, organization, overages, require_mfa,
					  err))
		return false;
	organization->overages = overages;
	organization->require_mfa = require_mfa;
	view_organization(&req->out, organization);
	return true;
}

bool api_destroy_organization(struct api_request *req, struct error *err)
{
	if (!platform_destroy_organization(req->platform, &req->caller, &req->organization, req->arena, err))
		return false;
	view_nothing(&req->out);
	return true;
}
