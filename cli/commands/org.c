// Organizations and their members.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"

static bool fetch_orgs(struct call *call, struct json **out, struct error *err)
{
	return client_call(&call->client, "GET", "/v1/organizations", NULL, out, err);
}

bool command_org_list(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_orgs(call, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const char *current = call->settings.org.value;
	OWNED(table) struct table table = table_of((const char *const[]){"SLUG", "NAME", "TYPE", ""}, 4);
	const struct json *list = json_read_get(root, "organizations");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *org = json_read_at(list, i);
		const char *slug = json_text_at(org, "slug");
		table_add(&table, slug);
		table_add(&table, json_text_at(org, "name"));
		table_add(&table, json_text_at(org, "type"));
		table_add(&table, current && strcmp(current, slug) == 0 ? "(current)" : "");
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_org_create(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	const char *body = call_json_text(call, "name", call_argument(call, 0));
	if (!client_call(&call->client, "POST", "/v1/organizations", body, &root, err))
		return false;
	const char *slug = json_text_at(json_read_get(root, "org"), "slug");
	call_say(call, root, "Created organization %s; \"atoll org switch %s\" works on it.", slug, slug);
	return true;
}

bool command_org_destroy(struct call *call, struct error *err)
{
	const char *slug = call_argument(call, 0);
	const char *current = call->settings.org.value;
	if (current && strcmp(current, slug) == 0 && !call_global_option(call, "org"))
		return error_set(
			err, ERR_USAGE,
			"org destroy: you work on %s (from %s); switch to another organization first", slug,
			call->settings.org.origin);
	if (!call_confirm(call, err, slug,
			  "Organization %s is destroyed with all its groups, databases, members and invites.",
			  slug))
		return false;
	call->client.org = slug;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_call(&call->client, "DELETE", NULL, &root, err, NULL))
		return false;
	call_say(call, root, "Destroyed organization %s.", slug);
	return true;
}

static bool is_member(const struct json *answer, const char *slug)
{
	const struct json *list = json_read_get(answer, "organizations");
	for (size_t i = 0; i < json_read_size(list); i++) {
		if (strcmp(json_text_at(json_read_at(list, i), "slug"), slug) == 0)
			return true;
	}
	return false;
}

bool command_org_switch(struct call *call, struct error *err)
{
	const char *slug = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_orgs(call, &root, err))
		return false;
	if (!is_member(root, slug))
		return error_set(err, ERR_BAD_REQUEST,
				 "you are not in an organization \"%s\"; \"atoll org list\" shows yours",
				 slug);
	struct config_file content = {0};
	if (call->settings.file && !config_read_file(call->arena, call->settings.file, &content, err))
		return false;
	// The choice belongs to this server, also when its address did not come from the file.
	bool other = content.url && !address_same_server(call->arena, content.url, call->settings.url.value);
	if (other)
		return error_set(err, ERR_USAGE, "%s is for %s: log in at %s first", call->settings.file,
				 content.url, call->settings.url.value);
	content.url = call->settings.url.value;
	content.org = slug;
	if (!config_write_file(call->settings.file, &content, err))
		return false;
	if (call->json)
		call_print_json_text("organization", slug);
	else
		printf("Working on organization %s from now on.\n", slug);
	const char *environment = getenv("ATOLL_ORG");
	if (environment && *environment)
		fputs("atoll: note: ATOLL_ORG is set and goes before it\n", stderr);
	return true;
}

static void print_member_text(struct table *table, const char *title, const char *value)
{
	if (!*value)
		return;
	table_add(table, title);
	table_add(table, value);
}

bool command_org_show(struct call *call, struct error *err)
{
	if (call_argument(call, 0))
		call->client.org = call_argument(call, 0);
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!client_org_path(&call->client, &path, err, NULL) ||
	    !client_call(&call->client, "GET", path, NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	const struct json *org = json_read_get(root, "organization");
	OWNED(table) struct table table = table_of((const char *const[]){"", ""}, 2);
	print_member_text(&table, "Slug", json_text_at(org, "slug"));
	print_member_text(&table, "Name", json_text_at(org, "name"));
	print_member_text(&table, "Type", json_text_at(org, "type"));
	print_member_text(&table, "Plan", json_text_at(org, "plan_id"));
	table_print(&table, stdout, TABLE_UNTITLED);
	return true;
}
