// What happens to a database as a whole: it moves, wakes, is updated, is fetched.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/format.h"
#include "cli/json_copy.h"
#include "cli/transfer.h"

bool command_db_transfer(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *to = call_argument(call, 1);
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, name,
			  "Database %s goes to organization %s; members of this organization lose it.", name,
			  to) ||
	    !client_org_call(&call->client, "POST", call_json_text(call, "org", to), &root, err, "databases",
			     name, "transfer", NULL))
		return false;
	call_say(call, root, "Database %s belongs to organization %s now.", name, to);
	return true;
}

bool command_db_unarchive(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "databases", name, "wakeup", NULL))
		return false;
	call_say(call, root, "Database %s is awake.", name);
	return true;
}

bool command_db_update(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "databases", name, "update", NULL))
		return false;
	call_say(call, root, "Database %s is up to date.", name);
	return true;
}

bool command_db_export(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *target = call_option(call, "output-file");
	const char *path = NULL;
	if (!target)
		target = arena_printf(call->arena, "%s.db", name);
	if (!client_org_path(&call->client, &path, err, "databases", name, "export", NULL))
		return false;
	http_catch_endings(call->http);
	uint64_t bytes = 0;
	if (!transfer_download(&call->client, path, arena_printf(call->arena, "Exporting %s", name), target,
			       call_switch(call, "overwrite"), &bytes, err)) {
		if (err->code == ERR_EXISTS)
			error_detail(err, "--overwrite replaces it, --output-file names another");
		return false;
	}
	if (call->json) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer w = json_write_to(&text);
		json_write_object(&w);
		json_write_member_text(&w, "file", target);
		json_write_member_integer(&w, "size_bytes", (int64_t)bytes);
		json_write_end_object(&w);
		call_print_json(&text);
		return true;
	}
	char size[32];
	format_bytes(bytes, size, sizeof(size));
	printf("Wrote %s, %s.\n", target, size);
	return true;
}
