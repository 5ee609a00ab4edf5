#include "fleet/await.h"

#include "fleet/history.h"
#include "fleet/internal.h"

static void remove_locked(struct fleet_wait *wait)
{
	struct fleet_database *database = wait->database;
	if (wait->previous)
		wait->previous->next = wait->next;
	else
		database->waits = wait->next;
	if (wait->next)
		wait->next->previous = wait->previous;
	wait->listed = false;
}

// What is durable is told under the same mutex afterwards: nothing is missed in between.
bool fleet_wait_begin(struct fleet_history *history, uint64_t frame_no, struct fleet_wait *wait)
{
	struct fleet_database *database = fleet_history_instance(history)->database;
	pthread_mutex_lock(&database->mutex);
	bool waits = log_durable(fleet_history_log(history)) <= frame_no;
	wait->database = database;
	wait->previous = NULL;
	wait->next = waits ? database->waits : NULL;
	wait->listed = waits;
	if (wait->next)
		wait->next->previous = wait;
	if (waits)
		database->waits = wait;
	pthread_mutex_unlock(&database->mutex);
	return waits;
}

void fleet_wait_end(struct fleet_wait *wait)
{
	struct fleet_database *database = wait->database;
	pthread_mutex_lock(&database->mutex);
	if (wait->listed)
		remove_locked(wait);
	pthread_mutex_unlock(&database->mutex);
}

// A wait may be gone as soon as it is told.
void await_tell_locked(struct fleet_database *database)
{
	while (database->waits) {
		struct fleet_wait *wait = database->waits;
		remove_locked(wait);
		wait->moved(wait);
	}
}
