#include <string.h>

#include "api/form.h"
#include "api/openapi.h"
#include "base/json_read.h"

enum { DEPTH_MAX = 8 };

// -- schemas, as JSON with types where values would stand -----------------------------------------------

static void write_indent(struct buffer *out, int depth)
{
	for (int i = 0; i < depth; i++)
		buffer_append_text(out, "  ");
}

static const struct json *resolve(const struct json *root, const struct json *schema)
{
	const char *reference = json_read_text(json_read_get(schema, "$ref"), NULL);
	return reference ? openapi_schema(root, strrchr(reference, '/') + 1) : schema;
}

static void write_note(struct buffer *out, const struct json *schema, const struct json *resolved)
{
	const struct json *note = json_read_get(schema, "description");
	note = note ? note : json_read_get(resolved, "description");
	if (!note)
		return;
	buffer_append_text(out, " <i>");
	form_escape(out, json_read_text(note, NULL));
	buffer_append_text(out, "</i>");
}

// "string | null", or the words that are allowed.
static void write_type(struct buffer *out, const struct json *schema)
{
	const struct json *choices = json_read_get(schema, "enum");
	const struct json *type = json_read_get(schema, "type");
	for (size_t i = 0; choices && i < json_read_size(choices); i++) {
		const char *text = json_read_text(json_read_at(choices, i), NULL);
		buffer_append_text(out, i ? " | " : "");
		buffer_append_text(out, text ? "&quot;" : "null");
		form_escape(out, text ? text : "");
		buffer_append_text(out, text ? "&quot;" : "");
	}
	if (choices)
		return;
	if (!type || json_read_text(type, NULL)) {
		form_escape(out, type ? json_read_text(type, NULL) : "any");
		return;
	}
	for (size_t i = 0; i < json_read_size(type); i++) {
		buffer_append_text(out, i ? " | " : "");
		form_escape(out, json_read_text(json_read_at(type, i), NULL));
	}
}

static bool is_required(const struct json *schema, const char *name)
{
	const struct json *required = json_read_get(schema, "required");
	for (size_t i = 0; required && i < json_read_size(required); i++) {
		if (strcmp(json_read_text(json_read_at(required, i), NULL), name) == 0)
			return true;
	}
	return false;
}

static void write_schema(struct buffer *out, const struct json *root, const struct json *schema, int depth);

static void write_members(struct buffer *out, const struct json *root, const struct json *schema, int depth)
{
	const struct json *member;
	const char *name;
	void *at = NULL;
	buffer_append_text(out, "{\n");
	while ((at = json_read_next(json_read_get(schema, "properties"), at, &name, &member))) {
		write_indent(out, depth + 1);
		buffer_append_text(out, "<b>");
		form_escape(out, name);
		buffer_append_text(out, is_required(schema, name) ? "</b>: " : "</b>?: ");
		write_schema(out, root, member, depth + 1);
		buffer_append_byte(out, '\n');
	}
	write_indent(out, depth);
	buffer_append_byte(out, '}');
}

static void write_choices(struct buffer *out, const struct json *root, const struct json *choices, int depth)
{
	for (size_t i = 0; i < json_read_size(choices); i++) {
		buffer_append_text(out, i ? " | " : "");
		write_schema(out, root, json_read_at(choices, i), depth);
	}
}

static void write_schema(struct buffer *out, const struct json *root, const struct json *schema, int depth)
{
	const struct json *resolved = resolve(root, schema);
	const struct json *items = json_read_get(resolved, "items");
	const struct json *choices = json_read_get(resolved, "anyOf");
	if (depth < DEPTH_MAX && json_read_get(resolved, "properties")) {
		write_members(out, root, resolved, depth);
	} else if (depth < DEPTH_MAX && items) {
		buffer_append_byte(out, '[');
		write_schema(out, root, items, depth);
		buffer_append_text(out, ", …]");
	} else if (depth < DEPTH_MAX && choices) {
		write_choices(out, root, choices, depth);
	} else {
		write_type(out, resolved);
	}
	write_note(out, schema, resolved);
}

static void write_body(struct buffer *out, const struct json *root, const char *title, const char *name)
{
	const struct json *schema = openapi_schema(root, name);
	buffer_printf(out, "<h4>%s", title);
	if (strcmp(openapi_type(schema), "application/json") != 0) {
		buffer_append_text(out, " <small>");
		form_escape(out, openapi_type(schema));
		buffer_append_text(out, "</small>");
	}
	buffer_append_text(out, "</h4><pre>");
	write_schema(out, root, schema, 0);
	buffer_append_text(out, "</pre>\n");
}

// -- routes -----------------------------------------------------------------------------------------------

static void write_twins(struct buffer *out, const struct openapi_route *routes, size_t count,
			const struct api_row *row)
{
	bool first = true;
	for (size_t i = 0; i < count; i++) {
		if (routes[i].row != row || !routes[i].twin)
			continue;
		buffer_append_text(out, first ? "<p>Also at <code>" : ", <code>");
		form_escape(out, routes[i].path);
		buffer_append_text(out, "</code>");
		first = false;
	}
	if (!first)
		buffer_append_text(out, "</p>\n");
}

static void write_queries(struct buffer *out, const struct json *root, const struct api_row *row)
{
	const struct json *queries = openapi_queries(root, row);
	if (!queries)
		return;
	buffer_append_text(out, "<h4>Query</h4><ul>");
	for (size_t i = 0; i < json_read_size(queries); i++) {
		const char *name = json_read_text(json_read_at(queries, i), NULL);
		const struct json *facts = json_read_get(json_read_get(root, "query"), name);
		buffer_printf(out, "<li><code>%.*s</code> ", (int)strcspn(name, "."), name);
		form_escape(out, json_read_text(json_read_get(facts, "description"), NULL));
		buffer_append_text(out, "</li>");
	}
	buffer_append_text(out, "</ul>\n");
}

static void write_row(struct buffer *out, const struct json *root, const struct openapi_route *routes,
		      size_t count, const struct openapi_route *route)
{
	const struct api_row *row = route->row;
	const char *scope = openapi_scope(row);
	buffer_printf(out, "<details><summary><b class=\"%s\">%s</b> <code>", row->method, row->method);
	form_escape(out, route->path);
	buffer_append_text(out, "</code> <span>");
	form_escape(out, row->summary);
	buffer_append_text(out, "</span></summary>\n");
	write_twins(out, routes, count, row);
	buffer_printf(out, "<p>Who may: %s%s", openapi_who(row->who),
		      row->forms & OR_ONESELF ? ", or anybody for themselves" : "");
	if (scope)
		buffer_printf(out, "; token: %s", scope);
	buffer_append_text(out,
			   row->forms & KEYED ? ". Honours <code>Idempotency-Key</code>.</p>\n" : ".</p>\n");
	write_queries(out, root, row);
	if (row->takes)
		write_body(out, root, row->body == BODY_MAYBE ? "Body (may be absent)" : "Body", row->takes);
	if (row->gives && strcmp(row->gives, "NoBody") == 0)
		buffer_append_text(out, "<h4>Answer</h4><p>200 without a body.</p>\n");
	else
		write_body(out, root, "Answer", row->gives ? row->gives : "Nothing");
	buffer_append_text(out, "</details>\n");
}

static void write_section(struct buffer *out, const struct json *root, const struct openapi_route *routes,
			  size_t count, const char *tag)
{
	bool open = false;
	for (size_t i = 0; i < count; i++) {
		if (routes[i].twin || strcmp(openapi_tag(routes[i].row->path), tag) != 0)
			continue;
		if (!open)
			buffer_printf(out, "<h2 id=\"%s\">%s</h2>\n", tag, tag);
		open = true;
		write_row(out, root, routes, count, &routes[i]);
	}
}

// -- page -------------------------------------------------------------------------------------------------

static const char head[] =
	"<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Atoll Platform API</title>\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<link rel=\"stylesheet\" href=\"/docs/style.css\"></head>\n<body>\n"
	"<h1>Atoll Platform API</h1>\n"
	"<p>Version " ATOLL_VERSION
	". The same for programs: <a href=\"/openapi.json\">/openapi.json</a>.</p>\n"
	"<p>Every request carries <code>Authorization: Bearer TOKEN</code> with a platform token, but for "
	"routes that are "
	"for anybody. Bodies are JSON whatever the content type says; unknown members are ignored, "
	"<code>null</code> is "
	"absent. Success is 200. A refusal has another status and says why: "
	"<code>{\"error\":\"…\",\"code\":\"…\"}</code>. "
	"Roles, from least to most: viewer, member, admin, owner.</p>\n";

static const char style[] =
	"body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 "
	"1em;color-scheme:light dark}\n"
	"code,pre{font:14px/1.45 ui-monospace,monospace}\n"
	"pre{overflow-x:auto;padding:.7em 1em;background:#8881;border-radius:6px}\n"
	"pre i{color:#777}\n"
	"nav a{margin-right:1em}\n"
	"h2{margin-top:1.6em;text-transform:capitalize}\n"
	"h4{margin:.8em 0 .2em}\n"
	"details{border-top:1px solid #8884;padding:.3em 0}\n"
	"summary{cursor:pointer}\n"
	"summary b{display:inline-block;min-width:4.2em;font:bold 13px ui-monospace,monospace}\n"
	"summary span{color:#777}\n"
	".GET{color:#2a7}.POST{color:#27c}.PATCH,.PUT{color:#a70}.DELETE{color:#c33}\n";

const char *openapi_style(void)
{
	return style;
}

void openapi_write_page(const struct json *root, struct buffer *out)
{
	static const char *const tags[] = {"organizations", "members",   "invites",   "users", "tokens",
					   "groups",        "databases", "instances", "usage", "locations",
					   "audit",         "billing",   "server"};
	OWNED(arena) struct arena arena = {0};
	struct openapi_route *routes;
	size_t count = openapi_routes(&arena, &routes);
	buffer_append_text(out, head);
	buffer_append_text(out, "<nav>");
	for (size_t i = 0; i < ARRAY_LENGTH(tags); i++)
		buffer_printf(out, "<a href=\"#%s\">%s</a>\n", tags[i], tags[i]);
	buffer_append_text(out, "</nav>\n");
	for (size_t i = 0; i < ARRAY_LENGTH(tags); i++)
		write_section(out, root, routes, count, tags[i]);
	buffer_append_text(out, "</body></html>\n");
}
