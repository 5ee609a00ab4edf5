// Platform tokens of the user.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"

static const char *const group_scopes[] = {
	"read",
	"db:create",
	"db:delete",
	"db:configure",
	"db:mint-token",
	"db:rotate-creds",
	"group:configure",
	"group:mint-token",
	"group:rotate-creds",
};

static void write_scopes(const struct call *call, struct json_writer *w)
{
	size_t at = 0;
	const char *one = call_option_each(call, "scope", &at);
	bool reads = call_switch(call, "read-only"), all = call_switch(call, "full-access");
	if (!one && !reads && !all)
		return;
	json_write_key(w, "scopes");
	json_write_array(w);
	if (reads)
		json_write_text(w, "read");
	for (size_t i = 0; all && i < ARRAY_LENGTH(group_scopes); i++)
		json_write_text(w, group_scopes[i]);
	for (; one; one = call_option_each(call, "scope", &at))
		json_write_text(w, one);
	json_write_end_array(w);
}

bool command_api_tokens_mint(struct call *call, struct error *err)
{
	const char *group = call_option(call, "group");
	const char *org = call_global_option(call, "org");
	if (call_switch(call, "read-only") && call_switch(call, "full-access"))
		return error_set(err, ERR_USAGE,
				 "auth api-tokens mint: --read-only and --full-access exclude each other");
	// A group has its name in an organization.
	if (group && !org && !client_org(&call->client, &org, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	if (org)
		json_write_member_text(&w, "organization", org);
	if (group)
		json_write_member_text(&w, "group", group);
	write_scopes(call, &w);
	json_write_end_object(&w);
	const char *path = arena_printf(call->arena, "/v1/auth/api-tokens/%s",
					address_segment(call->arena, call_argument(call, 0)));
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", path, buffer_text(&body), &root, err))
		return false;
	call_say(call, root, "%s", json_text_at(root, "token"));
	return true;
}

static const char *joined_scopes(struct call *call, const struct json *token)
{
	const char *group = json_text_at(token, "group");
	const char *all = *group ? arena_printf(call->arena, "group %s:", group) : "";
	const struct json *scopes = json_read_get(token, "scopes");
	for (size_t i = 0; i < json_read_size(scopes); i++)
		all = arena_printf(call->arena, "%s%s%s", all, *all ? " " : "",
				   json_read_text(json_read_at(scopes, i), NULL));
	return all;
}

bool command_api_tokens_list(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/auth/api-tokens", NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	OWNED(table)
	struct table table =
		table_of((const char *const[]){"NAME", "ID", "ORGANIZATION", "ONLY FOR", "CREATED"}, 5);
	const struct json *list = json_read_get(root, "tokens");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *token = json_read_at(list, i);
		table_add(&table, json_text_at(token, "name"));
		table_add(&table, json_text_at(token, "id"));
		table_add(&table, json_text_at(token, "organization"));
		table_add(&table, joined_scopes(call, token));
		table_add(&table, json_text_at(token, "created_at"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_api_tokens_revoke(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	const char *path =
		arena_printf(call->arena, "/v1/auth/api-tokens/%s", address_segment(call->arena, name));
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "DELETE", path, NULL, &root, err))
		return false;
	call_say(call, root, "Revoked the platform token %s.", name);
	return true;
}
