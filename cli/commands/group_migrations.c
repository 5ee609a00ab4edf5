// SQL for all databases of a group. The server does it by itself: these commands ask for it and look on.

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/disk.h"
#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/json_copy.h"
#include "cli/spinner.h"

enum { LOOK_MS = 300, SQL_BYTES_MAX = 1 << 20, PAGE_SIZE = 1000 };

static int64_t count_of(const struct json *migration, const char *status)
{
	return json_read_integer(json_read_get(json_read_get(migration, "databases"), status));
}

static bool is_under_way(const struct json *migration)
{
	const char *status = json_text_at(migration, "status");
	return strcmp(status, "checking") == 0 || strcmp(status, "running") == 0;
}

// -- looking on ---------------------------------------------------------------------------------------

static void tell(const struct json *migration, struct spinner *spinner)
{
	bool checking = strcmp(json_text_at(migration, "status"), "checking") == 0;
	int64_t ended = count_of(migration, "done") + count_of(migration, "failed") +
			count_of(migration, "skipped") + (checking ? count_of(migration, "passed") : 0);
	snprintf(spinner->what, sizeof(spinner->what),
		 "%s %.60s: %" PRId64 " of %" PRId64 " databases, %" PRId64 " failed",
		 checking ? "Trying" : "Applying", json_text_at(migration, "name"), ended,
		 count_of(migration, "total"), count_of(migration, "failed"));
}

static bool look(struct call *call, const char *group, const char *id, struct json **out, struct error *err)
{
	return client_org_call(&call->client, "GET", NULL, out, err, "groups", group, "migrations", id, NULL);
}

// Until it has ended; the server goes on with it if nobody looks any more.
static bool watch(struct call *call, const char *group, const char *id, struct json **out, struct error *err)
{
	OWNED(spinner) struct spinner spinner = {0};
	OWNED(json_root) struct json *root = NULL;
	spinner_start(&spinner, "Asking");
	http_catch_interrupts(call->http);
	http_on_tick(call->http, spinner_tick, &spinner);
	bool ok = look(call, group, id, &root, err);
	while (ok && is_under_way(json_read_get(root, "migration"))) {
		tell(json_read_get(root, "migration"), &spinner);
		json_root_cleanup(&root);
		ok = http_pause(call->http, LOOK_MS, err) && look(call, group, id, &root, err);
	}
	http_on_tick(call->http, NULL, NULL);
	if (!ok && err->code == ERR_SHUTDOWN)
		return error_set(err, ERR_SHUTDOWN,
				 "the server goes on with it: atoll group migrations show %s %s, or cancel",
				 group, id);
	*out = TAKE(root);
	return ok;
}

// -- telling ------------------------------------------------------------------------------------------

static bool list_page(struct call *call, const char *group, const char *id, const char *status, int page,
		      struct json **out, struct error *err)
{
	const char *path;
	if (!client_org_path(&call->client, &path, err, "groups", group, "migrations", id, "databases", NULL))
		return false;
	path = arena_printf(call->arena, "%s?page=%d&page_size=%d%s%s", path, page, PAGE_SIZE,
			    status ? "&status=" : "", status ? status : "");
	return client_call(&call->client, "GET", path, NULL, out, err);
}

static void add_database(struct call *call, struct table *table, const struct json *database)
{
	int64_t statement = json_read_integer(json_read_get(database, "statement"));
	table_add(table, json_text_at(database, "name"));
	table_add(table, json_text_at(database, "status"));
	table_add(table, statement ? arena_printf(call->arena, "%" PRId64, statement) : "");
	table_add(table, json_text_at(database, "code"));
	table_add(table, json_text_at(database, "error"));
}

// Databases with this status, on stdout or as JSON.
static bool print_databases(struct call *call, const char *group, const char *id, const char *status,
			    struct json_writer *json, struct error *err)
{
	static const char *const titles[] = {"DATABASE", "STATUS", "STATEMENT", "CODE", "REASON"};
	OWNED(table) struct table table = table_of(titles, ARRAY_LENGTH(titles));
	size_t count = PAGE_SIZE;
	for (int page = 1; count == PAGE_SIZE; page++) {
		OWNED(json_root) struct json *root = NULL;
		if (!list_page(call, group, id, status, page, &root, err))
			return false;
		const struct json *list = json_read_get(root, "databases");
		count = json_read_size(list);
		for (size_t i = 0; i < count; i++) {
			if (json)
				json_copy(json, json_read_at(list, i));
			else
				add_database(call, &table, json_read_at(list, i));
		}
	}
	if (!json && table_row_count(&table) > 0)
		table_print(&table, stdout, call_table_style(call));
	return true;
}

// {"migration": …, "databases": […]}
static bool print_json(struct call *call, const char *group, const struct json *migration, const char *status,
		       struct error *err)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_copy_member(&w, "migration", migration);
	json_write_key(&w, "databases");
	json_write_array(&w);
	if (!print_databases(call, group, json_text_at(migration, "id"), status, &w, err))
		return false;
	json_write_end_array(&w);
	json_write_end_object(&w);
	call_print_json(&text);
	return true;
}

static void print_sum(const struct json *migration)
{
	static const char *const statuses[] = {"done", "passed", "failed", "skipped", "pending", "running"};
	printf("%s %s: ", json_text_at(migration, "name"), json_text_at(migration, "status"));
	const char *comma = "";
	for (size_t i = 0; i < ARRAY_LENGTH(statuses); i++) {
		int64_t count = count_of(migration, statuses[i]);
		if (count > 0)
			printf("%s%" PRId64 " %s", comma, count, statuses[i]);
		comma = count > 0 ? ", " : comma;
	}
	puts(*comma ? "." : "no databases.");
}

// What failed, the sum, and whether that is a success.
static bool report(struct call *call, const char *group, const struct json *migration, struct error *err)
{
	const char *id = json_text_at(migration, "id");
	const char *failure = json_text_at(migration, "failure");
	if (call->json ? !print_json(call, group, migration, "failed", err)
		       : !print_databases(call, group, id, "failed", NULL, err))
		return false;
	if (!call->json)
		print_sum(migration);
	if (strcmp(json_text_at(migration, "status"), "done") == 0)
		return true;
	return error_set(err, ERR_BAD_REQUEST, "%s%s; when it is mended: atoll group migrations resume %s %s",
			 json_text_at(migration, "status"),
			 *failure ? arena_printf(call->arena, ": %s", failure) : "", group, id);
}

static bool watch_and_report(struct call *call, const char *group, const struct json *started,
			     struct error *err)
{
	const struct json *migration = json_read_get(started, "migration");
	if (call_switch(call, "no-wait")) {
		call_say(call, started, "Migration %s goes on at the server.", json_text_at(migration, "id"));
		return true;
	}
	OWNED(json_root) struct json *root = NULL;
	return watch(call, group, json_text_at(migration, "id"), &root, err) &&
	       report(call, group, json_read_get(root, "migration"), err);
}

// -- commands -----------------------------------------------------------------------------------------

static bool add_number(struct call *call, struct json_writer *w, const char *option, const char *key,
		       struct error *err)
{
	const char *text = call_option(call, option);
	char *end = NULL;
	long long value = text ? strtoll(text, &end, 10) : 0;
	if (text && (*text == '\0' || *end || value < 0))
		return error_set(err, ERR_USAGE, "group migrate: --%s is a whole number", option);
	if (text)
		json_write_member_integer(w, key, value);
	return true;
}

static const char *name_of(const struct call *call)
{
	const char *name = call_option(call, "name"), *path = call_argument(call, 1);
	const char *slash = strrchr(path, '/');
	return name ? name : slash ? slash + 1 : path;
}

static bool write_wish(struct call *call, struct buffer *body, const struct buffer *sql, struct error *err)
{
	bool dry = call_switch(call, "dry-run");
	const char *tried = call_option(call, "try");
	struct json_writer w = json_write_to(body);
	json_write_object(&w);
	json_write_member_text(&w, "name", name_of(call));
	json_write_key(&w, "sql");
	json_write_text_sized(&w, sql->data ? sql->data : "", sql->size);
	json_write_member_text(&w, "dry_run", tried ? tried : dry ? "all" : "one");
	json_write_member_bool(&w, "apply", !dry);
	if (!add_number(call, &w, "concurrency", "concurrency", err) ||
	    !add_number(call, &w, "pause", "pause_ms", err) ||
	    !add_number(call, &w, "max-failures", "max_failures", err))
		return false;
	json_write_end_object(&w);
	return true;
}

bool command_group_migrate(struct call *call, struct error *err)
{
	const char *group = call_argument(call, 0), *path = call_argument(call, 1);
	OWNED(buffer) struct buffer sql = {0};
	OWNED(buffer) struct buffer body = {0};
	OWNED(json_root) struct json *root = NULL;
	if (!disk_read_file(path, SQL_BYTES_MAX, &sql, err))
		return error_set(err, ERR_USAGE, "group migrate: %s cannot be read (at most 1 MiB)", path);
	if (!write_wish(call, &body, &sql, err))
		return false;
	if (!call_switch(call, "dry-run") &&
	    !call_confirm(call, err, group, "%s is applied to every database of group %s.", name_of(call),
			  group))
		return false;
	return client_org_call(&call->client, "POST", buffer_text(&body), &root, err, "groups", group,
			       "migrations", NULL) &&
	       watch_and_report(call, group, root, err);
}

bool command_group_migrations_list(struct call *call, struct error *err)
{
	static const char *const titles[] = {"ID",     "NAME",    "STATUS",  "DONE",
					     "FAILED", "SKIPPED", "PENDING", "STARTED"};
	static const char *const statuses[] = {"done", "failed", "skipped", "pending"};
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "groups", call_argument(call, 0),
			     "migrations", NULL))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *list = json_read_get(root, "migrations");
	OWNED(table) struct table table = table_of(titles, ARRAY_LENGTH(titles));
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *migration = json_read_at(list, i);
		table_add(&table, json_text_at(migration, "id"));
		table_add(&table, json_text_at(migration, "name"));
		table_add(&table, json_text_at(migration, "status"));
		for (size_t s = 0; s < ARRAY_LENGTH(statuses); s++)
			table_addf(&table, "%" PRId64, count_of(migration, statuses[s]));
		table_add(&table, json_text_at(migration, "created_at"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_group_migrations_show(struct call *call, struct error *err)
{
	const char *group = call_argument(call, 0), *id = call_argument(call, 1);
	const char *status = call_option(call, "status");
	OWNED(json_root) struct json *root = NULL;
	if (!look(call, group, id, &root, err))
		return false;
	const struct json *migration = json_read_get(root, "migration");
	if (call->json)
		return print_json(call, group, migration, status, err);
	if (!print_databases(call, group, id, status, NULL, err))
		return false;
	print_sum(migration);
	return true;
}

bool command_group_migrations_resume(struct call *call, struct error *err)
{
	const char *group = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	return client_org_call(&call->client, "POST", NULL, &root, err, "groups", group, "migrations",
			       call_argument(call, 1), "resume", NULL) &&
	       watch_and_report(call, group, root, err);
}

bool command_group_migrations_cancel(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "groups", call_argument(call, 0),
			     "migrations", call_argument(call, 1), "cancel", NULL))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		print_sum(json_read_get(root, "migration"));
	return true;
}
