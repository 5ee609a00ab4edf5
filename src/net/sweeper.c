#include "net/sweeper.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/connection.h"

enum { STRIKES_MAX = 2, BYTES_EXPECTED = 1024 };

// Outlives the server until its task has run for the last time.
struct sweeper {
	struct task task;
	struct workers *workers;
	int64_t interval_ms;
	pthread_mutex_t mutex;
	struct net_server *server; // guarded by mutex; NULL once stopped
};

// What the client has taken of our bytes so far; the library does not tell.
static unsigned long long acknowledged_by(const struct connection *connection)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	return getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_acked
										    : 0;
}

static bool lingers(struct connection *connection)
{
	int phase = atomic_load(&connection->phase);
	unsigned long long exchanges = atomic_load(&connection->exchange_count);
	unsigned long long bytes = atomic_load(&connection->received_bytes);
	unsigned long long acknowledged = phase == PHASE_SENDING ? acknowledged_by(connection) : 0;
	bool same = exchanges == connection->seen_exchanges &&
		    bytes - connection->seen_bytes < BYTES_EXPECTED &&
		    acknowledged < connection->seen_acknowledged + BYTES_EXPECTED;
	connection->seen_exchanges = exchanges;
	connection->seen_bytes = bytes;
	connection->seen_acknowledged = acknowledged;
	return same && phase != PHASE_HANDLING && phase != PHASE_SOCKET;
}

static void sweep(struct net_server *server)
{
	pthread_mutex_lock(&server->mutex);
	for (struct connection *at = server->connections; at; at = at->next) {
		at->strikes = lingers(at) ? at->strikes + 1 : 0;
		// The library notices as if the client had gone.
		if (at->strikes >= STRIKES_MAX)
			shutdown(at->fd, SHUT_RDWR);
	}
	pthread_mutex_unlock(&server->mutex);
}

static void run(struct task *task)
{
	struct sweeper *sweeper = CONTAINER_OF(task, struct sweeper, task);
	pthread_mutex_lock(&sweeper->mutex);
	bool stopped = sweeper->server == NULL;
	if (!stopped)
		sweep(sweeper->server);
	pthread_mutex_unlock(&sweeper->mutex);
	if (!stopped) {
		workers_run_at(sweeper->workers, &sweeper->task, clock_monotonic_ms() + sweeper->interval_ms);
		return;
	}
	pthread_mutex_destroy(&sweeper->mutex);
	free(sweeper);
}

struct sweeper *sweeper_start(struct net_server *server, int interval_s)
{
	struct sweeper *sweeper = calloc(1, sizeof(*sweeper));
	ASSERT(sweeper != NULL);
	sweeper->server = server;
	sweeper->workers = server->workers;
	sweeper->interval_ms = (int64_t)interval_s * 1000;
	sweeper->task.run = run;
	pthread_mutex_init(&sweeper->mutex, NULL);
	workers_run_at(sweeper->workers, &sweeper->task, clock_monotonic_ms() + sweeper->interval_ms);
	return sweeper;
}

void sweeper_stop(struct sweeper *sweeper)
{
	if (!sweeper)
		return;
	pthread_mutex_lock(&sweeper->mutex);
	sweeper->server = NULL;
	pthread_mutex_unlock(&sweeper->mutex);
}
