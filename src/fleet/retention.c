// Asks the open databases now and then whether their history is to be shortened: a database that nobody writes to does
// not notice that its past grows old.

#include <stdlib.h>

#include "base/clock.h"
#include "fleet/internal.h"

enum { TICKS_OF_AGE = 24, TICK_MS_MIN = 50, TICK_MS_MAX = 60000 };

// Outlives the fleet until its last tick.
struct keeper {
	struct task task;
	struct workers *workers;
	pthread_mutex_t mutex;
	struct fleet *fleet; // guarded by mutex; NULL: the fleet is closed
};

static int64_t tick_ms(const struct fleet *fleet)
{
	int64_t ms = fleet->history_ms / TICKS_OF_AGE;
	return ms < TICK_MS_MIN ? TICK_MS_MIN : ms > TICK_MS_MAX ? TICK_MS_MAX : ms;
}

static void tend(void *context, struct fleet_instance *instance)
{
	(void)context;
	if (instance->spec.primary)
		engine_database_tend(instance->engine);
}

static void tick(struct task *task)
{
	struct keeper *keeper = CONTAINER_OF(task, struct keeper, task);
	int64_t next_ms = 0;
	pthread_mutex_lock(&keeper->mutex);
	bool goes_on = keeper->fleet != NULL;
	if (goes_on) {
		fleet_each_instance(keeper->fleet, NULL, tend, NULL);
		next_ms = clock_monotonic_ms() + tick_ms(keeper->fleet);
	}
	pthread_mutex_unlock(&keeper->mutex);
	if (goes_on) {
		workers_run_at(keeper->workers, task, next_ms);
		return;
	}
	pthread_mutex_destroy(&keeper->mutex);
	free(keeper);
}

void fleet_history_limits(const struct fleet *fleet, uint64_t *out_bytes_max, int64_t *out_ms_max)
{
	*out_bytes_max = fleet->log_bytes_max;
	*out_ms_max = fleet->history_ms;
}

void retention_start(struct fleet *fleet)
{
	if (fleet->history_ms == 0)
		return;
	struct keeper *keeper = calloc(1, sizeof(*keeper));
	ASSERT(keeper != NULL);
	pthread_mutex_init(&keeper->mutex, NULL);
	keeper->fleet = fleet;
	keeper->workers = fleet->workers;
	keeper->task.run = tick;
	fleet->keeper = keeper;
	workers_run_at(fleet->workers, &keeper->task, clock_monotonic_ms() + tick_ms(fleet));
}

void retention_stop(struct fleet *fleet)
{
	struct keeper *keeper = TAKE(fleet->keeper);
	if (!keeper)
		return;
	pthread_mutex_lock(&keeper->mutex);
	keeper->fleet = NULL;
	pthread_mutex_unlock(&keeper->mutex);
}
