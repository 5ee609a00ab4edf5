/// stream: what a client keeps between its requests: an open session, and SQL texts it stored.
///
/// Life:    stream_acquire (new, or by its baton) → session and texts are used → stream_release (gives the
///          next baton) or stream_close. A stream is used by one request at a time.
/// Idle:    a session takes a connection, of which an instance has few. A stream whose session holds nothing
///          gives it back: at once if it only read, else after `idle_ms` or when many others of the database
///          are idle too, since last_insert_rowid() and changes() go with it. Such a stream lives on in its
///          baton, or here if it stores texts. One with pragmas or attachments keeps its session; one with
///          an open transaction is rolled back after `idle_ms` and expires.
/// Memory:  closed and expired streams are remembered for five minutes, for the better error. Over
///          `count_max` in a database the longest idle ones are let go, those first that lose nothing.
/// Threads: the table may be used from any thread; a stream by its request's.
#ifndef ATOLL_HRANA_STREAM_H
#define ATOLL_HRANA_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/session.h"
#include "hrana/baton.h"
#include "platform/access.h"

struct net_request;
struct stream;
struct streams;

struct streams_options {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	const uint8_t *baton_key; // borrowed for the table's life
	int count_max;            // of one database
	int held_count_max;       // idle streams of one database that keep a session only for what it wrote
	int64_t idle_ms;
	int text_count_max;
	size_t text_bytes_max;
	size_t database_text_bytes_max;
};

struct streams *streams_create(const struct streams_options *options);
/// Streams that hold a session, idle or at work.
size_t streams_count(struct streams *streams);
/// Interrupts what runs and refuses new sessions with ERR_SHUTDOWN.
void streams_interrupt(struct streams *streams);
/// Closes every stream. The memory goes when the last timer has run, at workers_stop at the latest.
void streams_close(struct streams *streams);

/// The stream of a baton, or a new one (baton NULL), with an open session, for this request alone.
/// request: whose client is watched meanwhile; NULL: nobody's
/// passing: the request closes the stream itself, which is therefore never idle and not counted
/// Fails: ERR_BATON_INVALID, ERR_BATON_REUSED (the stream lives on), ERR_STREAM_EXPIRED, ERR_RATE_LIMITED
///        (too many streams), and all of fleet_acquire, fleet_session_open, fleet_session_wait_for
/// Blocks: call from a worker.
MUST_USE bool stream_acquire(struct streams *streams, struct net_request *request,
			     const struct access_grant *grant, const struct baton *baton, bool passing,
			     struct stream **out, struct error *err);
/// Ends the request's use of the stream; `text` gets the baton for the next.
void stream_release(struct streams *streams, struct stream *stream, const struct access_grant *grant,
		    char text[BATON_TEXT_BYTES]);
/// In the middle of a request whose reply has begun: the baton for the next one, which waits for this one's end
/// (stream_await). `may_change`: what still runs may leave more behind than a place in history; the stream then keeps its
/// entry here, so that the baton stays good. stream_release afterwards makes the same baton again.
void stream_promise(struct streams *streams, struct stream *stream, const struct access_grant *grant,
		    bool may_change, char text[BATON_TEXT_BYTES]);

/// Who has such a baton and waits: without a thread.
struct stream_waiter {
	void (*go)(struct stream_waiter
			   *waiter); // called once, from any thread, when the stream is not busy any more
};
/// True when the baton was promised by a request that still runs: `go` will be called. False: stream_acquire tells the
/// rest, also when another one waits already.
MUST_USE bool stream_await(struct streams *streams, const struct access_grant *grant,
			   const struct baton *baton, struct stream_waiter *waiter);

/// Ends the stream; its transaction is rolled back.
void stream_close(struct streams *streams, struct stream *stream);

struct fleet_session *stream_session(const struct stream *stream);

/// Says that the session holds a last_insert_rowid() or changes() that its client may ask for.
void stream_wrote(struct stream *stream);
/// Whether it does.
bool stream_has_written(const struct stream *stream);
/// Nobody waits for what the stream does any more: its statement is interrupted, as is any that it begins.
void stream_abandon(struct streams *streams, struct stream *stream);
/// True once the request's client was found gone, or the server is stopping: its statement was interrupted, and the
/// stream must end with the request.
bool stream_is_abandoned(const struct stream *stream);

/// The baton of a fresh stream that holds nothing and therefore needs no entry here.
void streams_plain_baton(struct streams *streams, const struct access_grant *grant, uint64_t frame_no,
			 char text[BATON_TEXT_BYTES]);

/// Texts by number. Fails: ERR_PROTOCOL (taken number, unknown number), ERR_SQL_STORE_TOO_MANY,
/// ERR_SQL_STORE_TOO_LARGE.
MUST_USE bool stream_store_sql(struct streams *streams, struct stream *stream, int32_t id, const char *sql,
			       size_t sql_size, struct error *err);
void stream_forget_sql(struct streams *streams, struct stream *stream, int32_t id);
MUST_USE bool stream_find_sql(const struct stream *stream, int32_t id, const char **out_sql, size_t *out_size,
			      struct error *err);

#endif
