// Members of an organization, and those who are invited.

#include <inttypes.h>
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

static void print_invites(struct call *call, const struct json *list, bool mine)
{
	OWNED(table)
	struct table table = table_of(
		(const char *const[]){mine ? "ORGANIZATION" : "EMAIL", "USERNAME", "ROLE", "INVITED"}, 4);
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *invite = json_read_at(list, i);
		table_add(&table, json_text_at(invite, mine ? "organization" : "email"));
		table_add(&table, json_text_at(invite, "username"));
		table_add(&table, json_text_at(invite, "role"));
		table_add(&table, json_text_at(invite, "created_at"));
	}
	table_print(&table, stdout, call_table_style(call));
}

bool command_org_invites_list(struct call *call, struct error *err)
{
	bool mine = call_switch(call, "mine");
	const char *path = "/v1/invites";
	OWNED(json_root) struct json *root = NULL;
	if ((!mine && !invites_path(call, NULL, &path, err)) ||
	    !client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "invites");
	if (call->json)
		call_print_answer(root);
	else if (json_read_size(list) == 0)
		puts(mine ? "Nobody invites you at present." : "Nobody is invited at present.");
	else
		print_invites(call, list, mine);
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

// With the secret that was handed over, for somebody who is not logged in and may have no account yet.
static bool accept_with_account(struct call *call, const char *username, struct json **out, struct error *err)
{
	const char *password = NULL;
	if (!secret_choose(call, &password, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "token", call_argument(call, 0));
	json_write_member_text(&w, "username", username);
	json_write_member_text(&w, "password", password);
	json_write_end_object(&w);
	return client_post_public(&call->client, "/v1/invites/accept", buffer_text(&body), out, err);
}

// An invite of the caller's own, by the organization that invites.
static bool find_own_invite(struct call *call, int64_t *out_id, struct error *err)
{
	const char *org = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/invites", NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "invites");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *invite = json_read_at(list, i);
		if (strcmp(json_text_at(invite, "organization"), org) == 0) {
			*out_id = json_read_integer(json_read_get(invite, "id"));
			return true;
		}
	}
	error_set(err, ERR_BAD_REQUEST, "no organization \"%s\" invites you", org);
	return error_detail(
		err, "\"atoll org invites list --mine\" shows who does; a token of an invite goes with "
		     "--username");
}

bool command_org_invites_accept(struct call *call, struct error *err)
{
	const char *username = call_option(call, "username");
	int64_t id = 0;
	OWNED(json_root) struct json *root = NULL;
	bool ok =
		username
			? accept_with_account(call, username, &root, err)
			: find_own_invite(call, &id, err) &&
				  client_call(&call->client, "POST",
					      arena_printf(call->arena, "/v1/invites/%" PRId64 "/accept", id),
					      NULL, &root, err);
	if (!ok)
		return false;
	const char *org = json_text_at(root, "organization");
	call_say(call, root, "You are %s of organization %s now.", json_text_at(root, "role"), org);
	if (username && !call->json)
		printf("Log in with: atoll auth login --url %s --username %s\n", call->settings.url.value,
		       username);
	return true;
}

bool command_org_invites_decline(struct call *call, struct error *err)
{
	int64_t id = 0;
	OWNED(json_root) struct json *root = NULL;
	if (!find_own_invite(call, &id, err) ||
	    !client_call(&call->client, "DELETE", arena_printf(call->arena, "/v1/invites/%" PRId64, id), NULL,
			 &root, err))
		return false;
	call_say(call, root, "The invite of %s is declined.", call_argument(call, 0));
	return true;
}
