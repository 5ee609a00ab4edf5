// What a database holds and what it costs.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/db_target.h"
#include "cli/commands/instances.h"
#include "cli/json_copy.h"
#include "cli/session.h"
#include "cli/table.h"

static void format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < ARRAY_LENGTH(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static bool ask(struct session *session, const char *sql, struct session_answer *out, struct error *err)
{
	return session_execute(session, sql, strlen(sql), NULL, 0, out, err);
}

static uint64_t number_at(const struct session_answer *answer)
{
	const struct json *row = json_read_at(json_read_get(answer->result, "rows"), 0);
	return strtoull(json_text_at(json_read_at(row, 0), "value"), NULL, 10);
}

static bool fetch_size(struct session *session, uint64_t *out, struct error *err)
{
	OWNED(session_answer) struct session_answer pages = {0};
	OWNED(session_answer) struct session_answer page = {0};
	if (!ask(session, "PRAGMA page_count", &pages, err) || !ask(session, "PRAGMA page_size", &page, err))
		return false;
	*out = number_at(&pages) * number_at(&page);
	return true;
}

struct found {
	struct json_writer json;
	struct table instances;
	struct table tables;
};

static bool inspect_instance(struct call *call, const struct json *instance, const char *token,
			     struct found *found, struct error *err)
{
	const char *name = json_text_at(instance, "name");
	struct session_target target = {
		.base = client_address_of(&call->client, json_text_at(instance, "hostname")),
		.token = token,
	};
	OWNED(session) struct session *session = session_create(call->http, &target);
	uint64_t bytes;
	if (!fetch_size(session, &bytes, err))
		return error_context(err, "instance %s", name);
	char size[32];
	format_bytes(bytes, size, sizeof(size));
	table_add(&found->instances, name);
	table_add(&found->instances, json_text_at(instance, "type"));
	table_add(&found->instances, json_text_at(instance, "region"));
	table_add_number(&found->instances, size, strlen(size));
	struct json_writer *w = &found->json;
	json_write_object(w);
	json_write_member_text(w, "name", name);
	json_write_member_text(w, "type", json_text_at(instance, "type"));
	json_write_member_text(w, "region", json_text_at(instance, "region"));
	json_write_member_integer(w, "size_bytes", (int64_t)bytes);
	json_write_end_object(w);
	return true;
}

// Tables with the space they and their indexes take, where the server tells; without it elsewhere.
static bool inspect_tables(struct session *session, struct found *found, struct error *err)
{
	static const char with_sizes[] =
		"SELECT s.tbl_name, count(*) - 1, (SELECT sum(d.pgsize) FROM dbstat AS d WHERE d.name IN"
		" (SELECT i.name FROM sqlite_schema AS i WHERE i.tbl_name = s.tbl_name)) FROM sqlite_schema "
		"AS s"
		" WHERE s.type IN ('table', 'index') AND s.tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
		" GROUP BY s.tbl_name ORDER BY 1";
	static const char without_sizes[] =
		"SELECT s.tbl_name, count(*) - 1, NULL FROM sqlite_schema AS s WHERE s.type IN ('table', "
		"'index')"
		" AND s.tbl_name NOT LIKE 'sqlite\\_%' ESCAPE '\\' GROUP BY s.tbl_name ORDER BY 1";
	OWNED(session_answer) struct session_answer answer = {0};
	if (!ask(session, with_sizes, &answer, err) && !ask(session, without_sizes, &answer, err))
		return false;
	struct json_writer *w = &found->json;
	const struct json *rows = json_read_get(answer.result, "rows");
	for (size_t i = 0; i < json_read_size(rows); i++) {
		const struct json *row = json_read_at(rows, i);
		const char *name = json_text_at(json_read_at(row, 0), "value");
		const char *indexes = json_text_at(json_read_at(row, 1), "value");
		const char *bytes = json_text_at(json_read_at(row, 2), "value");
		char size[32] = "";
		if (*bytes)
			format_bytes(strtoull(bytes, NULL, 10), size, sizeof(size));
		table_add(&found->tables, name);
		table_add_number(&found->tables, indexes, strlen(indexes));
		table_add_number(&found->tables, size, strlen(size));
		json_write_object(w);
		json_write_member_text(w, "name", name);
		json_write_member_integer(w, "index_count", strtoll(indexes, NULL, 10));
		json_write_key(w, "size_bytes");
		if (*bytes)
			json_write_integer(w, strtoll(bytes, NULL, 10));
		else
			json_write_null(w);
		json_write_end_object(w);
	}
	return true;
}

// A server may not count; that is no failure.
static struct json *fetch_usage(struct call *call, const char *name)
{
	const char *path;
	struct json *root = NULL;
	struct error ignored;
	if (client_org_path(&call->client, &path, &ignored, "databases", name, "usage", NULL) &&
	    client_call(&call->client, "GET", path, NULL, &root, &ignored))
		return root;
	return NULL;
}

static void print_usage(const struct json *usage)
{
	static const char *const names[] = {"rows_read", "rows_written", "storage_bytes", "bytes_synced"};
	static const char *const titles[] = {"Rows read", "Rows written", "Storage", "Bytes synced"};
	const struct json *sums = json_read_get(json_read_get(usage, "database"), "usage");
	if (!sums)
		return;
	OWNED(table) struct table table = table_of((const char *const[]){"", ""}, 2);
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		const struct json *value = json_read_get(sums, names[i]);
		if (!value)
			continue;
		char text[32];
		if (strstr(names[i], "bytes"))
			format_bytes((uint64_t)json_read_integer(value), text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%" PRId64, json_read_integer(value));
		table_add(&table, titles[i]);
		table_add_number(&table, text, strlen(text));
	}
	puts("\nThis month:");
	table_print(&table, stdout, TABLE_UNTITLED);
}

static bool inspect(struct call *call, const char *name, const struct json *instances, struct found *found,
		    struct error *err)
{
	struct db_wish wish = {.name = name, .read_only = true};
	struct session_target target = {0};
	if (!db_target_find(call, &wish, &target, err))
		return false;
	struct json_writer *w = &found->json;
	json_write_object(w);
	json_write_key(w, "instances");
	json_write_array(w);
	for (size_t i = 0; i < json_read_size(instances); i++) {
		if (!inspect_instance(call, json_read_at(instances, i), target.token, found, err))
			return false;
	}
	json_write_end_array(w);
	json_write_key(w, "tables");
	json_write_array(w);
	OWNED(session) struct session *session = session_create(call->http, &target);
	if (!inspect_tables(session, found, err))
		return false;
	json_write_end_array(w);
	return true;
}

bool command_db_inspect(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *listed = NULL;
	if (!instances_fetch(call, name, &listed, err))
		return false;
	OWNED(buffer) struct buffer text = {0};
	struct found found = {
		.json = json_write_to(&text),
		.instances = table_of((const char *const[]){"INSTANCE", "TYPE", "LOCATION", "SIZE"}, 4),
		.tables = table_of((const char *const[]){"TABLE", "INDEXES", "SIZE"}, 3),
	};
	bool ok = inspect(call, name, json_read_get(listed, "instances"), &found, err);
	if (ok) {
		OWNED(json_root) struct json *usage = fetch_usage(call, name);
		json_copy_member(&found.json, "usage",
				 json_read_get(json_read_get(usage, "database"), "usage"));
		json_write_end_object(&found.json);
		if (call->json) {
			call_print_json(&text);
		} else {
			table_print(&found.instances, stdout, call_table_style(call));
			putchar('\n');
			if (table_row_count(&found.tables) > 0)
				table_print(&found.tables, stdout, call_table_style(call));
			else
				puts("No tables yet.");
			print_usage(usage);
		}
	}
	table_cleanup(&found.instances);
	table_cleanup(&found.tables);
	return ok;
}
