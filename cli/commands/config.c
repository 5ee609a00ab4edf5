// What the program itself is set to.

#include <stdio.h>
#include <string.h>

#include "cli/address.h"
#include "cli/commands/commands.h"
#include "cli/json_copy.h"
#include "cli/table.h"

// Enough to tell two tokens apart, not enough to use one. They all begin alike.
static const char *hidden(struct call *call, const char *token)
{
	size_t size = token ? strlen(token) : 0;
	return token ? arena_printf(call->arena, "…%s", size > 12 ? token + size - 6 : "") : NULL;
}

static void write_setting(struct json_writer *w, const char *name, const char *value, const char *origin)
{
	json_write_key(w, name);
	json_write_object(w);
	json_write_member_text(w, "value", value);
	json_write_member_text(w, "origin", origin);
	json_write_end_object(w);
}

static void add_setting(struct table *table, const char *name, const char *value, const char *origin)
{
	table_add(table, name);
	table_add(table, value ? value : "(not set)");
	table_add(table, origin);
}

bool command_config_show(struct call *call, struct error *err)
{
	(void)err;
	const struct settings *settings = &call->settings;
	const char *token = hidden(call, settings->token.value);
	if (call->json) {
		OWNED(buffer) struct buffer text = {0};
		struct json_writer w = json_write_to(&text);
		json_write_object(&w);
		write_setting(&w, "url", settings->url.value, settings->url.origin);
		write_setting(&w, "token", token, settings->token.origin);
		write_setting(&w, "organization", settings->org.value, settings->org.origin);
		json_write_member_text(&w, "file", settings->file);
		json_write_end_object(&w);
		call_print_json(&text);
		return true;
	}
	OWNED(table) struct table table = table_of((const char *const[]){"SETTING", "VALUE", "FROM"}, 3);
	add_setting(&table, "url", settings->url.value, settings->url.origin);
	add_setting(&table, "token", token, settings->token.origin);
	add_setting(&table, "organization", settings->org.value, settings->org.origin);
	add_setting(&table, "file", settings->file, "");
	table_print(&table, stdout, call_table_style(call));
	if (settings->note)
		fprintf(stderr, "atoll: note: %s\n", settings->note);
	return true;
}

bool command_config_path(struct call *call, struct error *err)
{
	const char *path = call->settings.file;
	if (!path)
		return error_set(err, ERR_USAGE,
				 "there is no place for a configuration file: HOME is not set");
	if (call->json)
		call_print_json_text("path", path);
	else
		puts(path);
	return true;
}

bool command_config_set(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0), *value = call_argument(call, 1);
	struct config_file content = {0};
	if (call->settings.file && !config_read_file(call->arena, call->settings.file, &content, err))
		return false;
	if (strcmp(name, "url") == 0 && !address_of_server(call->arena, value, &content.url, err))
		return error_context(err, "config set");
	if (strcmp(name, "token") == 0)
		content.token = value;
	if (strcmp(name, "organization") == 0)
		content.org = value;
	// It becomes a line of the file.
	if (*value == '\0' || strpbrk(value, "\r\n"))
		return error_set(err, ERR_USAGE, "config set: this is no value of one line");
	if (!config_write_file(call->settings.file, &content, err))
		return false;
	if (call->json)
		call_print_json_text("set", name);
	else
		printf("Set %s in %s.\n", name, call->settings.file);
	return true;
}
