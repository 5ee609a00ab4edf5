#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/crypto.h>

#include "base/crypt.h"
#include "net/socket_internal.h"

#define RFC_KEY_SUFFIX "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

enum {
	KEY_BYTES = 24,
	KEEPALIVE_IDLE_S = 60, // a client whose machine has gone is noticed a few tries later
	KEEPALIVE_EVERY_S = 15,
};

// -- the handshake ---------------------------------------------------------------------------------------------

bool net_request_wants_socket(const struct net_request *request)
{
	return strcmp(net_request_method(request), "GET") == 0 &&
	       net_request_header_lists(request, "Connection", "upgrade") &&
	       net_request_header_lists(request, "Upgrade", "websocket");
}

static bool make_accept(const char *key, char out[ACCEPT_BYTES])
{
	char text[KEY_BYTES + sizeof(RFC_KEY_SUFFIX)];
	unsigned char hash[20];
	OWNED(buffer) struct buffer base64 = {0};
	snprintf(text, sizeof(text), "%s" RFC_KEY_SUFFIX, key);
	if (gnutls_hash_fast(GNUTLS_DIG_SHA1, text, strlen(text), hash) != 0)
		return false;
	crypt_base64_encode(&base64, hash, sizeof(hash), false);
	snprintf(out, ACCEPT_BYTES, "%s=", buffer_text(&base64));
	return true;
}

// 16 bytes in base64. Bits of its last letter that belong to no byte may be set: the RFC's own example has such.
static bool is_key(const char *key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	return key && strlen(key) == KEY_BYTES && strspn(key, letters) == KEY_BYTES - 2 &&
	       strcmp(key + KEY_BYTES - 2, "==") == 0;
}

bool net_request_upgrade(struct net_request *request, const char *protocol,
			 const struct net_socket_events *events, void *context, struct error *err)
{
	struct sockets *sockets = request->connection->server->sockets;
	const char *version = net_request_header(request, "Sec-WebSocket-Version");
	const char *key = net_request_header(request, "Sec-WebSocket-Key");
	if (request->is_old)
		return error_set(err, ERR_BAD_REQUEST, "a WebSocket needs HTTP/1.1");
	if (!version || strcmp(version, "13") != 0) {
		net_reply_header(request, "Sec-WebSocket-Version", "13");
		return error_set(err, ERR_BAD_REQUEST,
				 "only version 13 of the WebSocket protocol is supported");
	}
	char accept[ACCEPT_BYTES];
	if (!is_key(key) || !make_accept(key, accept))
		return error_set(err, ERR_BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64");
	struct net_socket *socket = socket_create(sockets, events, context);
	memcpy(socket->accept, accept, sizeof(accept));
	socket->protocol = protocol;
	if (!sockets_add(sockets, socket, err)) {
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
	socket_open_locked(socket);
	pthread_mutex_unlock(&socket->mutex);
	// The loop may have looked for the last time before there was something to see.
	if (sockets_has_ended(socket))
		socket_end(socket);
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
	socket_open_locked(socket);
	if (transport_send(&socket->transport, head.data, head.size, false) != (ssize_t)head.size)
		socket->gone = true;
	socket_flush_locked(socket);
	pthread_mutex_unlock(&socket->mutex);
	if (sockets_has_ended(socket))
		socket_end(socket);
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
		socket_end(socket);
}
