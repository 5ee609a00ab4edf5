#include "cli/commands/db_target.h"

#include <stdlib.h>
#include <string.h>

#include "cli/commands/instances.h"
#include "cli/json_copy.h"

bool db_target_mint(struct call *call, const char *db, const char *authorization, const char **out,
		    struct error *err)
{
	const char *path;
	if (!client_org_path(&call->client, &path, err, "databases", db, "auth", "tokens", NULL))
		return false;
	path = arena_printf(call->arena, "%s?expiration=2d&authorization=%s", path, authorization);
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", path, NULL, &root, err))
		return false;
	*out = arena_text(call->arena, json_text_at(root, "jwt"));
	return true;
}

static bool find_token(struct call *call, const struct db_wish *wish, const char **out, struct error *err)
{
	if (wish->read_only)
		return db_target_mint(call, wish->name, "read-only", out, err);
	if (db_target_mint(call, wish->name, "full-access", out, err))
		return true;
	return strcmp(call->client.server_code, "insufficient_role") == 0 &&
	       db_target_mint(call, wish->name, "read-only", out, err);
}

static bool find_hostname(struct call *call, const struct db_wish *wish, const char **out, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!instances_fetch(call, wish->name, &root, err))
		return false;
	const struct json *list = json_read_get(root, "instances");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *instance = json_read_at(list, i);
		if ((wish->instance && strcmp(json_text_at(instance, "name"), wish->instance) != 0) ||
		    (wish->location && strcmp(json_text_at(instance, "region"), wish->location) != 0))
			continue;
		*out = arena_text(call->arena, json_text_at(instance, "hostname"));
		return true;
	}
	error_set(err, ERR_BAD_REQUEST, "%s has no instance%s%s%s%s", wish->name,
		  wish->instance ? " named " : "", wish->instance ? wish->instance : "",
		  wish->location ? " in " : "", wish->location ? wish->location : "");
	return error_detail(err, "\"atoll db instances %s\" lists what there is", wish->name);
}

static bool find_database(struct call *call, const struct db_wish *wish, const char **out, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "databases", wish->name, NULL) ||
	    !client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	const struct json *database = json_read_get(root, "database");
	if (json_read_size(json_read_get(database, "regions")) == 0)
		return error_set(
			err, ERR_BAD_REQUEST,
			"%s has no instance yet: \"atoll db replicate %s LOCATION\" creates the first",
			wish->name, wish->name);
	*out = arena_text(call->arena, json_text_at(database, "Hostname"));
	return true;
}

bool db_target_find(struct call *call, const struct db_wish *wish, struct session_target *out,
		    struct error *err)
{
	const char *hostname = NULL;
	bool one = wish->instance || wish->location;
	if (!(one ? find_hostname : find_database)(call, wish, &hostname, err))
		return false;
	struct session_target target = {.base = client_address_of(&call->client, hostname)};
	if (!find_token(call, wish, &target.token, err))
		return false;
	*out = target;
	return true;
}

static const char *token_from_environment(void)
{
	static const char *const names[] = {"TURSO_AUTH_TOKEN", "LIBSQL_AUTH_TOKEN"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			return value;
	}
	return NULL;
}

bool db_target_of_url(struct call *call, const char *url, struct session_target *out, struct error *err)
{
	struct address address;
	if (!address_parse(call->arena, url, &address, err))
		return false;
	// What the URL says of itself goes before what lies around.
	const char *token = call_global_option(call, "token");
	if (!token)
		token = address.token;
	if (!token && !address.user)
		token = token_from_environment();
	*out = (struct session_target){
		.base = address.base,
		.token = token,
		.user = address.user,
		.password = address.password,
	};
	return true;
}
