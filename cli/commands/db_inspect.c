// What a database holds and what it costs.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/db_target.h"
#include "cli/commands/instances.h"
#include "cli/commands/usage.h"
#include "cli/format.h"
#include "cli/json_copy.h"
#include "cli/session.h"
#include "cli/table.h"

enum { QUERY_BYTES_SHOWN = 120 };

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

// The statements of the last day; a server may not count these either.
static struct json *fetch_queries(struct call *call, const char *name)
{
	const char *path;
	struct json *root = NULL;
	struct error ignored;
	if (client_org_path(&call->client, &path, &ignored, "databases", name, "stats", NULL) &&
	    client_call(&call->client, "GET", path, NULL, &root, &ignored))
		return root;
	return NULL;
}

static void add_number(struct table *table, const struct json *value)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRId64, json_read_integer(value));
	table_add_number(table, text, strlen(text));
}

static void print_instance_usage(struct call *call, const struct json *usage, const struct json *instances)
{
	const struct json *list = json_read_get(json_read_get(usage, "database"), "instances");
	OWNED(table)
	struct table table =
		table_of((const char *const[]){"INSTANCE", "ROWS READ", "ROWS WRITTEN", "SYNCED"}, 4);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *one = json_read_at(list, i), *sums = json_read_get(one, "usage");
		const char *name = json_text_at(one, "uuid");
		for (size_t k = 0; k < json_read_size(instances); k++) {
			if (strcmp(json_text_at(json_read_at(instances, k), "uuid"), name) == 0)
				name = json_text_at(json_read_at(instances, k), "name");
		}
		char synced[32];
		format_bytes((uint64_t)json_read_integer(json_read_get(sums, "bytes_synced")), synced,
			     sizeof(synced));
		table_add(&table, name);
		add_number(&table, json_read_get(sums, "rows_read"));
		add_number(&table, json_read_get(sums, "rows_written"));
		table_add_number(&table, synced, strlen(synced));
	}
	if (table_row_count(&table) == 0)
		return;
	putchar('\n');
	table_print(&table, stdout, call_table_style(call));
}

// As much as makes it known again.
static void add_query(struct table *table, const char *query)
{
	size_t size = strlen(query), cut = QUERY_BYTES_SHOWN;
	if (size <= cut) {
		table_add(table, query);
		return;
	}
	while (cut > 0 && ((unsigned char)query[cut] & 0xC0) == 0x80)
		cut--;
	table_addf(table, "%.*s…", (int)cut, query);
}

static void print_queries(struct call *call, const struct json *queries)
{
	OWNED(table)
	struct table table = table_of((const char *const[]){"ROWS READ", "ROWS WRITTEN", "QUERY"}, 3);
	for (size_t i = 0; i < json_read_size(queries); i++) {
		const struct json *one = json_read_at(queries, i);
		add_number(&table, json_read_get(one, "rows_read"));
		add_number(&table, json_read_get(one, "rows_written"));
		add_query(&table, json_text_at(one, "query"));
	}
	if (table_row_count(&table) == 0) {
		puts("\nNo statements in the last day.");
		return;
	}
	putchar('\n');
	table_print(&table, stdout, call_table_style(call));
}

// What the platform counted.
static void finish(struct call *call, struct found *found, const struct json *instances,
		   const struct json *usage, const struct json *queries)
{
	const struct json *database = json_read_get(usage, "database");
	const struct json *top = json_read_get(queries, "top_queries");
	if (call->json) {
		json_copy_member(&found->json, "usage", json_read_get(database, "usage"));
		if (call_switch(call, "verbose"))
			json_copy_member(&found->json, "instance_usage",
					 json_read_get(database, "instances"));
		if (call_switch(call, "queries"))
			json_copy_member(&found->json, "top_queries", top);
		json_write_end_object(&found->json);
		call_print_json(found->json.out);
		return;
	}
	table_print(&found->instances, stdout, call_table_style(call));
	putchar('\n');
	if (table_row_count(&found->tables) > 0)
		table_print(&found->tables, stdout, call_table_style(call));
	else
		puts("No tables yet.");
	if (database) {
		puts("\nThis month:");
		usage_print(json_read_get(database, "usage"));
	}
	if (call_switch(call, "verbose"))
		print_instance_usage(call, usage, instances);
	if (call_switch(call, "queries"))
		print_queries(call, top);
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
	const struct json *instances = json_read_get(listed, "instances");
	// Asked first: to look into the instances is to use them.
	OWNED(json_root) struct json *usage = fetch_usage(call, name);
	OWNED(json_root)
	struct json *queries = call_switch(call, "queries") ? fetch_queries(call, name) : NULL;
	bool ok = inspect(call, name, instances, &found, err);
	if (ok)
		finish(call, &found, instances, usage, queries);
	table_cleanup(&found.instances);
	table_cleanup(&found.tables);
	return ok;
}
