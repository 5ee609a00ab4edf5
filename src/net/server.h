/// server: HTTP/1.1 on one port. Hides the HTTP library; no handler sees its types.
///
/// Requests go to the first site that claims them (data plane, platform API, console); a site is a table of
/// routes. A handler runs on a network thread with the whole body in memory, must not block there, and ends
/// the request by net_request_finish exactly once: at once, or later from any thread. A route marked
/// NET_WORKER is called on a worker instead and may block.
///
/// net refuses by itself, before any handler: malformed HTTP, NUL in the head, duplicate or contradicting
/// Content-Length / Transfer-Encoding, heads over the limit, bodies over the route's limit (413), slow heads.
///
/// Life:    net_server_start → … → net_server_drain (no new requests, waits for those under way) →
/// net_server_stop.
#ifndef ATOLL_NET_SERVER_H
#define ATOLL_NET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"

struct workers;
struct net_server;
struct net_request;

typedef void net_handler(void *context, struct net_request *request);

/// NET_STREAM: called on a worker as soon as the head is there; the body is not gathered but read by
/// net_request_read, as it comes, within body_bytes_max.
enum net_place { NET_INLINE, NET_WORKER, NET_STREAM };

struct net_route {
	const char *method; // "GET" also serves HEAD
	const char *path;   // "/v1/organizations/{org}/databases/{db}"; a segment "{x}" matches one non-empty
			    // segment
	net_handler *handler;
	enum net_place place;
	size_t body_bytes_max; // 0: a body is read and dropped up to 64 KiB
	const void *facts;     // the site's own row, for net_request_route
};

struct net_site {
	const char *name;
	const struct net_route *routes;
	size_t route_count;
	void *context;   // given to handlers
	bool compresses; // its replies may be compressed: where the client wants it and they are large enough
	bool collapse_slashes; // "//v2/pipeline" is "/v2/pipeline"; elsewhere an empty segment matches
			       // nothing
	/// Whether the request is this site's. May set the request's label and shorten its path
	/// (net_request_set_target). NULL claims everything.
	bool (*claims)(void *context, struct net_request *request);
	/// Forms the answer to a request that reached no handler (ERR_ROUTE_NOT_FOUND, ERR_METHOD_NOT_ALLOWED
	/// with the `Allow` header already set, ERR_BODY_TOO_LARGE, ERR_BAD_REQUEST, ERR_BUSY, ERR_SHUTDOWN); net
	/// finishes it.
	void (*refuse)(void *context, struct net_request *request, const struct error *err);
};

/// A bound socket. Taken before the server starts where its port must be known; clients wait until then.
struct net_listener {
	int fd; // -1 = none
	int port;
	char address[80]; // with the real port: "127.0.0.1:40123"
};

/// listen: "127.0.0.1:8080", "[::]:8080", "localhost:0". Fails: ERR_USAGE, ERR_IO "listen: …".
MUST_USE bool net_listen(const char *listen, struct net_listener *out, struct error *err);
/// The same of a socket that whoever started this process bound and listens on; it is taken over on success.
/// Fails: ERR_USAGE  it is none, or not of TCP
MUST_USE bool net_listen_inherited(int fd, struct net_listener *out, struct error *err);
void net_listener_cleanup(struct net_listener *listener); // for OWNED

/// Whether a server could be started with these, without a look at whether the address is free. tls_cert may be NULL.
/// Fails: ERR_USAGE, its message beginning with the name of the setting: "listen: …"
MUST_USE bool net_check(const char *listen, const char *tls_cert, const char *tls_key, struct error *err);

struct net_options {
	const char *listen;            // or
	struct net_listener *listener; // taken over by the server, also when its start fails
	const char *tls_cert;          // file or NULL
	const char *tls_key;
	int thread_count; // network threads; 0 = one per core
	struct workers *workers;
	const struct net_site *sites;
	size_t site_count;
	size_t connections_max;
	size_t head_bytes_max;
	size_t sockets_max;              // WebSockets
	size_t socket_message_bytes_max; // of one message
	size_t socket_queue_bytes_max;   // that wait for a client, before nothing more is read of it
	size_t compress_bytes_min; // replies of sites that compress, from this size on and those of unknown size;
				   // 0: none
	size_t streams_max; // NET_STREAM requests under way, each of which holds a worker; more get ERR_BUSY
	int idle_timeout_s;
};

MUST_USE bool net_server_start(const struct net_options *options, struct net_server **out, struct error *err);
/// The address bound, with the real port ("127.0.0.1:40123"); valid as long as the server.
const char *net_server_address(const struct net_server *server);
/// Reads the TLS files again (SIGHUP); the old ones stay in force on failure.
MUST_USE bool net_server_reload_tls(struct net_server *server, struct error *err);
/// False when a network thread has been in one and the same call since this was last asked, a second ago or more. For a
/// watchdog; one thread asks.
bool net_server_is_alive(struct net_server *server);
/// What it answered and holds, as metrics (base/exposition.h).
void net_server_write_metrics(struct net_server *server, struct buffer *out);
bool net_server_is_draining(const struct net_server *server);
void net_server_drain(struct net_server *server, int64_t deadline_ms);
void net_server_stop(struct net_server *server);

// -- request ------------------------------------------------------------------------------------------

const char *net_request_method(const struct net_request *request);
/// The path as matched: undecoded, without query. An empty segment ("//") matches nothing; a site that wants
/// it otherwise gives a collapsed path to net_request_set_target.
const char *net_request_path(const struct net_request *request);
const char *net_request_param(const struct net_request *request, const char *name); // decoded path segment
const char *net_request_query(const struct net_request *request, const char *name); // decoded; NULL if absent
/// All values of the name in order, at most `max`, decoded; returns how many there are.
size_t net_request_queries(const struct net_request *request, const char *name, const char **out, size_t max);
const char *net_request_header(const struct net_request *request, const char *name); // any letter case; NULL
/// Whether one of the lines of that name holds the token in its list ("keep-alive, Upgrade"), in any letter case.
bool net_request_header_lists(const struct net_request *request, const char *name, const char *token);
const char *net_request_peer(const struct net_request *request); // client's address
const struct net_route *net_request_route(const struct net_request *request);
const struct buffer *net_request_body(const struct net_request *request);
struct arena *net_request_arena(struct net_request *request);
const char *net_request_id(struct net_request *request); // sent back as X-Request-Id

/// For `claims`: the data-plane label (copied) and the rest of the path ("/v2/pipeline").
void net_request_set_target(struct net_request *request, const char *label, const char *path);
const char *net_request_label(const struct net_request *request); // NULL if none

/// Handler's own word for the request, e.g. its state struct; NULL at first.
void net_request_set_state(struct net_request *request, void *state);
void *net_request_state(const struct net_request *request);

/// True once the client closed the connection: long work may be given up.
bool net_request_is_abandoned(const struct net_request *request);

/// Runs `handler(context, request)` on a worker; urgent ones may use the reserve (base/workers.h).
void net_request_run(struct net_request *request, net_handler *handler, void *context, bool urgent);

/// NET_STREAM only: waits for more of the body and copies at most `size` bytes of it. *out_read 0 is its end. What was
/// not read when the request is finished is dropped. A client that sends nothing for the idle time is given up.
/// Fails: ERR_BODY_TOO_LARGE, ERR_TIMEOUT, ERR_SHUTDOWN, ERR_BAD_REQUEST (the client went away, or broke the chunked
///        form)
MUST_USE bool net_request_read(struct net_request *request, char *out, size_t size, size_t *out_read,
			       struct error *err);
/// The Content-Length that was announced; UINT64_MAX when the body is chunked.
uint64_t net_request_body_size(const struct net_request *request);

// -- reply --------------------------------------------------------------------------------------------

/// Says why the request is refused or fails, for the metrics.
void net_request_count_error(struct net_request *request, enum error_code code);

/// The body buffer, to be filled directly. Status is 200 and content type application/json unless set.
struct buffer *net_reply_body(struct net_request *request);
void net_reply_status(struct net_request *request, int status);
void net_reply_type(struct net_request *request, const char *content_type);              // a literal
void net_reply_header(struct net_request *request, const char *name, const char *value); // copied

/// The answer to what a browser asks before it sends from another origin: any method, and the headers that it names, for the
/// literal `*` does not cover `authorization`. Access-Control-Allow-Origin is the caller's.
void net_reply_preflight(struct net_request *request);

/// The reply's body is this file from its start instead of the buffer; the descriptor is taken over. Memory does not
/// grow with the size. HEAD sends no body.
void net_reply_file(struct net_request *request, int fd, uint64_t size);

/// Sends the reply. The request must not be touched afterwards.
void net_request_finish(struct net_request *request);

// -- replies that are written while they are sent -------------------------------------------------------
//
// net_reply_begin sends status and headers; what stands in the reply's buffer goes with them. The body follows by
// net_reply_push until net_request_finish ends it, or net_reply_break cuts it. Its length need not be known: it is sent
// chunked, to HTTP/1.0 until the connection closes. No thread is held while a client does not read: whoever has too
// much waiting stops producing, and is called when it is less.

/// Called once for each net_reply_when_drained, on the network thread, which it must not block.
typedef void net_drained(void *context, struct net_request *request);

void net_reply_begin(struct net_request *request);
/// Appends to what waits to be sent and returns how many bytes now wait. Never blocks; any thread, one at a time.
/// After the client has gone, bytes are dropped: see net_request_is_abandoned.
size_t net_reply_push(struct net_request *request, const void *bytes, size_t size);
/// Calls once at most `waiting_max` bytes wait, or the client has gone, or the server is stopping: at once, possibly.
void net_reply_when_drained(struct net_request *request, size_t waiting_max, net_drained *call,
			    void *context);
/// The same, for a worker that has nothing else to do: waits. A client that takes nothing for the idle time is given up.
/// Fails: ERR_SHUTDOWN  the client has gone, or the server is stopping
MUST_USE bool net_reply_wait(struct net_request *request, size_t waiting_max, struct error *err);
/// Ends the request in the middle: the client sees a cut body, not a complete one.
void net_reply_break(struct net_request *request);

#endif
