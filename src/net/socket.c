#include "net/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/socket_internal.h"

enum {
	CLOSE_WAIT_MS = 1000,
	STALL_MS = 30 * 1000, // a client that takes nothing for so long has gone
	REASON_BYTES_MAX = 123,
	READS_A_TURN = 4, // so that one socket does not keep the loop from the others
};

// -- references -------------------------------------------------------------------------------------------

struct net_socket *net_socket_hold(struct net_socket *socket)
{
	atomic_fetch_add(&socket->references, 1);
	return socket;
}

void net_socket_release(struct net_socket *socket)
{
	if (atomic_fetch_sub(&socket->references, 1) != 1)
		return;
	while (socket->first) {
		struct inbound *gone = socket->first;
		socket->first = gone->next;
		free(gone);
	}
	wslay_event_context_free(socket->frames);
	pthread_mutex_destroy(&socket->mutex);
	free(socket->early);
	free(socket);
}

// -- frames; all under the socket's mutex --------------------------------------------------------------------

static ssize_t take_early(struct net_socket *socket, uint8_t *bytes, size_t size)
{
	size_t taken = size < socket->early_size ? size : socket->early_size;
	memcpy(bytes, socket->early, taken);
	socket->early_size -= taken;
	memmove(socket->early, socket->early + taken, socket->early_size);
	return (ssize_t)taken;
}

static ssize_t on_receive(wslay_event_context_ptr frames, uint8_t *bytes, size_t size, int flags,
			  void *context)
{
	(void)flags;
	struct net_socket *socket = context;
	if (socket->early_size > 0)
		return take_early(socket, bytes, size);
	if (socket->reads++ >= READS_A_TURN && !transport_has_unread(&socket->transport)) {
		wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	ssize_t got = transport_receive(&socket->transport, bytes, size);
	if (got > 0) {
		// Less than was asked for: there was no more. What comes meanwhile brings the loop here again.
		if ((size_t)got < size)
			socket->reads = READS_A_TURN;
		return got;
	}
	socket->lost = got != 0;
	wslay_event_set_error(frames, got == 0 ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

// The library sees nothing wrong in a close frame with half a code.
static void on_frame(wslay_event_context_ptr frames, const struct wslay_event_on_frame_recv_start_arg *arg,
		     void *context)
{
	(void)context;
	if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->payload_length == 1)
		wslay_event_queue_close(frames, WSLAY_CODE_PROTOCOL_ERROR, NULL, 0);
}

static ssize_t on_send(wslay_event_context_ptr frames, const uint8_t *bytes, size_t size, int flags,
		       void *context)
{
	struct net_socket *socket = context;
	ssize_t sent = transport_send(&socket->transport, bytes, size, (flags & WSLAY_MSG_MORE) != 0);
	if (sent > 0) {
		socket->sent_ms = clock_coarse_ms();
		return sent;
	}
	wslay_event_set_error(frames, sent == 0 ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void on_message(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *arg,
		       void *context)
{
	(void)frames;
	struct net_socket *socket = context;
	if (wslay_is_ctrl_frame(arg->opcode) || socket->closing)
		return;
	struct inbound *message = malloc(sizeof(*message) + arg->msg_length + 1);
	ASSERT(message != NULL);
	message->next = NULL;
	message->frame = arg->opcode == WSLAY_TEXT_FRAME ? NET_TEXT : NET_BINARY;
	message->size = arg->msg_length;
	if (arg->msg_length > 0)
		memcpy(message->bytes, arg->msg, arg->msg_length);
	message->bytes[arg->msg_length] = '\0';
	*socket->end = message;
	socket->end = &message->next;
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = on_receive,
	.on_frame_recv_start_callback = on_frame,
	.send_callback = on_send,
	.on_msg_recv_callback = on_message,
};

static bool is_full_locked(struct net_socket *socket)
{
	return wslay_event_get_queued_msg_length(socket->frames) > sockets_queued_bytes_max(socket->sockets);
}

static bool wants_write_locked(const struct net_socket *socket)
{
	return (!socket->refused && wslay_event_want_write(socket->frames)) ||
	       transport_has_unsent(&socket->transport);
}

static bool may_read_locked(struct net_socket *socket)
{
	return socket->closing || (!socket->paused && !is_full_locked(socket));
}

// Bytes of which the descriptor does not tell.
static bool has_unread_locked(const struct net_socket *socket)
{
	return socket->early_size > 0 || transport_has_unread(&socket->transport);
}

// The close frame is sent and frames are read no more, but the client may still send: to end the connection over unread
// bytes would reset it, and take the close frame from the client.
static bool lingers_locked(struct net_socket *socket)
{
	return socket->closing && !wants_write_locked(socket) && !wslay_event_want_read(socket->frames) &&
	       !wslay_event_get_close_received(socket->frames);
}

// False at the end.
static bool drop_locked(struct net_socket *socket)
{
	char dropped[4096];
	ssize_t got = recv(socket->transport.fd, dropped, sizeof(dropped), MSG_DONTWAIT);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

// What the loop is to wait for.
static void arm_locked(struct net_socket *socket)
{
	if (!socket->open)
		return;
	unsigned wanted = EPOLLRDHUP;
	bool reads = may_read_locked(socket) && !socket->gone;
	if (reads && (wslay_event_want_read(socket->frames) || lingers_locked(socket)))
		wanted |= EPOLLIN;
	// Writable at once: so the loop comes by and reads.
	bool calls = reads && has_unread_locked(socket) && wslay_event_want_read(socket->frames);
	if (calls || (!socket->gone && wants_write_locked(socket)))
		wanted |= EPOLLOUT;
	if (wanted == socket->armed)
		return;
	socket->armed = wanted;
	struct epoll_event event = {.events = wanted, .data.ptr = socket};
	epoll_ctl(sockets_epoll(socket), EPOLL_CTL_MOD, socket->transport.fd, &event);
}

void socket_flush_locked(struct net_socket *socket)
{
	if (!socket->open || socket->gone)
		return;
	if (!transport_flush(&socket->transport) ||
	    (!socket->refused && wslay_event_want_write(socket->frames) &&
	     wslay_event_send(socket->frames) != 0)) {
		socket->gone = true;
		shutdown(socket->transport.fd, SHUT_RDWR); // the loop sees it
	}
	arm_locked(socket);
}

void net_socket_send(struct net_socket *socket, enum net_frame frame, const void *bytes, size_t size)
{
	struct wslay_event_msg message = {
		.opcode = frame == NET_TEXT ? WSLAY_TEXT_FRAME : WSLAY_BINARY_FRAME,
		.msg = bytes,
		.msg_length = size,
	};
	pthread_mutex_lock(&socket->mutex);
	if (!socket->closing && !socket->gone) {
		if (wslay_event_get_queued_msg_count(socket->frames) == 0)
			socket->sent_ms = clock_coarse_ms();
		wslay_event_queue_msg(socket->frames, &message);
		socket_flush_locked(socket);
	}
	pthread_mutex_unlock(&socket->mutex);
}

bool net_socket_is_full(struct net_socket *socket)
{
	pthread_mutex_lock(&socket->mutex);
	bool full = !socket->gone && is_full_locked(socket);
	pthread_mutex_unlock(&socket->mutex);
	return full;
}

void net_socket_pause(struct net_socket *socket, bool paused)
{
	pthread_mutex_lock(&socket->mutex);
	if (socket->paused != paused) {
		socket->paused = paused;
		arm_locked(socket);
	}
	pthread_mutex_unlock(&socket->mutex);
}

// The longest beginning of a reason that fits and does not end inside a character.
static size_t reason_size(const char *reason)
{
	size_t size = strnlen(reason, REASON_BYTES_MAX + 1);
	if (size <= REASON_BYTES_MAX)
		return size;
	size = REASON_BYTES_MAX;
	while (size > 0 && ((unsigned char)reason[size] & 0xC0) == 0x80)
		size--;
	return size;
}

void net_socket_close(struct net_socket *socket, int code, const char *reason)
{
	pthread_mutex_lock(&socket->mutex);
	if (!socket->closing) {
		socket->closing = true;
		socket->close_by_ms = clock_coarse_ms() + CLOSE_WAIT_MS;
		wslay_event_queue_close(socket->frames, (uint16_t)code, (const uint8_t *)reason,
					reason_size(reason));
		socket_flush_locked(socket);
	}
	pthread_mutex_unlock(&socket->mutex);
}

// -- life -----------------------------------------------------------------------------------------------------

struct net_socket *socket_create(struct sockets *sockets, const struct net_socket_events *events,
				 void *context)
{
	struct net_socket *socket = calloc(1, sizeof(*socket));
	ASSERT(socket != NULL);
	socket->sockets = sockets;
	socket->events = *events;
	socket->context = context;
	socket->end = &socket->first;
	atomic_init(&socket->references, 1);
	pthread_mutex_init(&socket->mutex, NULL);
	int rc = wslay_event_context_server_init(&socket->frames, &callbacks, socket);
	ASSERT(rc == 0);
	wslay_event_config_set_max_recv_msg_length(socket->frames, sockets_message_bytes_max(sockets));
	return socket;
}

void socket_open_locked(struct net_socket *socket)
{
	socket->open = true;
	socket->sent_ms = clock_coarse_ms();
	// Writable at once: so the loop comes by and sees what had arrived before.
	socket->armed = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	struct epoll_event event = {.events = socket->armed, .data.ptr = socket};
	epoll_ctl(sockets_epoll(socket), EPOLL_CTL_ADD, socket->transport.fd, &event);
}

void socket_end(struct net_socket *socket)
{
	pthread_mutex_lock(&socket->mutex);
	bool over = socket->over;
	socket->over = true;
	bool open = socket->open;
	struct MHD_UpgradeResponseHandle *upgraded = TAKE(socket->upgraded);
	struct net_request *request = TAKE(socket->request);
	socket->open = false;
	socket->gone = true;
	socket->closing = true;
	pthread_mutex_unlock(&socket->mutex);
	if (over)
		return;
	if (open)
		epoll_ctl(sockets_epoll(socket), EPOLL_CTL_DEL, socket->transport.fd, NULL);
	if (upgraded)
		MHD_upgrade_action(upgraded, MHD_UPGRADE_ACTION_CLOSE);
	if (request)
		request_answer(request);
	sockets_remove(socket);
	socket->events.closed(socket->context, socket);
	net_socket_release(socket);
}

// -- for the loop -----------------------------------------------------------------------------------------------

static void deliver(struct net_socket *socket, struct inbound *message)
{
	while (message) {
		struct inbound *next = message->next;
		socket->events.message(socket->context, socket, message->frame, message->bytes,
				       message->size);
		free(message);
		message = next;
	}
}

// False when the connection can't go on. Of a head that is none the library tells its client without a code; so it is
// told here, if nothing else is on its way to it.
static bool read_locked(struct net_socket *socket)
{
	static const unsigned char farewell[] = {0x88, 2, NET_CLOSE_PROTOCOL >> 8, NET_CLOSE_PROTOCOL & 0xFF};
	if (wslay_event_recv(socket->frames) == 0)
		return true;
	if (socket->lost || wslay_event_get_queued_msg_count(socket->frames) != 1 ||
	    transport_has_unsent(&socket->transport))
		return false;
	socket->refused = true;
	return transport_send(&socket->transport, farewell, sizeof(farewell), false) ==
	       (ssize_t)sizeof(farewell);
}

bool socket_serve(struct net_socket *socket, unsigned events)
{
	pthread_mutex_lock(&socket->mutex);
	socket->reads = 0;
	bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
	bool unread = has_unread_locked(socket) && may_read_locked(socket);
	if (!broken && ((events & EPOLLIN) || unread) && wslay_event_want_read(socket->frames))
		broken = !read_locked(socket);
	else if (!broken && (events & EPOLLIN))
		broken = !drop_locked(socket);
	else if (events & EPOLLRDHUP)
		broken = true;
	// A close frame of the client, or an error of its own, is answered by the library by itself.
	bool closes = wslay_event_get_close_received(socket->frames) ||
		      !wslay_event_get_read_enabled(socket->frames);
	if (closes && !socket->closing) {
		socket->closing = true;
		socket->close_by_ms = clock_coarse_ms() + CLOSE_WAIT_MS;
	}
	socket_flush_locked(socket);
	bool over = broken || socket->gone ||
		    (socket->closing && !wants_write_locked(socket) &&
		     wslay_event_get_close_received(socket->frames));
	struct inbound *messages = TAKE(socket->first);
	socket->end = &socket->first;
	pthread_mutex_unlock(&socket->mutex);
	deliver(socket, messages);
	return !over;
}

bool socket_is_late(struct net_socket *socket, int64_t now_ms, bool stopping)
{
	pthread_mutex_lock(&socket->mutex);
	bool stalled = wants_write_locked(socket) && socket->sent_ms + STALL_MS < now_ms;
	bool late =
		socket->open && (stopping || stalled || (socket->closing && socket->close_by_ms < now_ms));
	pthread_mutex_unlock(&socket->mutex);
	return late;
}
