// Where the databases of a group have their instances.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/group_wait.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/table.h"

bool group_wait(struct call *call, const char *group, const char *location, struct error *err)
{
	const char *path;
	return client_org_path(&call->client, &path, err, "groups", group, "locations", location, "wait",
			       NULL) &&
	       (call_wait(call, path, arena_printf(call->arena, "Waiting for %s in %s", group, location),
			  err) ||
		error_context(err, "group %s in %s", group, location));
}

bool command_group_locations_list(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "groups", call_argument(call, 0), NULL))
		return false;
	const struct json *group = json_read_get(root, "group");
	const struct json *list = json_read_get(group, "locations");
	const char *primary = json_text_at(group, "primary");
	if (call->json) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer w = json_write_to(&text);
		json_write_object(&w);
		json_copy_member(&w, "locations", list);
		json_write_member_text(&w, "primary", primary);
		json_write_end_object(&w);
		call_print_json(&text);
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"LOCATION", "TYPE"}, 2);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const char *code = json_read_text(json_read_at(list, i), NULL);
		table_add(&table, code);
		table_add(&table, strcmp(code, primary) == 0 ? "primary" : "replica");
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

static bool add_location(struct call *call, const char *group, const char *location, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "groups", group, "locations", location,
			     NULL))
		return error_context(err, "%s", location);
	if (!call_switch(call, "no-wait") && !group_wait(call, group, location, err))
		return false;
	call_say(call, root, "Group %s lives in %s now.", group, location);
	return true;
}

static bool remove_location(struct call *call, const char *group, const char *location, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "DELETE", NULL, &root, err, "groups", group, "locations",
			     location, NULL))
		return error_context(err, "%s", location);
	call_say(call, root, "Group %s has left %s.", group, location);
	return true;
}

bool command_group_locations_add(struct call *call, struct error *err)
{
	for (size_t i = 1; i < call_argument_count(call); i++) {
		if (!add_location(call, call_argument(call, 0), call_argument(call, i), err))
			return false;
	}
	return true;
}

bool command_group_locations_remove(struct call *call, struct error *err)
{
	const char *group = call_argument(call, 0);
	for (size_t i = 1; i < call_argument_count(call); i++) {
		const char *location = call_argument(call, i);
		if (!call_confirm(call, err, location,
				  "All databases of group %s lose their replicas in %s; no data is lost.",
				  group, location) ||
		    !remove_location(call, group, location, err))
			return false;
	}
	return true;
}
