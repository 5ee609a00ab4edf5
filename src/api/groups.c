#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"
#include "api/wait.h"

bool api_list_groups(struct api_request *req, struct error *err)
{
	struct group *groups;
	size_t count;
	if (!platform_list_groups(req->platform, &req->organization, req->arena, &groups, &count, err))
		return false;
	view_groups(&req->out, groups, count);
	return true;
}

bool api_get_group(struct api_request *req, struct error *err)
{
	(void)err;
	view_group(&req->out, &req->group);
	return true;
}

bool api_create_group(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct group_wish wish = {
		.name = body_text(&fields, "name", JSON_REQUIRED),
		.location = body_text(&fields, "location", JSON_REQUIRED),
		.extensions = body_extensions(&fields, req->arena),
	};
	if (!json_fields_ok(&fields, err))
		return false;

	struct group group;
	if (!platform_create_group(req->platform, &req->caller, &req->organization, &wish, req->arena, &group,
				   err))
		return false;
	view_group(&req->out, &group);
	return true;
}

bool api_destroy_group(struct api_request *req, struct error *err)
{
	if (!platform_destroy_group(req->platform, &req->caller, &req->organization, &req->group, err))
		return false;
	view_group(&req->out, &req->group);
	return true;
}

// The group as a change left it.
static bool show(struct api_request *req, struct error *err)
{
	struct group group;
	if (!platform_find_group(req->platform, &req->organization, req->group.uuid, req->arena, &group, err))
		return false;
	view_group(&req->out, &group);
	return true;
}

bool api_get_group_configuration(struct api_request *req, struct error *err)
{
	(void)err;
	view_group_configuration(&req->out, req->group.delete_protection);
	return true;
}

bool api_configure_group(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	bool protection = json_fields_bool(&fields, "delete_protection", req->group.delete_protection);
	if (!json_fields_ok(&fields, err) ||
	    !platform_protect_group(req->platform, &req->caller, &req->organization, &req->group, protection,
				    err))
		return false;
	view_group_configuration(&req->out, protection);
	return true;
}

bool api_unarchive_group(struct api_request *req, struct error *err)
{
	return platform_unarchive_group(req->platform, &req->caller, &req->organization, &req->group, err) &&
	       show(req, err);
}

bool api_rename_group(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *name = body_text(&fields, "name", JSON_REQUIRED);
	return json_fields_ok(&fields, err) &&
	       platform_rename_group(req->platform, &req->caller, &req->organization, &req->group, name,
				     err) &&
	       show(req, err);
}

// One binary serves all databases, so each of them has its newest version already.
bool api_update_group(struct api_request *req, struct error *err)
{
	(void)err;
	view_nothing(&req->out);
	return true;
}

// -- locations ----------------------------------------------------------------------------------------

bool api_add_group_location(struct api_request *req, struct error *err)
{
	return platform_add_group_location(req->platform, &req->caller, &req->organization, &req->group,
					   api_param(req, "location"), err) &&
	       show(req, err);
}

bool api_remove_group_location(struct api_request *req, struct error *err)
{
	return platform_remove_group_location(req->platform, &req->caller, &req->organization, &req->group,
					      api_param(req, "location"), err) &&
	       show(req, err);
}

static bool wait_for_location(struct api_request *req, int64_t timeout_ms, struct error *err)
{
	return platform_wait_group_location(req->platform, &req->organization, &req->group,
					    api_param(req, "location"), timeout_ms, err);
}

bool api_wait_group_location(struct api_request *req, struct error *err)
{
	return api_wait(req, wait_for_location, err);
}

// -- tokens -------------------------------------------------------------------------------------------

bool api_mint_group_token(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_token_wish wish = {.expiration = api_query(req, "expiration"),
					   .authorization = api_query(req, "authorization")};
	body_permissions(&fields, req->arena, &wish.attach, &wish.attach_count);
	if (!json_fields_ok(&fields, err))
		return false;

	const char *jwt;
	if (!platform_mint_group_token(req->platform, &req->caller, &req->organization, &req->group, &wish,
				       req->arena, &jwt, err))
		return false;
	view_database_token(&req->out, jwt);
	return true;
}

bool api_rotate_group(struct api_request *req, struct error *err)
{
	if (!platform_rotate_group(req->platform, &req->caller, &req->organization, &req->group, err))
		return false;
	view_nothing(&req->out);
	return true;
}

// -- transfer -----------------------------------------------------------------------------------------

bool api_transfer_group(struct api_request *req, struct error *err)
{
	struct group group;
	struct json_fields fields = api_fields(req);
	const char *target = body_target(&fields, "organization", "org");
	if (!json_fields_ok(&fields, err) ||
	    !platform_transfer_group(req->platform, &req->caller, &req->organization, &req->group, target,
				     req->arena, &group, err))
		return false;
	view_group_transferred(&req->out, &group);
	return true;
}

// -- migration to AWS: there is nothing to migrate to -------------------------------------------------

bool api_get_group_migration(struct api_request *req, struct error *err)
{
	(void)err;
	view_group_migration(&req->out);
	return true;
}

bool api_refuse_group_migration(struct api_request *req, struct error *err)
{
	(void)req;
	return error_set(err, ERR_BAD_REQUEST, "migration to AWS is not supported by this server");
}
