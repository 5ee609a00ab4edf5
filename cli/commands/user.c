// Users of the server, for its administrators.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/secret.h"
#include "cli/json_copy.h"
#include "cli/table.h"

bool command_user_list(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/users", NULL, &root, err))
		return false;
	if (call->json) {
		call_print_answer(root);
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"USERNAME", "EMAIL", ""}, 3);
	const struct json *list = json_read_get(root, "users");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *user = json_read_at(list, i);
		bool administrator = json_read_bool(json_read_get(user, "administrator"));
		table_add(&table, json_text_at(user, "username"));
		table_add(&table, json_text_at(user, "email"));
		table_add(&table, administrator ? "administrator" : "");
	}
	table_print(&table, stdout, call_table_style(call));
	return true;
}

bool command_user_create(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *password = NULL, *email = call_option(call, "email");
	if (!call_switch(call, "no-password") && !secret_choose(call, &password, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "username", name);
	if (email)
		json_write_member_text(&w, "email", email);
	if (password)
		json_write_member_text(&w, "password", password);
	json_write_member_bool(&w, "administrator", call_switch(call, "administrator"));
	json_write_end_object(&w);
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", "/v1/users", buffer_text(&body), &root, err))
		return false;
	call_say(call, root, "Created user %s.", name);
	return true;
}

bool command_user_delete(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	const char *path = arena_printf(call->arena, "/v1/users/%s", address_segment(call->arena, name));
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, name,
			  "User %s is deleted with the personal organization, its databases, and all tokens.",
			  name) ||
	    !client_call(&call->client, "DELETE", path, NULL, &root, err))
		return false;
	call_say(call, root, "Deleted user %s.", name);
	return true;
}

static bool set_own_password(struct call *call, const char *password, const char *current, struct json **out,
			     struct error *err)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "password", password);
	if (current)
		json_write_member_text(&w, "current_password", current);
	json_write_end_object(&w);
	return client_call(&call->client, "POST", "/v1/user/password", buffer_text(&body), out, err);
}

// Who has one must know it; the server says whether.
static bool change_own_password(struct call *call, const char *password, struct json **out, struct error *err)
{
	const char *current = NULL;
	if (set_own_password(call, password, NULL, out, err))
		return true;
	return strcmp(call->client.server_code, "missing_field") == 0 &&
	       secret_read(call, "Current password: ", &current, err) &&
	       set_own_password(call, password, current, out, err);
}

bool command_user_password(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *password = NULL;
	OWNED(json_root) struct json *root = NULL;
	if (!secret_choose(call, &password, err))
		return false;
	if (!name) {
		if (!change_own_password(call, password, &root, err))
			return false;
		call_say(call, root, "Your password is set; all your sessions are ended.");
		return true;
	}
	const char *path = arena_printf(call->arena, "/v1/users/%s", address_segment(call->arena, name));
	if (!client_call(&call->client, "PATCH", path, call_json_text(call, "password", password), &root,
			 err))
		return false;
	call_say(call, root, "The password of %s is set; all sessions of that user are ended.", name);
	return true;
}
