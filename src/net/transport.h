/// transport: the bytes of a WebSocket's connection, in the clear or through TLS.
///
/// Nothing waits. Whoever owns the connection looks at its descriptor, and asks first what the descriptor does not tell:
/// bytes that TLS has decrypted already, and bytes that it has taken and not sent.
///
/// Threads: one at a time.
#ifndef ATOLL_NET_TRANSPORT_H
#define ATOLL_NET_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <gnutls/gnutls.h>

enum { TRANSPORT_HELD_BYTES = 16 };

/// Zeroed but for `fd` and `session`, both of which are others' to end.
struct transport {
	int fd;
	gnutls_session_t session; // NULL: in the clear
	char held[TRANSPORT_HELD_BYTES];
	size_t held_size;
	bool unsent;
};

/// How many bytes were read; 0: none at the moment; -1: the connection has ended.
ssize_t transport_receive(struct transport *transport, void *bytes, size_t size);
/// Whether there is something to read though the descriptor may not say so.
bool transport_has_unread(const struct transport *transport);

/// How many bytes were taken; 0: none at the moment; -1: the connection has ended. more: others follow at once; a few bytes
/// are then kept until they come, so that a frame's head goes with its content.
ssize_t transport_send(struct transport *transport, const void *bytes, size_t size, bool more);
/// Whether something that was taken waits for the descriptor.
static inline bool transport_has_unsent(const struct transport *transport)
{
	return transport->unsent;
}
/// Tries to send that; false: the connection has ended.
bool transport_flush(struct transport *transport);

#endif
