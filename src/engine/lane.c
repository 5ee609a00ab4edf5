#include <stddef.h>

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/share.h"

struct lane_waiter {
	struct lane_waiter *next;
	pthread_cond_t turn;
	bool granted;
	struct connection *holder;
};

void lane_init(struct lane *lane)
{
	pthread_mutex_init(&lane->mutex, NULL);
	lane->end = &lane->first;
}

void lane_finish(struct lane *lane)
{
	ASSERT(!lane->first);
	pthread_mutex_destroy(&lane->mutex);
}

static void hold_locked(struct lane *lane, struct connection *holder)
{
	lane->held = true;
	lane->holder = holder;
	lane->since_ms = clock_monotonic_ms();
	if (holder)
		holder->holds_lane = true;
}

bool lane_try(struct engine_database *db)
{
	struct lane *lane = &db->lane;
	pthread_mutex_lock(&lane->mutex);
	bool got = !lane->held && !lane->first && !lane->retired;
	if (got)
		hold_locked(lane, NULL);
	pthread_mutex_unlock(&lane->mutex);
	return got;
}

bool lane_has_waiters(struct engine_database *db)
{
	pthread_mutex_lock(&db->lane.mutex);
	bool has = db->lane.first != NULL;
	pthread_mutex_unlock(&db->lane.mutex);
	return has;
}

static void grant_next_locked(struct lane *lane)
{
	struct lane_waiter *next = lane->first;
	if (!next)
		return;
	lane->first = next->next;
	if (!lane->first)
		lane->end = &lane->first;
	hold_locked(lane, next->holder);
	next->granted = true;
	pthread_cond_signal(&next->turn);
	// The new head must learn that it now watches the holder.
	if (lane->first)
		pthread_cond_signal(&lane->first->turn);
}

void lane_release(struct engine_database *db)
{
	struct lane *lane = &db->lane;
	pthread_mutex_lock(&lane->mutex);
	ASSERT(lane->held);
	if (lane->holder)
		lane->holder->holds_lane = false;
	lane->held = false;
	lane->holder = NULL;
	grant_next_locked(lane);
	pthread_mutex_unlock(&lane->mutex);
}

// The holder's transaction is rolled back by whoever waits first. A holder that is inside a statement is
// stopped by its progress handler and cleans up itself: its mutex is free only then. One that is paused has no thread.
static void send_holder_away(struct engine_database *db, struct connection *holder)
{
	share_wake(holder);
	pthread_mutex_lock(&holder->mutex);
	if (atomic_load(&holder->stolen) && holder->holds_lane) {
		struct error ignored;
		connection_lose(holder);
		sqlite3_exec(holder->db, "ROLLBACK", NULL, NULL, NULL);
		if (!database_end_commit(holder, &ignored))
			ASSERT(!"a rollback commits nothing");
		lane_release(db);
	}
	pthread_mutex_unlock(&holder->mutex);
}

// The first in the queue watches the clock of the holder's transaction.
static struct connection *overdue_holder_locked(struct engine_database *db, const struct lane_waiter *self)
{
	struct lane *lane = &db->lane;
	if (lane->first != self || !lane->holder)
		return NULL;
	if (clock_monotonic_ms() < lane->since_ms + db->limits.transaction_ms_max)
		return NULL;
	atomic_store(&lane->holder->stolen, true);
	return lane->holder;
}

static void leave_queue_locked(struct lane *lane, struct lane_waiter *self)
{
	struct lane_waiter **at = &lane->first;
	while (*at != self)
		at = &(*at)->next;
	*at = self->next;
	if (!*at)
		lane->end = at;
	if (lane->first)
		pthread_cond_signal(&lane->first->turn);
}

static void wait_for_turn(struct engine_database *db, struct lane_waiter *self, int64_t deadline_ms)
{
	struct lane *lane = &db->lane;
	while (!self->granted && !lane->retired && clock_monotonic_ms() < deadline_ms) {
		struct connection *overdue = overdue_holder_locked(db, self);
		if (overdue) {
			pthread_mutex_unlock(&lane->mutex);
			send_holder_away(db, overdue);
			pthread_mutex_lock(&lane->mutex);
			continue;
		}
		int64_t until = deadline_ms;
		if (lane->first == self && lane->holder) {
			int64_t overdue_ms = lane->since_ms + db->limits.transaction_ms_max;
			until = overdue_ms < until ? overdue_ms : until;
		}
		clock_cond_wait(&self->turn, &lane->mutex, until);
	}
}

bool lane_acquire(struct engine_database *db, struct connection *holder, int64_t deadline_ms,
		  struct error *err)
{
	struct lane *lane = &db->lane;
	pthread_mutex_lock(&lane->mutex);
	if (!lane->held && !lane->first && !lane->retired) {
		hold_locked(lane, holder);
		pthread_mutex_unlock(&lane->mutex);
		return true;
	}
	struct lane_waiter self = {.holder = holder};
	clock_cond_init(&self.turn);
	*lane->end = &self;
	lane->end = &self.next;
	pthread_mutex_unlock(&lane->mutex);
	// A shared transaction would hold the lane until the flusher's present sync is over: end it here.
	group_commit(db);
	flush_schedule(db);
	workers_wait_begin(db->workers);
	pthread_mutex_lock(&lane->mutex);
	wait_for_turn(db, &self, deadline_ms);
	bool granted = self.granted;
	if (!granted)
		leave_queue_locked(lane, &self);
	bool retired = lane->retired;
	pthread_mutex_unlock(&lane->mutex);
	workers_wait_end(db->workers);
	pthread_cond_destroy(&self.turn);
	if (granted)
		return true;
	if (retired)
		return error_set(err, ERR_SHUTDOWN, "the database is being closed");
	return error_set(err, ERR_TRANSACTION_BUSY,
			 "Server cannot handle additional transactions: waited %lld ms for other writers "
			 "(limit write-wait)",
			 (long long)db->limits.lane_wait_ms_max);
}

void lane_retire(struct engine_database *db)
{
	pthread_mutex_lock(&db->lane.mutex);
	db->lane.retired = true;
	for (struct lane_waiter *waiter = db->lane.first; waiter; waiter = waiter->next)
		pthread_cond_signal(&waiter->turn);
	pthread_mutex_unlock(&db->lane.mutex);
}
