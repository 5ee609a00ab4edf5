// Waiting until instances are no longer being created. Each waiter holds a worker, and creating needs workers too.

#include "base/clock.h"
#include "platform/internal.h"

void instances_announce(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	platform->instance_changes++;
	pthread_cond_broadcast(&platform->instances_changed);
	pthread_mutex_unlock(&platform->instances_mutex);
}

static bool enter_waiters(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	bool may = platform->waiter_count < platform->waiter_count_max;
	platform->waiter_count += may;
	pthread_mutex_unlock(&platform->instances_mutex);
	return may;
}

static void leave_waiters(struct platform *platform)
{
	pthread_mutex_lock(&platform->instances_mutex);
	platform->waiter_count--;
	pthread_mutex_unlock(&platform->instances_mutex);
}

typedef bool look_fn(void *context, bool *out_settled, struct error *err);

// Looks again after each change until nothing is being created any more, or until the deadline.
static bool look_until(struct platform *platform, int64_t deadline_ms, look_fn *look, void *context,
		       struct error *err)
{
	for (bool in_time = true;;) {
		bool settled = false;
		fleet_events_retry(platform);
		pthread_mutex_lock(&platform->instances_mutex);
		uint64_t seen = platform->instance_changes;
		pthread_mutex_unlock(&platform->instances_mutex);
		if (!look(context, &settled, err))
			return false;
		if (settled || !in_time)
			return true;
		pthread_mutex_lock(&platform->instances_mutex);
		while (in_time && platform->instance_changes == seen)
			in_time = clock_cond_wait(&platform->instances_changed, &platform->instances_mutex,
						  deadline_ms);
		pthread_mutex_unlock(&platform->instances_mutex);
	}
}

// Where as many wait as may, this one only looks.
static bool wait_until_settled(struct platform *platform, int64_t timeout_ms, look_fn *look, void *context,
			       struct error *err)
{
	bool may_wait = enter_waiters(platform);
	bool ok =
		look_until(platform, clock_monotonic_ms() + (may_wait ? timeout_ms : 0), look, context, err);
	if (may_wait)
		leave_waiters(platform);
	return ok;
}

// -- one instance -------------------------------------------------------------------------------------

struct instance_look {
	struct platform *platform;
	const struct organization *organization;
	const struct database *database;
	const char *ref;
	struct arena *arena;
	struct instance_found *out;
};

static bool look_at_instance(void *context, bool *out_settled, struct error *err)
{
	const struct instance_look *look = context;
	if (!instance_look_up(look->platform, look->organization, look->database, look->ref, look->arena,
			      look->out, err))
		return false;
	*out_settled = look->out->view.state != INSTANCE_CREATING;
	return true;
}

bool instance_wait_created(struct platform *platform, const struct organization *organization,
			   const struct database *database, const char *ref, int64_t timeout_ms,
			   struct arena *arena, struct instance_found *out, struct error *err)
{
	struct instance_look look = {platform, organization, database, ref, arena, out};
	return wait_until_settled(platform, timeout_ms, look_at_instance, &look, err);
}

bool platform_wait_instance(struct platform *platform, const struct organization *organization,
			    const struct database *database, const char *ref, int64_t timeout_ms,
			    struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	struct instance_found found = {0};
	if (!instance_wait_created(platform, organization, database, ref, timeout_ms, &arena, &found, err))
		return false;
	if (found.view.state == INSTANCE_FAILED)
		return error_set(err, ERR_BAD_REQUEST, "instance %s could not be created: %s",
				 found.view.name, found.failure);
	if (found.view.state == INSTANCE_CREATING)
		return error_set(err, ERR_NOT_READY, "instance %s is not ready", found.view.name);
	return true;
}

// -- many ---------------------------------------------------------------------------------------------

struct many_look {
	struct platform *platform;
	const struct organization *organization;
	enum sql_id statement;
	const char *parameter;
	int64_t row;
	const char *location; // NULL: the statement has none
	struct instance_counts *out;
};

static bool look_at_many(void *context, bool *out_settled, struct error *err)
{
	const struct many_look *look = context;
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(look->platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, look->statement, look->organization->row);
	query_bind_integer(q, look->parameter, look->row);
	if (look->location)
		query_bind_text(q, ":location", look->location);
	if (query_step(q)) {
		look->out->creating = query_integer(q, 0);
		look->out->failed = query_integer(q, 1);
		query_run(q);
	}
	*out_settled = look->out->creating == 0;
	return store_commit(&txn, err);
}

bool instances_wait_of_database(struct platform *platform, const struct organization *organization,
				int64_t database, int64_t timeout_ms, struct instance_counts *out,
				struct error *err)
{
	struct many_look look = {.platform = platform,
				 .organization = organization,
				 .statement = SQL_COUNT_DATABASE_INSTANCES,
				 .parameter = ":database",
				 .row = database,
				 .out = out};
	return wait_until_settled(platform, timeout_ms, look_at_many, &look, err);
}

bool instances_wait_of_group(struct platform *platform, const struct organization *organization,
			     int64_t group, const char *location, int64_t timeout_ms,
			     struct instance_counts *out, struct error *err)
{
	struct many_look look = {.platform = platform,
				 .organization = organization,
				 .statement = SQL_COUNT_GROUP_INSTANCES,
				 .parameter = ":group",
				 .row = group,
				 .location = location,
				 .out = out};
	return wait_until_settled(platform, timeout_ms, look_at_many, &look, err);
}
