#include "platform/migration.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"

enum { FAILURES_MAX = 1000000 };

bool api_list_migrations(struct api_request *req, struct error *err)
{
	struct api_page page;
	struct migration *migrations;
	size_t count;
	int64_t total;
	if (!api_query_page(req, &page, err) ||
	    !platform_list_migrations(req->platform, &req->organization, &req->group, page.page,
				      page.page_size, req->arena, &migrations, &count, &total, err))
		return false;
	view_migrations(&req->out, migrations, count, total, req->group.name);
	return true;
}

bool api_create_migration(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct migration_wish wish = {
		.name = body_text(&fields, "name", JSON_REQUIRED),
		.sql = body_text(&fields, "sql", JSON_REQUIRED),
		.dry_run = (enum migration_dry_run)json_fields_choice(&fields, "dry_run", migration_dry_runs,
								      DRY_RUN_ONE),
		.applies = json_fields_bool(&fields, "apply", true),
		.concurrency = json_fields_integer(&fields, "concurrency", 1, MIGRATION_CONCURRENCY_MAX,
						   MIGRATION_CONCURRENCY),
		.pause_ms = json_fields_integer(&fields, "pause_ms", 0, MIGRATION_PAUSE_MS_MAX, 0),
		.failures_max = json_fields_integer(&fields, "max_failures", 0, FAILURES_MAX, 0),
	};
	struct migration migration;
	if (!json_fields_ok(&fields, err) ||
	    !platform_create_migration(req->platform, &req->caller, &req->organization, &req->group, &wish,
				       req->arena, &migration, err))
		return false;
	view_migration(&req->out, &migration, req->group.name, NULL);
	return true;
}

bool api_get_migration(struct api_request *req, struct error *err)
{
	struct migration migration;
	const char *sql;
	if (!platform_find_migration(req->platform, &req->organization, &req->group, api_param(req, "id"),
				     req->arena, &migration, &sql, err))
		return false;
	view_migration(&req->out, &migration, req->group.name, sql);
	return true;
}

static int64_t count_of(const struct migration *migration, int state)
{
	int64_t total = 0;
	for (int i = 0; i < MIGRATION_STATE_COUNT; i++)
		total += state < 0 || state == i ? migration->counts[i] : 0;
	return total;
}

bool api_list_migration_databases(struct api_request *req, struct error *err)
{
	struct api_page page;
	struct migration migration;
	struct migration_database *databases;
	size_t count;
	const char *sql;
	int state;
	if (!api_query_page(req, &page, err) ||
	    !api_query_choice(req, "status", migration_states, -1, &state, err) ||
	    !platform_find_migration(req->platform, &req->organization, &req->group, api_param(req, "id"),
				     req->arena, &migration, &sql, err) ||
	    !platform_list_migration_databases(req->platform, &req->organization, &migration,
					       state < 0 ? NULL : migration_states[state], page.page,
					       page.page_size, req->arena, &databases, &count, err))
		return false;
	view_migration_databases(&req->out, databases, count, count_of(&migration, state));
	return true;
}

bool api_resume_migration(struct api_request *req, struct error *err)
{
	struct migration migration;
	if (!platform_resume_migration(req->platform, &req->caller, &req->organization, &req->group,
				       api_param(req, "id"), req->arena, &migration, err))
		return false;
	view_migration(&req->out, &migration, req->group.name, NULL);
	return true;
}

bool api_cancel_migration(struct api_request *req, struct error *err)
{
	struct migration migration;
	if (!platform_cancel_migration(req->platform, &req->caller, &req->organization, &req->group,
				       api_param(req, "id"), req->arena, &migration, err))
		return false;
	view_migration(&req->out, &migration, req->group.name, NULL);
	return true;
}
