/// pulse: whether a network thread hangs. Private to net; net_server_is_alive asks it.
///
/// Each connection counts how often its thread entered our code and left it again. A count that is odd, and the same
/// as at the last look, belongs to a thread that did nothing else in between. This needs no request of its own, which a
/// server with all connections taken would rightly not answer.
#ifndef ATOLL_NET_PULSE_H
#define ATOLL_NET_PULSE_H

#include "net/connection.h"

// Only the connection's own thread writes its count.
static inline void pulse_enter(struct connection *connection)
{
	unsigned now = atomic_load_explicit(&connection->pulse, memory_order_relaxed);
	atomic_store_explicit(&connection->pulse, now + 1, memory_order_relaxed);
}

static inline void pulse_leave(struct connection *connection)
{
	pulse_enter(connection);
}

#endif
