// Logical databases: create, list, show, destroy.

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/commands/commands.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/names.h"
#include "cli/spinner.h"
#include "cli/table.h"

enum { NAME_TRIES = 5 };

static bool create_named(struct call *call, const char *name, struct json **out, struct error *err)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "name", name);
	if (call_option(call, "image"))
		json_write_member_text(&w, "image", call_option(call, "image"));
	json_write_end_object(&w);
	const char *path;
	return client_org_path(&call->client, &path, err, "databases", NULL) &&
	       client_call(&call->client, "POST", path, buffer_text(&body), out, err);
}

// Without a name of the user's own, a taken one is simply replaced by another.
static bool create_database(struct call *call, const char **out_name, struct json **out, struct error *err)
{
	const char *wanted = call_argument(call, 0);
	for (int tries = 1;; tries++) {
		char made_up[NAME_BYTES];
		if (!wanted)
			name_generate(made_up);
		*out_name = arena_text(call->arena, wanted ? wanted : made_up);
		if (create_named(call, *out_name, out, err))
			return true;
		if (wanted || call->client.status != 409 || tries == NAME_TRIES)
			return false;
	}
}

static void print_created_json(const struct json *database, const struct json *instance, const char *url)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_copy_member(&w, "database", json_read_get(database, "database"));
	json_write_member_text(&w, "url", url);
	if (instance) {
		json_copy_member(&w, "instance", json_read_get(instance, "instance"));
		json_copy_member(&w, "username", json_read_get(instance, "username"));
		json_copy_member(&w, "password", json_read_get(instance, "password"));
	}
	json_write_end_object(&w);
	call_print_json(&text);
}

bool command_db_create(struct call *call, struct error *err)
{
	const char *location = call_option(call, "location");
	// Checked before, so that a slip of the finger does not leave a database without instances behind.
	if (location && !location_check(call, location, err))
		return false;
	const char *name;
	OWNED(json_root) struct json *created = NULL;
	OWNED(json_root) struct json *instance = NULL;
	if (!create_database(call, &name, &created, err))
		return false;
	const char *hostname = json_text_at(json_read_get(created, "database"), "Hostname");
	const char *url = client_address_of(&call->client, hostname);
	const char *org;
	if (!client_org(&call->client, &org, err))
		return false;
	if (!call->json)
		printf("Created database %s in organization %s.\n", name, org);

	int64_t started_ms = clock_monotonic_ms();
	if (location) {
		fflush(stdout);
		bool ok = instance_create(call, name, location, NULL, call_option(call, "image"), &instance,
					  err) &&
			  instance_wait(call, name, json_text_at(json_read_get(instance, "instance"), "name"),
					location, err);
		if (!ok)
			return error_detail(
				err, "the database %s exists all the same; see \"atoll db instances %s\"",
				name, name);
	}
	if (call->json) {
		print_created_json(created, instance, url);
		return true;
	}
	if (location)
		instance_print_created(call, name, instance, clock_monotonic_ms() - started_ms);
	printf("\nURL:   %s\n", client_address_of(&call->client, hostname));
	if (location)
		printf("SQL:   atoll db shell %s\nToken: atoll db tokens create %s\n", name, name);
	else
		printf("Next:  atoll db replicate %s LOCATION    (\"atoll db locations\" lists them)\n",
		       name);
	return true;
}

static const char *joined(struct call *call, const struct json *texts)
{
	const char *all = "";
	for (size_t i = 0; i < json_read_size(texts); i++)
		all = arena_printf(call->arena, "%s%s%s", all, *all ? ", " : "",
				   json_read_text(json_read_at(texts, i), NULL));
	return all;
}

bool command_db_list(struct call *call, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "databases", NULL) ||
	    !client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *list = json_read_get(root, "databases");
	if (json_read_size(list) == 0) {
		puts("No databases yet: atoll db create NAME --location CODE makes one.");
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"NAME", "LOCATIONS", "URL"}, 3);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *database = json_read_at(list, i);
		const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
		table_add(&table, json_text_at(database, "Name"));
		table_add(&table, joined(call, json_read_get(database, "regions")));
		table_add(&table, address_for_clients(call->arena, address));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

static bool fetch_database(struct call *call, const char *name, struct json **out, struct error *err)
{
	const char *path;
	return client_org_path(&call->client, &path, err, "databases", name, NULL) &&
	       client_call(&call->client, "GET", path, NULL, out, err);
}

static void print_instance_urls(struct call *call, const struct json *list)
{
	for (size_t i = 0; i < json_read_size(list); i++) {
		const char *hostname = json_text_at(json_read_at(list, i), "hostname");
		puts(address_for_clients(call->arena, client_address_of(&call->client, hostname)));
	}
}

static void print_shown_json(struct call *call, const struct json *database, const struct json *instances)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_copy_member(&w, "database", database);
	json_copy_member(&w, "instances", instances);
	json_write_member_text(&w, "url",
			       client_address_of(&call->client, json_text_at(database, "Hostname")));
	json_write_key(&w, "instance_urls");
	json_write_object(&w);
	for (size_t i = 0; i < json_read_size(instances); i++) {
		const struct json *instance = json_read_at(instances, i);
		json_write_key_escaped(&w, json_text_at(instance, "name"));
		json_write_text(&w, client_address_of(&call->client, json_text_at(instance, "hostname")));
	}
	json_write_end_object(&w);
	json_write_end_object(&w);
	call_print_json(&text);
}

static void print_shown(struct call *call, const struct json *database, const struct json *instances)
{
	const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
	OWNED(table) struct table facts = table_of((const char *const[]){"", ""}, 2);
	table_add(&facts, "Name");
	table_add(&facts, json_text_at(database, "Name"));
	table_add(&facts, "ID");
	table_add(&facts, json_text_at(database, "DbId"));
	table_add(&facts, "URL");
	table_add(&facts, address_for_clients(call->arena, address));
	table_add(&facts, "Locations");
	table_add(&facts, joined(call, json_read_get(database, "regions")));
	if (*json_text_at(database, "group")) {
		table_add(&facts, "Group");
		table_add(&facts, json_text_at(database, "group"));
	}
	table_print(&facts, stdout, TABLE_UNTITLED);
	if (json_read_size(instances) > 0) {
		putchar('\n');
		instances_print(call, instances);
	}
}

bool command_db_show(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *listed = NULL;
	if (!fetch_database(call, name, &root, err) || !instances_fetch(call, name, &listed, err))
		return false;
	const struct json *database = json_read_get(root, "database");
	const struct json *instances = json_read_get(listed, "instances");
	const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
	if (call_switch(call, "url"))
		puts(address_for_clients(call->arena, address));
	else if (call_switch(call, "http-url"))
		puts(address);
	else if (call_switch(call, "instance-urls"))
		print_instance_urls(call, instances);
	else if (call->json)
		print_shown_json(call, database, instances);
	else
		print_shown(call, database, instances);
	return true;
}

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
		return call_confirm(call, err, "Destroy instance %s of %s?", instance, db) &&
		       destroy_instance(call, db, instance, err);
	if (location)
		return call_confirm(call, err, "Destroy all replicas of %s in %s?", db, location) &&
		       destroy_location(call, db, location, err);
	for (size_t i = 0; i < call_argument_count(call); i++) {
		const char *name = call_argument(call, i);
		if (!call_confirm(call, err, "Destroy database %s with all its instances and data?", name) ||
		    !destroy_database(call, name, err))
			return false;
	}
	return true;
}
