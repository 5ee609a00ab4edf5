/// world: a fleet in a temporary folder with numbered databases, each with a primary and, if wanted, a replica.
#ifndef ATOLL_TEST_UNIT_FLEET_WORLD_H
#define ATOLL_TEST_UNIT_FLEET_WORLD_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/session.h"

struct world {
	char folder[64];
	struct workers *workers;
	struct fleet *fleet;
	struct fleet_options options; // what the next world_open takes
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int ready; // guarded by mutex
	_Atomic(int) database_count;
	_Atomic(bool) with_replicas;
	struct engine_rules rules; // of every database, told when one is opened
};

struct world_id {
	char text[CRYPT_UUID_TEXT_BYTES];
};

static inline struct world_id world_database(int number)
{
	struct world_id id;
	snprintf(id.text, sizeof(id.text), "%08u-1111-4111-8111-111111111111", (unsigned)number % 100000000U);
	return id;
}

static inline struct world_id world_primary(int number)
{
	struct world_id id;
	snprintf(id.text, sizeof(id.text), "%08u-2222-4222-8222-222222222222", (unsigned)number % 100000000U);
	return id;
}

static inline struct world_id world_replica(int number)
{
	struct world_id id;
	snprintf(id.text, sizeof(id.text), "%08u-3333-4333-8333-333333333333", (unsigned)number % 100000000U);
	return id;
}

static inline bool world_describe(void *context, const char *database, struct fleet_instance_spec **out,
				  size_t *count, struct engine_rules *rules, struct error *err)
{
	struct world *world = context;
	int number = atoi(database);
	if (number >= atomic_load(&world->database_count))
		return error_set(err, ERR_DATABASE_NOT_FOUND, "no such database");
	struct fleet_instance_spec *specs = calloc(2, sizeof(*specs));
	snprintf(specs[0].uuid, sizeof(specs[0].uuid), "%s", world_primary(number).text);
	snprintf(specs[0].location, sizeof(specs[0].location), "ord");
	specs[0].primary = true;
	snprintf(specs[1].uuid, sizeof(specs[1].uuid), "%s", world_replica(number).text);
	snprintf(specs[1].location, sizeof(specs[1].location), "nrt");
	*out = specs;
	*count = atomic_load(&world->with_replicas) ? 2 : 1;
	*rules = world->rules;
	return true;
}

static inline void world_event(void *context, const char *database, const char *instance,
			       const struct error *why)
{
	struct world *world = context;
	(void)database;
	(void)instance;
	if (why)
		print_message("instance failed: %s (%s)\n", why->message, why->detail);
	pthread_mutex_lock(&world->mutex);
	world->ready += why == NULL;
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->mutex);
}

static inline void world_wait_ready(struct world *world, int count)
{
	pthread_mutex_lock(&world->mutex);
	while (world->ready < count)
		assert_true(clock_cond_wait(&world->changed, &world->mutex, clock_monotonic_ms() + 60000));
	pthread_mutex_unlock(&world->mutex);
}

static inline void world_open(struct world *world)
{
	struct error err = {0};
	assert_true(workers_start(32, 8, &world->workers, &err));
	world->options.workers = world->workers;
	if (!fleet_open(&world->options, &world->fleet, &err))
		fail_msg("%s: %s", err.message, err.detail);
}

static inline void world_close(struct world *world)
{
	fleet_close(world->fleet);
	workers_stop(world->workers);
}

/// Makes the numbered databases up to `count`, with their primaries.
static inline void world_create(struct world *world, int count)
{
	int first = atomic_exchange(&world->database_count, count);
	pthread_mutex_lock(&world->mutex);
	int ready = world->ready;
	pthread_mutex_unlock(&world->mutex);
	for (int i = first; i < count; i++)
		fleet_create_instance(world->fleet, world_database(i).text, world_primary(i).text);
	world_wait_ready(world, ready + count - first);
}

static inline void world_add_replicas(struct world *world)
{
	atomic_store(&world->with_replicas, true);
	pthread_mutex_lock(&world->mutex);
	int ready = world->ready;
	pthread_mutex_unlock(&world->mutex);
	for (int i = 0; i < atomic_load(&world->database_count); i++)
		fleet_create_instance(world->fleet, world_database(i).text, world_replica(i).text);
	world_wait_ready(world, ready + atomic_load(&world->database_count));
}

static inline int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(world->folder, "/tmp/atoll-fleet-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	pthread_mutex_init(&world->mutex, NULL);
	clock_cond_init(&world->changed);
	world->options = (struct fleet_options){.data_folder = world->folder,
						.limits = {.statement_ms_max = 20000,
							   .transaction_ms_max = 2000,
							   .lane_wait_ms_max = 20000,
							   .sql_bytes_max = 100000,
							   .connections_per_instance_max = 16,
							   .row_bytes_max = 5000000,
							   .transaction_bytes_max = 20 << 20},
						.log_bytes_max = 64 << 20,
						.describe = world_describe,
						.instance_event = world_event,
						.context = world};
	world_open(world);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	world_close(world);
	assert_true(disk_remove_tree(world->folder, &err));
	pthread_mutex_destroy(&world->mutex);
	pthread_cond_destroy(&world->changed);
	free(world);
	return 0;
}

// -- statements ---------------------------------------------------------------------------------------

/// Keeps the first value of the last row, as an integer.
struct world_sink {
	struct result_sink sink;
	int rows;
	int64_t value;
};

static inline bool world_columns(struct result_sink *sink, const struct column *columns, int count,
				 struct error *err)
{
	(void)sink;
	(void)columns;
	(void)count;
	(void)err;
	return true;
}

static inline bool world_row(struct result_sink *sink, const struct value *values, int count,
			     struct error *err)
{
	struct world_sink *own = (struct world_sink *)sink;
	(void)err;
	own->rows++;
	own->value = count > 0 && values[0].kind == VALUE_INTEGER ? values[0].integer : 0;
	return true;
}

static inline void world_restart(struct result_sink *sink)
{
	((struct world_sink *)sink)->rows = 0;
}

static inline struct world_sink world_new_sink(void)
{
	return (struct world_sink){.sink = {world_columns, world_row, world_restart}};
}

static inline struct fleet_instance *world_acquire(struct world *world, struct world_id database,
						   const char *instance)
{
	struct error err;
	struct fleet_instance *held = NULL;
	if (!fleet_acquire(world->fleet, database.text, instance, &held, &err))
		fail_msg("%s", err.message);
	return held;
}

static inline struct fleet_session *world_session(struct world *world, struct world_id database,
						  const char *instance)
{
	struct error err;
	struct fleet_session *session = NULL;
	struct fleet_instance *held = world_acquire(world, database, instance);
	if (!fleet_session_open(held, false, &session, &err))
		fail_msg("%s", err.message);
	fleet_release(held);
	return session;
}

static inline bool world_run(struct fleet_session *session, const char *sql, int64_t *out_value,
			     struct error *err)
{
	struct world_sink sink = world_new_sink();
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	struct error settle_error;
	bool ok = fleet_session_execute(session, &statement, &sink.sink, &result, err);
	if (!fleet_session_settle(session, &settle_error)) {
		*err = settle_error;
		return false;
	}
	if (ok && out_value)
		*out_value = sink.value;
	return ok;
}

static inline void world_must(struct fleet_session *session, const char *sql)
{
	struct error err = {0};
	if (!world_run(session, sql, NULL, &err))
		fail_msg("%s: %s", sql, err.message);
}

static inline int64_t world_ask(struct fleet_session *session, const char *sql)
{
	struct error err = {0};
	int64_t value = 0;
	if (!world_run(session, sql, &value, &err))
		fail_msg("%s: %s", sql, err.message);
	return value;
}

/// The quick path, waited for. *out_lost: it was undone and must run again through a session.
struct world_wait {
	struct quick_wait wait;
	pthread_mutex_t mutex;
	pthread_cond_t done;
	bool settled;
	bool lost;
};

static inline void world_settled(struct quick_wait *wait, bool lost)
{
	struct world_wait *own = (struct world_wait *)(void *)wait;
	pthread_mutex_lock(&own->mutex);
	own->settled = true;
	own->lost = lost;
	pthread_cond_signal(&own->done);
	pthread_mutex_unlock(&own->mutex);
}

static inline enum quick_outcome world_quick(struct fleet_instance *instance, const char *sql,
					     struct world_sink *sink, bool *out_ok, bool *out_lost,
					     struct error *err)
{
	struct world_wait wait = {.wait = {.settled = world_settled}};
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	pthread_mutex_init(&wait.mutex, NULL);
	clock_cond_init(&wait.done);
	enum quick_outcome outcome = fleet_quick_execute(instance, false, &statement, &sink->sink, &wait.wait,
							 &result, out_ok, err);
	pthread_mutex_lock(&wait.mutex);
	while (outcome == QUICK_HELD && !wait.settled)
		clock_cond_wait(&wait.done, &wait.mutex, INT64_MAX);
	pthread_mutex_unlock(&wait.mutex);
	*out_lost = wait.lost;
	pthread_mutex_destroy(&wait.mutex);
	pthread_cond_destroy(&wait.done);
	return outcome;
}

/// Quickly if possible, else through a session, as hrana does.
static inline bool world_quick_run(struct world *world, struct world_id database, const char *instance,
				   const char *sql, int64_t *out_value, struct error *err)
{
	struct fleet_instance *held = world_acquire(world, database, instance);
	struct world_sink sink = world_new_sink();
	bool ok = false;
	bool lost = false;
	enum quick_outcome outcome = world_quick(held, sql, &sink, &ok, &lost, err);
	if (outcome == QUICK_DECLINED || lost) {
		struct fleet_session *session;
		ok = fleet_session_open(held, false, &session, err);
		if (ok) {
			ok = world_run(session, sql, out_value, err);
			fleet_session_close(session);
		}
	} else if (ok && out_value) {
		*out_value = sink.value;
	}
	fleet_release(held);
	return ok;
}

#endif
