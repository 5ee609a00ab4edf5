#include "api/handlers.h"
#include "api/views.h"

// Every database stands alone as yet; clients that look for its group first are told so (spec/platform-api.md
// §3.5).

bool api_list_groups(struct api_request *req, struct error *err)
{
	(void)err;
	view_no_groups(&req->out);
	return true;
}

bool api_get_group(struct api_request *req, struct error *err)
{
	(void)req;
	return error_set(err, ERR_GROUP_NOT_FOUND, "group not found");
}
