/// share: what statements that compute for long get of the processors.
///
/// A task on a worker that has computed for some milliseconds is long, later heavy. Its thread then has a lower priority
/// than those that serve short statements, and of all long (heavy) ones of the server only as many compute at a time as
/// it has processors, in turns between the databases. So nobody's long statements take the others' time, however many
/// they are. Whoever holds the lane has others wait for it: heavy ones of these have turns of their own, and a higher
/// priority than heavy readers.
#ifndef ATOLL_ENGINE_SHARE_H
#define ATOLL_ENGINE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

struct connection;

/// Before a statement is compiled or runs. Reads no clock: `now_ns` is the present time.
void share_begin(struct connection *connection, int64_t now_ns);
/// Then, for one that is known to be too much for the quick path: it waits for its turn at once, among the long ones, though
/// its thread keeps its priority.
void share_expect_long(struct connection *connection);
/// From the progress handler, once now_ns is past connection->share_at_ns. May wait, until the statement is to stop or its
/// deadline has passed: the caller looks for that afterwards.
void share_review(struct connection *connection, int64_t now_ns);
/// When it has ended or is paused.
void share_end(struct connection *connection);
/// After the connection's `cancel` or `stolen` was set: if it waits for its turn, it learns of that now.
void share_wake(struct connection *connection);

#endif
