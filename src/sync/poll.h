/// poll: requests that wait for the history of a database to go on, without a thread.
///
/// Life:    polls_create → poll_begin* → polls_end, early in a drain → polls_free, when no request is under way.
/// Threads: any.
#ifndef ATOLL_SYNC_POLL_H
#define ATOLL_SYNC_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/workers.h"
#include "fleet/await.h"

struct fleet_history;
struct polls;
struct workers;

/// Embedded in whoever waits.
struct poll {
	struct task task; // run on a worker when the wait is over, for whatever reason
	bool (*is_over)(const struct poll *poll); // asked about once a second: nobody wants it any more
	int64_t deadline_ms;                      // monotonic

	// polls' own
	struct polls *polls;
	struct poll *previous;
	struct poll *next;
	struct fleet_wait wait;
	bool listed;
	bool moved;
};

struct polls *polls_create(struct workers *workers);
/// Ends all, and every later one at once.
void polls_end(struct polls *polls);
void polls_free(struct polls *polls);

/// Waits until something behind frame_no is durable, or the deadline; then the task runs, once. False: there is nothing
/// to wait for, and it does not run. The history stays open until then.
bool poll_begin(struct polls *polls, struct poll *poll, struct fleet_history *history, uint64_t frame_no);

#endif
