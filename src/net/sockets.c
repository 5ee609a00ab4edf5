#include "net/sockets.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/socket_internal.h"

enum { EVENTS_AT_ONCE = 64, TICK_MS = 250, OWNER_TICK_MS = 1000 };

struct socket_loop {
	struct sockets *sockets;
	int epoll;
	int wake;
	pthread_t thread;
	bool runs;
	atomic_uint rounds;
	unsigned seen_rounds; // by sockets_are_alive
	bool ended;           // it serves nobody any more; guarded by the mutex of all
};

struct sockets {
	size_t count_max;
	size_t message_bytes_max;
	size_t queued_bytes_max;
	struct socket_loop *loops;
	size_t loop_count;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct net_socket *all;
	size_t count;
	size_t next_loop;
	bool draining;
	bool stopping;
};

// -- the list ---------------------------------------------------------------------------------------------------

size_t sockets_message_bytes_max(const struct sockets *sockets)
{
	return sockets->message_bytes_max;
}

size_t sockets_queued_bytes_max(const struct sockets *sockets)
{
	return sockets->queued_bytes_max;
}

size_t sockets_count(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	size_t count = sockets->count;
	pthread_mutex_unlock(&sockets->mutex);
	return count;
}

int sockets_epoll(const struct net_socket *socket)
{
	return socket->loop->epoll;
}

bool sockets_add(struct sockets *sockets, struct net_socket *socket, struct error *err)
{
	pthread_mutex_lock(&sockets->mutex);
	bool full = sockets->count >= sockets->count_max;
	bool draining = sockets->draining;
	if (!full && !draining) {
		socket->loop = &sockets->loops[sockets->next_loop++ % sockets->loop_count];
		socket->next = sockets->all;
		if (socket->next)
			socket->next->previous = socket;
		sockets->all = socket;
		sockets->count++;
	}
	pthread_mutex_unlock(&sockets->mutex);
	if (draining)
		return error_set(err, ERR_SHUTDOWN, "server is shutting down");
	return !full ||
	       error_set(err, ERR_BUSY, "too many WebSockets (limit sockets-max of %zu)", sockets->count_max);
}

void sockets_remove(struct net_socket *socket)
{
	struct sockets *sockets = socket->sockets;
	pthread_mutex_lock(&sockets->mutex);
	if (socket->previous)
		socket->previous->next = socket->next;
	else
		sockets->all = socket->next;
	if (socket->next)
		socket->next->previous = socket->previous;
	sockets->count--;
	pthread_mutex_unlock(&sockets->mutex);
}

bool sockets_has_ended(struct net_socket *socket)
{
	pthread_mutex_lock(&socket->sockets->mutex);
	bool ended = socket->loop->ended;
	pthread_mutex_unlock(&socket->sockets->mutex);
	return ended;
}

// -- a loop -----------------------------------------------------------------------------------------------------

// Those of the loop that are to be ended by time, or (stopping) all that were opened; one at a time, for the list may
// change.
static struct net_socket *find_late(struct socket_loop *loop, int64_t now_ms)
{
	struct sockets *sockets = loop->sockets;
	struct net_socket *found = NULL;
	pthread_mutex_lock(&sockets->mutex);
	for (struct net_socket *at = sockets->all; at && !found; at = at->next) {
		if (at->loop == loop && socket_is_late(at, now_ms, sockets->stopping))
			found = at;
	}
	loop->ended = sockets->stopping && !found;
	pthread_mutex_unlock(&sockets->mutex);
	return found;
}

// Of the loop's sockets that were opened and not ended.
static void tick_owners(struct socket_loop *loop)
{
	struct sockets *sockets = loop->sockets;
	pthread_mutex_lock(&sockets->mutex);
	for (struct net_socket *at = sockets->all; at; at = at->next) {
		if (at->loop != loop)
			continue;
		pthread_mutex_lock(&at->mutex);
		bool open = at->open;
		pthread_mutex_unlock(&at->mutex);
		if (open)
			at->events.tick(at->context, at);
	}
	pthread_mutex_unlock(&sockets->mutex);
}

static bool is_stopping(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	bool stopping = sockets->stopping;
	pthread_mutex_unlock(&sockets->mutex);
	return stopping;
}

static void tick(struct socket_loop *loop, int64_t now_ms)
{
	struct sockets *sockets = loop->sockets;
	for (struct net_socket *late; !is_stopping(sockets) && (late = find_late(loop, now_ms));)
		socket_end(late);
}

static void *run(void *argument)
{
	struct socket_loop *loop = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t ticked_ms = clock_coarse_ms();
	int64_t owners_ticked_ms = ticked_ms;
	while (!is_stopping(loop->sockets)) {
		int count = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, TICK_MS);
		atomic_fetch_add_explicit(&loop->rounds, 1, memory_order_relaxed);
		for (int i = 0; i < count; i++) {
			struct net_socket *socket = events[i].data.ptr;
			if (socket && !socket_serve(socket, events[i].events))
				socket_end(socket);
		}
		int64_t now_ms = clock_coarse_ms();
		if (now_ms - ticked_ms < TICK_MS)
			continue;
		ticked_ms = now_ms;
		tick(loop, now_ms);
		if (now_ms - owners_ticked_ms < OWNER_TICK_MS)
			continue;
		owners_ticked_ms = now_ms;
		tick_owners(loop);
	}
	for (struct net_socket *left; (left = find_late(loop, 0));)
		socket_end(left);
	return NULL;
}

// -- all --------------------------------------------------------------------------------------------------------

static bool start_loop(struct sockets *sockets, struct socket_loop *loop)
{
	loop->sockets = sockets;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	loop->runs = loop->epoll >= 0 && loop->wake >= 0 &&
		     epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &event) == 0 &&
		     pthread_create(&loop->thread, NULL, run, loop) == 0;
	return loop->runs;
}

bool sockets_start(const struct sockets_options *options, struct sockets **out, struct error *err)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));
	ASSERT(sockets != NULL);
	sockets->count_max = options->count_max;
	sockets->message_bytes_max = options->message_bytes_max;
	sockets->queued_bytes_max = options->queued_bytes_max;
	sockets->loops = calloc(options->loop_count, sizeof(*sockets->loops));
	ASSERT(sockets->loops != NULL);
	pthread_mutex_init(&sockets->mutex, NULL);
	bool ok = true;
	while (ok && sockets->loop_count < options->loop_count)
		ok = start_loop(sockets, &sockets->loops[sockets->loop_count++]);
	if (!ok) {
		error_set(err, ERR_IO, "a loop of WebSockets did not start");
		error_detail(err, "%s", strerror(errno));
		sockets_stop(sockets);
		sockets_free(sockets);
		return false;
	}
	*out = sockets;
	return true;
}

void sockets_drain(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	sockets->draining = true;
	for (struct net_socket *at = sockets->all; at; at = at->next)
		at->events.draining(at->context, at);
	pthread_mutex_unlock(&sockets->mutex);
}

bool sockets_are_alive(struct sockets *sockets)
{
	bool alive = true;
	for (size_t i = 0; i < sockets->loop_count; i++) {
		struct socket_loop *loop = &sockets->loops[i];
		unsigned rounds = atomic_load_explicit(&loop->rounds, memory_order_relaxed);
		alive = alive && rounds != loop->seen_rounds;
		loop->seen_rounds = rounds;
	}
	return alive;
}

void sockets_stop(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	sockets->draining = true;
	sockets->stopping = true;
	pthread_mutex_unlock(&sockets->mutex);
	for (size_t i = 0; i < sockets->loop_count; i++) {
		struct socket_loop *loop = &sockets->loops[i];
		uint64_t one = 1;
		if (!loop->runs)
			continue;
		ssize_t ignored UNUSED = write(loop->wake, &one, sizeof(one));
		pthread_join(loop->thread, NULL);
	}
}

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	ASSERT(sockets->all == NULL);
	for (size_t i = 0; i < sockets->loop_count; i++) {
		if (sockets->loops[i].wake >= 0)
			close(sockets->loops[i].wake);
		if (sockets->loops[i].epoll >= 0)
			close(sockets->loops[i].epoll);
	}
	pthread_mutex_destroy(&sockets->mutex);
	free(sockets->loops);
	free(sockets);
}
