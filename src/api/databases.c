#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/views.h"

enum { LIMIT_MAX = 1000 };

static bool read_limit(const char *text, int64_t *out, struct error *err)
{
	if (!text)
		return true;
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0' || text[0] < '0' || text[0] > '9' || value < 1 || value > LIMIT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "limit must be a whole number from 1 to %d",
				 LIMIT_MAX);
	*out = value;
	return true;
}

bool api_list_databases(struct api_request *req, struct error *err)
{
	const char *type = api_query(req, "type");
	struct database_filter filter = {
		.group = api_query(req, "group"),
		.schema = api_query(req, "schema"),
		.schema_parents = type && strcmp(type, "schema") == 0,
		.parent = api_query(req, "parent"),
		.cursor = api_query(req, "cursor"),
	};
	if (!read_limit(api_query(req, "limit"), &filter.limit, err))
		return false;

	struct database *databases;
	size_t count;
	const char *next;
	if (!platform_list_databases(req->platform, &req->organization, &filter, req->arena, &databases,
				     &count, &next, err))
		return false;
	view_databases(&req->out, databases, count, next);
	return true;
}

// What this server does not do is refused, not passed over: nobody shall believe that data is encrypted or a
// copy.
static void refuse_unsupported(struct json_fields *fields)
{
	static const char *const objects[] = {"seed", "remote_encryption"};
	for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
		if (json_fields_get(fields, objects[i]))
			json_fields_fail(fields, ERR_INVALID_FIELD, "%s is not supported by this server",
					 objects[i]);
	}
	static const char *const flags[] = {"use_tursodb", "is_schema"};
	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
		if (json_fields_bool(fields, flags[i], false))
			json_fields_fail(fields, ERR_INVALID_FIELD, "%s is not supported by this server",
					 flags[i]);
	}
	static const char *const texts[] = {"schema", "size_limit"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		if (body_text(fields, texts[i], JSON_OPTIONAL))
			json_fields_fail(fields, ERR_INVALID_FIELD, "%s is not supported by this server",
					 texts[i]);
	}
}

bool api_create_database(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_wish wish = {
		.name = body_text(&fields, "name", JSON_REQUIRED),
		.group = body_text(&fields, "group", JSON_OPTIONAL),
		.image = body_image(&fields),
		.location = body_location(&fields),
	};
	refuse_unsupported(&fields);
	if (!json_fields_ok(&fields, err))
		return false;

	struct database database;
	if (!platform_create_database(req->platform, &req->caller, &req->organization, &wish, req->arena,
				      &database, err)) {
		// The group stands in the body here, not in the path.
		if (err->code == ERR_GROUP_NOT_FOUND)
			req->error_status = 400;
		return false;
	}
	view_database_created(&req->out, &database);
	return true;
}

bool api_get_database(struct api_request *req, struct error *err)
{
	(void)err;
	view_database(&req->out, &req->database);
	return true;
}

bool api_destroy_database(struct api_request *req, struct error *err)
{
	if (!platform_destroy_database(req->platform, &req->caller, &req->organization, &req->database, err))
		return false;
	view_name(&req->out, "database", req->database.name);
	return true;
}

bool api_get_configuration(struct api_request *req, struct error *err)
{
	struct database_configuration configuration;
	if (!platform_database_configuration(req->platform, &req->organization, &req->database,
					     &configuration, err))
		return false;
	view_configuration(&req->out, &configuration);
	return true;
}

static void refuse_list(struct json_fields *fields, const struct json *list, const char *name)
{
	if (!list)
		return;
	if (json_read_kind(list) != JSON_KIND_ARRAY)
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be an array", name);
	else if (json_read_size(list) > 0)
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s is not supported by this server", name);
}

// A token comes out as it was asked for or not at all. The SDK always sends an empty list of databases to attach.
static void refuse_permissions(struct json_fields *fields)
{
	const struct json *permissions = json_fields_get(fields, "permissions");
	if (permissions && json_read_kind(permissions) != JSON_KIND_OBJECT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "permissions must be an object");
		return;
	}
	struct json_fields inner = json_fields_of(permissions, fields->rule);
	const struct json *attach = json_fields_get(&inner, "read_attach");
	if (attach && json_read_kind(attach) != JSON_KIND_OBJECT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "permissions.read_attach must be an object");
		return;
	}
	struct json_fields innermost = json_fields_of(attach, fields->rule);
	refuse_list(fields, json_fields_get(&innermost, "databases"), "permissions.read_attach.databases");
	refuse_list(fields, json_fields_get(fields, "fine_grained_permissions"), "fine_grained_permissions");
}

bool api_mint_database_token(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	refuse_permissions(&fields);
	if (!json_fields_ok(&fields, err))
		return false;

	const char *jwt;
	if (!platform_mint_database_token(req->platform, &req->caller, &req->organization, &req->database,
					  api_query(req, "expiration"), api_query(req, "authorization"),
					  req->arena, &jwt, err))
		return false;
	view_database_token(&req->out, jwt);
	return true;
}

bool api_rotate_database(struct api_request *req, struct error *err)
{
	if (!platform_rotate_database(req->platform, &req->caller, &req->organization, &req->database, err))
		return false;
	view_nothing(&req->out);
	return true;
}

// One binary serves all databases, so each of them has its newest version already.
bool api_update_database(struct api_request *req, struct error *err)
{
	(void)err;
	view_nothing(&req->out);
	return true;
}
