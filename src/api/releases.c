#include "api/handlers.h"
#include "api/views.h"

bool api_get_latest_release(struct api_request *req, struct error *err)
{
	(void)err;
	view_latest_release(&req->out);
	return true;
}
