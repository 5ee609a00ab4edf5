/// internal: what the files of this module share about the server's one protocol. Not for other modules.
#ifndef ATOLL_HRANA_INTERNAL_H
#define ATOLL_HRANA_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "hrana/hrana.h"

struct access;
struct admission;
struct fleet;
struct listeners;
struct net_route;
struct streams;
struct workers;

struct hrana {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	char *domain; // in lower case, with a leading dot
	uint8_t baton_key[32];
	struct hrana_limits limits;
	struct streams *streams;
	struct listeners *listeners;
	struct admission *admission;
	_Atomic(uint64_t) socket_messages; // received on WebSockets
	atomic_size_t replies_bytes;       // of all replies that are being written
	struct net_route *routes;
	pthread_mutex_t sockets_mutex;
	pthread_cond_t sockets_ended;
	int socket_count; // guarded by sockets_mutex: WebSockets whose streams may still work
};

#endif
