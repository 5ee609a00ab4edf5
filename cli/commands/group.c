// Groups: databases that share their locations and the keys of their tokens.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/commands/group_wait.h"
#include "cli/json_copy.h"

bool command_group_list(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "groups", NULL))
		return false;
	const struct json *list = json_read_get(root, "groups");
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	if (json_read_size(list) == 0) {
		puts("No groups yet: atoll group create NAME --location CODE makes one.");
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"NAME", "LOCATIONS", "STATE"}, 3);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *group = json_read_at(list, i);
		bool sleeps = json_read_bool(json_read_get(group, "archived"));
		table_add(&table, json_text_at(group, "name"));
		table_add(&table, facts_joined(call, json_read_get(group, "locations")));
		table_add(&table, sleeps ? "archived" : "awake");
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

static void print_statuses(struct call *call, const struct json *group)
{
	const struct json *list = json_read_get(json_read_get(group, "status"), "locations");
	const char *primary = json_text_at(group, "primary");
	OWNED(table) struct table table = table_of((const char *const[]){"LOCATION", "TYPE", "STATUS"}, 3);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const char *code = json_text_at(json_read_at(list, i), "name");
		table_add(&table, code);
		table_add(&table, strcmp(code, primary) == 0 ? "primary" : "replica");
		table_add(&table, json_text_at(json_read_at(list, i), "status"));
	}
	if (table_row_count(&table) == 0)
		return;
	putchar('\n');
	table_print(&table, stdout, call_table_style(call));
}

bool command_group_show(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "groups", name, NULL))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *group = json_read_get(root, "group");
	bool sleeps = json_read_bool(json_read_get(group, "archived"));
	bool protected = json_read_bool(json_read_get(group, "delete_protection"));
	OWNED(table) struct table facts = facts_table();
	facts_add(&facts, "Name", json_text_at(group, "name"));
	facts_add(&facts, "ID", json_text_at(group, "uuid"));
	facts_add(&facts, "Locations", facts_joined(call, json_read_get(group, "locations")));
	facts_add(&facts, "Primary", json_text_at(group, "primary"));
	facts_add(&facts, "Version", json_text_at(group, "version"));
	facts_add(&facts, "State", sleeps ? "archived" : "awake");
	facts_add(&facts, "Protected", protected ? "yes" : "no");
	facts_print(&facts);
	print_statuses(call, group);
	return true;
}

static bool find_closest(struct call *call, const char **out, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call_public(&call->client, "/closest-region", 5000, &root, err))
		return error_context(err,
				     "group create: --location is missing, and the closest one is not known");
	*out = arena_text(call->arena, json_text_at(root, "server"));
	return true;
}

bool command_group_create(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *location = call_option(call, "location");
	if (!location && !find_closest(call, &location, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "name", name);
	json_write_member_text(&w, "location", location);
	json_write_end_object(&w);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", buffer_text(&body), &root, err, "groups", NULL) ||
	    !group_wait(call, name, location, err))
		return false;
	call_say(call, root, "Created group %s in %s.", name, location);
	return true;
}

bool command_group_destroy(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	const char *path = NULL;
	OWNED(json_root) struct json *listed = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "databases", NULL))
		return false;
	path = arena_printf(call->arena, "%s?group=%s", path, address_segment(call->arena, name));
	if (!client_call(&call->client, "GET", path, NULL, &listed, err))
		return false;
	size_t count = json_read_size(json_read_get(listed, "databases"));
	if (!call_confirm(
		    call, err, name,
		    "Group %s is destroyed with all its databases (%zu at present), their data and tokens.",
		    name, count) ||
	    !client_org_call(&call->client, "DELETE", NULL, &root, err, "groups", name, NULL))
		return false;
	call_say(call, root, "Destroyed group %s.", name);
	return true;
}

bool command_group_transfer(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *to = call_argument(call, 1);
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, name,
			  "Group %s with its databases goes to organization %s; members of this organization "
			  "lose it.",
			  name, to) ||
	    !client_org_call(&call->client, "POST", call_json_text(call, "organization", to), &root, err,
			     "groups", name, "transfer", NULL))
		return false;
	call_say(call, root, "Group %s belongs to organization %s now.", name, to);
	return true;
}

bool command_group_rename(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *to = call_argument(call, 1);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", call_json_text(call, "name", to), &root, err, "groups",
			     name, "rename", NULL))
		return false;
	call_say(call, root, "Group %s is called %s now.", name, to);
	return true;
}

bool command_group_unarchive(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "groups", name, "unarchive", NULL))
		return false;
	call_say(call, root, "Group %s is awake.", name);
	return true;
}

bool command_group_update(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "groups", name, "update", NULL))
		return false;
	call_say(call, root, "Group %s is up to date.", name);
	return true;
}

bool command_group_protection(struct call *call, struct error *err)
{
	const char *verb = call_argument(call, 0), *name = call_argument(call, 1);
	bool shows = strcmp(verb, "show") == 0;
	const char *body =
		shows ? NULL : call_json_bool(call, "delete_protection", strcmp(verb, "enable") == 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, shows ? "GET" : "PATCH", body, &root, err, "groups", name,
			     "configuration", NULL))
		return false;
	bool on = json_read_bool(json_read_get(root, "delete_protection"));
	call_say(call, root, "Delete protection of group %s is %s.", name, on ? "on" : "off");
	return true;
}
