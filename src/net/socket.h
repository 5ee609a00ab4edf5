/// socket: a WebSocket (RFC 6455), from the upgrade of a request to its end.
///
/// The loops of the server's sockets (one a core) read and write; whole messages come to `message`, on the socket's own
/// loop, one at a time. Pings are answered, fragments are put together, and what breaks the RFC or a limit closes the
/// connection with the code it names (1002, 1007 for text that is not UTF-8, 1009 for a message that is too large).
///
/// Back-pressure: what a client does not read is queued up to `queued_bytes_max`, then the socket reads no more of what
///          it sends until half of that is gone. Its owner may stop the reading, too (net_socket_pause).
/// Life:    net_request_upgrade → opened → message* → closed, once, after which only the owner's references keep the
///          struct. net_server_drain closes all sockets with 1001 once their queues are sent.
/// Threads: opened, message and closed: the socket's loop, never two at a time for one socket; they must not block.
///          The functions: any thread.
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
	NET_CLOSE_TOO_LARGE = 1009,
	NET_CLOSE_INTERNAL = 1011,
};

/// What a socket's owner wants to be told.
struct net_socket_events {
	/// The first call: the socket may be used. Its owner keeps `context`.
	void (*opened)(void *context, struct net_socket *socket);
	/// The bytes are borrowed for the call. `more`: another whole message was read already and comes next, so that
	/// answers may be gathered; what was sent meanwhile goes out together afterwards.
	void (*message)(void *context, struct net_socket *socket, enum net_frame frame, const char *bytes,
			size_t size, bool more);
	/// The last call: the connection has ended, in whatever way.
	void (*closed)(void *context, struct net_socket *socket);
};

/// Whether the request asks for a WebSocket: GET with the headers of RFC 6455 §4.2.1.
bool net_request_wants_socket(const struct net_request *request);

/// Answers 101 and makes the connection a socket, in place of net_request_finish. protocol: a literal for
/// Sec-WebSocket-Protocol, or NULL. Fails: ERR_BAD_REQUEST (a wrong version, a bad key; a header Sec-WebSocket-Version is
/// set then), ERR_BUSY (too many sockets), ERR_SHUTDOWN; the request is then still to be answered and finished, and no
/// event is called.
MUST_USE bool net_request_upgrade(struct net_request *request, const char *protocol,
				  const struct net_socket_events *events, void *context, struct error *err);

/// Queues a whole message; sent at once where possible, or after the present `message` when called in it. Dropped when the socket is closing.
void net_socket_send(struct net_socket *socket, enum net_frame frame, const void *bytes, size_t size);
/// Bytes that wait to be sent.
size_t net_socket_queued(struct net_socket *socket);
/// No further message is delivered until net_socket_resume; calls of both are counted. What was read already waits.
void net_socket_pause(struct net_socket *socket);
void net_socket_resume(struct net_socket *socket);
/// Sends what is queued, a close frame (reason is cut at 123 bytes), and ends the connection when the client has
/// answered it or a second has passed. No further message is delivered. The first call counts.
void net_socket_close(struct net_socket *socket, int code, const char *reason);

/// References of those who may send after `closed` was called.
struct net_socket *net_socket_hold(struct net_socket *socket);
void net_socket_release(struct net_socket *socket);

/// For the owner's log lines.
const char *net_socket_peer(const struct net_socket *socket);

#endif
