#include "net/transport.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/attributes.h"

enum { RECORD_BYTES = 16 * 1024 };

static bool comes_later(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

// -- in the clear -----------------------------------------------------------------------------------------

static ssize_t plain_receive(struct transport *transport, void *bytes, size_t size)
{
	ssize_t got = recv(transport->fd, bytes, size, MSG_DONTWAIT);
	if (got > 0)
		return got;
	return got < 0 && comes_later() ? 0 : -1;
}

// Those of the first `sent` bytes that were held go from there; returns how many were of what followed them.
static ssize_t forget_held(struct transport *transport, size_t sent)
{
	size_t of_held = sent < transport->held_size ? sent : transport->held_size;
	transport->held_size -= of_held;
	memmove(transport->held, transport->held + of_held, transport->held_size);
	return (ssize_t)(sent - of_held);
}

static ssize_t plain_send(struct transport *transport, const void *bytes, size_t size)
{
	struct iovec parts[] = {{transport->held, transport->held_size}, {(void *)(uintptr_t)bytes, size}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = ARRAY_LENGTH(parts)};
	ssize_t sent = sendmsg(transport->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return comes_later() ? 0 : -1;
	return forget_held(transport, (size_t)sent);
}

// -- through TLS ------------------------------------------------------------------------------------------

static ssize_t tls_receive(struct transport *transport, void *bytes, size_t size)
{
	ssize_t got = gnutls_record_recv(transport->session, bytes, size);
	if (got > 0)
		return got;
	return got < 0 && !gnutls_error_is_fatal((int)got) ? 0 : -1;
}

// The library keeps what it could not send: it counts as taken.
static ssize_t tls_send(struct transport *transport, const void *bytes, size_t size)
{
	char record[RECORD_BYTES];
	size_t room = sizeof(record) - transport->held_size;
	size_t taken = size < room ? size : room;
	size_t all = transport->held_size + taken;
	if (!transport_flush(transport))
		return -1;
	if (transport->unsent)
		return 0;
	memcpy(record, transport->held, transport->held_size);
	memcpy(record + transport->held_size, bytes, taken);
	ssize_t sent = gnutls_record_send(transport->session, record, all);
	if (sent >= 0)
		return forget_held(transport, (size_t)sent);
	if (gnutls_error_is_fatal((int)sent))
		return -1;
	transport->unsent = true;
	return forget_held(transport, all);
}

// -- both -------------------------------------------------------------------------------------------------

ssize_t transport_receive(struct transport *transport, void *bytes, size_t size)
{
	return transport->session ? tls_receive(transport, bytes, size)
				  : plain_receive(transport, bytes, size);
}

bool transport_has_unread(const struct transport *transport)
{
	return transport->session && gnutls_record_check_pending(transport->session) > 0;
}

ssize_t transport_send(struct transport *transport, const void *bytes, size_t size, bool more)
{
	if (more && size <= sizeof(transport->held) - transport->held_size) {
		memcpy(transport->held + transport->held_size, bytes, size);
		transport->held_size += size;
		return (ssize_t)size;
	}
	return transport->session ? tls_send(transport, bytes, size) : plain_send(transport, bytes, size);
}

bool transport_flush(struct transport *transport)
{
	if (!transport->unsent)
		return true;
	ssize_t sent = gnutls_record_send(transport->session, NULL, 0);
	transport->unsent = sent < 0;
	return sent >= 0 || !gnutls_error_is_fatal((int)sent);
}
