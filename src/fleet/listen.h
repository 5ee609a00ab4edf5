/// listen: being told of changed rows of a table, on the primary instance of a database (engine/watch.h).
///
/// Life:    fleet_listen → calls → fleet_listener_end. The instance is held meanwhile, so that its database stays open.
/// Threads: any; a call comes from any thread and must not block. fleet_listen may block, and so must not run on a network
///          thread.
#ifndef ATOLL_FLEET_LISTEN_H
#define ATOLL_FLEET_LISTEN_H

#include <stdbool.h>

#include "base/error.h"
#include "engine/watch.h" // struct change_counts, engine_changed

struct fleet;
struct fleet_listener;

/// instance "": the primary. *out is NULL when the instance is a replica, which knows pages but no rows.
/// Fails: ERR_BLOCKED, and as fleet_acquire
MUST_USE bool fleet_listen(struct fleet *fleet, const char *database, const char *instance, const char *table,
			   engine_changed *changed, void *context, struct fleet_listener **out,
			   struct error *err);
/// False once the instance is destroyed or its reads are blocked.
bool fleet_listener_is_live(const struct fleet_listener *listener);
/// No call is under way afterwards, and none comes any more. NULL is fine.
void fleet_listener_end(struct fleet_listener *listener);

#endif
