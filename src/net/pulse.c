#include "net/pulse.h"

#include "base/clock.h"
#include "net/sockets.h"

enum { LOOK_MS = 1000 }; // longer than an idle loop takes for a round

static bool look(struct net_server *server)
{
	bool alive = true;
	pthread_mutex_lock(&server->mutex);
	for (struct connection *at = server->connections; at; at = at->next) {
		unsigned now = atomic_load_explicit(&at->pulse, memory_order_relaxed);
		alive = alive && !(now % 2 == 1 && now == at->seen_pulse);
		at->seen_pulse = now;
	}
	pthread_mutex_unlock(&server->mutex);
	// Asked in any case: it remembers what it saw, too.
	bool loops_alive = !server->sockets || sockets_are_alive(server->sockets);
	return alive && loops_alive;
}

bool net_server_is_alive(struct net_server *server)
{
	int64_t now_ms = clock_monotonic_ms();
	if (now_ms - server->looked_ms >= LOOK_MS) {
		server->was_alive = look(server);
		server->looked_ms = now_ms;
	}
	return server->was_alive;
}
