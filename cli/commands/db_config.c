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

static const char as_server[] = "the server's";

// "0 seconds", "the server's"
static const char *retention_of(struct call *call, const struct json *configuration)
{
	const char *seconds = json_text_at(configuration, "history_retention");
	if (!seconds[0])
		return as_server;
	char text[48];
	snprintf(text, sizeof(text), "%s seconds", seconds);
	return arena_text(call->arena, text);
}

static const char *history_size_of(struct call *call, const struct json *configuration)
{
	uint64_t bytes = strtoull(json_text_at(configuration, "history_size"), NULL, 10);
	char text[32];
	if (bytes == 0)
		return as_server;
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
	facts_add(&facts, "History retention", retention_of(call, root));
	facts_add(&facts, "History size", history_size_of(call, root));
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

// What is set to a value, or cleared: `change` becomes the body, or stays NULL.
static bool read_change(struct call *call, const char *field, const char *cleared, const char *what,
			const char **change, struct error *err)
{
	const char *verb = call_argument(call, 0), *value = call_argument(call, 2);
	bool sets = strcmp(verb, "set") == 0;
	if (sets && !value)
		return error_set(err, ERR_USAGE, "%s set: %s is missing", call->command->words, what);
	if (!sets && value)
		return error_set(err, ERR_USAGE, "%s %s: \"%s\" is one argument too many",
				 call->command->words, verb, value);
	if (sets)
		*change = call_json_text(call, field, value);
	else if (strcmp(verb, "clear") == 0)
		*change = call_json_text(call, field, cleared);
	return true;
}

bool command_db_config_size_limit(struct call *call, struct error *err)
{
	const char *db = call_argument(call, 1), *change = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!read_change(call, "size_limit", "0", "SIZE", &change, err) ||
	    !configure(call, db, change, &root, err))
		return false;
	call_say(call, root, "The size limit of %s is %s.", db, limit_of(call, root));
	return true;
}

bool command_db_config_history(struct call *call, struct error *err)
{
	bool of_time = strcmp(call->command->words, "db config history-retention") == 0;
	const char *db = call_argument(call, 1), *change = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!read_change(call, of_time ? "history_retention" : "history_size", "", of_time ? "TIME" : "SIZE",
			 &change, err) ||
	    !configure(call, db, change, &root, err))
		return false;
	call_say(call, root, of_time ? "History retention of %s: %s." : "History size of %s: %s.", db,
		 of_time ? retention_of(call, root) : history_size_of(call, root));
	return true;
}
