/// routes: the one table of the Platform API. A row says everything about its route; gate.c acts on it.
///
/// To add a route: a row in routes.c, a handler in the file of its noun, a view in views.c if the answer is a
/// new one.
#ifndef ATOLL_API_ROUTES_H
#define ATOLL_API_ROUTES_H

#include <stddef.h>

#include "api/body.h"
#include "api/request.h"
#include "platform/scope.h"

/// Whom a route serves; the table in routes.c is the table of rights. WHO_ADMINISTRATOR is one of the server. From
/// WHO_VIEWER on the path means an organization, and the caller needs that role in it.
enum api_who { WHO_ANYBODY, WHO_USER, WHO_ADMINISTRATOR, WHO_VIEWER, WHO_MEMBER, WHO_ADMIN, WHO_OWNER };

enum api_forms {
	ONE_FORM = 0,
	USER_TWIN = 1,   // also without /organizations/{org}: the caller's own organization
	V3_TWIN = 2,     // also below /v3: the same resources, named by id
	KEYED = 4,       // honours Idempotency-Key
	PART_GOES = 8,   // removes a part of {db}, and says so when there is no {db}
	OR_ONESELF = 16, // any member may do it to itself, as {username}
	SETS_ROLE = 32   // has a sentence of its own for those who may not
};

struct api_row {
	const char *method;
	const char *path;
	api_handler *handler;
	enum api_who who;
	enum scope scope;
	enum body_need body;
	unsigned forms;
	const char *summary;
	// Names of schemas in schemas.json, of the whole body: {"database":{…}} is DatabaseAnswer, not Database.
	const char *takes; // NULL without a body
	const char *gives; // with status 200; NULL is {}, "NoBody" is not even that
};

const struct api_row *api_rows(size_t *out_count);

/// The paths under which a row is served, its own first. Returns how many.
enum { API_PATHS_MAX = 4 };
size_t api_row_paths(const struct api_row *row, struct arena *arena, const char *out_paths[API_PATHS_MAX]);

#endif
