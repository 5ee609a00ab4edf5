// What the fleet asks of the platform, and what it tells it.

#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "platform/internal.h"

static int64_t find_database(struct store_txn *txn, const char *uuid)
{
	struct query *q = sql_query(txn, SQL_KNOWS_DATABASE);
	query_bind_text(q, ":uuid", uuid);
	return sql_single(q);
}

// -- describe -----------------------------------------------------------------------------------------

static void list_specs(struct store_txn *txn, int64_t database, struct buffer *out)
{
	struct query *q = sql_query(txn, SQL_DESCRIBE_DATABASE);
	query_bind_integer(q, ":database", database);
	while (query_step(q)) {
		struct fleet_instance_spec spec = {.primary = strcmp(query_text(q, 2), "primary") == 0};
		snprintf(spec.uuid, sizeof(spec.uuid), "%s", query_text(q, 0));
		snprintf(spec.location, sizeof(spec.location), "%s", query_text(q, 1));
		buffer_append(out, &spec, sizeof(spec));
	}
}

static bool describe(void *context, const char *uuid, struct fleet_instance_spec **out_specs,
		     size_t *out_count, struct engine_rules *out_rules, struct error *err)
{
	struct platform *platform = context;
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer specs = {0};
	struct engine_rules rules = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	int64_t database = database_rules(txn, uuid, &rules);
	if (database)
		list_specs(txn, database, &specs);
	if (!store_commit(&txn, err))
		return false;
	if (!database)
		return error_set(err, ERR_DATABASE_NOT_FOUND, "the database does not exist any more");
	*out_rules = rules;
	*out_count = specs.size / sizeof(struct fleet_instance_spec);
	*out_specs = (void *)buffer_take(&specs, NULL);
	return true;
}

// -- events -------------------------------------------------------------------------------------------

static bool remove_rows(struct platform *platform, const struct access_instance *instances,
			const bool *removed, size_t count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!removed[i])
			continue;
		struct query *q = sql_query(txn, SQL_REMOVE_INSTANCE);
		query_bind_text(q, ":uuid", instances[i].instance);
		query_run(q);
	}
	return store_commit(&txn, err);
}

// Nobody sees the instance any more; where this fails its row stays, so that the next start tries again.
static void warn_of_left(const struct access_instance *instance, const struct error *err)
{
	trace_warn("instance.files_left", "database", instance->database, "instance", instance->instance,
		   "error", err->message, "detail", err->detail);
}

void instances_remove(struct platform *platform, const struct access_instance *instances, size_t count)
{
	struct error err;
	bool *removed = calloc(count, sizeof(bool));
	ASSERT(removed);
	for (size_t i = 0; i < count; i++) {
		removed[i] = fleet_destroy_instance(platform->fleet, instances[i].database,
						    instances[i].instance, &err);
		if (!removed[i])
			warn_of_left(&instances[i], &err);
	}
	if (!remove_rows(platform, instances, removed, count, &err))
		warn_of_left(&instances[0], &err);
	free(removed);
}

static void remove_one(struct platform *platform, const char *database, const char *instance)
{
	struct access_instance one = {0};
	snprintf(one.database, sizeof(one.database), "%s", database);
	snprintf(one.instance, sizeof(one.instance), "%s", instance);
	instances_remove(platform, &one, 1);
}

// A replica that was created while the primary was not ready has waited for this moment. Lists them by UUID.
static void settle_replicas(struct store_txn *txn, int64_t database, const char *failure, struct buffer *out)
{
	struct row {
		int64_t id;
		char uuid[CRYPT_UUID_TEXT_BYTES];
	};
	OWNED(buffer) struct buffer rows = {0};
	struct query *q = sql_query(txn, SQL_LIST_CREATING_REPLICAS);
	query_bind_integer(q, ":database", database);
	while (query_step(q)) {
		struct row row = {.id = query_integer(q, 0)};
		snprintf(row.uuid, sizeof(row.uuid), "%s", query_text(q, 1));
		buffer_append(&rows, &row, sizeof(row));
	}
	const struct row *replicas = (const void *)rows.data;
	for (size_t i = 0; i < rows.size / sizeof(struct row); i++) {
		if (failure)
			instance_move(txn, replicas[i].id, INSTANCE_CREATING, INSTANCE_FAILED, failure);
		else
			buffer_append(out, replicas[i].uuid, sizeof(replicas[i].uuid));
	}
}

enum fate { FATE_SETTLED, FATE_DESTROYED, FATE_DATABASE_DESTROYED };

// Stores how the creation ended; *out_launches holds the UUIDs of replicas that may be filled now.
static bool store_event(struct platform *platform, const char *database, const char *instance,
			const struct error *why, enum fate *out_fate, struct buffer *out_launches,
			struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char failure[sizeof(why->message) + 64];
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	*out_fate = find_database(txn, database) ? FATE_DESTROYED : FATE_DATABASE_DESTROYED;
	struct query *q = sql_query(txn, SQL_INSTANCE_OF_EVENT);
	query_bind_text(q, ":uuid", instance);
	if (query_step(q)) {
		int64_t row = query_integer(q, 0);
		int64_t database_row = query_integer(q, 3);
		bool destroying = strcmp(query_text(q, 1), instance_state_name(INSTANCE_DESTROYING)) == 0;
		bool primary = strcmp(query_text(q, 2), "primary") == 0;
		query_run(q);
		*out_fate = destroying ? FATE_DESTROYED : FATE_SETTLED;
		// An instance that was ready stays so: it was opened again, and nothing is new.
		bool moved = !destroying &&
			     instance_move(txn, row, INSTANCE_CREATING,
					   why ? INSTANCE_FAILED : INSTANCE_READY, why ? why->message : NULL);
		if (why)
			snprintf(failure, sizeof(failure), "the primary could not be created: %s",
				 why->message);
		if (moved && primary)
			settle_replicas(txn, database_row, why ? failure : NULL, out_launches);
	}
	return store_commit(&txn, err);
}

// An event that the store would not take, for instance because the disk is full.
struct lost_event {
	struct lost_event *next;
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES];
	bool failed;
	struct error why;
};

static void remember(struct platform *platform, const char *database, const char *instance,
		     const struct error *why)
{
	struct lost_event *event = calloc(1, sizeof(*event));
	ASSERT(event);
	snprintf(event->database, sizeof(event->database), "%s", database);
	snprintf(event->instance, sizeof(event->instance), "%s", instance);
	event->failed = why != NULL;
	if (why)
		event->why = *why;
	pthread_mutex_lock(&platform->instances_mutex);
	event->next = platform->lost_events;
	platform->lost_events = event;
	pthread_mutex_unlock(&platform->instances_mutex);
}

static void instance_event(void *context, const char *database, const char *instance, const struct error *why)
{
	struct platform *platform = context;
	OWNED(buffer) struct buffer launches = {0};
	enum fate fate = FATE_SETTLED;
	struct error err;
	if (!store_event(platform, database, instance, why, &fate, &launches, &err)) {
		trace_error("instance.event_lost", "database", database, "instance", instance, "error",
			    err.message, "detail", err.detail);
		remember(platform, database, instance, why);
		return;
	}
	instances_announce(platform);
	for (size_t at = 0; at < launches.size; at += CRYPT_UUID_TEXT_BYTES)
		fleet_create_instance(platform->fleet, database, launches.data + at);
	// Destroyed while it was being made: what came into being afterwards goes now.
	if (fate == FATE_DESTROYED)
		remove_one(platform, database, instance);
	if (fate == FATE_DATABASE_DESTROYED && !fleet_destroy_database(platform->fleet, database, &err))
		trace_warn("database.files_left", "database", database, "error", err.message, "detail",
			   err.detail);
}

static struct lost_event *take_lost(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	struct lost_event *events = TAKE(platform->lost_events);
	pthread_mutex_unlock(&platform->instances_mutex);
	return events;
}

void fleet_events_retry(struct platform *platform)
{
	struct lost_event *next;
	for (struct lost_event *event = take_lost(platform); event; event = next) {
		next = event->next;
		instance_event(platform, event->database, event->instance,
			       event->failed ? &event->why : NULL);
		free(event);
	}
}

void fleet_events_forget(struct platform *platform)
{
	struct lost_event *next;
	for (struct lost_event *event = take_lost(platform); event; event = next) {
		next = event->next;
		free(event);
	}
}

void fleet_events_connect(struct platform *platform)
{
	fleet_connect(platform->fleet, &(struct fleet_options){.describe = describe,
							       .instance_event = instance_event,
							       .context = platform});
}

// -- start --------------------------------------------------------------------------------------------

static bool keeps(void *context, const char *uuid)
{
	struct platform *platform = context;
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct error ignored;
	if (!store_begin(platform->store, STORE_READ, &txn, &ignored))
		return true;
	bool known = find_database(txn, uuid) != 0;
	// A store that cannot answer never condemns data.
	return !store_commit(&txn, &ignored) || known;
}

struct unfinished {
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES];
	bool destroying;
};

static bool list_unfinished(struct platform *platform, struct buffer *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_UNFINISHED);
	while (query_step(q)) {
		struct unfinished row = {.destroying = strcmp(query_text(q, 2),
							      instance_state_name(INSTANCE_DESTROYING)) == 0};
		snprintf(row.database, sizeof(row.database), "%s", query_text(q, 0));
		snprintf(row.instance, sizeof(row.instance), "%s", query_text(q, 1));
		buffer_append(out, &row, sizeof(row));
	}
	return store_commit(&txn, err);
}

bool fleet_events_resume(struct platform *platform, struct error *err)
{
	OWNED(buffer) struct buffer rows = {0};
	if (!list_unfinished(platform, &rows, err))
		return false;
	fleet_sweep(platform->fleet, keeps, platform);
	const struct unfinished *list = (const void *)rows.data;
	for (size_t i = 0; i < rows.size / sizeof(struct unfinished); i++) {
		if (list[i].destroying)
			remove_one(platform, list[i].database, list[i].instance);
		else
			fleet_create_instance(platform->fleet, list[i].database, list[i].instance);
	}
	return true;
}
