/// request: one request on its way through the gate to its handler. Everything a handler needs is resolved
/// here; what it allocates lives in the request's arena.
#ifndef ATOLL_API_REQUEST_H
#define ATOLL_API_REQUEST_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "platform/database.h"
#include "platform/group.h"

struct api;
struct api_row;
struct net_request;

struct api_request {
	struct api *api;
	struct platform *platform;
	struct net_request *net;
	const struct api_row *row;
	struct arena *arena;
	struct caller caller;             // unless the row is open to anybody
	struct organization organization; // where the row's path has one, or stands for one
	struct database database;         // where the row's path has {db}
	struct group group;               // where the row's path has {group}
	const struct json *body;          // an object, or NULL: all fields are absent
	struct json_writer out;           // the answer's body
	int64_t retry_ms;                 // for a failure that passes by itself: when; 0 = soon
	bool goes_on;                     // the handler keeps the reply and will finish it itself
	int error_status; // for a failure that has another status here than in errors.c; 0 = none
};

/// Body → one domain call → view. On failure what was written is dropped and *err is told.
typedef bool api_handler(struct api_request *req, struct error *err);

/// A decoded segment of the path; never NULL for a name that the row has.
const char *api_param(const struct api_request *req, const char *name);
/// A decoded query parameter; NULL when absent or empty.
const char *api_query(const struct api_request *req, const char *name);
/// The body's fields, by the rules of spec/platform-api.md §1.3.
struct json_fields api_fields(const struct api_request *req);

#endif
