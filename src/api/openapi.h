/// openapi: the server tells what it serves: a document for programs (OpenAPI 3.1) and a page for people. Both are made
/// once at the start, from the route table and from schemas.json, which holds what bodies and answers look like:
///
///     schemas   by the names in takes and gives. A text with "x-content-type" is no JSON
///     path      what stands for {…} in a path
///     query     query parameters by name; what follows a "." tells apart those of the same name
///     header    likewise
///     queries   which of them a route knows
#ifndef ATOLL_API_OPENAPI_H
#define ATOLL_API_OPENAPI_H

#include "api/routes.h"

/// A path under which a row is served.
struct openapi_route {
	const char *path;
	const struct api_row *row;
	bool twin; // not the row's own path
};

/// Ordered by path, so that the methods of a path stand together.
size_t openapi_routes(struct arena *arena, struct openapi_route **out);

/// schemas.json. Released with json_read_free.
struct json *openapi_schemas(void);
/// "databases": the part of the API that a path belongs to.
const char *openapi_tag(const char *path);
/// "member", "an administrator of the server"
const char *openapi_who(enum api_who who);
/// What a token needs, in words; NULL when any will do.
const char *openapi_scope(const struct api_row *row);
/// The schema of that name; NULL if there is none, which a test finds.
const struct json *openapi_schema(const struct json *root, const char *name);
/// The content type of what has that schema.
const char *openapi_type(const struct json *schema);
/// Names of the query parameters of a row, an array, or NULL.
const struct json *openapi_queries(const struct json *root, const struct api_row *row);

void openapi_write_document(const struct json *root, struct buffer *out);
void openapi_write_page(const struct json *root, struct buffer *out);
const char *openapi_style(void);

#endif
