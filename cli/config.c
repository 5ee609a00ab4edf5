#include "cli/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "base/json_read.h"
#include "cli/address.h"

enum { FILE_BYTES_MAX = 64 * 1024 };
static const char bootstrap_path[] = "./atoll-data/bootstrap.json";

// One place that may know settings. Those of the command line and the environment belong to no server of
// their own.
struct source {
	struct setting url;
	struct setting token;
	struct setting org;
	bool is_file;
};

static const char *env(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static struct setting setting_of(const char *value, const char *origin)
{
	return value ? (struct setting){value, origin} : (struct setting){0};
}

static struct setting env_setting(const char *name)
{
	return setting_of(env(name), name);
}

static const char *file_path(struct arena *arena)
{
	const char *base = env("XDG_CONFIG_HOME");
	if (base && base[0] == '/')
		return arena_printf(arena, "%s/atoll/config.ini", base);
	const char *home = env("HOME");
	return home ? arena_printf(arena, "%s/.config/atoll/config.ini", home) : NULL;
}

static char *trimmed(char *text)
{
	text += strspn(text, " \t");
	size_t size = strlen(text);
	while (size > 0 && strchr(" \t\r", text[size - 1]))
		text[--size] = '\0';
	return text;
}

static bool read_line(char *line, struct config_file *out)
{
	line = trimmed(line);
	if (*line == '\0' || *line == '#' || *line == ';' || *line == '[')
		return true;
	char *equals = strchr(line, '=');
	if (!equals)
		return false;
	*equals = '\0';
	const char *key = trimmed(line);
	const char *value = trimmed(equals + 1);
	if (*value == '\0')
		return true;
	if (strcmp(key, "url") == 0)
		out->url = value;
	else if (strcmp(key, "token") == 0)
		out->token = value;
	else if (strcmp(key, "organization") == 0)
		out->org = value;
	return true;
}

bool config_read_file(struct arena *arena, const char *path, struct config_file *out, struct error *err)
{
	*out = (struct config_file){0};
	OWNED(buffer) struct buffer content = {0};
	if (!disk_read_file(path, FILE_BYTES_MAX, &content, err))
		return err->code == ERR_NOT_FOUND || error_context(err, "%s", path);
	char *at = arena_text(arena, buffer_text(&content));
	for (int number = 1; at; number++) {
		char *end = strchr(at, '\n');
		if (end)
			*end = '\0';
		if (!read_line(at, out))
			return error_set(err, ERR_USAGE, "%s: line %d is not of the form \"key = value\"",
					 path, number);
		at = end ? end + 1 : NULL;
	}
	struct stat status;
	if (out->token && stat(path, &status) == 0 && (status.st_mode & 077) != 0)
		fprintf(stderr, "atoll: warning: %s holds a token and can be read by others; chmod 600 it\n",
			path);
	return true;
}

bool config_write_file(const char *path, const struct config_file *content, struct error *err)
{
	if (!path)
		return error_set(err, ERR_USAGE,
				 "there is no place for a configuration file: HOME is not set");
	OWNED(text) char *folder = strdup(path);
	ASSERT(folder != NULL);
	*strrchr(folder, '/') = '\0';
	if (!disk_make_folder(folder, err))
		return error_context(err, "%s", folder);
	OWNED(buffer) struct buffer text = {0};
	buffer_append_text(&text, "# Written by atoll. It holds a token: keep it to yourself.\n");
	if (content->url)
		buffer_printf(&text, "url = %s\n", content->url);
	if (content->token)
		buffer_printf(&text, "token = %s\n", content->token);
	if (content->org)
		buffer_printf(&text, "organization = %s\n", content->org);
	if (!disk_write_file(path, text.data, text.size, err))
		return error_context(err, "%s", path);
	return true;
}

// Users of the TypeScript SDK have the version of the API in their base URL.
static const char *without_version(struct arena *arena, const char *url)
{
	if (!url)
		return NULL;
	size_t size = strlen(url);
	while (size > 0 && url[size - 1] == '/')
		size--;
	if (size > 3 && strncmp(url + size - 3, "/v1", 3) == 0)
		size -= 3;
	return arena_copy(arena, url, size);
}

static struct source turso_source(struct arena *arena)
{
	const char *name = env("TURSO_API_BASE_URL") ? "TURSO_API_BASE_URL" : "TURSO_API_BASEURL";
	return (struct source){
		.url = setting_of(without_version(arena, env(name)), name),
		.token = env_setting("TURSO_API_TOKEN"),
	};
}

static bool read_config(struct arena *arena, const char *path, struct source *out, struct error *err)
{
	*out = (struct source){.is_file = true};
	struct config_file file = {0};
	if (path && !config_read_file(arena, path, &file, err))
		return false;
	out->url = setting_of(file.url, path);
	out->token = setting_of(file.token, path);
	out->org = setting_of(file.org, path);
	return true;
}

static bool read_bootstrap(struct arena *arena, struct source *out, const char **out_note, struct error *err)
{
	*out = (struct source){.is_file = true};
	OWNED(buffer) struct buffer content = {0};
	if (!disk_read_file(bootstrap_path, FILE_BYTES_MAX, &content, err)) {
		// The server of somebody else may well have put one here.
		if (err->code != ERR_NOT_FOUND && access(bootstrap_path, R_OK) != 0 && errno == EACCES)
			*out_note = arena_printf(arena, "%s exists, but only the server's user may read it",
						 bootstrap_path);
		return true;
	}
	OWNED(json_root) struct json *root = NULL;
	if (!json_read_parse(content.data, content.size, 0, 8, &root, err)) {
		err->code = ERR_USAGE;
		return error_context(err, "%s", bootstrap_path);
	}
	struct json_fields fields = json_fields_of(root, JSON_EXACT_CASE);
	const char *url = json_fields_text(&fields, "url", JSON_OPTIONAL);
	const char *token = json_fields_text(&fields, "token", JSON_OPTIONAL);
	const char *org = json_fields_text(&fields, "organization", JSON_OPTIONAL);
	if (!json_fields_ok(&fields, err)) {
		err->code = ERR_USAGE;
		return error_context(err, "%s", bootstrap_path);
	}
	out->url = setting_of(url ? arena_text(arena, url) : NULL, bootstrap_path);
	out->token = setting_of(token ? arena_text(arena, token) : NULL, bootstrap_path);
	out->org = setting_of(org ? arena_text(arena, org) : NULL, bootstrap_path);
	return true;
}

static bool belongs_to(struct arena *arena, const struct source *source, const char *url)
{
	return !source->is_file || !source->url.value || address_same_server(arena, source->url.value, url);
}

// It becomes a header line as it is.
static bool is_plain(const char *token)
{
	for (const unsigned char *c = (const unsigned char *)token; *c; c++) {
		if (*c <= ' ' || *c >= 0x7F)
			return false;
	}
	return true;
}

bool config_load(struct arena *arena, const struct settings_flags *flags, struct settings *out,
		 struct error *err)
{
	struct settings found = {.file = file_path(arena)};
	struct source sources[] = {
		{.url = setting_of(flags->url, "--url"),
		 .token = setting_of(flags->token, "--token"),
		 .org = setting_of(flags->org, "--org")},
		{.url = env_setting("ATOLL_URL"),
		 .token = env_setting("ATOLL_TOKEN"),
		 .org = env_setting("ATOLL_ORG")},
		turso_source(arena),
		{.is_file = true}, // the configuration file
		{.is_file = true}, // bootstrap.json
	};
	struct source *config = &sources[3], *bootstrap = &sources[4];
	if (!read_config(arena, found.file, config, err) ||
	    !read_bootstrap(arena, bootstrap, &found.note, err))
		return false;

	for (size_t i = 0; i < ARRAY_LENGTH(sources) && !found.url.value; i++)
		found.url = sources[i].url;
	if (!found.url.value)
		found.url = (struct setting){CONFIG_URL_DEFAULT, "default"};
	if (!address_of_server(arena, found.url.value, &found.url.value, err))
		return error_context(err, "%s", found.url.origin);

	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		const struct source *source = &sources[i];
		if (!belongs_to(arena, source, found.url.value)) {
			if (source->token.value && !found.token.value && !found.note)
				found.note = arena_printf(arena, "the token in %s is for %s",
							  source->token.origin, source->url.value);
			continue;
		}
		if (!found.token.value)
			found.token = source->token;
		if (!found.org.value)
			found.org = source->org;
	}
	if (found.token.value && !is_plain(found.token.value))
		return error_set(err, ERR_USAGE, "the token from %s holds blanks or control characters",
				 found.token.origin);
	*out = found;
	return true;
}
