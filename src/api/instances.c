#include "api/body.h"
#include "api/handlers.h"
#include "api/state.h"
#include "api/views.h"
#include "base/clock.h"

enum { WAIT_SLICE_MS = 1000 };

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

// In slices, so that a client that left or a server that stops does not hold a worker to the end. A slice that ends
// early means that as many wait as the platform lets: this one shall try again.
static bool wait_in_slices(struct api_request *req, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + req->api->wait_ms_max;
	for (;;) {
		int64_t now_ms = clock_monotonic_ms();
		int64_t slice_end_ms =
			now_ms + WAIT_SLICE_MS < deadline_ms ? now_ms + WAIT_SLICE_MS : deadline_ms;
		if (wait_for(req, slice_end_ms - now_ms, err))
			return true;
		now_ms = clock_monotonic_ms();
		if (err->code != ERR_NOT_READY || now_ms < slice_end_ms || now_ms >= deadline_ms ||
		    atomic_load(&req->api->draining) || net_request_is_abandoned(req->net))
			return false;
	}
}

// An empty body tells that it is ready: the one answer that is no JSON (§1.4).
bool api_wait_instance(struct api_request *req, struct error *err)
{
	bool ready = wait_in_slices(req, err);
	if (!ready && err->code == ERR_NOT_READY)
		req->error_status = 503;
	return ready;
}
