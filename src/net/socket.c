#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <microhttpd.h>
#include <wslay/wslay.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "net/connection.h"
#include "net/sockets.h"
#include "net/transport.h"

#define RFC_KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
	EVENTS_AT_ONCE = 64,
	TICK_MS = 250,
	OWNER_TICK_MS = 1000,
	CLOSE_WAIT_MS = 1000,
	STALL_MS = 30 * 1000, // a client that takes nothing for so long has gone
	REASON_BYTES_MAX = 123,
	KEY_BYTES = 24,
	KEEPALIVE_IDLE_S = 60, // a client whose machine has gone is noticed a few tries later
	KEEPALIVE_EVERY_S = 15,
	READS_A_TURN = 4, // so that one socket does not keep the loop from the others
};

// A message that was read and not delivered yet.
struct inbound {
	struct inbound *next;
	enum net_frame frame;
	size_t size;
	char bytes[];
};

struct net_socket {
	struct sockets *sockets;
	struct net_socket_events events;
	void *context;
	const char *protocol;
	char accept[32];
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
	unsigned armed; // epoll events
	int64_t close_by_ms;
	int64_t sent_ms; // when the client last took something
	struct inbound *first;
	struct inbound **end;
	int reads; // in this turn
};

struct sockets {
	size_t count_max;
	size_t message_bytes_max;
	size_t queued_bytes_max;
	int epoll;
	int wake;
	pthread_t thread;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct net_socket *all;
	size_t count;
	bool draining;
	bool stopping;
	bool ended; // the loop has: it serves nobody any more
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
	wslay_event_set_error(frames, got == 0 ? WSLAY_ERR_WOULDBLOCK : WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
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
	.send_callback = on_send,
	.on_msg_recv_callback = on_message,
};

static bool is_full_locked(struct net_socket *socket)
{
	return wslay_event_get_queued_msg_length(socket->frames) > socket->sockets->queued_bytes_max;
}

static bool wants_write_locked(const struct net_socket *socket)
{
	return wslay_event_want_write(socket->frames) || transport_has_unsent(&socket->transport);
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
	epoll_ctl(socket->sockets->epoll, EPOLL_CTL_MOD, socket->transport.fd, &event);
}

static void flush_locked(struct net_socket *socket)
{
	if (!socket->open || socket->gone)
		return;
	if (!transport_flush(&socket->transport) ||
	    (wslay_event_want_write(socket->frames) && wslay_event_send(socket->frames) != 0)) {
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
		flush_locked(socket);
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
		flush_locked(socket);
	}
	pthread_mutex_unlock(&socket->mutex);
}

// -- the loop -------------------------------------------------------------------------------------------------

static void unlink_socket(struct net_socket *socket)
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

// The last of a socket; its loop's own reference goes with it.
static void end_socket(struct net_socket *socket)
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
		epoll_ctl(socket->sockets->epoll, EPOLL_CTL_DEL, socket->transport.fd, NULL);
	if (upgraded)
		MHD_upgrade_action(upgraded, MHD_UPGRADE_ACTION_CLOSE);
	if (request)
		request_answer(request);
	unlink_socket(socket);
	socket->events.closed(socket->context, socket);
	net_socket_release(socket);
}

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

static void serve(struct net_socket *socket, unsigned events)
{
	pthread_mutex_lock(&socket->mutex);
	socket->reads = 0;
	bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
	bool unread = has_unread_locked(socket) && may_read_locked(socket);
	if (!broken && ((events & EPOLLIN) || unread) && wslay_event_want_read(socket->frames))
		broken = wslay_event_recv(socket->frames) != 0;
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
	flush_locked(socket);
	bool over = broken || socket->gone ||
		    (socket->closing && !wants_write_locked(socket) &&
		     wslay_event_get_close_received(socket->frames));
	struct inbound *messages = TAKE(socket->first);
	socket->end = &socket->first;
	pthread_mutex_unlock(&socket->mutex);
	deliver(socket, messages);
	if (over)
		end_socket(socket);
}

static bool is_late(struct net_socket *socket, int64_t now_ms, bool stopping)
{
	pthread_mutex_lock(&socket->mutex);
	bool stalled = wants_write_locked(socket) && socket->sent_ms + STALL_MS < now_ms;
	bool late =
		socket->open && (stopping || stalled || (socket->closing && socket->close_by_ms < now_ms));
	pthread_mutex_unlock(&socket->mutex);
	return late;
}

// Those that are to be ended by time, or (stopping) all that were opened; one at a time, for the list may change.
static struct net_socket *find_late(struct sockets *sockets, int64_t now_ms)
{
	struct net_socket *found = NULL;
	pthread_mutex_lock(&sockets->mutex);
	for (struct net_socket *at = sockets->all; at && !found; at = at->next) {
		if (is_late(at, now_ms, sockets->stopping))
			found = at;
	}
	sockets->ended = sockets->stopping && !found;
	pthread_mutex_unlock(&sockets->mutex);
	return found;
}

// Of sockets that were opened and not ended.
static void tick_owners(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	for (struct net_socket *at = sockets->all; at; at = at->next) {
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

static void *run(void *argument)
{
	struct sockets *sockets = argument;
	struct epoll_event events[EVENTS_AT_ONCE];
	int64_t ticked_ms = clock_coarse_ms();
	int64_t owners_ticked_ms = ticked_ms;
	while (!is_stopping(sockets)) {
		int count = epoll_wait(sockets->epoll, events, EVENTS_AT_ONCE, TICK_MS);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve(events[i].data.ptr, events[i].events);
		}
		int64_t now_ms = clock_coarse_ms();
		if (now_ms - ticked_ms < TICK_MS)
			continue;
		ticked_ms = now_ms;
		for (struct net_socket *late; !is_stopping(sockets) && (late = find_late(sockets, now_ms));)
			end_socket(late);
		if (now_ms - owners_ticked_ms < OWNER_TICK_MS)
			continue;
		owners_ticked_ms = now_ms;
		tick_owners(sockets);
	}
	for (struct net_socket *left; (left = find_late(sockets, 0));)
		end_socket(left);
	return NULL;
}

static void close_sockets(struct sockets *sockets)
{
	if (sockets->wake >= 0)
		close(sockets->wake);
	if (sockets->epoll >= 0)
		close(sockets->epoll);
	pthread_mutex_destroy(&sockets->mutex);
	free(sockets);
}

bool sockets_start(size_t count_max, size_t message_bytes_max, size_t queued_bytes_max, struct sockets **out,
		   struct error *err)
{
	struct sockets *sockets = calloc(1, sizeof(*sockets));
	ASSERT(sockets != NULL);
	sockets->count_max = count_max;
	sockets->message_bytes_max = message_bytes_max;
	sockets->queued_bytes_max = queued_bytes_max;
	pthread_mutex_init(&sockets->mutex, NULL);
	sockets->epoll = epoll_create1(EPOLL_CLOEXEC);
	sockets->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	bool ok = sockets->epoll >= 0 && sockets->wake >= 0 &&
		  epoll_ctl(sockets->epoll, EPOLL_CTL_ADD, sockets->wake, &event) == 0 &&
		  pthread_create(&sockets->thread, NULL, run, sockets) == 0;
	if (!ok) {
		error_set(err, ERR_IO, "the loop of WebSockets did not start");
		error_detail(err, "%s", strerror(errno));
		close_sockets(sockets);
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

void sockets_stop(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	sockets->draining = true;
	sockets->stopping = true;
	pthread_mutex_unlock(&sockets->mutex);
	uint64_t one = 1;
	ssize_t ignored UNUSED = write(sockets->wake, &one, sizeof(one));
	pthread_join(sockets->thread, NULL);
}

void sockets_free(struct sockets *sockets)
{
	if (!sockets)
		return;
	ASSERT(sockets->all == NULL);
	close_sockets(sockets);
}

static bool has_ended(struct sockets *sockets)
{
	pthread_mutex_lock(&sockets->mutex);
	bool ended = sockets->ended;
	pthread_mutex_unlock(&sockets->mutex);
	return ended;
}

// -- the upgrade ------------------------------------------------------------------------------------------------

static bool has_token(const char *list, const char *token)
{
	size_t size = strlen(token);
	while (list && *list) {
		list += strspn(list, " \t,");
		size_t length = strcspn(list, " \t,");
		if (length == size && strncasecmp(list, token, size) == 0)
			return true;
		list += length;
	}
	return false;
}

bool net_request_wants_socket(const struct net_request *request)
{
	return strcmp(net_request_method(request), "GET") == 0 &&
	       has_token(net_request_header(request, "Connection"), "upgrade") &&
	       has_token(net_request_header(request, "Upgrade"), "websocket");
}

static bool make_accept(const char *key, char out[32])
{
	char text[KEY_BYTES + sizeof(RFC_KEY_SUFFIX)];
	unsigned char hash[20];
	OWNED(buffer) struct buffer base64 = {0};
	snprintf(text, sizeof(text), "%s" RFC_KEY_SUFFIX, key);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), hash) != 0)
		return false;
	crypt_base64_encode(&base64, hash, sizeof(hash), false);
	snprintf(out, 32, "%s=", buffer_text(&base64));
	return true;
}

static bool is_key(const char *key)
{
	return key && strlen(key) == KEY_BYTES && key[KEY_BYTES - 1] == '=' && key[KEY_BYTES - 2] == '=';
}

static bool add(struct sockets *sockets, struct net_socket *socket, struct error *err)
{
	pthread_mutex_lock(&sockets->mutex);
	bool full = sockets->count >= sockets->count_max;
	bool draining = sockets->draining;
	if (!full && !draining) {
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

bool net_request_upgrade(struct net_request *request, const char *protocol,
			 const struct net_socket_events *events, void *context, struct error *err)
{
	struct sockets *sockets = request->connection->server->sockets;
	const char *version = net_request_header(request, "Sec-WebSocket-Version");
	const char *key = net_request_header(request, "Sec-WebSocket-Key");
	if (!version || strcmp(version, "13") != 0) {
		net_reply_header(request, "Sec-WebSocket-Version", "13");
		return error_set(err, ERR_BAD_REQUEST,
				 "only version 13 of the WebSocket protocol is supported");
	}
	struct net_socket *socket = calloc(1, sizeof(*socket));
	ASSERT(socket != NULL);
	if (!is_key(key) || !make_accept(key, socket->accept)) {
		free(socket);
		return error_set(err, ERR_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
	}
	socket->sockets = sockets;
	socket->events = *events;
	socket->context = context;
	socket->protocol = protocol;
	socket->end = &socket->first;
	atomic_init(&socket->references, 1);
	pthread_mutex_init(&socket->mutex, NULL);
	int rc = wslay_event_context_server_init(&socket->frames, &callbacks, socket);
	ASSERT(rc == 0);
	wslay_event_config_set_max_recv_msg_length(socket->frames, sockets->message_bytes_max);
	if (!add(sockets, socket, err)) {
		net_socket_release(socket);
		return false;
	}
	request->socket = socket;
	net_reply_status(request, MHD_HTTP_SWITCHING_PROTOCOLS);
	// Through TLS the request stays suspended, see socket_take_session.
	if (!request->connection->server->tls)
		net_request_finish(request);
	return true;
}

static void set_options(int fd)
{
	int on = 1;
	int idle_s = KEEPALIVE_IDLE_S;
	int every_s = KEEPALIVE_EVERY_S;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof(every_s));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void open_locked(struct net_socket *socket)
{
	socket->open = true;
	socket->sent_ms = clock_coarse_ms();
	// Writable at once: so the loop comes by and sees what had arrived before.
	socket->armed = EPOLLIN | EPOLLOUT | EPOLLRDHUP;
	struct epoll_event event = {.events = socket->armed, .data.ptr = socket};
	epoll_ctl(socket->sockets->epoll, EPOLL_CTL_ADD, socket->transport.fd, &event);
}

// The library has sent the head and gives the connection over.
static void take_over(void *cls, struct MHD_Connection *mhd, void *context, const char *extra,
		      size_t extra_size, MHD_socket fd, struct MHD_UpgradeResponseHandle *upgraded)
{
	(void)mhd;
	struct net_socket *socket = cls;
	struct net_request *request = context;
	request->socket = NULL; // the loop's now
	atomic_store(&request->connection->phase, PHASE_SOCKET);
	set_options(fd);
	net_socket_hold(socket);
	socket->events.opened(socket->context, socket);
	pthread_mutex_lock(&socket->mutex);
	socket->transport.fd = fd;
	socket->upgraded = upgraded;
	if (extra_size > 0) {
		socket->early = malloc(extra_size);
		ASSERT(socket->early != NULL);
		memcpy(socket->early, extra, extra_size);
		socket->early_size = extra_size;
	}
	open_locked(socket);
	pthread_mutex_unlock(&socket->mutex);
	// The loop may have looked for the last time before there was something to see.
	if (has_ended(socket->sockets))
		end_socket(socket);
	net_socket_release(socket);
}

static void write_head(struct net_socket *socket, const struct net_request *request, struct buffer *out)
{
	buffer_printf(out,
		      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		      "Sec-WebSocket-Accept: %s\r\n",
		      socket->accept);
	if (socket->protocol)
		buffer_printf(out, "Sec-WebSocket-Protocol: %s\r\n", socket->protocol);
	for (size_t i = 0; i < request->reply_header_count; i++)
		buffer_printf(out, "%s: %s\r\n", request->reply_headers[i].name.at,
			      request->reply_headers[i].value.at);
	buffer_append_text(out, "\r\n");
}

void socket_take_session(struct net_request *request)
{
	struct net_socket *socket = TAKE(request->socket);
	struct connection *connection = request->connection;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	OWNED(buffer) struct buffer head = {0};
	write_head(socket, request, &head);
	request->stage = STAGE_SOCKET;
	atomic_store(&connection->phase, PHASE_SOCKET);
	set_options(connection->fd);
	net_socket_hold(socket);
	socket->events.opened(socket->context, socket);
	pthread_mutex_lock(&socket->mutex);
	socket->transport.fd = connection->fd;
	socket->transport.session = info->tls_session;
	socket->request = request;
	open_locked(socket);
	if (transport_send(&socket->transport, head.data, head.size, false) != (ssize_t)head.size)
		socket->gone = true;
	flush_locked(socket);
	pthread_mutex_unlock(&socket->mutex);
	if (has_ended(socket->sockets))
		end_socket(socket);
	net_socket_release(socket);
}

struct MHD_Response *socket_response(struct net_socket *socket)
{
	struct MHD_Response *response = MHD_create_response_for_upgrade(take_over, socket);
	if (!response)
		return NULL;
	MHD_add_response_header(response, MHD_HTTP_HEADER_UPGRADE, "websocket");
	MHD_add_response_header(response, "Sec-WebSocket-Accept", socket->accept);
	if (socket->protocol)
		MHD_add_response_header(response, "Sec-WebSocket-Protocol", socket->protocol);
	return response;
}

void socket_abandon(struct net_request *request)
{
	struct net_socket *socket = TAKE(request->socket);
	if (socket)
		end_socket(socket);
}
