// The locations in which instances can live.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"

enum { CLOSEST_TIMEOUT_MS = 5000 };

bool command_db_locations(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *closest = NULL;
	if (!client_call(&call->client, "GET", "/v1/locations", NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	// A server that does not tell which location is near is no reason to hide the list.
	struct error ignored;
	const char *near = "";
	if (client_call_public(&call->client, "/closest-region", CLOSEST_TIMEOUT_MS, &closest, &ignored))
		near = json_text_at(closest, "server");
	OWNED(table) struct table table = table_of((const char *const[]){"CODE", "LOCATION", ""}, 3);
	const char *code;
	const struct json *description;
	void *at = NULL;
	while ((at = json_read_next(json_read_get(root, "locations"), at, &code, &description))) {
		table_add(&table, code);
		table_add(&table, json_read_text(description, NULL));
		table_add(&table, strcmp(code, near) == 0 ? "(closest)" : "");
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_locations_closest(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call_public(&call->client, "/closest-region", CLOSEST_TIMEOUT_MS, &root, err))
		return false;
	call_say(call, root, "%s", json_text_at(root, "server"));
	return true;
}
