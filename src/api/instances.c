#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"
#include "api/wait.h"

bool api_list_instances(struct api_request *req, struct error *err)
{
	struct instance *instances;
	size_t count;
	if (!platform_list_instances(req->platform, &req->organization, &req->database, req->arena,
				     &instances, &count, err))
		return false;
	view_instances(&req->out, instances, count);
	return true;
}

bool api_create_instance(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct instance_wish wish = {
		.location = body_location(&fields),
		.image = body_image(&fields),
		.name = body_text(&fields, "instance_name", JSON_OPTIONAL),
	};
	if (!json_fields_ok(&fields, err))
		return false;

	struct instance_created created;
	if (!platform_create_instance(req->platform, &req->caller, &req->organization, &req->database, &wish,
				      req->arena, &created, err))
		return false;
	view_instance_created(&req->out, &created);
	return true;
}

bool api_get_instance(struct api_request *req, struct error *err)
{
	struct instance instance;
	if (!platform_find_instance(req->platform, &req->organization, &req->database,
				    api_param(req, "instance"), req->arena, &instance, err))
		return false;
	view_instance(&req->out, &instance);
	return true;
}

bool api_destroy_instance(struct api_request *req, struct error *err)
{
	struct instance instance;
	if (!platform_destroy_instance(req->platform, &req->caller, &req->organization, &req->database,
				       api_param(req, "instance"), req->arena, &instance, err))
		return false;
	view_name(&req->out, "instance", instance.name);
	return true;
}

static bool wait_for(struct api_request *req, int64_t timeout_ms, struct error *err)
{
	return platform_wait_instance(req->platform, &req->organization, &req->database,
				      api_param(req, "instance"), timeout_ms, err);
}

bool api_wait_instance(struct api_request *req, struct error *err)
{
	return api_wait(req, wait_for, err);
}
