#include "platform/audit.h"

#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"

bool api_list_audit(struct api_request *req, struct error *err)
{
	struct api_page page;
	struct audit_entry *entries;
	size_t count;
	int64_t total;
	if (!api_query_page(req, &page, err) ||
	    !platform_list_audit(req->platform, &req->organization, page.page, page.page_size, req->arena,
				 &entries, &count, &total, err))
		return false;
	view_audit(&req->out, entries, count, page.page, page.page_size, total);
	return true;
}
