#include "platform/usage.h"

#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"
#include "base/clock.h"

// Without `from` the calendar month in which the period ends.
static bool period_of(const struct api_request *req, struct usage_period *out, struct error *err)
{
	int64_t from_ms;
	int64_t to_ms;
	return api_query_time(req, "to", clock_wall_ms(), &to_ms, err) &&
	       api_query_time(req, "from", usage_month_of(to_ms), &from_ms, err) &&
	       usage_period_of(from_ms, to_ms, out, err);
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
	int64_t from_ms; // without it, all that is kept
	int64_t to_ms;
	return api_query_time(req, "to", clock_wall_ms(), &to_ms, err) &&
	       api_query_time(req, "from", INT64_MIN, &from_ms, err) &&
	       usage_period_of(from_ms, to_ms, &period, err) &&
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
