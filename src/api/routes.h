/// routes: the one table of the Platform API. A row says everything about its route; gate.c acts on it.
///
/// To add a route: a row in routes.c, a handler in the file of its noun, a view in views.c if the answer is a
/// new one.
#ifndef ATOLL_API_ROUTES_H
#define ATOLL_API_ROUTES_H

#include <stddef.h>

#include "api/body.h"
#include "api/request.h"

/// Whom a route serves. From WHO_VIEWER on the path means an organization, and the caller needs that role in
/// it.
enum api_who { WHO_ANYBODY, WHO_USER, WHO_VIEWER, WHO_MEMBER, WHO_ADMIN, WHO_OWNER };

/// What a token needs that is not good for everything (spec/platform-api.md §2.4).
enum api_scope {
	SCOPE_NONE, // no resource of an organization is touched
	SCOPE_READ,
	SCOPE_DB_CREATE,
	SCOPE_DB_DELETE,
	SCOPE_DB_CONFIGURE,
	SCOPE_DB_MINT_TOKEN,
	SCOPE_DB_ROTATE_CREDS
};

enum api_forms {
	ONE_FORM = 0,
	USER_TWIN = 1, // also without /organizations/{org}: the caller's own organization
	V3_TWIN = 2,   // also below /v3: the same resources, named by id
	KEYED = 4,     // honours Idempotency-Key
	PART_GOES = 8  // removes a part of {db}, and says so when there is no {db}
};

struct api_row {
	const char *method;
	const char *path;
	api_handler *handler;
	enum api_who who;
	enum api_scope scope;
	enum body_need body;
	unsigned forms;
	const char *summary;
};

const struct api_row *api_rows(size_t *out_count);

/// The paths under which a row is served, its own first. Returns how many.
enum { API_PATHS_MAX = 4 };
size_t api_row_paths(const struct api_row *row, struct arena *arena, const char *out_paths[API_PATHS_MAX]);

#endif
