#include <string.h>

#include "api/body.h"
#include "api/handlers.h"
#include "api/query.h"
#include "api/views.h"
#include "base/clock.h"
#include "net/server.h"

enum { LIMIT_MAX = 1000 };

bool api_list_databases(struct api_request *req, struct error *err)
{
	const char *type = api_query(req, "type");
	struct database_filter filter = {
		.group = api_query(req, "group") ? api_query(req, "group") : api_query(req, "group_id"),
		.schema = api_query(req, "schema"),
		.schema_parents = type && strcmp(type, "schema") == 0,
		.parent =
			api_query(req, "parent") ? api_query(req, "parent") : api_query(req, "parent_db_id"),
		.cursor = api_query(req, "cursor"),
	};
	if (!api_query_number(req, "limit", 1, LIMIT_MAX, 0, &filter.limit, err))
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

// -- creating -----------------------------------------------------------------------------------------

// What this server does not do is refused, not passed over: nobody shall believe that data is encrypted.
static void refuse_unsupported(struct json_fields *fields)
{
	if (json_fields_get(fields, "remote_encryption"))
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "remote_encryption is not supported by this server");
	if (json_fields_bool(fields, "use_tursodb", false))
		json_fields_fail(fields, ERR_INVALID_FIELD, "use_tursodb is not supported by this server");
}

static void read_moment(struct json_fields *seed, struct database_wish *wish)
{
	const char *text = body_text(seed, "timestamp", JSON_OPTIONAL);
	wish->at_ms = DATABASE_NOW;
	if (text && !clock_parse(text, &wish->at_ms))
		json_fields_fail(seed, ERR_INVALID_FIELD, "seed.timestamp is no RFC 3339 date: %s", text);
	else if (text && wish->at_ms > clock_wall_ms())
		json_fields_fail(seed, ERR_INVALID_FIELD, "seed.timestamp is in the future: %s", text);
}

static void read_source(struct json_fields *seed, const char *first, const char *second,
			struct database_wish *wish)
{
	const char *source = body_text(seed, first, JSON_OPTIONAL);
	wish->source = source || !second ? source : body_text(seed, second, JSON_OPTIONAL);
	if (!wish->source)
		json_fields_fail(seed, ERR_MISSING_FIELD, "seed.%s is required", first);
}

static void read_seed(struct json_fields *fields, struct database_wish *wish)
{
	static const char *const types[] = {"database", "dump", "database_upload", "upload", NULL};
	static const enum database_content contents[] = {CONTENT_DATABASE, CONTENT_DUMP, CONTENT_UPLOAD,
							 CONTENT_UPLOAD};
	const struct json *node = json_fields_get(fields, "seed");
	if (!node)
		return;
	if (json_read_kind(node) != JSON_KIND_OBJECT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "seed must be an object");
		return;
	}
	struct json_fields seed = json_fields_of(node, fields->rule);
	struct error err;
	const char *type = body_text(&seed, "type", JSON_OPTIONAL);
	int choice = json_fields_choice(&seed, "type", types, 0);
	if (!type)
		json_fields_fail(&seed, ERR_MISSING_FIELD, "seed.type is required");
	wish->content = contents[choice];
	if (wish->content == CONTENT_DATABASE) {
		read_source(&seed, "name", "value", wish);
		read_moment(&seed, wish);
	}
	if (wish->content == CONTENT_DUMP)
		read_source(&seed, "url", "value", wish);
	if (!json_fields_ok(&seed, &err))
		json_fields_fail(fields, err.code, "%s", err.message);
}

// A group by name, or by id as the third version has it.
static const char *read_group(struct json_fields *fields)
{
	const char *group = body_text(fields, "group", JSON_OPTIONAL);
	const char *id = body_text(fields, "group_id", JSON_OPTIONAL);
	if (group && id)
		json_fields_fail(fields, ERR_INVALID_FIELD, "group and group_id exclude each other");
	return group ? group : id;
}

static void read_size_limit(struct json_fields *fields, uint64_t *out_bytes)
{
	const char *text = body_text(fields, "size_limit", JSON_OPTIONAL);
	if (text && !platform_parse_size_limit(text, out_bytes))
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "invalid size_limit: %s: use bytes or 1mb, 256mb, 1gb", text);
}

bool api_create_database(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_wish wish = {
		.name = body_text(&fields, "name", JSON_REQUIRED),
		.group = read_group(&fields),
		.image = body_image(&fields),
		.location = body_location(&fields),
		.schema = body_text(&fields, "schema", JSON_OPTIONAL),
		.is_schema = json_fields_bool(&fields, "is_schema", false),
	};
	body_extensions(&fields, req->arena);
	read_size_limit(&fields, &wish.size_limit_bytes);
	read_seed(&fields, &wish);
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

// -- one database -------------------------------------------------------------------------------------

bool api_get_database(struct api_request *req, struct error *err)
{
	(void)err;
	// The third version has no route for the configuration: its answer holds more (spec/platform-api.md §3.9).
	if (strncmp(net_request_path(req->net), "/v3/", 4) == 0)
		view_database_with_rules(&req->out, &req->database);
	else
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

bool api_wake_database(struct api_request *req, struct error *err)
{
	struct database database;
	if (!platform_wake_database(req->platform, &req->caller, &req->organization, &req->database, err) ||
	    !platform_find_database(req->platform, &req->organization, req->database.uuid, req->arena,
				    &database, err))
		return false;
	view_database(&req->out, &database);
	return true;
}

bool api_transfer_database(struct api_request *req, struct error *err)
{
	struct database database;
	struct json_fields fields = api_fields(req);
	const char *target = body_target(&fields, "org", "organization");
	if (!json_fields_ok(&fields, err) ||
	    !platform_transfer_database(req->platform, &req->caller, &req->organization, &req->database,
					target, req->arena, &database, err))
		return false;
	view_database(&req->out, &database);
	return true;
}

// -- configuration ------------------------------------------------------------------------------------

bool api_get_configuration(struct api_request *req, struct error *err)
{
	(void)err;
	view_configuration(&req->out, &req->database.configuration);
	return true;
}

static void read_flag(struct json_fields *fields, const char *name, bool *value, const bool **out)
{
	*value = json_fields_bool(fields, name, false);
	*out = json_fields_get(fields, name) ? value : NULL;
}

// "" clears the limit here, where an absent one stays as it is.
static void read_changed_size_limit(struct json_fields *fields, uint64_t *value, const uint64_t **out)
{
	const struct json *node = json_fields_get(fields, "size_limit");
	read_size_limit(fields, value);
	*out = node ? value : NULL;
}

// "" goes back to what the server keeps of any database.
static void read_history(struct json_fields *fields, int64_t *seconds, uint64_t *bytes,
			 struct database_changes *changes)
{
	const char *retention = body_text(fields, "history_retention", JSON_OPTIONAL);
	const char *size = body_text(fields, "history_size", JSON_OPTIONAL);
	*seconds = HISTORY_AS_SERVER;
	*bytes = 0;
	if (retention && !platform_parse_retention(retention, seconds))
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "invalid history_retention: %s: use seconds or 30m, 24h, 7d", retention);
	if (size && !platform_parse_size_limit(size, bytes))
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "invalid history_size: %s: use bytes or 1mb, 256mb, 1gb", size);
	if (json_fields_get(fields, "history_retention"))
		changes->history_seconds = seconds;
	if (json_fields_get(fields, "history_size"))
		changes->history_bytes = bytes;
}

bool api_configure_database(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_changes changes = {0};
	uint64_t size_limit = 0;
	bool flags[5];
	read_changed_size_limit(&fields, &size_limit, &changes.size_limit_bytes);
	read_flag(&fields, "allow_attach", &flags[0], &changes.allow_attach);
	read_flag(&fields, "block_reads", &flags[1], &changes.block_reads);
	read_flag(&fields, "block_writes", &flags[2], &changes.block_writes);
	read_flag(&fields, "delete_protection", &flags[3], &changes.delete_protection);
	read_flag(&fields, "offline_sync", &flags[4], &changes.offline_sync);
	int64_t history_seconds;
	uint64_t history_bytes;
	read_history(&fields, &history_seconds, &history_bytes, &changes);
	body_refuse_list(&fields, json_fields_get(&fields, "allowed_ips"), "allowed_ips");
	body_refuse_list(&fields, json_fields_get(&fields, "allowed_aws_vpc_ids"), "allowed_aws_vpc_ids");
	if (!json_fields_ok(&fields, err))
		return false;

	struct database_configuration configuration;
	if (!platform_configure_database(req->platform, &req->caller, &req->organization, &req->database,
					 &changes, &configuration, err))
		return false;
	view_configuration(&req->out, &configuration);
	return true;
}

// -- tokens -------------------------------------------------------------------------------------------

bool api_mint_database_token(struct api_request *req, struct error *err)
{
	struct json_fields fields = api_fields(req);
	struct database_token_wish wish = {.expiration = api_query(req, "expiration"),
					   .authorization = api_query(req, "authorization")};
	body_permissions(&fields, req->arena, &wish.attach, &wish.attach_count);
	if (!json_fields_ok(&fields, err))
		return false;

	const char *jwt;
	if (!platform_mint_database_token(req->platform, &req->caller, &req->organization, &req->database,
					  &wish, req->arena, &jwt, err))
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
