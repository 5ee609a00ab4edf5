#include "api/openapi.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/json_read.h"

enum { NAMES_MAX = 512, DEPTH_MAX = 64 };

struct names {
	const char *list[NAMES_MAX];
	size_t count;
};

static bool has(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->list[i], name) == 0)
			return true;
	}
	return false;
}

static void reach(const struct json *root, const char *name, struct names *reached);

// All schemas that a node refers to, and those that they refer to.
static void reach_from(const struct json *root, const struct json *node, struct names *reached)
{
	const struct json *value;
	const char *key;
	void *at = NULL;
	const char *reference = json_read_text(json_read_get(node, "$ref"), NULL);
	if (reference) {
		static const char start[] = "#/components/schemas/";
		assert_int_equal(strncmp(reference, start, strlen(start)), 0);
		reach(root, reference + strlen(start), reached);
	}
	if (json_read_kind(node) == JSON_KIND_OBJECT) {
		while ((at = json_read_next(node, at, &key, &value)))
			reach_from(root, value, reached);
	}
	for (size_t i = 0; i < json_read_size(node); i++)
		reach_from(root, json_read_at(node, i), reached);
}

static void reach(const struct json *root, const char *name, struct names *reached)
{
	if (has(reached, name))
		return;
	assert_true(reached->count < NAMES_MAX);
	reached->list[reached->count++] = name;
	const struct json *schema = openapi_schema(root, name);
	if (!schema)
		fail_msg("schemas.json has no \"%s\"", name);
	reach_from(root, schema, reached);
}

static void every_row_has_its_schemas_and_every_schema_its_row(void **state)
{
	struct names reached = {0};
	size_t count;
	const struct api_row *rows = api_rows(&count);
	struct json *root = openapi_schemas();
	reach(root, "Error", &reached);
	reach(root, "Nothing", &reached);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].takes)
			reach(root, rows[i].takes, &reached);
		if (rows[i].gives && strcmp(rows[i].gives, "NoBody") != 0)
			reach(root, rows[i].gives, &reached);
		if ((rows[i].takes != NULL) != (rows[i].body != BODY_NONE))
			fail_msg("%s %s: a row takes what its body is", rows[i].method, rows[i].path);
	}
	const struct json *schema;
	const char *name;
	void *at = NULL;
	while ((at = json_read_next(json_read_get(root, "schemas"), at, &name, &schema))) {
		if (!has(&reached, name))
			fail_msg("no row needs the schema \"%s\"", name);
	}
	json_read_free(root);
}

static void every_parameter_is_described_and_every_description_used(void **state)
{
	struct names used = {0};
	OWNED(arena) struct arena arena = {0};
	struct openapi_route *routes;
	size_t count = openapi_routes(&arena, &routes);
	struct json *root = openapi_schemas();
	const struct json *value;
	const char *key;
	for (size_t i = 0; i < count; i++) {
		for (const char *at = strchr(routes[i].path, '{'); at; at = strchr(at + 1, '{')) {
			const char *name = arena_copy(&arena, at + 1, strcspn(at + 1, "}"));
			if (!json_read_get(json_read_get(root, "path"), name))
				fail_msg("schemas.json says nothing of {%s} in %s", name, routes[i].path);
			if (!has(&used, name))
				used.list[used.count++] = name;
		}
	}
	void *at = NULL;
	while ((at = json_read_next(json_read_get(root, "path"), at, &key, &value))) {
		if (!has(&used, key))
			fail_msg("no path has {%s}", key);
	}
	size_t row_count;
	const struct api_row *rows = api_rows(&row_count);
	used.count = 0;
	for (size_t i = 0; i < row_count; i++) {
		const struct json *queries = openapi_queries(root, &rows[i]);
		for (size_t j = 0; queries && j < json_read_size(queries); j++) {
			const char *name = json_read_text(json_read_at(queries, j), NULL);
			if (!json_read_get(json_read_get(root, "query"), name))
				fail_msg("schemas.json does not describe the query parameter \"%s\"", name);
			if (!has(&used, name))
				used.list[used.count++] = name;
		}
	}
	at = NULL;
	while ((at = json_read_next(json_read_get(root, "query"), at, &key, &value))) {
		if (!has(&used, key))
			fail_msg("no row knows the query parameter \"%s\"", key);
	}
	json_read_free(root);
}

static void queries_name_rows_that_there_are(void **state)
{
	size_t row_count;
	const struct api_row *rows = api_rows(&row_count);
	struct json *root = openapi_schemas();
	const struct json *value;
	const char *key;
	void *at = NULL;
	while ((at = json_read_next(json_read_get(root, "queries"), at, &key, &value))) {
		bool found = false;
		for (size_t i = 0; i < row_count; i++) {
			size_t size = strlen(rows[i].method);
			found = found || (strncmp(key, rows[i].method, size) == 0 && key[size] == ' ' &&
					  strcmp(key + size + 1, rows[i].path) == 0);
		}
		if (!found)
			fail_msg("schemas.json tells the query parameters of \"%s\", which is no row", key);
	}
	json_read_free(root);
}

static void the_document_has_every_path_and_method(void **state)
{
	OWNED(buffer) struct buffer text = {0};
	OWNED(json_root) struct json *document = NULL;
	OWNED(arena) struct arena arena = {0};
	struct error err;
	struct openapi_route *routes;
	size_t count = openapi_routes(&arena, &routes);
	struct json *root = openapi_schemas();
	openapi_write_document(root, &text);
	assert_true(json_read_parse(text.data, text.size, JSON_READ_UNIQUE_KEYS, DEPTH_MAX, &document, &err));
	for (size_t i = 0; i < count; i++) {
		char method[8] = "";
		for (size_t j = 0; routes[i].row->method[j]; j++)
			method[j] = (char)(routes[i].row->method[j] | 0x20);
		const struct json *path = json_read_get(json_read_get(document, "paths"), routes[i].path);
		const struct json *operation = json_read_get(path, method);
		if (!operation)
			fail_msg("%s %s", routes[i].row->method, routes[i].path);
		assert_string_equal(json_read_text(json_read_get(operation, "summary"), NULL),
				    routes[i].row->summary);
		assert_int_equal(json_read_get(operation, "x-same-as") != NULL, routes[i].twin);
	}
	json_read_free(root);
}

static void the_page_tells_every_row_and_needs_nothing_from_elsewhere(void **state)
{
	OWNED(buffer) struct buffer page = {0};
	size_t count;
	const struct api_row *rows = api_rows(&count);
	struct json *root = openapi_schemas();
	openapi_write_page(root, &page);
	const char *text = buffer_text(&page);
	for (size_t i = 0; i < count; i++) {
		OWNED(buffer) struct buffer line = {0};
		buffer_printf(&line, "<b class=\"%s\">%s</b> <code>%s</code>", rows[i].method, rows[i].method,
			      rows[i].path);
		if (!strstr(text, buffer_text(&line)))
			fail_msg("%s %s", rows[i].method, rows[i].path);
	}
	assert_null(strstr(text, "http://"));
	assert_null(strstr(text, "https://"));
	assert_null(strstr(text, "<script"));
	assert_null(strstr(text, "style=\""));
	json_read_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_has_its_schemas_and_every_schema_its_row),
		cmocka_unit_test(every_parameter_is_described_and_every_description_used),
		cmocka_unit_test(queries_name_rows_that_there_are),
		cmocka_unit_test(the_document_has_every_path_and_method),
		cmocka_unit_test(the_page_tells_every_row_and_needs_nothing_from_elsewhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
