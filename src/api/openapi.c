#include "api/openapi.h"

#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/json_write.h"

static const char *const schemas[] = {
#include "schemas.json.inc"
};

enum { SCHEMAS_DEPTH_MAX = 32 };

struct json *openapi_schemas(void)
{
	OWNED(buffer) struct buffer text = {0};
	struct json *root;
	struct error err;
	for (const char *const *line = schemas; *line; line++)
		buffer_append_text(&text, *line);
	bool read =
		json_read_parse(text.data, text.size, JSON_READ_UNIQUE_KEYS, SCHEMAS_DEPTH_MAX, &root, &err);
	ASSERT(read);
	return root;
}

// -- what rows say --------------------------------------------------------------------------------------

static int by_path(const void *a, const void *b)
{
	const struct openapi_route *left = a;
	const struct openapi_route *right = b;
	int order = strcmp(left->path, right->path);
	return order ? order : (left->row > right->row) - (left->row < right->row);
}

size_t openapi_routes(struct arena *arena, struct openapi_route **out)
{
	size_t row_count;
	const struct api_row *rows = api_rows(&row_count);
	struct openapi_route *routes = arena_alloc(arena, row_count * API_PATHS_MAX * sizeof(*routes));
	size_t count = 0;
	for (size_t i = 0; i < row_count; i++) {
		const char *paths[API_PATHS_MAX];
		size_t path_count = api_row_paths(&rows[i], arena, paths);
		for (size_t j = 0; j < path_count; j++)
			routes[count++] = (struct openapi_route){paths[j], &rows[i], j > 0};
	}
	qsort(routes, count, sizeof(*routes), by_path);
	*out = routes;
	return count;
}

const char *openapi_tag(const char *path)
{
	// The first part that a path has tells.
	static const struct {
		const char *part;
		const char *tag;
	} tags[] = {
		{"/usage", "usage"},         {"/stats", "usage"},
		{"/instances", "instances"}, {"/databases", "databases"},
		{"/groups", "groups"},       {"/members", "members"},
		{"/invite", "invites"},      {"/api-tokens", "tokens"},
		{"/auth/", "tokens"},        {"/audit-logs", "audit"},
		{"/billing", "billing"},     {"/plans", "billing"},
		{"/invoices", "billing"},    {"/subscription", "billing"},
		{"/stripe", "billing"},      {"/locations", "locations"},
		{"/closest", "locations"},   {"/user", "users"},
		{"/current-user", "users"},  {"/organizations", "organizations"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(tags); i++) {
		if (strstr(path, tags[i].part))
			return tags[i].tag;
	}
	return "server";
}

const char *openapi_who(enum api_who who)
{
	static const char *const names[] = {
		[WHO_ANYBODY] = "anybody",
		[WHO_USER] = "any user",
		[WHO_ADMINISTRATOR] = "an administrator of the server",
		[WHO_VIEWER] = "viewer",
		[WHO_MEMBER] = "member",
		[WHO_ADMIN] = "admin",
		[WHO_OWNER] = "owner",
	};
	return names[who];
}

const char *openapi_scope(const struct api_row *row)
{
	switch (row->scope) {
	case SCOPE_NONE:
		return NULL;
	case SCOPE_ORGANIZATION:
		return "any token but one of a group";
	case SCOPE_ACCOUNT:
		return "a token that is not restricted";
	default:
		return scope_name(row->scope);
	}
}

const struct json *openapi_schema(const struct json *root, const char *name)
{
	return json_read_get(json_read_get(root, "schemas"), name);
}

const char *openapi_type(const struct json *schema)
{
	const char *type = json_read_text(json_read_get(schema, "x-content-type"), NULL);
	return type ? type : "application/json";
}

const struct json *openapi_queries(const struct json *root, const struct api_row *row)
{
	OWNED(buffer) struct buffer key = {0};
	buffer_printf(&key, "%s %s", row->method, row->path);
	return json_read_get(json_read_get(root, "queries"), buffer_text(&key));
}

// -- JSON -----------------------------------------------------------------------------------------------

static void copy(struct json_writer *w, const struct json *node)
{
	const struct json *value;
	const char *key;
	const char *text;
	size_t size;
	void *at = NULL;
	switch (json_read_kind(node)) {
	case JSON_KIND_NULL:
		json_write_null(w);
		break;
	case JSON_KIND_BOOL:
		json_write_bool(w, json_read_bool(node));
		break;
	case JSON_KIND_INTEGER:
		json_write_integer(w, json_read_integer(node));
		break;
	case JSON_KIND_REAL:
		json_write_real(w, json_read_number(node));
		break;
	case JSON_KIND_TEXT:
		text = json_read_text(node, &size);
		json_write_text_sized(w, text, size);
		break;
	case JSON_KIND_ARRAY:
		json_write_array(w);
		for (size_t i = 0; i < json_read_size(node); i++)
			copy(w, json_read_at(node, i));
		json_write_end_array(w);
		break;
	case JSON_KIND_OBJECT:
		json_write_object(w);
		while ((at = json_read_next(node, at, &key, &value))) {
			json_write_key_escaped(w, key);
			copy(w, value);
		}
		json_write_end_object(w);
		break;
	}
}

// {"$ref": "#/components/KIND/NAME"}
static void write_reference(struct json_writer *w, const char *kind, const char *name)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_printf(&text, "#/components/%s/%s", kind, name);
	json_write_object(w);
	json_write_member_text(w, "$ref", buffer_text(&text));
	json_write_end_object(w);
}

static void write_content_of(struct json_writer *w, const struct json *root, const char *name)
{
	json_write_key_escaped(w, openapi_type(openapi_schema(root, name)));
	json_write_object(w);
	json_write_key(w, "schema");
	write_reference(w, "schemas", name);
	json_write_end_object(w);
}

static void write_content(struct json_writer *w, const struct json *root, const char *name)
{
	json_write_key(w, "content");
	json_write_object(w);
	write_content_of(w, root, name);
	json_write_end_object(w);
}

// -- operations -----------------------------------------------------------------------------------------

// What is named in routes by the statuses that rows can answer with, beside 200.
static const struct refusal {
	int status;
	const char *name;
	const char *description;
} refusals[] = {
	{400, "BadRequest", "Malformed or invalid input, or a rule forbids it."},
	{401, "Unauthorized", "The token is absent, invalid, expired or revoked."},
	{402, "QuotaExceeded", "A quota is reached."},
	{403, "Forbidden",
	 "Not a member of the organization, or the role or the token's scope does not allow it."},
	{404, "NotFound", "Something that the path or the body names does not exist."},
	{409, "Conflict", "Something of this name exists, or the thing is in no state for it."},
	{413, "TooLarge", "The body is too large."},
	{415, "UnsupportedMedia", "The body is no multipart form."},
	{429, "TooMany", "Too many requests; Retry-After tells when to come again."},
	{500, "Internal", "A fault of the server, told in its log under the X-Request-Id."},
	{503, "Unavailable", "Cannot be done now; Retry-After tells when to come again."},
};

static bool may_refuse(const struct api_row *row, const struct json *root, int status)
{
	bool reads = strcmp(row->method, "GET") == 0;
	bool names = strchr(row->path, '{') != NULL;
	bool open = row->who == WHO_ANYBODY;
	const char *type = row->takes ? openapi_type(openapi_schema(root, row->takes)) : "";
	switch (status) {
	case 400:
		return !reads || names || openapi_queries(root, row) != NULL;
	case 401:
		return !open || row->takes;
	case 403:
		return row->who > WHO_USER || (!open && !reads);
	case 404:
		return names || !reads;
	case 402:
		return !reads;
	case 409:
		return !reads || strstr(row->path, "{db}/");
	case 413:
		return row->takes != NULL;
	case 415:
		return strcmp(type, "multipart/form-data") == 0;
	default:
		return true;
	}
}

// A page's form is answered by pages, also when it is refused, and by leading the browser elsewhere.
static bool is_form(const struct api_row *row, const struct json *root)
{
	return row->takes && row->gives && strcmp(row->gives, "Page") == 0 &&
	       strcmp(openapi_type(openapi_schema(root, row->takes)), "application/x-www-form-urlencoded") ==
		       0;
}

static void write_form_refusal(struct json_writer *w, const struct json *root, const struct refusal *refusal)
{
	json_write_object(w);
	json_write_member_text(w, "description", refusal->description);
	json_write_key(w, "content");
	json_write_object(w);
	write_content_of(w, root, "Page");
	write_content_of(w, root, "Error");
	json_write_end_object(w);
	json_write_end_object(w);
}

static void write_answers(struct json_writer *w, const struct json *root, const struct api_row *row)
{
	const char *gives = row->gives ? row->gives : "Nothing";
	char status[8];
	json_write_key(w, "responses");
	json_write_object(w);
	json_write_key(w, "200");
	json_write_object(w);
	json_write_member_text(w, "description", "Done.");
	if (strcmp(gives, "NoBody") != 0)
		write_content(w, root, gives);
	json_write_end_object(w);
	if (is_form(row, root)) {
		json_write_key(w, "303");
		json_write_object(w);
		json_write_member_text(w, "description", "Done; the browser is led back to who sent it.");
		write_content(w, root, "Page");
		json_write_end_object(w);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
		if (!may_refuse(row, root, refusals[i].status))
			continue;
		snprintf(status, sizeof(status), "%d", refusals[i].status);
		json_write_key_escaped(w, status);
		if (is_form(row, root))
			write_form_refusal(w, root, &refusals[i]);
		else
			write_reference(w, "responses", refusals[i].name);
	}
	json_write_end_object(w);
}

static void write_parameters(struct json_writer *w, const struct json *root,
			     const struct openapi_route *route)
{
	OWNED(buffer) struct buffer name = {0};
	json_write_key(w, "parameters");
	json_write_array(w);
	for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{')) {
		buffer_truncate(&name, 0);
		buffer_printf(&name, "path.%.*s", (int)strcspn(at + 1, "}"), at + 1);
		write_reference(w, "parameters", buffer_text(&name));
	}
	const struct json *queries = openapi_queries(root, route->row);
	for (size_t i = 0; queries && i < json_read_size(queries); i++) {
		buffer_truncate(&name, 0);
		buffer_printf(&name, "query.%s", json_read_text(json_read_at(queries, i), NULL));
		write_reference(w, "parameters", buffer_text(&name));
	}
	if (route->row->forms & KEYED)
		write_reference(w, "parameters", "header.Idempotency-Key");
	json_write_end_array(w);
}

// get_v1_organizations_org_databases
static void write_operation_id(struct json_writer *w, const struct openapi_route *route)
{
	OWNED(buffer) struct buffer id = {0};
	for (const char *at = route->row->method; *at; at++)
		buffer_append_byte(&id, (char)(*at | 0x20));
	for (const char *at = route->path; *at; at++) {
		if (strchr("/-.", *at))
			buffer_append_byte(&id, '_');
		else if (!strchr("{}", *at))
			buffer_append_byte(&id, *at);
	}
	json_write_member_text(w, "operationId", buffer_text(&id));
}

static void write_rights(struct json_writer *w, const struct api_row *row)
{
	OWNED(buffer) struct buffer text = {0};
	const char *scope = openapi_scope(row);
	if (row->who >= WHO_VIEWER)
		buffer_printf(&text, "Needs the role %s in the organization%s", openapi_who(row->who),
			      row->forms & OR_ONESELF ? ", unless {username} is the caller" : "");
	else
		buffer_printf(&text, "For %s", openapi_who(row->who));
	if (scope)
		buffer_printf(&text, "; token: %s", scope);
	buffer_append_text(&text, ".");
	json_write_member_text(w, "description", buffer_text(&text));
	json_write_member_text(w, "x-who", openapi_who(row->who));
	if (scope)
		json_write_member_text(w, "x-scope", scope);
	if (row->who == WHO_ANYBODY) {
		json_write_key(w, "security");
		json_write_array(w);
		json_write_end_array(w);
	}
}

static void write_operation(struct json_writer *w, const struct json *root, const struct openapi_route *route)
{
	const struct api_row *row = route->row;
	char method[8] = "";
	for (size_t i = 0; row->method[i] && i + 1 < sizeof(method); i++)
		method[i] = (char)(row->method[i] | 0x20);
	json_write_key_escaped(w, method);
	json_write_object(w);
	write_operation_id(w, route);
	json_write_member_text(w, "summary", row->summary);
	write_rights(w, row);
	json_write_key(w, "tags");
	json_write_array(w);
	json_write_text(w, openapi_tag(row->path));
	json_write_end_array(w);
	if (route->twin)
		json_write_member_text(w, "x-same-as", row->path);
	write_parameters(w, root, route);
	if (row->takes) {
		json_write_key(w, "requestBody");
		json_write_object(w);
		json_write_member_bool(w, "required", row->body != BODY_MAYBE);
		write_content(w, root, row->takes);
		json_write_end_object(w);
	}
	write_answers(w, root, row);
	json_write_end_object(w);
}

static void write_paths(struct json_writer *w, const struct json *root)
{
	OWNED(arena) struct arena arena = {0};
	struct openapi_route *routes;
	size_t count = openapi_routes(&arena, &routes);
	json_write_key(w, "paths");
	json_write_object(w);
	for (size_t i = 0; i < count; i++) {
		bool first = i == 0 || strcmp(routes[i].path, routes[i - 1].path) != 0;
		bool last = i + 1 == count || strcmp(routes[i].path, routes[i + 1].path) != 0;
		if (first) {
			json_write_key_escaped(w, routes[i].path);
			json_write_object(w);
		}
		write_operation(w, root, &routes[i]);
		if (last)
			json_write_end_object(w);
	}
	json_write_end_object(w);
}

// -- components -----------------------------------------------------------------------------------------

static void write_parameter(struct json_writer *w, const char *place, const char *name,
			    const struct json *facts)
{
	OWNED(buffer) struct buffer key = {0};
	buffer_printf(&key, "%s.%s", place, name);
	json_write_key_escaped(w, buffer_text(&key));
	json_write_object(w);
	// "type/invoices" is the parameter "type" of the invoices.
	json_write_key(w, "name");
	json_write_text_sized(w, name, strcspn(name, "."));
	json_write_member_text(w, "in", place);
	json_write_member_bool(w, "required", strcmp(place, "path") == 0);
	json_write_key(w, "description");
	copy(w, json_read_get(facts, "description"));
	json_write_key(w, "schema");
	copy(w, json_read_get(facts, "schema"));
	json_write_end_object(w);
}

static void write_component_parameters(struct json_writer *w, const struct json *root)
{
	static const char *const places[] = {"path", "query", "header"};
	json_write_key(w, "parameters");
	json_write_object(w);
	for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
		const struct json *facts;
		const char *name;
		void *at = NULL;
		while ((at = json_read_next(json_read_get(root, places[i]), at, &name, &facts)))
			write_parameter(w, places[i], name, facts);
	}
	json_write_end_object(w);
}

static void write_component_answers(struct json_writer *w, const struct json *root)
{
	json_write_key(w, "responses");
	json_write_object(w);
	for (size_t i = 0; i < ARRAY_LENGTH(refusals); i++) {
		json_write_key_escaped(w, refusals[i].name);
		json_write_object(w);
		json_write_member_text(w, "description", refusals[i].description);
		write_content(w, root, "Error");
		json_write_end_object(w);
	}
	json_write_end_object(w);
}

static void write_components(struct json_writer *w, const struct json *root)
{
	json_write_key(w, "components");
	json_write_object(w);
	json_write_key(w, "securitySchemes");
	json_write_object(w);
	json_write_key(w, "token");
	json_write_object(w);
	json_write_member_text(w, "type", "http");
	json_write_member_text(w, "scheme", "bearer");
	json_write_member_text(w, "description", "A platform token.");
	json_write_end_object(w);
	json_write_end_object(w);
	write_component_parameters(w, root);
	write_component_answers(w, root);
	json_write_key(w, "schemas");
	copy(w, json_read_get(root, "schemas"));
	json_write_end_object(w);
}

static void write_head(struct json_writer *w)
{
	json_write_member_text(w, "openapi", "3.1.0");
	json_write_key(w, "info");
	json_write_object(w);
	json_write_member_text(w, "title", "Atoll Platform API");
	json_write_member_text(w, "version", ATOLL_VERSION);
	json_write_member_text(
		w, "description",
		"Operates organizations, groups, databases and instances. Bodies are JSON, whatever "
		"the content type says; unknown members are ignored, and null is absent. Paths "
		"below /v3 and those without an organization serve the same as their like; "
		"x-same-as names it.");
	json_write_end_object(w);
	json_write_key(w, "servers");
	json_write_array(w);
	json_write_object(w);
	json_write_member_text(w, "url", "/");
	json_write_end_object(w);
	json_write_end_array(w);
	json_write_key(w, "security");
	json_write_array(w);
	json_write_object(w);
	json_write_key(w, "token");
	json_write_array(w);
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_array(w);
}

void openapi_write_document(const struct json *root, struct buffer *out)
{
	struct json_writer w = json_write_to(out);
	json_write_object(&w);
	write_head(&w);
	write_paths(&w, root);
	write_components(&w, root);
	json_write_end_object(&w);
}
