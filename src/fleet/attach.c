#include "fleet/attach.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/stream.h"
#include "fleet/internal.h"

bool attachments_add(struct attachments *attachments, struct fleet *fleet, const char *database,
		     const struct policy_attachment *request, struct engine_stream *stream, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	if (!fleet_acquire(fleet, database, NULL, &instance, err) ||
	    !engine_stream_attach(stream, instance->engine, request->alias, err))
		return false;
	attachments->items =
		realloc(attachments->items, (attachments->count + 1) * sizeof(*attachments->items));
	ASSERT(attachments->items != NULL);
	struct attachment *added = &attachments->items[attachments->count++];
	memcpy(added->name, request->name, sizeof(added->name));
	memcpy(added->alias, request->alias, sizeof(added->alias));
	added->instance = TAKE(instance);
	return true;
}

static struct attachment *find(const struct attachments *attachments, const char *alias)
{
	for (size_t i = 0; i < attachments->count; i++) {
		if (strcasecmp(attachments->items[i].alias, alias) == 0)
			return &attachments->items[i];
	}
	return NULL;
}

bool attachments_remove(struct attachments *attachments, const char *alias,
			struct engine_stream *const streams[2], int64_t deadline_ms, struct error *err)
{
	struct attachment *found = find(attachments, alias);
	if (!found)
		return error_set(err, ERR_SQLITE, "SQLite error: no such database: %s", alias);
	// One that fails leaves the attachment; the other stream gets it back before it is used.
	for (int i = 0; i < 2; i++) {
		if (streams[i] && engine_stream_has_attached(streams[i], alias) &&
		    !engine_stream_detach(streams[i], alias, deadline_ms, err))
			return false;
	}
	fleet_release(found->instance);
	*found = attachments->items[--attachments->count];
	return true;
}

bool attachments_check(const struct attachments *attachments, struct error *err)
{
	for (size_t i = 0; i < attachments->count; i++) {
		const struct attachment *attachment = &attachments->items[i];
		struct fleet_instance *instance = attachment->instance;
		if (atomic_load(&instance->gone) || !engine_database_allows_attach(instance->engine))
			return error_set(err, ERR_FORBIDDEN, "Namespace `%s` doesn't allow attach",
					 attachment->name);
		if (engine_database_blocks_reads(instance->engine))
			return error_set(err, ERR_BLOCKED, "Operation was blocked");
	}
	return true;
}

bool attachments_ensure(const struct attachments *attachments, struct engine_stream *stream,
			struct error *err)
{
	for (size_t i = 0; i < attachments->count; i++) {
		const struct attachment *attachment = &attachments->items[i];
		if (!engine_stream_has_attached(stream, attachment->alias) &&
		    !engine_stream_attach(stream, attachment->instance->engine, attachment->alias, err))
			return false;
	}
	return true;
}

void attachments_cleanup(struct attachments *attachments)
{
	for (size_t i = 0; i < attachments->count; i++)
		fleet_release(attachments->items[i].instance);
	free(attachments->items);
	*attachments = (struct attachments){0};
}
