// Settings of a database.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/format.h"
#include "cli/json_copy.h"

static bool configure(struct call *call, const char *db, const char *change, struct json **out,
		      struct error *err)
{
	return client_org_call(&call->client, change ? "PATCH" : "GET", change, out, err, "databases", db,
			       "configuration", NULL);
}

// "none", "256.0 MiB"
static const char *limit_of(struct call *call, const struct json *configuration)
{
	uint64_t bytes = strtoull(json_text_at(configuration, "size_limit"), NULL, 10);
	char text[32] = "none";
	if (bytes > 0)
		format_bytes(bytes, text, sizeof(text));
	return arena_text(call->arena, text);
}

static const struct {
	const char *word; // after "db config "
	const char *field;
	const char *title;
} switches[] = {
	{"attach", "allow_attach", "Attaching"},
	{"delete-protection", "delete_protection", "Delete protection"},
	{"block-reads", "block_reads", "Blocking of reads"},
	{"block-writes", "block_writes", "Blocking of writes"},
	{"offline-sync", "offline_sync", "Offline sync"},
};

bool command_db_config_show(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!configure(call, call_argument(call, 0), NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	OWNED(table) struct table facts = facts_table();
	facts_add(&facts, "Size limit", limit_of(call, root));
	for (size_t i = 0; i < ARRAY_LENGTH(switches); i++)
		facts_add(&facts, switches[i].title,
			  json_read_bool(json_read_get(root, switches[i].field)) ? "on" : "off");
	facts_print(&facts);
	return true;
}

bool command_db_config_switch(struct call *call, struct error *err)
{
	const char *word = call->command->words + strlen("db config ");
	const char *verb = call_argument(call, 0), *db = call_argument(call, 1);
	size_t which = 0;
	while (strcmp(switches[which].word, word) != 0)
		which++;
	bool on = strcmp(verb, "enable") == 0 || strcmp(verb, "allow") == 0;
	const char *change =
		strcmp(verb, "show") == 0 ? NULL : call_json_bool(call, switches[which].field, on);
	OWNED(json_root) struct json *root = NULL;
	if (!configure(call, db, change, &root, err))
		return false;
	call_say(call, root, "%s is %s for %s.", switches[which].title,
		 json_read_bool(json_read_get(root, switches[which].field)) ? "on" : "off", db);
	return true;
}

bool command_db_config_size_limit(struct call *call, struct error *err)
{
	const char *verb = call_argument(call, 0), *db = call_argument(call, 1),
		   *size = call_argument(call, 2);
	bool sets = strcmp(verb, "set") == 0;
	if (sets && !size)
		return error_set(err, ERR_USAGE, "db config size-limit set: SIZE is missing");
	if (!sets && size)
		return error_set(err, ERR_USAGE, "db config size-limit %s: \"%s\" is one argument too many",
				 verb, size);
	const char *change = NULL;
	if (sets)
		change = call_json_text(call, "size_limit", size);
	else if (strcmp(verb, "clear") == 0)
		change = call_json_text(call, "size_limit", "0");
	OWNED(json_root) struct json *root = NULL;
	if (!configure(call, db, change, &root, err))
		return false;
	call_say(call, root, "The size limit of %s is %s.", db, limit_of(call, root));
	return true;
}
