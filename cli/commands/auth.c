// Who is asking: logging in and out, and the platform tokens of the user.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"
#include "cli/terminal.h"

static bool read_token(struct call *call, const char **out, struct error *err)
{
	const char *given = call_global_option(call, "token");
	if (given && strcmp(given, "-") != 0) {
		*out = given;
		return true;
	}
	OWNED(buffer) struct buffer token = {0};
	if (!terminal_read_secret("Platform token: ", &token, err))
		return error_context(err, "auth login: --token is missing");
	*out = arena_text(call->arena, buffer_text(&token));
	return true;
}

static bool fetch_user(struct call *call, struct json **out, struct error *err)
{
	return client_call(&call->client, "GET", "/v1/current-user", NULL, out, err);
}

static const char *username_of(const struct json *answer)
{
	return json_text_at(json_read_get(answer, "user"), "username");
}

// The organization that was asked for must exist; without a wish the likely one is stored.
static bool find_org(struct call *call, const char **out, struct error *err)
{
	const char *wanted = call_global_option(call, "org");
	if (!wanted)
		return client_find_org(&call->client, out, err);
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/organizations", NULL, &root, err))
		return false;
	const struct json *list = json_read_get(root, "organizations");
	for (size_t i = 0; i < json_read_size(list); i++) {
		if (strcmp(json_text_at(json_read_at(list, i), "slug"), wanted) == 0) {
			*out = wanted;
			return true;
		}
	}
	return error_set(err, ERR_BAD_REQUEST, "you are not in an organization \"%s\"", wanted);
}

static void warn_of_environment(void)
{
	static const char *const names[] = {"ATOLL_TOKEN", "TURSO_API_TOKEN"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		const char *value = getenv(names[i]);
		if (value && *value)
			fprintf(stderr, "atoll: note: %s is set and goes before the stored token\n",
				names[i]);
	}
}

bool command_auth_login(struct call *call, struct error *err)
{
	struct config_file content = {.url = call->settings.url.value};
	if (!call->settings.file)
		return config_write_file(NULL, &content, err);
	if (!read_token(call, &content.token, err))
		return false;
	call->settings.token = (struct setting){content.token, "auth login"};
	call->client.org = NULL;
	OWNED(json_root) struct json *valid = NULL;
	OWNED(json_root) struct json *user = NULL;
	if (!client_call(&call->client, "GET", "/v1/auth/validate", NULL, &valid, err) ||
	    !fetch_user(call, &user, err) || !find_org(call, &content.org, err) ||
	    !config_write_file(call->settings.file, &content, err))
		return false;
	if (call->json) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer w = json_write_to(&text);
		json_write_object(&w);
		json_write_member_text(&w, "url", content.url);
		json_write_member_text(&w, "username", username_of(user));
		json_write_member_text(&w, "organization", content.org);
		json_write_member_text(&w, "file", call->settings.file);
		json_write_end_object(&w);
		call_print_json(&text);
	} else {
		printf("Logged in at %s as %s%s%s.\n", content.url, username_of(user),
		       content.org ? ", organization " : "", content.org ? content.org : "");
		printf("The token is kept in %s.\n", call->settings.file);
	}
	warn_of_environment();
	return true;
}

bool command_auth_logout(struct call *call, struct error *err)
{
	const char *path = call->settings.file;
	struct config_file content = {0};
	if (path && !config_read_file(call->arena, path, &content, err))
		return false;
	bool was_in = content.token != NULL;
	content.token = NULL;
	content.org = NULL;
	if (was_in && !config_write_file(path, &content, err))
		return false;
	if (call->json)
		printf("{\"logged_out\":%s}\n", was_in ? "true" : "false");
	else if (was_in)
		printf("Logged out: %s holds no token any more.\n", path);
	else
		puts("No token was stored.");
	warn_of_environment();
	return true;
}

bool command_auth_whoami(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_user(call, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		puts(username_of(root));
	return true;
}

bool command_auth_token(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "GET", "/v1/auth/validate", NULL, &root, err))
		return false;
	if (call->json)
		call_print_json_text("token", call->settings.token.value);
	else
		puts(call->settings.token.value);
	return true;
}

bool command_api_tokens_mint(struct call *call, struct error *err)
{
	const char *org = call_global_option(call, "org");
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	if (org)
		json_write_member_text(&w, "organization", org);
	json_write_end_object(&w);
	const char *path = arena_printf(call->arena, "/v1/auth/api-tokens/%s",
					address_segment(call->arena, call_argument(call, 0)));
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", path, buffer_text(&body), &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		puts(json_text_at(root, "token"));
	return true;
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
	struct table table = table_of((const char *const[]){"NAME", "ID", "ORGANIZATION", "CREATED"}, 4);
	const struct json *list = json_read_get(root, "tokens");
	for (size_t i = 0; i < json_read_size(list); i++) {
		const struct json *token = json_read_at(list, i);
		table_add(&table, json_text_at(token, "name"));
		table_add(&table, json_text_at(token, "id"));
		table_add(&table, json_text_at(token, "organization"));
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
	if (call->json)
		call_print_answer(root);
	else
		printf("Revoked the platform token %s.\n", name);
	return true;
}
