// The end of databases and of instances.

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands/commands.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/spinner.h"

static bool destroy_database(struct call *call, const char *name, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	int64_t started_ms = clock_monotonic_ms();
	if (!client_org_path(&call->client, &path, err, "databases", name, NULL) ||
	    !client_call(&call->client, "DELETE", path, NULL, &root, err))
		return false;
	char elapsed[40];
	spinner_format_elapsed(clock_monotonic_ms() - started_ms, elapsed, sizeof(elapsed));
	if (call->json)
		call_print_answer(root);
	else
		printf("Destroyed database %s in %s.\n", name, elapsed);
	return true;
}

static bool destroy_instance(struct call *call, const char *db, const char *instance, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "databases", db, "instances", instance, NULL) ||
	    !client_call(&call->client, "DELETE", path, NULL, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		printf("Destroyed instance %s of %s.\n", instance, db);
	return true;
}

// All replicas of one location, each by its name: the API has no other way.
static bool destroy_location(struct call *call, const char *db, const char *location, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!instances_fetch(call, db, &root, err))
		return false;
	const struct json *list = json_read_get(root, "instances");
	size_t destroyed = 0;
	bool primary = false;
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *instance = json_read_at(list, i);
		if (strcmp(json_text_at(instance, "region"), location) != 0)
			continue;
		if (strcmp(json_text_at(instance, "type"), "primary") == 0) {
			primary = true;
			continue;
		}
		if (!destroy_instance(call, db, json_text_at(instance, "name"), err))
			return false;
		destroyed++;
	}
	if (destroyed > 0)
		return true;
	if (primary)
		return error_set(
			err, ERR_BAD_REQUEST,
			"in %s lives only the primary of %s, which is destroyed with the database alone",
			location, db);
	return error_set(err, ERR_BAD_REQUEST, "%s has no instance in %s", db, location);
}

bool command_db_destroy(struct call *call, struct error *err)
{
	const char *instance = call_option(call, "instance");
	const char *location = call_option(call, "location");
	const char *db = call_argument(call, 0);
	if (instance && location)
		return error_set(err, ERR_USAGE, "db destroy: --instance and --location exclude each other");
	if ((instance || location) && call_argument_count(call) > 1)
		return error_set(err, ERR_USAGE, "db destroy: instances of one database at a time");
	if (instance)
		return call_confirm(call, err, instance,
				    "Instance %s of database %s is destroyed; no data is lost.", instance,
				    db) &&
		       destroy_instance(call, db, instance, err);
	if (location)
		return call_confirm(call, err, location,
				    "All replicas of database %s in %s are destroyed; no data is lost.", db,
				    location) &&
		       destroy_location(call, db, location, err);
	for (size_t i = 0; i < call_argument_count(call); i++) {
		const char *name = call_argument(call, i);
		if (!call_confirm(call, err, name,
				  "Database %s is destroyed with all its data, instances and tokens.",
				  name) ||
		    !destroy_database(call, name, err))
			return false;
	}
	return true;
}
