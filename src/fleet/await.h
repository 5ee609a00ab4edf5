/// await: being told when the history of a database goes on.
///
/// Life:    fleet_wait_begin → one call, or fleet_wait_end before it. The history stays open meanwhile.
/// Threads: any; the call comes from any and must not block, nor use this interface for the same database.
#ifndef ATOLL_FLEET_AWAIT_H
#define ATOLL_FLEET_AWAIT_H

#include <stdbool.h>
#include <stdint.h>

struct fleet_database;
struct fleet_history;

/// Embedded in whoever waits.
struct fleet_wait {
	void (*moved)(struct fleet_wait *wait);

	// the fleet's own
	struct fleet_wait *previous;
	struct fleet_wait *next;
	struct fleet_database *database;
	bool listed; // guarded by the database's mutex
};

/// `moved` is called once something behind frame_no is durable. False: it is already, and no call comes.
bool fleet_wait_begin(struct fleet_history *history, uint64_t frame_no, struct fleet_wait *wait);
/// No call is under way afterwards, and none comes any more. Fine after the call too, as long as the history is open.
void fleet_wait_end(struct fleet_wait *wait);

#endif
