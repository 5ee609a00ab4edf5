// Tokens that open databases: of one, or of a group.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"

// The words of "a,b,c" as an array of texts.
static void write_words(struct json_writer *w, const char *words, size_t size)
{
	json_write_array(w);
	for (size_t at = 0; at < size;) {
		size_t one = 0;
		while (at + one < size && words[at + one] != ',')
			one++;
		if (one > 0)
			json_write_text_sized(w, words + at, one);
		at += one + 1;
	}
	json_write_end_array(w);
}

// "users,posts:data_read,data_insert"; "all" stands for every table.
static bool write_permission(struct json_writer *w, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	if (!colon || colon == text || colon[1] == '\0')
		return error_set(err, ERR_USAGE,
				 "--permissions: \"%s\" is not of the form TABLE[,TABLE…]:ACTION[,ACTION…]",
				 text);
	size_t size = (size_t)(colon - text);
	json_write_object(w);
	json_write_key(w, "t");
	if (size == 3 && strncmp(text, "all", 3) == 0)
		json_write_null(w);
	else
		write_words(w, text, size);
	json_write_key(w, "a");
	write_words(w, colon + 1, strlen(colon + 1));
	json_write_end_object(w);
	return true;
}

static bool write_permissions(const struct call *call, struct json_writer *w, struct error *err)
{
	size_t at = 0;
	const char *one = call_option_each(call, "permissions", &at);
	if (!one)
		return true;
	json_write_key(w, "fine_grained_permissions");
	json_write_array(w);
	for (; one; one = call_option_each(call, "permissions", &at)) {
		if (!write_permission(w, one, err))
			return false;
	}
	json_write_end_array(w);
	return true;
}

static void write_attach(const struct call *call, struct json_writer *w)
{
	size_t at = 0;
	const char *one = call_option_each(call, "attach", &at);
	if (!one)
		return;
	json_write_key(w, "permissions");
	json_write_object(w);
	json_write_key(w, "read_attach");
	json_write_object(w);
	json_write_key(w, "databases");
	json_write_array(w);
	for (; one; one = call_option_each(call, "attach", &at))
		json_write_text(w, one);
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

// "databases" or "groups".
static bool create(struct call *call, const char *kind, struct error *err)
{
	OWNED(buffer) struct buffer body = {0};
	struct json_writer w = json_write_to(&body);
	json_write_object(&w);
	write_attach(call, &w);
	if (!write_permissions(call, &w, err))
		return false;
	json_write_end_object(&w);

	const char *expiration = call_option(call, "expiration");
	const char *path;
	if (!client_org_path(&call->client, &path, err, kind, call_argument(call, 0), "auth", "tokens", NULL))
		return false;
	path = arena_printf(call->arena, "%s?expiration=%s&authorization=%s", path,
			    address_segment(call->arena, expiration ? expiration : "never"),
			    call_switch(call, "read-only") ? "read-only" : "full-access");
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", path, body.size > 2 ? buffer_text(&body) : NULL, &root, err))
		return false;
	call_say(call, root, "%s", json_text_at(root, "jwt"));
	return true;
}

bool command_db_tokens_create(struct call *call, struct error *err)
{
	return create(call, "databases", err);
}

bool command_group_tokens_create(struct call *call, struct error *err)
{
	return create(call, "groups", err);
}

bool command_db_tokens_invalidate(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(
		    call, err, name,
		    "All tokens made for database %s, and the passwords of its instances, become worthless.",
		    name) ||
	    !client_org_call(&call->client, "POST", NULL, &root, err, "databases", name, "auth", "rotate",
			     NULL))
		return false;
	call_say(call, root, "All tokens of %s are worthless now, and so are the passwords of its instances.",
		 name);
	return true;
}

bool command_group_tokens_invalidate(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, name, "All tokens made for group %s become worthless.", name) ||
	    !client_org_call(&call->client, "POST", NULL, &root, err, "groups", name, "auth", "rotate", NULL))
		return false;
	call_say(call, root, "All tokens of group %s are worthless now.", name);
	return true;
}
