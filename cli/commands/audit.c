// Who changed what.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"

static bool number_of(const struct call *call, const char *name, long otherwise, long *out, struct error *err)
{
	const char *text = call_option(call, name);
	char *end = NULL;
	long value = text ? strtol(text, &end, 10) : otherwise;
	if (value < 1 || (end && *end))
		return error_set(err, ERR_USAGE, "%s: --%s is a whole number from 1", call->command->words,
				 name);
	*out = value;
	return true;
}

static const char *details(struct call *call, const struct json *data)
{
	if (json_read_kind(data) != JSON_KIND_OBJECT)
		return "";
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_copy(&w, data);
	return arena_text(call->arena, buffer_text(&text));
}

static void add_entry(struct call *call, struct table *table, const struct json *entry)
{
	table_add(table, json_text_at(entry, "created_at"));
	table_add(table, json_text_at(entry, "author"));
	table_add(table, json_text_at(entry, "code"));
	table_add(table, json_text_at(entry, "message"));
	if (!call_switch(call, "verbose"))
		return;
	table_add(table, json_text_at(entry, "origin"));
	table_add(table, json_text_at(entry, "ip"));
	table_add(table, details(call, json_read_get(entry, "data")));
}

bool command_org_audit_logs(struct call *call, struct error *err)
{
	long page = 1, limit = 1;
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!number_of(call, "page", 1, &page, err) || !number_of(call, "limit", 25, &limit, err) ||
	    !client_org_path(&call->client, &path, err, "audit-logs", NULL))
		return false;
	path = arena_printf(call->arena, "%s?page=%ld&page_size=%ld", path, page, limit);
	if (!client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	static const char *const titles[] = {"WHEN", "WHO", "CODE", "WHAT", "BY", "FROM", "DETAILS"};
	OWNED(table) struct table table = table_of(titles, call_switch(call, "verbose") ? 7 : 4);
	const struct json *list = json_read_get(root, "audit_logs");
	for (size_t i = 0; i < json_read_size(list); i++)
		add_entry(call, &table, json_read_at(list, i));
	table_print(&table, stdout, call_table_style(call));
	const struct json *pages = json_read_get(root, "pagination");
	printf("Page %ld of %" PRId64 ", %" PRId64 " entries in all.\n", page,
	       json_read_integer(json_read_get(pages, "total_pages")),
	       json_read_integer(json_read_get(pages, "total_rows")));
	return true;
}
