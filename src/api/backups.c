// Backups of an organization's databases. Atoll's own: Turso's API has none.

#include "platform/backup.h"

#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"

enum { LIST_MAX = 1000, LIST_OTHERWISE = 100 };

bool api_list_backups(struct api_request *req, struct error *err)
{
	struct backup *backups;
	size_t count;
	int64_t limit;
	if (!api_query_number(req, "limit", 1, LIST_MAX, LIST_OTHERWISE, &limit, err) ||
	    !platform_list_backups(req->platform, &req->organization, api_query(req, "database"), limit,
				   req->arena, &backups, &count, err))
		return false;
	view_backups(&req->out, backups, count);
	return true;
}

bool api_create_backups(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	const char *database = body_text(&fields, "database", JSON_OPTIONAL);
	struct backup *backups;
	size_t count;
	if (!json_fields_ok(&fields, err) ||
	    !platform_create_backups(req->platform, &req->caller, &req->organization, database, req->arena,
				     &backups, &count, err))
		return false;
	view_backups(&req->out, backups, count);
	return true;
}

bool api_get_backup(struct api_request *req, struct error *err)
{
	struct backup backup;
	if (!platform_find_backup(req->platform, &req->organization, api_param(req, "backup"), req->arena,
				  &backup, err))
		return false;
	view_backup(&req->out, &backup);
	return true;
}

bool api_verify_backup(struct api_request *req, struct error *err)
{
	struct backup backup;
	if (!platform_verify_backup(req->platform, &req->organization, api_param(req, "backup"), req->arena,
				    &backup, err))
		return false;
	view_backup(&req->out, &backup);
	return true;
}

bool api_destroy_backup(struct api_request *req, struct error *err)
{
	const char *id = api_param(req, "backup");
	if (!platform_destroy_backup(req->platform, &req->caller, &req->organization, id, err))
		return false;
	view_name(&req->out, "backup", id);
	return true;
}

bool api_restore_backup(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_wish wish = {
		.name = body_text(&fields, "name", JSON_REQUIRED),
		.group = body_text(&fields, "group", JSON_OPTIONAL),
		.content = CONTENT_BACKUP,
		.source = api_param(req, "backup"),
	};
	struct database database;
	if (!json_fields_ok(&fields, err))
		return false;
	if (!platform_create_database(req->platform, &req->caller, &req->organization, &wish, req->arena,
				      &database, err)) {
		if (err->code == ERR_GROUP_NOT_FOUND)
			req->error_status = 400;
		return false;
	}
	view_database_created(&req->out, &database);
	return true;
}
