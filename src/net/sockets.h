/// sockets: the loops that serve a server's WebSockets, each socket one of them. Private to net.
#ifndef ATOLL_NET_SOCKETS_H
#define ATOLL_NET_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct MHD_Response;
struct net_request;
struct net_socket;
struct sockets;

struct sockets_options {
	size_t loop_count; // threads
	size_t count_max;
	size_t message_bytes_max;
	size_t queued_bytes_max;
};

MUST_USE bool sockets_start(const struct sockets_options *options, struct sockets **out, struct error *err);
/// Asks all their owners to come to an end, and takes no more.
void sockets_drain(struct sockets *sockets);
size_t sockets_count(struct sockets *sockets);
/// Ends all, and those at once that the library still gives over. Must precede the library's stop.
void sockets_stop(struct sockets *sockets);
/// Whether each loop went round since the last time this was asked (seconds ago).
bool sockets_are_alive(struct sockets *sockets);
/// After the library's stop.
void sockets_free(struct sockets *sockets); // NULL is fine

/// The library's answer to an upgrade, with its headers.
struct MHD_Response *socket_response(struct net_socket *socket);
/// Through TLS: takes the connection of a request that is suspended and has a socket. The library passes on what an upgraded
/// connection sends through TLS a few bytes at a time (0.9.75), so it is not told of the upgrade: the request stays
/// suspended, the loop uses its TLS session, and when the socket has ended the request is resumed to close the connection.
void socket_take_session(struct net_request *request);
/// The exchange ended: if the library never gave the connection over, the socket ends here.
void socket_abandon(struct net_request *request);

#endif
