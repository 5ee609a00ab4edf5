#include "sync/pull.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/protobuf_read.h"
#include "base/protobuf_write.h"
#include "base/workers.h"
#include "sync/pull_internal.h"

enum {
	PIECE_KEPT_BYTES = 1024 * 1024,
	WAITING_BYTES_MAX = 1024 * 1024,
	WAITING_BYTES_RESUME = 256 * 1024,
};

// -- the way of a call ----------------------------------------------------------------------------------

static void release(struct pull *pull)
{
	log_cursor_close(TAKE(pull->cursor));
	fleet_snapshot_end(TAKE(pull->snapshot));
	if (pull->admitted)
		admission_leave(pull->sync->snapshots, pull->grant.database);
	pull->admitted = false;
	if (pull->history && pull->bytes > 0)
		fleet_history_count(pull->history, SYNCED_FRAMES, pull->bytes);
	fleet_history_close(TAKE(pull->history));
	buffer_cleanup(&pull->piece);
}

void pull_end(struct pull *pull)
{
	release(pull);
	grpc_finish(pull->request);
}

void pull_refuse(struct pull *pull, enum grpc_status status, const char *message)
{
	release(pull);
	grpc_refuse(pull->request, status, message);
}

void pull_fail(struct pull *pull, const struct error *err)
{
	release(pull);
	grpc_fail(pull->request, err);
}

static void on_worker(void *context, struct net_request *request)
{
	(void)request;
	struct pull *pull = context;
	pull->answer(pull);
}

void pull_answer_on_worker(struct pull *pull, pull_answer *answer)
{
	pull->answer = answer;
	net_request_run(pull->request, on_worker, pull, false);
}

// Names one life of the server and one state of the database: after a change of either the client greets again.
static void write_session(const struct pull *pull, char out[CRYPT_UUID_TEXT_BYTES])
{
	uint8_t mac[CRYPT_HASH_BYTES];
	char hex[33];
	char *text = arena_printf(net_request_arena(pull->request), "%s %s %llu", pull->grant.database,
				  pull->position.log_id, (unsigned long long)pull->position.rules_version);
	crypt_mac(pull->sync->session_key, text, strlen(text), mac);
	crypt_hex_encode(mac, 16, hex);
	snprintf(out, CRYPT_UUID_TEXT_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}

static bool has_session(const struct pull *pull)
{
	char wanted[CRYPT_UUID_TEXT_BYTES];
	const char *given = net_request_header(pull->request, "x-session-token");
	write_session(pull, wanted);
	return given && strlen(given) == strlen(wanted) && crypt_equal(given, wanted, strlen(wanted));
}

static void greeted(struct pull *pull)
{
	struct error err;
	if (!fleet_history_position(pull->history, &pull->position, &err))
		pull_fail(pull, &err);
	else if (!pull->greets && !has_session(pull))
		pull_refuse(pull, GRPC_FAILED_PRECONDITION, "NO_HELLO");
	else
		pull->answer(pull);
}

static void open_on_worker(void *context, struct net_request *request)
{
	struct pull *pull = context;
	struct error err;
	(void)request;
	if (fleet_history_open(pull->sync->fleet, pull->grant.database, &pull->history, &err))
		greeted(pull);
	else
		pull_fail(pull, &err);
}

static bool read_offset(struct pull *pull, struct error *err)
{
	enum { FIELD_NEXT = 1, FIELD_FLAVOR = 2 };
	const char *bytes;
	size_t size;
	if (!grpc_read(pull->request, &bytes, &size, err))
		return false;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.type != PROTOBUF_VARINT || pull->greets)
			continue;
		if (field.number == FIELD_NEXT)
			pull->next = field.integer;
		else if (field.number == FIELD_FLAVOR && field.integer != 0)
			return error_set(err, ERR_BAD_REQUEST, "wal_flavor: only that of SQLite is served");
	}
	return !reader.broken || error_set(err, ERR_BAD_REQUEST, "the message is cut or broken");
}

static void begin(struct sync *sync, struct net_request *request, bool greets, pull_answer *answer)
{
	struct pull *pull = arena_alloc(net_request_arena(request), sizeof(*pull));
	struct error err;
	pull->sync = sync;
	pull->request = request;
	pull->greets = greets;
	pull->answer = answer;
	if (!sync_authorize(sync, request, &pull->grant, &err) || !read_offset(pull, &err))
		pull_fail(pull, &err);
	else if (fleet_history_try_open(sync->fleet, pull->grant.database, &pull->history))
		greeted(pull);
	else
		net_request_run(request, open_on_worker, pull, false);
}

// -- replies in pieces ----------------------------------------------------------------------------------

static size_t send_piece(struct pull *pull)
{
	if (pull->bytes == 0) {
		net_reply_type(pull->request, "application/grpc-web+proto");
		net_reply_begin(pull->request);
	}
	pull->bytes += pull->piece.size;
	size_t waiting = net_reply_push(pull->request, pull->piece.data, pull->piece.size);
	if (pull->piece.capacity > PIECE_KEPT_BYTES)
		buffer_cleanup(&pull->piece);
	else
		buffer_truncate(&pull->piece, 0);
	return waiting;
}

static void on_drained(void *context, struct net_request *request)
{
	(void)request;
	struct pull *pull = context;
	pull_answer_on_worker(pull, pull->answer);
}

bool pull_push(struct pull *pull, pull_answer *go_on)
{
	pull->answer = go_on;
	if (send_piece(pull) <= WAITING_BYTES_MAX)
		return true;
	net_reply_when_drained(pull->request, WAITING_BYTES_RESUME, on_drained, pull);
	return false;
}

void pull_end_pieces(struct pull *pull, const struct error *err)
{
	if (err)
		grpc_write_trailers(&pull->piece, grpc_status_of(err), grpc_message_of(err));
	else
		grpc_write_trailers(&pull->piece, GRPC_OK, NULL);
	send_piece(pull);
	release(pull);
	net_request_finish(pull->request);
}

// -- Hello ----------------------------------------------------------------------------------------------

// The configuration is empty: no client reads it, and what it could hold is nobody's business.
static void hello(struct pull *pull)
{
	enum { FIELD_GENERATION = 1, FIELD_LOG = 3, FIELD_SESSION = 4, FIELD_INDEX = 5, FIELD_CONFIG = 6 };
	struct buffer *out = net_reply_body(pull->request);
	char session[CRYPT_UUID_TEXT_BYTES];
	write_session(pull, session);
	size_t begun = grpc_begin(out);
	protobuf_write_text(out, FIELD_GENERATION, pull->position.log_id);
	protobuf_write_text(out, FIELD_LOG, pull->position.log_id);
	protobuf_write_text(out, FIELD_SESSION, session);
	protobuf_write_integer(out, FIELD_INDEX, pull->position.frame_no);
	protobuf_write_head(out, FIELD_CONFIG, 0);
	grpc_end(out, begun);
	pull_end(pull);
}

void pull_handle_hello(void *context, struct net_request *request)
{
	begin(context, request, true, hello);
}

void pull_handle_log_entries(void *context, struct net_request *request)
{
	(void)context;
	grpc_refuse(request, GRPC_UNIMPLEMENTED, "ask for BatchLogEntries");
}

// -- BatchLogEntries ------------------------------------------------------------------------------------

enum {
	BATCH_FRAMES = 1024, // after a transaction that reaches this many, a reply ends
	BATCH_FRAMES_MAX = 2 * BATCH_FRAMES,
	PIECE_FRAMES = 64,
	FIELD_FRAMES = 1,
};

static void write_frames(struct buffer *out, const struct log_txn *txn, uint32_t from, uint32_t count)
{
	uint64_t first = txn->frame_no - txn->frame_count + 1;
	for (uint32_t i = from; i < from + count; i++) {
		struct frame frame = {
			.frame_no = first + i,
			.page_no = txn->page_nos[i],
			.size_after = i + 1 == txn->frame_count ? txn->size_after : 0,
			.page = txn->pages + (size_t)i * LOG_PAGE_BYTES,
			.committed_ms = txn->committed_wall_ms,
		};
		protobuf_write_head(out, FIELD_FRAMES, frame_message_size(frame.committed_ms));
		frame_write(out, &frame);
	}
}

static size_t message_size(const struct log_txn *txn)
{
	size_t size = frame_message_size(txn->committed_wall_ms);
	return txn->frame_count * (1 + protobuf_varint_size(size) + size);
}

// A transaction that is large is a message of its own: its size is known, and it goes out in pieces.
static void send_large(struct pull *pull)
{
	const struct log_txn *txn = &pull->txn;
	if (pull->sent == 0)
		grpc_write_prefix(&pull->piece, message_size(txn));
	while (pull->sent < txn->frame_count && !net_request_is_abandoned(pull->request)) {
		uint32_t left = txn->frame_count - pull->sent;
		uint32_t count = left < PIECE_FRAMES ? left : PIECE_FRAMES;
		write_frames(&pull->piece, txn, pull->sent, count);
		pull->sent += count;
		if (!pull_push(pull, send_large))
			return;
	}
	pull_end_pieces(pull, NULL);
}

static void write_recent(void *context, const struct recent_page *page)
{
	struct frame frame = {
		.frame_no = page->frame_no,
		.page_no = page->page_no,
		.size_after = page->size_after,
		.page = page->page,
	};
	protobuf_write_head(context, FIELD_FRAMES, frame_message_size(0));
	frame_write(context, &frame);
}

// From memory, if it is there: all that is new as one transaction. Clients ask for no number in particular.
static bool send_recent(struct pull *pull, bool may_read)
{
	struct buffer *out = net_reply_body(pull->request);
	size_t begun = grpc_begin(out);
	if (!fleet_history_recent(pull->history, pull->next, may_read, write_recent, out)) {
		buffer_truncate(out, 0);
		return false;
	}
	grpc_end(out, begun);
	pull->bytes = out->size;
	pull_end(pull);
	return true;
}

static bool gather(struct pull *pull, bool *out_large, struct error *err)
{
	struct buffer *out = net_reply_body(pull->request);
	uint32_t count = 0;
	bool found = true;
	*out_large = false;
	size_t begun = grpc_begin(out);
	while (count < BATCH_FRAMES) {
		if (!log_cursor_next(pull->cursor, &pull->txn, &found, err))
			return false;
		bool fits = found && count + pull->txn.frame_count <= BATCH_FRAMES_MAX;
		*out_large = found && !fits && count == 0;
		if (!fits)
			break;
		write_frames(out, &pull->txn, 0, pull->txn.frame_count);
		count += pull->txn.frame_count;
	}
	grpc_end(out, begun);
	pull->bytes = out->size;
	return true;
}

static void read_batch(struct pull *pull)
{
	struct error err;
	bool large;
	if (send_recent(pull, true))
		return;
	if (!fleet_history_read(pull->history, pull->next - 1, &pull->cursor, &err) ||
	    !gather(pull, &large, &err)) {
		if (err.code == ERR_CORRUPT)
			fleet_history_tend(pull->history);
		if (err.code == ERR_NOT_FOUND || err.code == ERR_CORRUPT)
			pull_refuse(pull, GRPC_FAILED_PRECONDITION, "NEED_SNAPSHOT");
		else
			pull_fail(pull, &err);
		return;
	}
	if (!large) {
		pull_end(pull);
		return;
	}
	buffer_truncate(net_reply_body(pull->request), 0);
	pull->bytes = 0;
	if (message_size(&pull->txn) > GRPC_MESSAGE_BYTES_MAX)
		pull_refuse(pull, GRPC_FAILED_PRECONDITION, "NEED_SNAPSHOT");
	else
		send_large(pull);
}

static void batch(struct pull *pull)
{
	if (pull->next == 0) {
		pull_refuse(pull, GRPC_FAILED_PRECONDITION, "NEED_SNAPSHOT");
	} else if (pull->next > pull->position.frame_no) {
		grpc_write_prefix(net_reply_body(pull->request), 0);
		pull_end(pull);
	} else if (!send_recent(pull, false)) {
		pull_answer_on_worker(pull, read_batch);
	}
}

void pull_handle_batch(void *context, struct net_request *request)
{
	begin(context, request, false, batch);
}

// -- Snapshot -------------------------------------------------------------------------------------------

// Every page has the position of the moment; the order is free (§2), only the last one tells the size.
static bool write_pages(struct pull *pull, struct error *err)
{
	uint32_t page_count = fleet_snapshot_page_count(pull->snapshot);
	struct frame frame = {.frame_no = fleet_snapshot_frame_no(pull->snapshot)};
	for (int i = 0; i < PIECE_FRAMES && pull->sent < page_count; i++) {
		if (!fleet_snapshot_next(pull->snapshot, &frame.page_no, &frame.page, err))
			return false;
		if (!frame.page)
			return error_set(err, ERR_CORRUPT, "the database has fewer pages than it says");
		frame.size_after = ++pull->sent == page_count ? page_count : 0;
		grpc_write_prefix(&pull->piece, frame_message_size(0));
		frame_write(&pull->piece, &frame);
	}
	return true;
}

static void send_snapshot(struct pull *pull)
{
	struct error err;
	bool ok = true;
	while (ok && pull->sent < fleet_snapshot_page_count(pull->snapshot)) {
		ok = net_request_is_abandoned(pull->request)
			     ? error_set(&err, ERR_SHUTDOWN, "the client closed the connection")
			     : write_pages(pull, &err);
		if (ok && !pull_push(pull, send_snapshot))
			return;
	}
	pull_end_pieces(pull, ok ? NULL : &err);
}

static void begin_snapshot(struct pull *pull)
{
	struct error err;
	if (!fleet_snapshot_begin(pull->history, &pull->snapshot, &err))
		pull_fail(pull, &err);
	else if (strcmp(fleet_snapshot_log_id(pull->snapshot), pull->position.log_id) != 0)
		pull_refuse(pull, GRPC_FAILED_PRECONDITION, "NO_HELLO"); // it began anew just now
	else
		send_snapshot(pull);
}

static void start_snapshot(struct admission_ticket *ticket)
{
	struct pull *pull = CONTAINER_OF(ticket, struct pull, ticket);
	pull->admitted = true;
	pull_answer_on_worker(pull, begin_snapshot);
}

static void snapshot(struct pull *pull)
{
	struct error err;
	pull->ticket.start = start_snapshot;
	if (!admission_enter(pull->sync->snapshots, pull->grant.database, &pull->ticket, false, &err))
		pull_fail(pull, &err);
}

void pull_handle_snapshot(void *context, struct net_request *request)
{
	begin(context, request, false, snapshot);
}
