#include "api/handlers.h"
#include "api/views.h"

bool api_list_locations(struct api_request *req, struct error *err)
{
	(void)err;
	size_t count;
	const struct location *const *locations = platform_locations(req->platform, &count);
	view_locations(&req->out, locations, count);
	return true;
}

bool api_list_places(struct api_request *req, struct error *err)
{
	(void)err;
	size_t count;
	const struct location *const *locations = platform_locations(req->platform, &count);
	view_places(&req->out, locations, count);
	return true;
}

bool api_list_locations_by_platform(struct api_request *req, struct error *err)
{
	(void)err;
	size_t count;
	const struct location *const *locations = platform_locations(req->platform, &count);
	view_locations_by_platform(&req->out, locations, count);
	return true;
}

bool api_get_location(struct api_request *req, struct error *err)
{
	const struct location *location = platform_find_location(req->platform, api_param(req, "code"));
	if (!location)
		return error_set(err, ERR_LOCATION_NOT_FOUND, "location not found");
	const struct location *closest[LOCATION_CLOSEST_MAX];
	size_t count = platform_closest_locations(req->platform, location, closest);
	view_location(&req->out, location, closest, count);
	return true;
}

bool api_get_closest_region(struct api_request *req, struct error *err)
{
	(void)err;
	view_closest_region(&req->out, platform_closest_location(req->platform));
	return true;
}
