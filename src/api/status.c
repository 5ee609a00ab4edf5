#include "api/handlers.h"
#include "api/views.h"

bool api_get_health(struct api_request *req, struct error *err)
{
	(void)err;
	view_health(&req->out);
	return true;
}

bool api_get_version(struct api_request *req, struct error *err)
{
	(void)err;
	view_version(&req->out);
	return true;
}

bool api_get_latest_release(struct api_request *req, struct error *err)
{
	(void)err;
	view_latest_release(&req->out);
	return true;
}
