// Members of an organization, and those who are invited.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/secret.h"
#include "cli/json_copy.h"
#include "cli/table.h"

bool command_org_members(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "GET", NULL, &root, err, "members", NULL))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"USERNAME", "ROLE", "EMAIL"}, 3);
	const struct json *list = json_read_get(root, "members");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *member = json_read_at(list, i);
		table_add(&table, json_text_at(member, "username"));
		table_add(&table, json_text_at(member, "role"));
		table_add(&table, json_text_at(member, "email"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

static bool wanted_role(const struct call *call, const char **out, struct error *err)
{
	const char *role = call_option(call, "role");
	if (role && call_switch(call, "admin") && strcmp(role, "admin") != 0)
		return error_set(err, ERR_USAGE, "%s: --admin and --role %s exclude each other",
				 call->command->words, role);
	*out = call_switch(call, "admin") ? "admin" : role ? role : "member";
	return true;
}

static const char *body_of(struct call *call, const char *key, const char *who, const char *role)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, key, who);
	json_write_member_text(&w, "role", role);
	json_write_end_object(&w);
	return arena_text(call->arena, buffer_text(&body));
}

bool command_org_members_add(struct call *call, struct error *err)
{
	const char *who = call_argument(call, 0), *role = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!wanted_role(call, &role, err) ||
	    !client_org_call(&call->client, "POST", body_of(call, "username", who, role), &root, err,
			     "members", NULL))
		return false;
	call_say(call, root, "%s is %s of %s now.", who, role, call->client.org);
	return true;
}

bool command_org_members_remove(struct call *call, struct error *err)
{
	const char *who = call_argument(call, 0), *org = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org(&call->client, &org, err) ||
	    !call_confirm(call, err, who, "%s loses all access to organization %s.", who, org) ||
	    !client_org_call(&call->client, "DELETE", NULL, &root, err, "members", who, NULL))
		return false;
	call_say(call, root, "%s is no member of %s any more.", who, org);
	return true;
}

bool command_org_members_role(struct call *call, struct error *err)
{
	const char *who = call_argument(call, 0), *role = call_argument(call, 1);
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "PATCH", call_json_text(call, "role", role), &root, err,
			     "members", who, NULL))
		return false;
	call_say(call, root, "%s is %s of %s now.", who, role, call->client.org);
	return true;
}

// Invites have their lists and secrets in the second version of the API.
static bool invites_path(struct call *call, const char *email, const char **out, struct error *err)
{
	const char *org = NULL;
	if (!client_org(&call->client, &org, err))
		return false;
	*out = arena_printf(call->arena, "/v2/organizations/%s/invites%s%s",
			    address_segment(call->arena, org), email ? "/" : "",
			    email ? address_segment(call->arena, email) : "");
	return true;
}

bool command_org_invites_create(struct call *call, struct error *err)
{
	const char *who = call_argument(call, 0), *role = NULL, *path = NULL;
	const char *key = strchr(who, '@') ? "email" : "username";
	OWNED(json_root) struct json *root = NULL;
	if (!wanted_role(call, &role, err) || !invites_path(call, NULL, &path, err) ||
	    !client_call(&call->client, "POST", path, body_of(call, key, who, role), &root, err))
		return false;
	const char *token = json_text_at(json_read_get(root, "invited"), "token");
	call_say(call, root, "%s is invited to %s as %s.", who, call->client.org, role);
	if (!call->json && *token)
		printf("To accept: atoll org invites accept %s\n", token);
	return true;
}

bool command_org_invites_list(struct call *call, struct error *err)
{
	const char *path = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!invites_path(call, NULL, &path, err) ||
	    !client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "invites");
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	if (json_read_size(list) == 0) {
		puts("Nobody is invited at present.");
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"EMAIL", "ROLE", "INVITED"}, 3);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *invite = json_read_at(list, i);
		table_add(&table, json_text_at(invite, "email"));
		table_add(&table, json_text_at(invite, "role"));
		table_add(&table, json_text_at(invite, "created_at"));
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_org_invites_remove(struct call *call, struct error *err)
{
	const char *email = call_argument(call, 0), *path = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!invites_path(call, email, &path, err) ||
	    !client_call(&call->client, "DELETE", path, NULL, &root, err))
		return false;
	call_say(call, root, "The invite of %s is taken back.", email);
	return true;
}

bool command_org_invites_accept(struct call *call, struct error *err)
{
	const char *username = call_option(call, "username"), *password = NULL;
	if (username && !secret_choose(call, &password, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "token", call_argument(call, 0));
	if (username) {
		json_write_member_text(&w, "username", username);
		json_write_member_text(&w, "password", password);
	}
	json_write_end_object(&w);
	static const char path[] = "/v1/invites/accept";
	OWNED(json_root) struct json *root = NULL;
	if (!(username ? client_post_public(&call->client, path, buffer_text(&body), &root, err)
		       : client_call(&call->client, "POST", path, buffer_text(&body), &root, err)))
		return false;
	call_say(call, root, "You are in organization %s now.", json_text_at(root, "organization"));
	return true;
}
