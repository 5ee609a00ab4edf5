/// instances: creating an instance and waiting for it, as db create and db replicate both do.
#ifndef ATOLL_CLI_COMMANDS_INSTANCES_H
#define ATOLL_CLI_COMMANDS_INSTANCES_H

#include "cli/command.h"

/// Creates an instance of a database; `name` and `image` may be NULL. *out is the server's answer, whose
/// members live in call->arena's time only as long as it does: release it with json_read_free.
MUST_USE bool instance_create(struct call *call, const char *db, const char *location, const char *name,
			      const char *image, struct json **out, struct error *err);

/// Waits until an instance can serve, with a spinner on a terminal.
MUST_USE bool instance_wait(struct call *call, const char *db, const char *instance, const char *location,
			    struct error *err);

/// Asks at the path of a long poll until the answer is yes, with a spinner on a terminal.
MUST_USE bool call_wait(struct call *call, const char *path, const char *what, struct error *err);

/// Waits for all instances of a database.
MUST_USE bool instances_wait(struct call *call, const char *db, struct error *err);

/// Says that it was created, and its credentials if --credentials was given. `ready_ms` is how long it took until
/// it could serve; negative when nobody waited.
void instance_print_created(const struct call *call, const char *db, const struct json *answer,
			    int64_t ready_ms);

/// The instances of a database, as the server lists them.
MUST_USE bool instances_fetch(struct call *call, const char *db, struct json **out, struct error *err);

/// Fails with ERR_BAD_REQUEST when there is no such location.
MUST_USE bool location_check(struct call *call, const char *location, struct error *err);

/// Prints a table of instances with their addresses.
void instances_print(struct call *call, const struct json *list);

#endif
