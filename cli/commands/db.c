// Logical databases: list and show.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/table.h"

static bool fetch_databases(struct call *call, const char *query, struct json **out, struct error *err)
{
	const char *path;
	return client_org_path(&call->client, &path, err, "databases", NULL) &&
	       client_call(&call->client, "GET", arena_printf(call->arena, "%s%s", path, query), NULL, out,
			   err);
}

bool command_db_list(struct call *call, struct error *err)
{
	static const char *const filters[] = {"group", "schema"};
	const char *query = "";
	for (size_t i = 0; i < ARRAY_LENGTH(filters); i++) {
		const char *value = call_option(call, filters[i]);
		if (value)
			query = arena_printf(call->arena, "%s%c%s=%s", query, *query ? '&' : '?', filters[i],
					     address_segment(call->arena, value));
	}
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_databases(call, query, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *list = json_read_get(root, "databases");
	if (json_read_size(list) == 0) {
		puts(*query ? "No databases like that."
			    : "No databases yet: atoll db create NAME --location CODE makes one.");
		return true;
	}
	OWNED(table)
	struct table table = table_of((const char *const[]){"NAME", "GROUP", "LOCATIONS", "URL"}, 4);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *database = json_read_at(list, i);
		const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
		table_add(&table, json_text_at(database, "Name"));
		table_add(&table, json_text_at(database, "group"));
		table_add(&table, facts_joined(call, json_read_get(database, "regions")));
		table_add(&table, address_for_clients(call->arena, address));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
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

// What is not as it is at first.
static void facts_add_flags(struct call *call, struct table *facts, const struct json *database)
{
	static const char *const flags[][2] = {
		{"archived", "archived"},
		{"is_schema", "schema of others"},
		{"block_reads", "reads blocked"},
		{"block_writes", "writes blocked"},
		{"allow_attach", "may be attached"},
		{"delete_protection", "protected against deletion"},
	};
	const char *all = "";
	for (size_t i = 0; i < ARRAY_LENGTH(flags); i++) {
		if (json_read_bool(json_read_get(database, flags[i][0])))
			all = arena_printf(call->arena, "%s%s%s", all, *all ? ", " : "", flags[i][1]);
	}
	facts_add(facts, "State", all);
}

static void print_shown(struct call *call, const struct json *database, const struct json *instances)
{
	const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
	const struct json *parent = json_read_get(database, "parent");
	OWNED(table) struct table facts = facts_table();
	facts_add(&facts, "Name", json_text_at(database, "Name"));
	facts_add(&facts, "ID", json_text_at(database, "DbId"));
	facts_add(&facts, "URL", address_for_clients(call->arena, address));
	facts_add(&facts, "Locations", facts_joined(call, json_read_get(database, "regions")));
	facts_add(&facts, "Group", json_text_at(database, "group"));
	facts_add(&facts, "Schema", json_text_at(database, "schema"));
	facts_add(&facts, "Copied from", json_text_at(parent, "name"));
	facts_add(&facts, "Copied at", json_text_at(parent, "branched_at"));
	facts_add_flags(call, &facts, database);
	facts_print(&facts);
	if (json_read_size(instances) > 0) {
		putchar('\n');
		instances_print(call, instances);
	}
}

static bool print_instance_url(struct call *call, const struct json *list, const char *wanted,
			       struct error *err)
{
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *one = json_read_at(list, i);
		if (strcmp(json_text_at(one, "name"), wanted) != 0)
			continue;
		const char *address = client_address_of(&call->client, json_text_at(one, "hostname"));
		puts(address_for_clients(call->arena, address));
		return true;
	}
	error_set(err, ERR_BAD_REQUEST, "%s has no instance named %s", call_argument(call, 0), wanted);
	return error_detail(err, "\"atoll db instances %s\" lists what there is", call_argument(call, 0));
}

static bool print_branches(struct call *call, const struct json *database, struct error *err)
{
	const char *query = arena_printf(call->arena, "?parent=%s", json_text_at(database, "DbId"));
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_databases(call, query, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *list = json_read_get(root, "databases");
	for (size_t i = 0; i < json_read_size(list); i++)
		puts(json_text_at(json_read_at(list, i), "Name"));
	return true;
}

bool command_db_show(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *listed = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "databases", name, NULL) ||
	    !instances_fetch(call, name, &listed, err))
		return false;
	const struct json *database = json_read_get(root, "database");
	const struct json *instances = json_read_get(listed, "instances");
	const char *address = client_address_of(&call->client, json_text_at(database, "Hostname"));
	const char *instance = call_option(call, "instance-url");
	if (instance)
		return print_instance_url(call, instances, instance, err);
	if (call_switch(call, "branches"))
		return print_branches(call, database, err);
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
