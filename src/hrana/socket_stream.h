/// socket_stream: a stream of a WebSocket: its jobs, one after the other on workers, its session, and its cursor.
///
/// A session is opened by the first job that needs one and given back when it holds nothing: many idle streams take no
/// connections. What the stream holds is rolled back when it is closed, or its socket ends.
///
/// Threads: the loop adds jobs; a worker runs them; the socket's mutex guards what they share.
#ifndef ATOLL_HRANA_SOCKET_STREAM_H
#define ATOLL_HRANA_SOCKET_STREAM_H

#include "hrana/socket.h"

/// Adds a stream to the socket. failed: its opening did; requests for it fail until it is closed.
void socket_stream_open(struct socket *socket, int32_t id, bool failed);
bool socket_stream_exists(struct socket *socket, int32_t id);
/// Whether the stream has a cursor, or a cursor of this id exists anywhere: its stream's id then.
bool socket_stream_has_cursor(struct socket *socket, int32_t id);
bool socket_find_cursor(struct socket *socket, int32_t cursor_id, int32_t *out_stream_id);
/// Notes a cursor when the message that opens or closes it arrives: later messages mean it.
void socket_stream_note_cursor(struct socket *socket, int32_t stream_id, int32_t cursor_id, bool opens);

/// Takes the job over and runs it when those before it have run. The stream exists.
void socket_stream_add(struct socket *socket, int32_t stream_id, struct socket_job *job);

/// The socket has ended: all streams roll back and go, running statements are interrupted.
void socket_streams_end(struct socket *socket);

#endif
