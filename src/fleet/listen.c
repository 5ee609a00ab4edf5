#include "fleet/listen.h"

#include <stdlib.h>

#include "fleet/internal.h"

struct fleet_listener {
	struct fleet_instance *instance;
	struct engine_watch *watch;
};

bool fleet_listen(struct fleet *fleet, const char *database, const char *instance, const char *table,
		  engine_changed *changed, void *context, struct fleet_listener **out, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	if (!fleet_acquire(fleet, database, instance, &held, err))
		return false;
	*out = NULL;
	if (!held->spec.primary)
		return true;
	if (engine_database_blocks_reads(held->engine))
		return error_set(err, ERR_BLOCKED, "Operation was blocked");
	struct fleet_listener *listener = calloc(1, sizeof(*listener));
	ASSERT(listener != NULL);
	listener->watch = engine_watch_begin(held->engine, table, changed, context);
	listener->instance = TAKE(held);
	*out = listener;
	return true;
}

bool fleet_listener_is_live(const struct fleet_listener *listener)
{
	return !atomic_load(&listener->instance->gone) &&
	       !engine_database_blocks_reads(listener->instance->engine);
}

void fleet_listener_end(struct fleet_listener *listener)
{
	if (!listener)
		return;
	engine_watch_end(listener->watch);
	fleet_release(listener->instance);
	free(listener);
}
