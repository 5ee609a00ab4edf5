// What the shells ask for when a line is completed.

#include <stdio.h>
#include <string.h>

#include "cli/commands/commands.h"
#include "cli/completion.h"
#include "cli/json_copy.h"

enum { NAMES_TIMEOUT_MS = 2000 }; // a person waits for it

bool command_completion(struct call *call, struct error *err)
{
	(void)err;
	fputs(completion_script(call->command->words + strlen("completion ")), stdout);
	return true;
}

static const struct {
	const char *segment; // below the organization; NULL: `path` is asked
	const char *path;
	const char *list;
	const char *name;
} places[] = {
	[COMPLETION_DATABASES] = {"databases", NULL, "databases", "Name"},
	[COMPLETION_GROUPS] = {"groups", NULL, "groups", "name"},
	[COMPLETION_ORGANIZATIONS] = {NULL, "/v1/organizations", "organizations", "slug"},
	[COMPLETION_LOCATIONS] = {NULL, "/v1/locations", "locations", NULL},
	[COMPLETION_MEMBERS] = {"members", NULL, "members", "username"},
};

static void add_keys(const struct json *object, const char *prefix, struct buffer *out)
{
	const char *key;
	const struct json *value;
	void *at = NULL;
	while ((at = json_read_next(object, at, &key, &value)))
		completion_add(out, prefix, key, json_read_text(value, NULL));
}

// Quietly: a server that cannot tell leaves the person to type.
static void names_of_server(void *context, enum completion_names names, const char *prefix,
			    struct buffer *out)
{
	struct call *call = context;
	struct error ignored;
	struct http_request request = {
		.method = "GET", .url = places[names].path, .timeout_ms = NAMES_TIMEOUT_MS};
	OWNED(json_root) struct json *root = NULL;
	if (!call->settings.token.value)
		return;
	if (places[names].segment &&
	    !client_org_path(&call->client, &request.url, &ignored, places[names].segment, NULL))
		return;
	if (!client_send(&call->client, &request, &root, &ignored))
		return;
	const struct json *list = json_read_get(root, places[names].list);
	if (!places[names].name)
		add_keys(list, prefix, out);
	for (size_t i = 0; places[names].name && i < json_read_size(list); i++)
		completion_add(out, prefix, json_text_at(json_read_at(list, i), places[names].name), NULL);
}

bool command_completion_candidates(struct call *call, struct error *err)
{
	(void)err;
	OWNED(buffer) struct buffer lines = {0};
	size_t count = call_argument_count(call);
	const char **words = arena_alloc(call->arena, (count + 1) * sizeof(*words));
	for (size_t i = 0; i < count; i++)
		words[i] = call_argument(call, i);
	completion_candidates(words, count, names_of_server, call, &lines);
	fputs(buffer_text(&lines), stdout);
	return true;
}
