/// socket: a WebSocket (RFC 6455), from the upgrade of a request to its end.
///
/// A socket is served by one of its server's loops. Whole messages come to `message`, one at a time. Pings are answered,
/// fragments are put together, and what breaks the RFC or a limit closes the connection with the code it names (1002,
/// 1007 for text that is not UTF-8, 1009 for a message that is too large).
///
/// Back-pressure: while more than `queued_bytes_max` wait for a client to read, nothing is read of it. Its owner may stop
///          the reading, too (net_socket_pause).
/// Life:    net_request_upgrade → opened → message* → closed, once, after which only references keep the struct.
///          net_server_drain asks their owners to come to an end.
/// Threads: opened: a network thread. draining: the one that drains. The others: its loop, which they must not block. The
///          functions: any thread. From draining and tick no function but net_socket_close and net_socket_pause may be called.
#ifndef ATOLL_NET_SOCKET_H
#define ATOLL_NET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct net_request;
struct net_socket;

enum net_frame { NET_TEXT, NET_BINARY };

enum net_close_code {
	NET_CLOSE_NORMAL = 1000,
	NET_CLOSE_GOING_AWAY = 1001,
	NET_CLOSE_PROTOCOL = 1002,
	NET_CLOSE_UNSUPPORTED = 1003,
	NET_CLOSE_INVALID = 1007,
	NET_CLOSE_POLICY = 1008,
	NET_CLOSE_INTERNAL = 1011,
};

/// What a socket's owner wants to be told.
struct net_socket_events {
	/// The socket may be used from now on.
	void (*opened)(void *context, struct net_socket *socket);
	/// The bytes are borrowed for the call, and followed by a NUL.
	void (*message)(void *context, struct net_socket *socket, enum net_frame frame, const char *bytes,
			size_t size);
	/// The server is about to stop: the socket is to be closed when what was begun for its client has been answered.
	void (*draining)(void *context, struct net_socket *socket);
	/// About once a second.
	void (*tick)(void *context, struct net_socket *socket);
	/// The last call: the connection has ended, in whatever way. Also called when it never opened.
	void (*closed)(void *context, struct net_socket *socket);
};

/// Whether the request asks for a WebSocket.
bool net_request_wants_socket(const struct net_request *request);

/// Answers 101 and makes the connection a socket, in place of net_request_finish: from the handler of a NET_INLINE route.
/// protocol: a literal for
/// Sec-WebSocket-Protocol, or NULL.
/// Fails: ERR_BAD_REQUEST (HTTP/1.0, a wrong version or key), ERR_BUSY (too many sockets), ERR_SHUTDOWN; the request is
///        then still to be answered and finished, and no event is called.
MUST_USE bool net_request_upgrade(struct net_request *request, const char *protocol,
				  const struct net_socket_events *events, void *context, struct error *err);

/// Sends a whole message, or queues what the client does not take. Dropped when the socket is closing.
void net_socket_send(struct net_socket *socket, enum net_frame frame, const void *bytes, size_t size);
/// Whether so much waits to be sent that no further answers should be made.
bool net_socket_is_full(struct net_socket *socket);
/// While paused nothing is read; messages that were read already may still come. Calls are not counted.
void net_socket_pause(struct net_socket *socket, bool paused);
/// Sends what is queued, then a close frame (of the reason 123 bytes), and ends the connection when the client has
/// answered it or a second has passed. No further message is delivered. The first call counts.
void net_socket_close(struct net_socket *socket, int code, const char *reason);

/// References of those who may send after `closed` was called.
struct net_socket *net_socket_hold(struct net_socket *socket);
void net_socket_release(struct net_socket *socket);

#endif
