/// connection: what net keeps of a client's connection and of the one request that is on it. Private to net.
///
/// A request's struct is part of its connection's and used again by the next request; so are its buffers. The
/// HTTP library calls exchange.c for each step: request line, head, pieces of the body, end of the body,
/// reply sent. A request that its handler did not finish at once is suspended in the library, and resumed by
/// net_request_finish, wherever that is called: `state` decides which of the two came first. Requests whose handler reads
/// the body itself go by intake.h, replies that are written while they are sent by outflow.h.
#ifndef ATOLL_NET_CONNECTION_H
#define ATOLL_NET_CONNECTION_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/workers.h"
#include "net/router.h"
#include "net/server.h"

struct connection;
struct counts;
struct intake;
struct net_socket;
struct outflow;
struct sockets;
struct tls;
struct sweeper;

enum {
	HEADERS_MAX = 100,
	REPLY_HEADERS_MAX = 16,
	REQUEST_ID_BYTES = 65,               // 64 characters and NUL
	BODY_KEPT_BYTES = 64 * 1024,         // buffers larger than that are not kept for the next request
	BODY_DROPPED_BYTES = 64 * 1024,      // body of a route that takes none
	BODY_WASTED_BYTES = 8 * 1024 * 1024, // read past a limit only so that the client can be told
	LINGER_BYTES = 32 * 1024 * 1024,     // read after it was told, so that it gets to read it
};

struct text {
	const char *at;
	size_t size;
};

struct header {
	struct text name;
	struct text value; // NUL-terminated
};

// Where the request stands for the network thread.
enum stage {
	STAGE_LINE,
	STAGE_BODY,
	STAGE_HANDLED,
	STAGE_STREAM_HEAD, // the handler runs and has not asked for the body
	STAGE_STREAM,
	STAGE_SOCKET, // the connection was a WebSocket's, through TLS, and has ended
	STAGE_LINGER  // the reply went out past the library; the client may take notice of it before the end
};

// Whose turn it is: the handler's thread and the network thread meet here.
enum { STATE_RUNNING, STATE_SUSPENDED, STATE_FINISHED };

struct net_request {
	struct connection *connection;
	const char *method;
	const char *path;
	const char *label;
	size_t target_size; // of the raw request target
	bool target_ok;
	bool is_old; // HTTP/1.0
	bool close;
	enum stage stage;

	struct header headers[HEADERS_MAX];
	size_t header_count;

	const struct net_site *site; // NULL until one claims the request
	int64_t begun_ns;
	const struct router *router;
	struct route_match match;
	struct error *refusal; // in the arena; the request gets this instead of a handler
	int refusal_status;    // for net's own form of a refusal

	struct buffer body;
	size_t body_bytes_max;
	bool body_kept;
	uint64_t body_bytes;    // received, kept or not
	uint64_t body_size;     // announced; UINT64_MAX when chunked
	uint64_t dropped_bytes; // of a stream, after its handler has finished
	uint64_t linger_bytes;

	struct intake *intake;  // of a NET_STREAM request, with what the library's memory had of the head
	struct header *queries; // in the arena
	size_t query_count;

	struct net_socket *socket; // that the connection is to become
	_Atomic(struct outflow *)
		outflow; // of a reply that is written while it is sent; other threads look at it
	struct buffer reply;
	struct buffer compressed; // what is sent instead, when it holds something
	bool has_file;            // instead of the buffer
	int file_fd;
	uint64_t file_size;
	int status;
	const char *content_type;
	struct header reply_headers[REPLY_HEADERS_MAX];
	size_t reply_header_count;

	struct arena arena;
	char id[REQUEST_ID_BYTES];
	void *handler_state;

	atomic_int state;
	struct task task;
	net_handler *run_handler;
	void *run_context;
};

// What others than the network thread may know of a connection.
enum { PHASE_WAITING, PHASE_RECEIVING, PHASE_HANDLING, PHASE_SENDING, PHASE_SOCKET };

struct connection {
	struct net_server *server;
	struct MHD_Connection *mhd;
	int fd;
	char peer[INET6_ADDRSTRLEN];
	uint64_t number;
	atomic_int phase;
	atomic_ullong exchange_count; // heads received
	atomic_ullong received_bytes; // of bodies
	atomic_uint pulse;            // odd while the network thread is in our code for it (pulse.h)

	// guarded by server->mutex
	struct connection *previous;
	struct connection *next;
	unsigned long long seen_exchanges;
	unsigned long long seen_bytes;
	unsigned long long seen_acknowledged;
	unsigned seen_pulse;
	int strikes;

	struct net_request request;
};

struct site_entry {
	struct net_site site;
	struct router *router;
};

struct net_server {
	struct MHD_Daemon *daemon;
	struct tls *tls;
	struct workers *workers;
	struct site_entry *sites;
	size_t site_count;
	size_t head_bytes_max;
	int64_t idle_timeout_ms;
	size_t intake_count_max;
	size_t compress_bytes_min; // 0: never
	char id_prefix[9];
	char address[80];
	struct sweeper *sweeper;
	struct sockets *sockets;
	struct counts *counts;
	atomic_bool draining; // new requests are refused
	atomic_bool stopping; // no handler is called any more
	int64_t looked_ms;    // by net_server_is_alive
	bool was_alive;

	pthread_mutex_t mutex;
	pthread_cond_t changed; // while draining: a request ended
	// guarded by mutex
	struct connection *connections;
	uint64_t connection_count; // ever
	size_t held_count;         // requests suspended and not resumed yet
	size_t intake_count;       // streams whose handler has not finished
	struct intake *intakes;
	size_t outflow_count; // replies whose handler has not finished
	struct outflow *outflows;
};

// exchange.c: the library's callbacks. cls is the server.
void *exchange_begin(void *cls, const char *target, struct MHD_Connection *mhd);
enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **context);
void exchange_end(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why);

// server.c
/// The number of the request's site; the count of sites where none claimed it.
size_t request_site_number(const struct net_request *request);

// request.c
/// Lets the network thread send the reply, as it is or as it will be: the end of its handler's turn.
void request_answer(struct net_request *request);

/// Whether a reply of such a size is to be compressed; sets its headers, which may be done once.
bool request_is_compressed(struct net_request *request, size_t size);

// server.c
void connection_free(struct connection *connection);
/// Tells who waits for the server's end that a request went on.
void server_notice(struct net_server *server);

// head.c
/// Checks what the library has parsed against the bytes that were sent, and fills request->headers.
/// Fails: ERR_BAD_REQUEST; ERR_LIMIT for a head that is too large (431).
bool head_check(struct net_request *request, const char *url, const char *version, struct error *err);

// reply.c
/// Hands the finished reply to the library. MHD_NO when the connection has to be given up.
enum MHD_Result reply_send(struct net_request *request);
/// Forms the answer to a refused request.
void reply_refuse(struct net_request *request);
/// Writes the reply past the library, which takes none in the middle of a body. The connection is closed after it.
void reply_last_words(struct net_request *request);

#endif
