/// socket_internal: a WebSocket, as the files that make it share it: socket.c (frames, sending, what arrives), sockets.c (the
/// loops), socket_upgrade.c (from a request to an open socket). Private to them.
#ifndef ATOLL_NET_SOCKET_INTERNAL_H
#define ATOLL_NET_SOCKET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <microhttpd.h>
#include <wslay/wslay.h>

#include "net/connection.h"
#include "net/socket.h"
#include "net/sockets.h"
#include "net/transport.h"

struct socket_loop;

enum { ACCEPT_BYTES = 32 };

// A message that was read and not delivered yet.
struct inbound {
	struct inbound *next;
	enum net_frame frame;
	size_t size;
	char bytes[];
};

struct net_socket {
	struct sockets *sockets;
	struct socket_loop *loop; // that serves it, and no other
	struct net_socket_events events;
	void *context;
	const char *protocol;
	char accept[ACCEPT_BYTES];
	_Atomic(int) references;
	// guarded by the list's mutex
	struct net_socket *previous;
	struct net_socket *next;

	pthread_mutex_t mutex;
	// guarded by mutex
	wslay_event_context_ptr frames;
	bool open;                                  // the loop's, and not ended
	struct MHD_UpgradeResponseHandle *upgraded; // in the clear: what the library wants back
	struct net_request *request;                // through TLS: the same
	struct transport transport;
	char *early; // bytes that the library had read behind the head
	size_t early_size;
	bool paused;
	bool closing;
	bool over;      // its end was begun
	bool gone;      // of the peer: nothing can be sent any more
	bool lost;      // the transport failed, so that frames could not be read
	bool refused;   // a frame that is none was answered past the frames' library
	unsigned armed; // epoll events
	int64_t close_by_ms;
	int64_t sent_ms; // when the client last took something
	struct inbound *first;
	struct inbound **end;
	int reads; // in this turn
};

// -- socket.c

/// A socket that is not open yet, with a reference that is its loop's.
struct net_socket *socket_create(struct sockets *sockets, const struct net_socket_events *events,
				 void *context);
/// From now on its loop looks at it. The transport is set; under the mutex.
void socket_open_locked(struct net_socket *socket);
/// Sends what is queued as far as that is possible, and waits for the rest; under the mutex.
void socket_flush_locked(struct net_socket *socket);
/// By the loop: reads, sends and delivers. False: the socket is to be ended.
bool socket_serve(struct net_socket *socket, unsigned events);
/// Whether it is to be ended by time, or because all are.
bool socket_is_late(struct net_socket *socket, int64_t now_ms, bool stopping);
/// The last of a socket; its loop's own reference goes with it. Fine when it was ended.
void socket_end(struct net_socket *socket);

// -- sockets.c

size_t sockets_message_bytes_max(const struct sockets *sockets);
size_t sockets_queued_bytes_max(const struct sockets *sockets);
/// Gives it a loop. Fails: ERR_BUSY, ERR_SHUTDOWN.
MUST_USE bool sockets_add(struct sockets *sockets, struct net_socket *socket, struct error *err);
void sockets_remove(struct net_socket *socket);
/// The epoll descriptor of its loop.
int sockets_epoll(const struct net_socket *socket);
/// Whether its loop has looked at it for the last time.
bool sockets_has_ended(struct net_socket *socket);

#endif
