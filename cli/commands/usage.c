#include "cli/commands/usage.h"

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/format.h"
#include "cli/json_copy.h"

static const struct {
	const char *name;
	const char *title;
	bool bytes;
} counters[] = {
	{"rows_read", "Rows read", false},  {"rows_written", "Rows written", false},
	{"storage_bytes", "Storage", true}, {"bytes_synced", "Bytes synced", true},
	{"databases", "Databases", false},  {"groups", "Groups", false},
	{"locations", "Locations", false},
};

void usage_print(const struct json *sums)
{
	OWNED(table) struct table facts = facts_table();
	for (size_t i = 0; i < ARRAY_LENGTH(counters); i++) {
		const struct json *value = json_read_get(sums, counters[i].name);
		if (!value)
			continue;
		(counters[i].bytes ? facts_add_bytes : facts_add_count)(&facts, counters[i].title,
									(uint64_t)json_read_integer(value));
	}
	facts_print(&facts);
}

const char *usage_path(struct call *call, const char *path)
{
	static const char *const names[] = {"from", "to"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		const char *value = call_option(call, names[i]);
		if (value)
			path = arena_printf(call->arena, "%s%c%s=%s", path, strchr(path, '?') ? '&' : '?',
					    names[i], address_segment(call->arena, value));
	}
	return path;
}

static void add_database(struct table *table, const struct json *usage, const char *title)
{
	table_add(table, title);
	for (size_t i = 0; i < 4; i++) {
		uint64_t value = (uint64_t)json_read_integer(json_read_get(usage, counters[i].name));
		char text[32];
		if (counters[i].bytes)
			format_bytes(value, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
		table_add_number(table, text, strlen(text));
	}
}

static struct table usage_table(const char *first)
{
	return table_of((const char *const[]){first, "ROWS READ", "ROWS WRITTEN", "STORAGE", "SYNCED"}, 5);
}

// Usage speaks of UUIDs; people of names.
static const char *name_of(const struct json *databases, const char *uuid)
{
	for (size_t i = 0; i < json_read_size(databases); i++) {
		const struct json *one = json_read_at(databases, i);
		if (strcmp(json_text_at(one, "DbId"), uuid) == 0)
			return json_text_at(one, "Name");
	}
	return uuid;
}

bool command_org_usage(struct call *call, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *listed = NULL;
	if (!client_org_path(&call->client, &path, err, "usage", NULL) ||
	    !client_call(&call->client, "GET", usage_path(call, path), NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	if (!client_org_call(&call->client, "GET", NULL, &listed, err, "databases", NULL))
		return false;
	const struct json *org = json_read_get(root, "organization");
	usage_print(json_read_get(org, "usage"));
	const struct json *databases = json_read_get(org, "databases");
	if (json_read_size(databases) == 0)
		return true;
	putchar('\n');
	OWNED(table) struct table table = usage_table("DATABASE");
	for (size_t i = 0; i < json_read_size(databases); i++) {
		const struct json *one = json_read_at(databases, i);
		const char *name = name_of(json_read_get(listed, "databases"), json_text_at(one, "uuid"));
		add_database(&table, json_read_get(one, "usage"), name);
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_db_usage(struct call *call, struct error *err)
{
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, "databases", call_argument(call, 0), "usage", NULL) ||
	    !client_call(&call->client, "GET", usage_path(call, path), NULL, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		usage_print(json_read_get(json_read_get(root, "database"), "usage"));
	return true;
}
