/// socket: the protocol on a WebSocket (spec/hrana.md §4): versions 1, 2 and 3, in JSON and protobuf.
///
/// Messages are taken on the sockets' loop: hello, open_stream, store_sql and close_sql are answered there, in order. All
/// else is a job of its stream (socket_stream.h), run on a worker, or at once if it is a quick read (socket_quick.h).
#ifndef ATOLL_HRANA_SOCKET_H
#define ATOLL_HRANA_SOCKET_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/json_read.h"
#include "hrana/decode.h"
#include "hrana/internal.h"
#include "hrana/stored_sql.h"
#include "net/socket.h"
#include "platform/access.h"

struct net_request;
struct socket_stream;

/// A handler: makes the request's connection a WebSocket, or refuses it.
void socket_handle(struct hrana *hrana, struct net_request *request);

/// One WebSocket. It lives until its connection has ended and no stream works for it any more.
struct socket {
	struct hrana *hrana;
	struct net_socket *net;
	char *label;
	int version;
	const struct wire *wire;
	_Atomic(int) references;
	atomic_bool gone;

	// of the loop alone
	bool greeted;
	struct access_grant grant; // of the last hello; a stream keeps the one it was opened with
	struct stored_sql texts;

	pthread_mutex_t mutex;
	// guarded by mutex
	struct socket_stream *streams;
	int stream_count;
	int job_count; // that were not answered yet
	size_t job_bytes;
	int busy_count; // streams that work
	bool draining;  // it is closed when none works any more
};

/// A message that is to be run: its bytes, and what was decoded of them.
struct socket_job {
	struct socket_job *next;
	struct arena arena;
	struct json *tree;
	struct message message;
	size_t size;
};
void socket_job_free(struct socket_job *job); // NULL is fine

struct socket *socket_hold(struct socket *socket);
void socket_release(struct socket *socket);

/// A response_error, or for what a socket does not survive its end.
void socket_send_error(struct socket *socket, int32_t request_id, const struct error *err);
/// A response without content.
void socket_send_empty(struct socket *socket, int32_t request_id, enum request_kind kind);
void socket_send(struct socket *socket, const struct buffer *message);
/// Ends a socket that is draining once no stream works. Call without the mutex.
void socket_end_if_drained(struct socket *socket);
/// Stops or resumes the reading, by what waits to be run. Call without the mutex.
void socket_regulate(struct socket *socket);

#endif
