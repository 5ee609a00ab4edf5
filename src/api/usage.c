#include "platform/usage.h"

#include "api/handlers.h"
#include "api/views.h"

static bool period_of(const struct api_request *req, struct usage_period *out, struct error *err)
{
	return usage_period_read(api_query(req, "from"), api_query(req, "to"), out, err);
}

bool api_get_database_usage(struct api_request *req, struct error *err)
{
	struct usage_period period;
	struct database_usage usage;
	if (!period_of(req, &period, err) ||
	    !platform_database_usage(req->platform, &req->organization, &req->database, &period, req->arena,
				     &usage, err))
		return false;
	view_database_usage(&req->out, &usage);
	return true;
}

bool api_get_instance_usage(struct api_request *req, struct error *err)
{
	struct usage_period period;
	struct instance instance;
	struct usage_figures used;
	if (!period_of(req, &period, err) ||
	    !platform_instance_usage(req->platform, &req->organization, &req->database,
				     api_param(req, "instance"), &period, req->arena, &instance, &used, err))
		return false;
	view_instance_usage(&req->out, &instance, &used);
	return true;
}

bool api_get_organization_usage(struct api_request *req, struct error *err)
{
	struct usage_period period;
	struct organization_usage usage;
	if (!period_of(req, &period, err) ||
	    !platform_organization_usage(req->platform, &req->organization, &period, req->arena, &usage, err))
		return false;
	view_organization_usage(&req->out, &req->organization, &usage);
	return true;
}

static bool top_queries(struct api_request *req, struct query_usage **out, size_t *out_count,
			struct error *err)
{
	struct usage_period period;
	return usage_period_read_all(api_query(req, "from"), api_query(req, "to"), &period, err) &&
	       platform_top_queries(req->platform, &req->organization, &req->database, &period, req->arena,
				    out, out_count, err);
}

bool api_get_database_stats(struct api_request *req, struct error *err)
{
	struct query_usage *queries;
	size_t count;
	if (!top_queries(req, &queries, &count, err))
		return false;
	view_database_stats(&req->out, queries, count);
	return true;
}

bool api_list_top_queries(struct api_request *req, struct error *err)
{
	struct query_usage *queries;
	size_t count;
	if (!top_queries(req, &queries, &count, err))
		return false;
	view_top_queries(&req->out, queries, count);
	return true;
}
