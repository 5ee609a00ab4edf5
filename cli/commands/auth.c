// Who is asking: logging in and out.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/commands/secret.h"
#include "cli/json_copy.h"
#include "cli/terminal.h"

// A token that exists already.
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

// A new one for user and password.
static bool get_token(struct call *call, const char **out, struct error *err)
{
	const char *username = call_option(call, "username");
	OWNED(buffer) struct buffer typed = {0};
	if (!username && call_switch(call, "password-stdin"))
		return error_set(err, ERR_USAGE, "auth login: --password-stdin goes with --username");
	if (!username && !terminal_read_line("Username: ", &typed, err))
		return false;
	if (!username)
		username = arena_text(call->arena, buffer_text(&typed));
	const char *password = NULL;
	if (!secret_read(call, "Password: ", &password, err))
		return false;
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	json_write_member_text(&w, "username", username);
	json_write_member_text(&w, "password", password);
	json_write_end_object(&w);
	OWNED(json_root) struct json *root = NULL;
	if (!client_post_public(&call->client, "/v1/auth/login", buffer_text(&body), &root, err))
		return false;
	*out = arena_text(call->arena, json_text_at(root, "jwt"));
	return true;
}

static bool find_token(struct call *call, const char **out, struct error *err)
{
	bool by_password = call_option(call, "username") || call_switch(call, "password-stdin") ||
			   (!call_global_option(call, "token") && terminal_can_ask());
	return by_password ? get_token(call, out, err) : read_token(call, out, err);
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
	if (!find_token(call, &content.token, err))
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

static bool end_sessions(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	return client_call(&call->client, "POST", "/v1/auth/invalidate", NULL, &root, err);
}

bool command_auth_logout(struct call *call, struct error *err)
{
	bool all = call_switch(call, "all");
	if (all && !end_sessions(call, err))
		return false;
	const char *path = call->settings.file;
	struct config_file content = {0};
	if (path && !config_read_file(call->arena, path, &content, err))
		return false;
	bool was_in = content.token != NULL;
	content.token = NULL;
	content.org = NULL;
	if (was_in && !config_write_file(path, &content, err))
		return false;
	if (call->json) {
		printf("{\"logged_out\":%s}\n", was_in || all ? "true" : "false");
		warn_of_environment();
		return true;
	}
	if (all)
		puts("All your sessions are ended; platform tokens stay good.");
	if (was_in)
		printf("Logged out: %s holds no token any more.\n", path);
	else if (!all)
		puts("No token was stored.");
	warn_of_environment();
	return true;
}

bool command_auth_whoami(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!fetch_user(call, &root, err))
		return false;
	call_say(call, root, "%s", username_of(root));
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
