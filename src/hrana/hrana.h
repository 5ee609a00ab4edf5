/// hrana: the SQL protocol that libSQL clients speak (spec/hrana.md), over HTTP/1.1 and JSON.
///
/// A request's way: site.c names the label and the path → call.c checks the credential → pipeline.c (or
/// simple.c, cursor.c) decodes it (decode.c), runs it on a stream's session (stream.c, fleet/session.h) and
/// lets rows go straight into the reply (encode.c). The commonest request, one statement on a fresh stream,
/// is answered on the network thread (quick.c); everything else on a worker.
///
/// Streams: a stream without an open transaction never expires for its client. Its connection is given back
///          (stream.h), and the baton opens another one silently, also when the server was restarted; what is
///          lost then is changes() and last_insert_rowid(). A transaction that is idle for `stream_idle_ms` is
///          rolled back.
/// Life:    hrana_open → hrana_site for net_server_start → … → hrana_drain → net_server_drain → hrana_interrupt →
///          net_server_stop → hrana_close → workers_stop.
#ifndef ATOLL_HRANA_HRANA_H
#define ATOLL_HRANA_HRANA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "net/server.h"

struct access;
struct fleet;
struct hrana;
struct workers;

/// 0 takes the value in parentheses.
struct hrana_limits {
	size_t request_bytes_max;  // a request's body (64 MiB)
	size_t result_bytes_max;   // the result of one request of a pipeline (10,000,000)
	size_t reply_bytes_max;    // all results of a reply together (32 MiB, or twice result_bytes_max)
	size_t replies_bytes_max;  // all replies that are being written at a moment (256 MiB, or twice that)
	int stream_count_max;      // streams of a database that hold something (512)
	int held_stream_count_max; // idle ones that keep a connection only for what they wrote (16)
	int64_t stream_idle_ms;    // (10,000)
	int stored_sql_count_max;  // texts a stream may store (50)
	size_t stored_sql_bytes_max;      // of one text (20,000)
	size_t stored_database_bytes_max; // of all texts stored by the streams of a database (16 MiB)
	int socket_stream_count_max;      // streams of one WebSocket (128)
	int socket_text_count_max;        // texts that a WebSocket may store (150)
	int listener_count_max;           // of a database (128)
	int running_count_max;            // requests of a database on workers at a moment (32)
	int waiting_count_max;            // requests of a database that wait for that (1024)
};

struct hrana_options {
	struct fleet *fleet;
	struct access *access;
	struct workers *workers;
	const char *domain;    // "localhost": {label}.localhost is a database
	uint8_t baton_key[32]; // kept by the caller from start to start, so that batons outlive a restart
	struct hrana_limits limits;
};

MUST_USE bool hrana_open(const struct hrana_options *options, struct hrana **out, struct error *err);

/// Stands before the platform's site: it claims only what names a database, and the protocol's own paths.
struct net_site hrana_site(struct hrana *hrana);

/// Streams and WebSockets as metrics (base/exposition.h).
void hrana_write_metrics(struct hrana *hrana, struct buffer *out);

/// When a drain begins: ends the replies that would go on for ever.
void hrana_drain(struct hrana *hrana);

/// For when the drain's deadline has passed: running statements are interrupted, requests under way end with
/// 503 or with the interrupt as their statement's error, and no stream is opened any more.
void hrana_interrupt(struct hrana *hrana);

/// Rolls back and closes all streams. No request may be under way.
void hrana_close(struct hrana *hrana);

#endif
