// A replica follows its primary by reading the primary's history behind its own position and applying
// transactions, whole and in order. The follower is a task that runs while there is something to apply; the
// primary's flusher pokes it.

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "engine/apply.h"
#include "fleet/internal.h"

enum { RETRY_MS = 500 };

enum step { STEP_AGAIN, STEP_IDLE, STEP_LATER, STEP_REFILL, STEP_END };

static bool open_cursor(struct fleet_instance *replica, struct fleet_instance *primary, struct error *err)
{
	struct log *log = engine_database_log(primary->engine);
	if (strcmp(log_id(log), engine_replica_log_id(replica->engine)) != 0)
		return error_set(err, ERR_NOT_FOUND, "the replica follows another history");
	return log_cursor_open(log, engine_database_committed(replica->engine), &replica->follower.cursor,
			       err);
}

static int64_t due_ms(struct fleet_instance *replica, struct fleet_instance *primary,
		      const struct log_txn *txn)
{
	struct fleet *fleet = replica->database->fleet;
	return txn->committed_wall_ms +
	       distance_ms(fleet->distance, primary->spec.location, replica->spec.location);
}

static enum step after_failure(struct fleet_instance *replica, struct fleet_instance *primary,
			       const struct error *err)
{
	// The history heals itself first, else the new copy would run into the same place.
	if (err->code == ERR_CORRUPT)
		engine_database_tend(primary->engine);
	if (err->code == ERR_NOT_FOUND || err->code == ERR_CORRUPT || err->code == ERR_INTERNAL) {
		trace_info("replica.refill", "instance", replica->spec.uuid, "reason", err->message, "detail",
			   err->detail);
		return STEP_REFILL;
	}
	trace_warn("replica.stalled", "instance", replica->spec.uuid, "error", err->message, "detail",
		   err->detail);
	return STEP_LATER;
}

static enum step apply_next(struct fleet_instance *replica, struct fleet_instance *primary,
			    int64_t *out_due_ms)
{
	struct follower *follower = &replica->follower;
	struct error err;
	bool found = true;
	if (atomic_load(&replica->gone) || fleet_is_closing(replica->database->fleet))
		return STEP_END;
	*out_due_ms = clock_monotonic_ms() + RETRY_MS;
	if (!follower->cursor && !open_cursor(replica, primary, &err))
		return after_failure(replica, primary, &err);
	if (!follower->has_waiting && !log_cursor_next(follower->cursor, &follower->waiting, &found, &err))
		return after_failure(replica, primary, &err);
	if (!found)
		return STEP_IDLE;
	follower->has_waiting = true;
	int64_t early_ms = due_ms(replica, primary, &follower->waiting) - clock_wall_ms();
	if (early_ms > 0) {
		*out_due_ms = clock_monotonic_ms() + early_ms;
		return STEP_LATER;
	}
	if (!engine_replica_apply(replica->engine, &follower->waiting, &err))
		return after_failure(replica, primary, &err);
	follower->has_waiting = false;
	return STEP_AGAIN;
}

static void close_cursor(struct fleet_instance *replica)
{
	log_cursor_close(replica->follower.cursor);
	replica->follower.cursor = NULL;
	replica->follower.has_waiting = false;
}

static bool refill(struct fleet_instance *replica)
{
	struct error err;
	if (fleet_fill_replica(replica->database, &replica->spec, &err))
		return true;
	trace_warn("replica.refill_failed", "instance", replica->spec.uuid, "error", err.message, "detail",
		   err.detail);
	return false;
}

// Whether the follower may rest: nothing came in since it last looked.
static bool rest(struct fleet_instance *replica)
{
	struct fleet_database *database = replica->database;
	pthread_mutex_lock(&database->mutex);
	bool again = replica->follower.poked;
	replica->follower.poked = false;
	replica->follower.running = again;
	pthread_mutex_unlock(&database->mutex);
	return !again;
}

static void follow_run(struct task *task)
{
	struct fleet_instance *replica = CONTAINER_OF(task, struct fleet_instance, follower.task);
	struct fleet *fleet = replica->database->fleet;
	int64_t due = 0;
	enum step step = STEP_IDLE;
	struct fleet_instance *primary = instance_hold_primary(replica);
	// Without a primary it rests until one is installed. What it read belongs to the one before.
	while (!primary) {
		close_cursor(replica);
		if (rest(replica))
			break;
		primary = instance_hold_primary(replica);
	}
	while (primary) {
		step = apply_next(replica, primary, &due);
		if (step == STEP_AGAIN || (step == STEP_IDLE && !rest(replica)))
			continue;
		break;
	}
	if (step == STEP_REFILL || step == STEP_END)
		close_cursor(replica);
	if (step == STEP_LATER || (step == STEP_REFILL && !refill(replica))) {
		fleet_release(primary);
		workers_run_at(fleet->workers, task, due);
		return;
	}
	if (primary)
		fleet_release(primary);
	// After the release of the last hold the replica may be gone.
	fleet_release(replica);
	fleet_task_end(fleet);
}

void follow_init(struct fleet_instance *replica)
{
	replica->follower.task.run = follow_run;
}

void follow_poke_locked(struct fleet_instance *replica)
{
	struct follower *follower = &replica->follower;
	follower->poked = true;
	if (follower->running || atomic_load(&replica->gone) || !fleet_task_begin(replica->database->fleet))
		return;
	follower->running = true;
	follower->poked = false;
	instance_hold(replica);
	workers_run(replica->database->fleet->workers, &follower->task);
}
