// A database that nobody uses is closed: its descriptors and its memory go to others, and whoever asks for it opens it
// again. What is closed is the whole, its instances at once, and only when the table alone holds them: sessions,
// followers and fills under way keep it open. While its files are being closed `closing` is set and its mutex free, since
// the engine still calls back; whoever would open it or remove its files waits.

#include <stdlib.h>

#include "base/clock.h"
#include "base/trace.h"
#include "fleet/internal.h"

// Room is made before all is taken: those that are open need some for further connections.
enum { ROOM_FILES = 24, ROOM_WAIT_MS = 10000, LOOK_AGAIN_MS = 50, TICK_MS_MIN = 20, TICK_MS_MAX = 10000 };

// Outlives the fleet until its last tick.
struct closer {
	struct task task;
	struct workers *workers;
	pthread_mutex_t mutex;
	struct fleet *fleet; // guarded by mutex; NULL: the fleet is closed
};

static bool may_close_locked(struct fleet_database *database, int64_t used_before_ms)
{
	if (!atomic_load(&database->opened) || database->closing || database->destroyed ||
	    database->pins > 0 || database->filling_count > 0 ||
	    atomic_load(&database->used_ms) > used_before_ms)
		return false;
	for (size_t i = 0; i < database->instance_count; i++) {
		struct fleet_instance *instance = database->instances[i];
		// New holds are taken under the mutex only.
		if (atomic_load(&instance->references) > 1 || !engine_database_is_quiet(instance->engine))
			return false;
	}
	return true;
}

// Replicas first: they read from their primary.
static void close_instances(struct fleet_instance **instances, size_t count, bool primaries)
{
	for (size_t i = 0; i < count; i++) {
		if (instances[i] && instances[i]->spec.primary == primaries) {
			instance_release(instances[i]);
			instances[i] = NULL;
		}
	}
}

static bool close_if_unused(struct fleet_database *database, int64_t used_before_ms)
{
	// Somebody is at it: it is in use.
	if (pthread_mutex_trylock(&database->mutex) != 0)
		return false;
	bool may = may_close_locked(database, used_before_ms);
	struct fleet_instance **instances = NULL;
	size_t count = 0;
	if (may) {
		instances = TAKE(database->instances);
		count = database->instance_count;
		database->instance_count = 0;
		database->closing = true;
		atomic_store(&database->opened, false);
		atomic_fetch_sub(&database->fleet->open_count, 1);
	}
	pthread_mutex_unlock(&database->mutex);
	if (!may)
		return false;
	close_instances(instances, count, false);
	close_instances(instances, count, true);
	free(instances);
	pthread_mutex_lock(&database->mutex);
	database->closing = false;
	pthread_cond_broadcast(&database->closed);
	pthread_mutex_unlock(&database->mutex);
	idle_tell_waiters(database->fleet);
	trace_debug("database.closed_idle", "database", database->uuid);
	return true;
}

void fleet_close_idle(struct fleet *fleet, int64_t idle_ms)
{
	size_t count;
	struct fleet_database **databases = fleet_hold_databases(fleet, NULL, &count);
	for (size_t i = 0; i < count; i++) {
		close_if_unused(databases[i], clock_coarse_ms() - idle_ms);
		database_release(databases[i]);
	}
	free(databases);
}

// -- too many -----------------------------------------------------------------------------------------

// With those that are just being opened.
static bool are_too_many_locked(struct fleet *fleet)
{
	int databases = atomic_load(&fleet->open_count) + fleet->opening;
	if (fleet->open_databases_max > 0 && databases >= fleet->open_databases_max)
		return true;
	int files = atomic_load(&fleet->files.used) + (fleet->opening + 1) * ROOM_FILES;
	return fleet->files.max > 0 && files > fleet->files.max / 4 * 3;
}

static bool are_too_many(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->room_mutex);
	bool too_many = are_too_many_locked(fleet);
	pthread_mutex_unlock(&fleet->room_mutex);
	return too_many;
}

struct candidate {
	struct fleet_database *database;
	int64_t used_ms;
};

static int by_use(const void *a, const void *b)
{
	int64_t left = ((const struct candidate *)a)->used_ms;
	int64_t right = ((const struct candidate *)b)->used_ms;
	return left < right ? -1 : left > right ? 1 : 0;
}

static void close_longest_unused(struct fleet *fleet)
{
	size_t count;
	struct fleet_database **databases = fleet_hold_databases(fleet, NULL, &count);
	struct candidate *candidates = calloc(count + 1, sizeof(*candidates));
	ASSERT(candidates != NULL);
	for (size_t i = 0; i < count; i++)
		candidates[i] = (struct candidate){databases[i], atomic_load(&databases[i]->used_ms)};
	qsort(candidates, count, sizeof(*candidates), by_use);
	for (size_t i = 0; i < count && are_too_many(fleet); i++)
		close_if_unused(candidates[i].database, INT64_MAX);
	for (size_t i = 0; i < count; i++)
		database_release(databases[i]);
	free(candidates);
	free(databases);
}

// After the deadline it is opened all the same: the limit that matters, the kernel's, has some reserve.
static bool take_now(struct fleet *fleet, bool late)
{
	pthread_mutex_lock(&fleet->room_mutex);
	bool taken = late || !are_too_many_locked(fleet);
	fleet->opening += taken;
	pthread_mutex_unlock(&fleet->room_mutex);
	return taken;
}

static uint64_t room_events(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->room_mutex);
	uint64_t events = fleet->room_events;
	pthread_mutex_unlock(&fleet->room_mutex);
	return events;
}

// A flusher that comes to rest tells nobody: look again soon.
static void wait_for_change(struct fleet *fleet, uint64_t events)
{
	int64_t until_ms = clock_monotonic_ms() + LOOK_AGAIN_MS;
	pthread_mutex_lock(&fleet->room_mutex);
	while (fleet->room_events == events &&
	       clock_cond_wait(&fleet->room_changed, &fleet->room_mutex, until_ms))
		;
	pthread_mutex_unlock(&fleet->room_mutex);
}

bool idle_take_room(struct fleet_database *database)
{
	struct fleet *fleet = database->fleet;
	int64_t deadline_ms = clock_monotonic_ms() + ROOM_WAIT_MS;
	bool taken = take_now(fleet, false);
	if (taken)
		return true;
	// From here on those who give something back tell it.
	atomic_fetch_add(&fleet->room_waiters, 1);
	while (!taken && !atomic_load(&database->opened)) {
		uint64_t events = room_events(fleet);
		close_longest_unused(fleet);
		bool late = clock_monotonic_ms() >= deadline_ms || fleet_is_closing(fleet);
		taken = take_now(fleet, late);
		if (!taken)
			wait_for_change(fleet, events);
	}
	atomic_fetch_sub(&fleet->room_waiters, 1);
	return taken;
}

void idle_give_room(struct fleet *fleet)
{
	pthread_mutex_lock(&fleet->room_mutex);
	fleet->opening--;
	fleet->room_events++;
	pthread_cond_broadcast(&fleet->room_changed);
	pthread_mutex_unlock(&fleet->room_mutex);
}

void idle_tell_waiters(struct fleet *fleet)
{
	if (atomic_load(&fleet->room_waiters) == 0)
		return;
	pthread_mutex_lock(&fleet->room_mutex);
	fleet->room_events++;
	pthread_cond_broadcast(&fleet->room_changed);
	pthread_mutex_unlock(&fleet->room_mutex);
}

// -- by time ------------------------------------------------------------------------------------------

static int64_t tick_ms(const struct fleet *fleet)
{
	int64_t ms = fleet->database_idle_ms / 4;
	return ms < TICK_MS_MIN ? TICK_MS_MIN : ms > TICK_MS_MAX ? TICK_MS_MAX : ms;
}

static void tick(struct task *task)
{
	struct closer *closer = CONTAINER_OF(task, struct closer, task);
	int64_t next_ms = 0;
	pthread_mutex_lock(&closer->mutex);
	bool goes_on = closer->fleet != NULL;
	if (goes_on) {
		fleet_close_idle(closer->fleet, closer->fleet->database_idle_ms);
		next_ms = clock_monotonic_ms() + tick_ms(closer->fleet);
	}
	pthread_mutex_unlock(&closer->mutex);
	if (goes_on) {
		workers_run_at(closer->workers, task, next_ms);
		return;
	}
	pthread_mutex_destroy(&closer->mutex);
	free(closer);
}

void idle_start(struct fleet *fleet)
{
	if (fleet->database_idle_ms <= 0)
		return;
	struct closer *closer = calloc(1, sizeof(*closer));
	ASSERT(closer != NULL);
	pthread_mutex_init(&closer->mutex, NULL);
	closer->fleet = fleet;
	closer->workers = fleet->workers;
	closer->task.run = tick;
	fleet->closer = closer;
	workers_run_at(fleet->workers, &closer->task, clock_monotonic_ms() + tick_ms(fleet));
}

void idle_stop(struct fleet *fleet)
{
	struct closer *closer = TAKE(fleet->closer);
	if (!closer)
		return;
	pthread_mutex_lock(&closer->mutex);
	closer->fleet = NULL;
	pthread_mutex_unlock(&closer->mutex);
}
