// Backups of databases, elsewhere: made, looked at, verified, and made databases again.

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/address.h"
#include "cli/commands/commands.h"
#include "cli/commands/facts.h"
#include "cli/json_copy.h"

enum { LOOK_MS = 300, WAIT_MS = 24 * 60 * 60 * 1000 };

// -- waiting ------------------------------------------------------------------------------------------

static bool is_under_way(const struct json *backup)
{
	const char *state = json_text_at(backup, "state");
	return strcmp(state, "queued") == 0 || strcmp(state, "running") == 0 ||
	       json_read_bool(json_read_get(json_read_get(backup, "verification"), "pending"));
}

static bool check_outcome(const struct json *backup, struct error *err)
{
	const struct json *verification = json_read_get(backup, "verification");
	const char *id = json_text_at(backup, "id");
	if (strcmp(json_text_at(backup, "state"), "failed") == 0)
		return error_set(err, ERR_BAD_REQUEST, "backup %s failed: %s", id,
				 json_text_at(backup, "error"));
	if (strcmp(json_text_at(verification, "verdict"), "failed") == 0)
		return error_set(err, ERR_BAD_REQUEST, "backup %s could not be verified: %s", id,
				 json_text_at(verification, "error"));
	return true;
}

// Until it is made and verified, or cannot be.
static bool wait_for(struct call *call, const char *id, struct json **out, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
	bool under_way = true;
	while (under_way) {
		json_root_cleanup(&root);
		if (!client_org_call(&call->client, "GET", NULL, &root, err, "backups", id, NULL))
			return false;
		under_way = is_under_way(json_read_get(root, "backup"));
		if (under_way && clock_monotonic_ms() > deadline_ms)
			return error_set(err, ERR_TIMEOUT, "backup %s is still under way", id);
		if (under_way)
			poll(NULL, 0, LOOK_MS);
	}
	bool good = check_outcome(json_read_get(root, "backup"), err);
	*out = TAKE(root);
	return good;
}

// -- showing ------------------------------------------------------------------------------------------

static const char *size_of(const struct call *call, const struct json *backup)
{
	const struct json *content = json_read_get(backup, "content");
	const struct json *bytes = content ? json_read_get(content, "stored_bytes") : NULL;
	return bytes ? arena_printf(call->arena, "%" PRId64, json_read_integer(bytes)) : "";
}

static const char *state_of(const struct call *call, const struct json *backup)
{
	const struct json *progress = json_read_get(backup, "progress");
	const char *state = json_text_at(backup, "state");
	if (!progress || json_read_kind(progress) != JSON_KIND_OBJECT)
		return state;
	int64_t all = json_read_integer(json_read_get(progress, "all_bytes"));
	int64_t done = json_read_integer(json_read_get(progress, "done_bytes"));
	const char *what = strcmp(state, "complete") == 0 ? "verifying" : state;
	return arena_printf(call->arena, "%s %" PRId64 "%%", what, all > 0 ? done * 100 / all : 0);
}

static void print_list(struct call *call, const struct json *list)
{
	static const char *const titles[] = {"ID", "DATABASE", "STATE", "BYTES", "VERIFIED", "ERROR"};
	OWNED(table) struct table table = table_of(titles, ARRAY_LENGTH(titles));
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *backup = json_read_at(list, i);
		const struct json *verification = json_read_get(backup, "verification");
		const char *size = size_of(call, backup);
		const char *error = json_text_at(backup, "error");
		const char *verdict = json_text_at(verification, "verdict");
		table_add(&table, json_text_at(backup, "id"));
		table_add(&table, json_text_at(backup, "database"));
		table_add(&table, state_of(call, backup));
		table_add_number(&table, size, strlen(size));
		table_add(&table,
			  strcmp(verdict, "ok") == 0 ? json_text_at(verification, "verified_at") : verdict);
		table_add(&table, error[0] ? error : json_text_at(verification, "error"));
	}
	table_print(&table, stdout, call_table_style(call));
}

static void print_one(struct call *call, const struct json *backup)
{
	const struct json *content = json_read_get(backup, "content");
	const struct json *verification = json_read_get(backup, "verification");
	OWNED(table) struct table facts = facts_table();
	facts_add(&facts, "ID", json_text_at(backup, "id"));
	facts_add(&facts, "Database", json_text_at(backup, "database"));
	facts_add(&facts, "State", state_of(call, backup));
	facts_add(&facts, "Error", json_text_at(backup, "error"));
	facts_add(&facts, "Created", json_text_at(backup, "created_at"));
	facts_add(&facts, "Completed", json_text_at(backup, "completed_at"));
	if (content && json_read_kind(content) == JSON_KIND_OBJECT) {
		facts_add(&facts, "Content of", json_text_at(content, "at"));
		facts_add_bytes(&facts, "Size", (uint64_t)json_read_integer(json_read_get(content, "bytes")));
		facts_add_bytes(&facts, "Stored",
				(uint64_t)json_read_integer(json_read_get(content, "stored_bytes")));
		facts_add(&facts, "SHA-256", json_text_at(content, "sha256"));
	}
	facts_add(&facts, "Verdict", json_text_at(verification, "verdict"));
	facts_add(&facts, "Verified", json_text_at(verification, "verified_at"));
	facts_add(&facts, "Fault", json_text_at(verification, "error"));
	facts_print(&facts);
}

// -- commands -----------------------------------------------------------------------------------------

// What was asked for is told one by one, as it is done with.
static bool await_all(struct call *call, const struct json *list, struct error *err)
{
	bool good = true;
	for (size_t i = 0; i < json_read_size(list); i++) {
		const char *id = json_text_at(json_read_at(list, i), "id");
		OWNED(json_root) struct json *root = NULL;
		struct error why = {0};
		bool waited = wait_for(call, id, &root, &why);
		if (!waited && good)
			*err = why;
		good = good && waited;
		if (!root)
			return false;
		const struct json *backup = json_read_get(root, "backup");
		if (call->json)
			call_print_answer(root);
		else if (waited)
			printf("%s of %s is made and verified\n", id, json_text_at(backup, "database"));
	}
	return good;
}

bool command_backup_create(struct call *call, struct error *err)
{
	const char *database = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if ((database != NULL) == call_switch(call, "all"))
		return error_set(err, ERR_USAGE, "%s: name a database, or give --all", call->command->words);
	const char *body = database ? call_json_text(call, "database", database) : "{}";
	if (!client_org_call(&call->client, "POST", body, &root, err, "backups", NULL))
		return false;
	const struct json *list = json_read_get(root, "backups");
	if (call_switch(call, "wait"))
		return await_all(call, list, err);
	if (call->json)
		call_print_answer(root);
	else
		print_list(call, list);
	return true;
}

bool command_backup_list(struct call *call, struct error *err)
{
	const char *database = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	const char *path;
	if (!client_org_path(&call->client, &path, err, "backups", NULL))
		return false;
	path = arena_printf(call->arena, "%s?limit=1000%s%s", path, database ? "&database=" : "",
			    database ? address_segment(call->arena, database) : "");
	if (!client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		print_list(call, json_read_get(root, "backups"));
	return true;
}

bool command_backup_show(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "backups", call_argument(call, 0), NULL))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		print_one(call, json_read_get(root, "backup"));
	return true;
}

bool command_backup_verify(struct call *call, struct error *err)
{
	const char *id = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	OWNED(json_root) struct json *after = NULL;
	if (!client_org_call(&call->client, "POST", NULL, &root, err, "backups", id, "verify", NULL))
		return false;
	if (!call_switch(call, "wait")) {
		call_say(call, root, "Backup %s will be restored aside and compared", id);
		return true;
	}
	if (!wait_for(call, id, &after, err))
		return false;
	call_say(call, after, "Backup %s is good", id);
	return true;
}

bool command_backup_destroy(struct call *call, struct error *err)
{
	const char *id = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, id, "This removes the backup %s for good.", id) ||
	    !client_org_call(&call->client, "DELETE", NULL, &root, err, "backups", id, NULL))
		return false;
	call_say(call, root, "Removed backup %s", id);
	return true;
}
