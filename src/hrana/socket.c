#include "hrana/socket.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "hrana/call.h"
#include "hrana/decode_fast.h"
#include "hrana/encode.h"
#include "hrana/errors.h"
#include "hrana/socket_stream.h"
#include "net/server.h"

enum {
	JOB_COUNT_MAX = 128,               // of a socket, before nothing more is read of it
	JOB_BYTES_MAX = 16 * 1024 * 1024,  // the same
	TEXT_BYTES_MAX = 16 * 1024 * 1024, // of all texts that a socket stores
};

// -- references and sending -----------------------------------------------------------------------------------

struct socket *socket_hold(struct socket *socket)
{
	atomic_fetch_add(&socket->references, 1);
	return socket;
}

void socket_release(struct socket *socket)
{
	if (atomic_fetch_sub(&socket->references, 1) != 1)
		return;
	ASSERT(socket->streams == NULL);
	if (socket->net)
		net_socket_release(socket->net);
	stored_sql_cleanup(&socket->texts);
	pthread_mutex_destroy(&socket->mutex);
	struct hrana *hrana = socket->hrana;
	free(socket->label);
	free(socket);
	pthread_mutex_lock(&hrana->sockets_mutex);
	if (--hrana->socket_count == 0)
		pthread_cond_broadcast(&hrana->sockets_ended);
	pthread_mutex_unlock(&hrana->sockets_mutex);
}

void socket_job_free(struct socket_job *job)
{
	if (!job)
		return;
	json_read_free(job->tree);
	arena_cleanup(&job->arena);
	free(job);
}

void socket_send(struct socket *socket, const struct buffer *message)
{
	net_socket_send(socket->net, socket->wire->is_binary ? NET_BINARY : NET_TEXT, message->data,
			message->size);
}

void socket_send_error(struct socket *socket, int32_t request_id, const struct error *err)
{
	OWNED(buffer) struct buffer message = {0};
	struct encode_out out = encode_to(socket->wire, &message);
	const char *reason;
	int code = errors_close_code(err, &reason);
	if (code) {
		net_socket_close(socket->net, code, reason);
		return;
	}
	socket->wire->response_error(&out, request_id, err);
	socket_send(socket, &message);
}

void socket_send_empty(struct socket *socket, int32_t request_id, enum request_kind kind)
{
	OWNED(buffer) struct buffer message = {0};
	struct encode_out out = encode_to(socket->wire, &message);
	socket->wire->response_begin(&out, request_id, kind);
	socket->wire->response_end(&out);
	socket_send(socket, &message);
}

void socket_regulate(struct socket *socket)
{
	pthread_mutex_lock(&socket->mutex);
	net_socket_pause(socket->net, socket->draining || socket->job_count > JOB_COUNT_MAX ||
					      socket->job_bytes > JOB_BYTES_MAX);
	pthread_mutex_unlock(&socket->mutex);
}

void socket_end_if_drained(struct socket *socket)
{
	pthread_mutex_lock(&socket->mutex);
	bool drained = socket->draining && socket->busy_count == 0;
	pthread_mutex_unlock(&socket->mutex);
	if (drained)
		net_socket_close(socket->net, NET_CLOSE_GOING_AWAY, "the server is shutting down");
}

// -- hello ----------------------------------------------------------------------------------------------------

static void hello(struct socket *socket, const struct message *message)
{
	OWNED(buffer) struct buffer text = {0};
	struct encode_out out = encode_to(socket->wire, &text);
	struct access_grant grant;
	struct error err;
	if (socket->greeted && socket->version < 2) {
		net_socket_close(socket->net, NET_CLOSE_POLICY,
				 "Hello message can only be sent once in protocol version hrana1");
		return;
	}
	bool ok = access_check_token(socket->hrana->access, socket->label, message->jwt, &grant, &err);
	// Streams of this socket hold on to the grant: another right is taken over, another database is not.
	if (ok && socket->greeted && strcmp(grant.database, socket->grant.database) != 0)
		ok = error_set(&err, ERR_NAMESPACE_NOT_FOUND, "the token is for another database");
	if (ok) {
		socket->grant = grant;
		socket->greeted = true;
		socket->wire->hello_ok(&out);
		socket_send(socket, &text);
		return;
	}
	char reason[sizeof(err.message)];
	memcpy(reason, err.message, sizeof(reason));
	error_set(&err, err.code, "Authentication failed: %s", reason);
	socket->wire->hello_error(&out, &err);
	socket_send(socket, &text);
	net_socket_close(socket->net, NET_CLOSE_NORMAL, "");
}

// -- texts: they take effect in the order of messages -----------------------------------------------------------

static bool broke(struct error *err, const char *what, int32_t id, const char *how)
{
	return error_set(err, ERR_PROTOCOL, "%s %d %s", what, id, how);
}

static bool store_text(struct socket *socket, const struct step *step, struct error *err)
{
	struct stored_sql *texts = &socket->texts;
	if (stored_sql_find(texts, step->sql_id))
		return broke(err, "SQL text", step->sql_id, "already exists");
	if (texts->count >= socket->hrana->limits.socket_text_count_max ||
	    texts->size_bytes + step->statement.sql_size > TEXT_BYTES_MAX)
		return error_set(err, ERR_SQL_STORE_TOO_MANY,
				 "The server already stores %d SQL texts, it cannot store more",
				 texts->count);
	stored_sql_add(texts, step->sql_id, step->statement.sql, step->statement.sql_size);
	return true;
}

// The text is copied: it may be forgotten before the job runs.
static bool resolve(struct socket *socket, struct socket_job *job, struct step *step, struct error *err)
{
	struct statement *statement = &step->statement;
	if (statement->sql)
		return true;
	const struct stored_text *text = stored_sql_find(&socket->texts, step->sql_id);
	if (!text)
		return broke(err, "SQL text", step->sql_id, "not found");
	statement->sql = arena_copy(&job->arena, text->sql, text->size);
	statement->sql_size = text->size;
	return true;
}

static bool resolve_all(struct socket *socket, struct socket_job *job, struct error *err)
{
	struct request *request = &job->message.request;
	switch (request->kind) {
	case REQUEST_EXECUTE:
	case REQUEST_SEQUENCE:
	case REQUEST_DESCRIBE:
		return resolve(socket, job, &request->step, err);
	case REQUEST_BATCH:
	case REQUEST_OPEN_CURSOR:
		for (size_t i = 0; i < request->batch.step_count; i++) {
			if (!resolve(socket, job, &request->batch.steps[i], err))
				return false;
		}
		return true;
	default:
		return true;
	}
}

// -- requests -----------------------------------------------------------------------------------------------------

static bool open_stream(struct socket *socket, const struct message *message, struct error *err)
{
	int32_t id = message->request.stream_id;
	if (socket_stream_exists(socket, id))
		return broke(err, "Stream", id, "already exists");
	int max = socket->hrana->limits.socket_stream_count_max;
	pthread_mutex_lock(&socket->mutex);
	int count = socket->stream_count;
	pthread_mutex_unlock(&socket->mutex);
	bool full = count >= max;
	if (count >= 2 * max)
		return error_set(err, ERR_PROTOCOL, "Too many streams on one WebSocket");
	socket_stream_open(socket, id, full);
	if (full)
		return error_set(err, ERR_RATE_LIMITED,
				 "Too many streams: a WebSocket has at most %d (limit socket-streams-max)",
				 max);
	socket_send_empty(socket, message->request_id, REQUEST_OPEN_STREAM);
	return true;
}

// Where a job of the stream goes; checks the ids that later messages depend on.
static bool find_stream(struct socket *socket, struct request *request, struct error *err)
{
	switch (request->kind) {
	case REQUEST_FETCH_CURSOR:
	case REQUEST_CLOSE_CURSOR:
		if (!socket_find_cursor(socket, request->cursor_id, &request->stream_id))
			return broke(err, "Cursor", request->cursor_id, "not found");
		if (request->kind == REQUEST_CLOSE_CURSOR)
			socket_stream_note_cursor(socket, request->stream_id, request->cursor_id, false);
		return true;
	default:
		break;
	}
	int32_t other;
	if (!socket_stream_exists(socket, request->stream_id))
		return broke(err, "Stream", request->stream_id, "not found");
	if (request->kind == REQUEST_CLOSE_STREAM)
		return true;
	if (socket_stream_has_cursor(socket, request->stream_id))
		return broke(err, "Stream", request->stream_id, "already has an open cursor");
	if (request->kind != REQUEST_OPEN_CURSOR)
		return true;
	if (socket_find_cursor(socket, request->cursor_id, &other))
		return broke(err, "Cursor", request->cursor_id, "already exists");
	socket_stream_note_cursor(socket, request->stream_id, request->cursor_id, true);
	return true;
}

// Takes the job over unless it fails.
static bool take_request(struct socket *socket, struct socket_job *job, struct error *err)
{
	struct message *message = &job->message;
	switch (message->request.kind) {
	case REQUEST_OPEN_STREAM:
		if (!open_stream(socket, message, err))
			return false;
		break;
	case REQUEST_STORE_SQL:
		if (!store_text(socket, &message->request.step, err))
			return false;
		socket_send_empty(socket, message->request_id, REQUEST_STORE_SQL);
		break;
	case REQUEST_CLOSE_SQL:
		stored_sql_remove(&socket->texts, message->request.step.sql_id);
		socket_send_empty(socket, message->request_id, REQUEST_CLOSE_SQL);
		break;
	default:
		if (!resolve_all(socket, job, err) || !find_stream(socket, &message->request, err))
			return false;
		socket_stream_add(socket, message->request.stream_id, job);
		return true;
	}
	socket_job_free(job);
	return true;
}

static bool decode(struct socket *socket, struct socket_job *job, const char *bytes, size_t size,
		   struct error *err)
{
	struct decoder decoder = {.arena = &job->arena, .version = socket->version, .on_socket = true};
	struct buffer body = {.data = arena_copy(&job->arena, bytes, size), .size = size, .capacity = size};
	job->size = size;
	return (!socket->wire->is_binary && decode_fast_message(&job->arena, &body, &job->message)) ||
	       socket->wire->read_message(&decoder, &body, &job->tree, &job->message, err);
}

static void take_message(struct socket *socket, struct socket_job *job)
{
	struct message *message = &job->message;
	struct error err;
	if (message->kind == MESSAGE_HELLO) {
		hello(socket, message);
		socket_job_free(job);
		return;
	}
	bool ok = true;
	if (!socket->greeted)
		ok = error_set(&err, ERR_PROTOCOL, "Received a request before hello message");
	else if (message->broken)
		ok = error_set(&err, ERR_PROTOCOL, "%s", message->broken);
	else if (!access_is_current(socket->hrana->access, &socket->grant))
		ok = error_set(&err, ERR_PROTOCOL, "token revoked");
	if (ok && take_request(socket, job, &err))
		return;
	socket_send_error(socket, message->request_id, &err);
	socket_job_free(job);
}

// -- events of the connection ---------------------------------------------------------------------------------------

static void on_opened(void *context, struct net_socket *net)
{
	struct socket *socket = context;
	socket->net = net_socket_hold(net);
}

static void on_message(void *context, struct net_socket *net, enum net_frame frame, const char *bytes,
		       size_t size)
{
	struct socket *socket = context;
	struct error err;
	if ((frame == NET_BINARY) != socket->wire->is_binary) {
		net_socket_close(net, NET_CLOSE_UNSUPPORTED,
				 socket->wire->is_binary ? "Only binary messages are accepted"
							 : "Only text messages are accepted");
		return;
	}
	atomic_fetch_add_explicit(&socket->hrana->socket_messages, 1, memory_order_relaxed);
	struct socket_job *job = calloc(1, sizeof(*job));
	ASSERT(job != NULL);
	if (decode(socket, job, bytes, size, &err)) {
		take_message(socket, job);
	} else {
		net_socket_close(net, NET_CLOSE_INVALID, err.message);
		socket_job_free(job);
	}
	socket_regulate(socket);
}

static void on_draining(void *context, struct net_socket *net)
{
	struct socket *socket = context;
	pthread_mutex_lock(&socket->mutex);
	socket->draining = true;
	bool working = socket->busy_count > 0;
	net_socket_pause(net, true);
	pthread_mutex_unlock(&socket->mutex);
	if (!working)
		net_socket_close(net, NET_CLOSE_GOING_AWAY, "the server is shutting down");
}

// A client that asks for nothing would keep what its streams hold.
static void on_tick(void *context, struct net_socket *net)
{
	struct socket *socket = context;
	if (socket->greeted && !access_is_current(socket->hrana->access, &socket->grant))
		net_socket_close(net, NET_CLOSE_POLICY, "token revoked");
}

static void on_closed(void *context, struct net_socket *net)
{
	(void)net;
	struct socket *socket = context;
	atomic_store(&socket->gone, true);
	socket_streams_end(socket);
	socket_release(socket);
}

static const struct net_socket_events events = {
	.opened = on_opened,
	.message = on_message,
	.draining = on_draining,
	.tick = on_tick,
	.closed = on_closed,
};

// -- the upgrade -------------------------------------------------------------------------------------------------

struct protocol {
	const char *name;
	int version;
	const struct wire *wire;
};

static const struct protocol protocols[] = {
	// by preference
	{"hrana3-protobuf", 3, &wire_protobuf},
	{"hrana3", 3, &wire_json},
	{"hrana2", 2, &wire_json},
	{"hrana1", 1, &wire_json},
};

// NULL: none of those that the client offers.
static const struct protocol *choose_protocol(struct net_request *request)
{
	static const struct protocol unnamed = {NULL, 1, &wire_json};
	if (!net_request_header(request, "Sec-WebSocket-Protocol"))
		return &unnamed;
	for (size_t i = 0; i < ARRAY_LENGTH(protocols); i++) {
		if (net_request_header_lists(request, "Sec-WebSocket-Protocol", protocols[i].name))
			return &protocols[i];
	}
	return NULL;
}

static bool upgrade(struct hrana *hrana, struct net_request *request, struct error *err)
{
	const char *label = net_request_label(request);
	const struct protocol *protocol = choose_protocol(request);
	if (!label)
		return error_set(err, ERR_BAD_REQUEST,
				 "the address names no database; put /db/NAME before the path");
	if (!access_knows_label(hrana->access, label))
		return error_set(err, ERR_NAMESPACE_NOT_FOUND, "Namespace `%.200s` doesn't exist", label);
	if (!protocol)
		return error_set(err, ERR_PROTOCOL,
				 "Only these WebSocket subprotocols are supported: hrana3-protobuf "
				 "hrana3 hrana2 hrana1");
	struct socket *socket = calloc(1, sizeof(*socket));
	ASSERT(socket != NULL);
	socket->hrana = hrana;
	pthread_mutex_lock(&hrana->sockets_mutex);
	hrana->socket_count++;
	pthread_mutex_unlock(&hrana->sockets_mutex);
	socket->label = strdup(label);
	ASSERT(socket->label != NULL);
	socket->version = protocol->version;
	socket->wire = protocol->wire;
	atomic_init(&socket->references, 1);
	pthread_mutex_init(&socket->mutex, NULL);
	if (net_request_upgrade(request, protocol->name, &events, socket, err))
		return true;
	socket_release(socket);
	return false;
}

void socket_handle(struct hrana *hrana, struct net_request *request)
{
	struct error err;
	if (upgrade(hrana, request, &err))
		return;
	call_refuse(request, &err);
	net_request_finish(request);
}
