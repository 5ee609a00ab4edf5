#include "net/connection.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/disk.h"
#include "net/intake.h"
#include "net/outflow.h"
#include "net/pulse.h"
#include "net/sockets.h"

// The library's order of calls: exchange_begin with the request line; exchange_step after the head; again for
// each piece of the body; again, without a piece, after the body; again when a suspended request was resumed;
// exchange_end when the reply is sent or the connection lost. A reply given after the head, before the body
// was read, makes the library close the connection, so refusals wait for the body's end where that is near. Where it is
// far they are sent past the library, and what comes then is read for a while: closing over unread bytes would reset
// the connection, and take the refusal from the client that is still sending.

static void keep_or_drop(struct buffer *buffer)
{
	if (buffer->capacity > BODY_KEPT_BYTES)
		buffer_cleanup(buffer);
	else
		buffer_truncate(buffer, 0);
	buffer->limit_bytes = 0;
}

static bool is_target(const char *target, size_t size)
{
	bool good = true;
	for (size_t i = 0; i < size; i++)
		good &= (unsigned char)target[i] > ' ' && target[i] != 0x7f;
	return good;
}

void *exchange_begin(void *cls, const char *target, struct MHD_Connection *mhd)
{
	(void)cls;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct connection *connection = info->socket_context;
	struct net_request *request = &connection->request;
	if (request->intake || request->outflow)
		return NULL; // the last one's handler still runs, though the library has answered for it
	request->target_size = strlen(target);
	request->target_ok = is_target(target, request->target_size);
	request->stage = STAGE_LINE;
	request->status = MHD_HTTP_OK;
	return request;
}

static void request_reset(struct net_request *request)
{
	keep_or_drop(&request->body);
	keep_or_drop(&request->reply);
	buffer_cleanup(&request->compressed);
	arena_reset(&request->arena);
	request->label = NULL;
	request->close = false;
	request->header_count = 0;
	request->site = NULL;
	request->router = NULL;
	request->match.route = NULL;
	request->match.param_count = 0;
	request->refusal = NULL;
	request->body_kept = false;
	request->body_bytes = 0;
	request->dropped_bytes = 0;
	request->linger_bytes = 0;
	request->queries = NULL;
	request->query_count = 0;
	if (request->has_file)
		fd_cleanup(&request->file_fd);
	request->has_file = false;
	request->content_type = NULL;
	request->reply_header_count = 0;
	request->id[0] = '\0';
	request->handler_state = NULL;
	atomic_store_explicit(&request->state, STATE_RUNNING, memory_order_relaxed);
}

void exchange_end(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode why)
{
	(void)mhd;
	struct net_server *server = cls;
	struct net_request *request = *context;
	if (!request)
		return;
	*context = NULL;
	if (request->intake) {
		// The connection ends with it: nothing else comes between a request and its handler's reply.
		if (!intake_close(request->intake, why == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED))
			return;
		intake_free(request->intake);
		request->intake = NULL;
	}
	socket_abandon(request);
	if (request->outflow) {
		if (!outflow_close(request->outflow))
			return;
		outflow_free(request->outflow);
		request->outflow = NULL;
	}
	request_reset(request);
	atomic_store(&request->connection->phase, PHASE_WAITING);
	server_notice(server);
}

// The library believes a socket empty that gave less than there was room for, and waits for it to change: the end of
// the connection, when it came together with the last bytes, is such a change no more. To shut it down is one.
static void look_for_end(const struct net_request *request)
{
	if (request->body_size != UINT64_MAX && request->body_bytes >= request->body_size)
		return;
	int fd = request->connection->fd;
	struct pollfd socket = {.fd = fd, .events = POLLRDHUP};
	if (poll(&socket, 1, 0) > 0 && (socket.revents & POLLRDHUP) != 0)
		shutdown(fd, SHUT_RD);
}

// -- head ---------------------------------------------------------------------------------------------

// A library that is stopping says that it took a reply, drops it, and asks again: a refusal is as final as an answer.
static enum MHD_Result send_refusal(struct net_request *request)
{
	reply_refuse(request);
	request->stage = STAGE_HANDLED;
	atomic_store(&request->state, STATE_FINISHED);
	return reply_send(request);
}

static enum MHD_Result refuse_now(struct net_request *request)
{
	request->close = true;
	return send_refusal(request);
}

static enum MHD_Result say_last_words(struct net_request *request)
{
	reply_last_words(request);
	request->stage = STAGE_LINGER;
	return MHD_YES;
}

static enum MHD_Result linger(struct net_request *request, size_t *upload_size)
{
	request->linger_bytes += *upload_size;
	bool over = *upload_size == 0 || request->linger_bytes > LINGER_BYTES;
	*upload_size = 0;
	look_for_end(request);
	return over ? MHD_NO : MHD_YES;
}

static void set_refusal(struct net_request *request, const struct error *why)
{
	request->refusal = arena_alloc(&request->arena, sizeof(struct error));
	*request->refusal = *why;
}

// RFC 9112 §3.2.2: a server must take the absolute form too.
static const char *path_of(const char *url)
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
			: strncasecmp(url, "https://", 8) == 0 ? 8
							       : 0;
	if (scheme == 0)
		return url;
	const char *slash = strchr(url + scheme, '/');
	return slash ? slash : "/";
}

static bool choose_site(struct net_server *server, struct net_request *request)
{
	const char *path = request->path;
	for (size_t i = 0; i < server->site_count; i++) {
		struct site_entry *entry = &server->sites[i];
		if (!entry->site.claims || entry->site.claims(entry->site.context, request)) {
			request->site = &entry->site;
			request->router = entry->router;
			return true;
		}
		request->path = path;
		request->label = NULL;
	}
	return false;
}

static bool find_route(struct net_server *server, struct net_request *request, const char *url,
		       struct error *err)
{
	request->path = path_of(url);
	if (!choose_site(server, request))
		return error_set(err, ERR_ROUTE_NOT_FOUND, "not found");
	if (router_match(request->router, request->method, request->path, &request->arena, &request->match,
			 err))
		return true;
	if (err->code == ERR_METHOD_NOT_ALLOWED) {
		OWNED(buffer) struct buffer allow = {0};
		router_allow(request->router, request->path, &request->arena, &allow);
		if (allow.size > 0)
			net_reply_header(request, "Allow", buffer_text(&allow));
	}
	return false;
}

static bool too_large(const struct net_request *request, struct error *err)
{
	return error_set(err, ERR_BODY_TOO_LARGE, "request body is larger than %zu bytes",
			 request->body_bytes_max);
}

static bool expects_continue(const struct net_request *request)
{
	const char *expect = net_request_header(request, "Expect");
	return expect && strcasecmp(expect, "100-continue") == 0;
}

static enum MHD_Result begin_stream(struct net_request *request);

static enum MHD_Result take_head(struct net_server *server, struct net_request *request, const char *url,
				 const char *method, const char *version)
{
	struct connection *connection = request->connection;
	atomic_fetch_add_explicit(&connection->exchange_count, 1, memory_order_relaxed);
	atomic_store(&connection->phase, PHASE_RECEIVING);
	request->begun_ns = clock_monotonic_ns();
	request->method = method;
	request->path = url;
	struct error err;
	if (!head_check(request, url, version, &err)) {
		set_refusal(request, &err);
		return refuse_now(request);
	}
	// Also of one that is refused whatever it wants: its site says so in its own way.
	bool found = find_route(server, request, url, &err);
	if (atomic_load(&server->draining)) {
		error_set(&err, ERR_SHUTDOWN, "server is shutting down");
		set_refusal(request, &err);
		return refuse_now(request);
	}
	const char *declared = net_request_header(request, "Content-Length");
	uint64_t length = declared ? strtoull(declared, NULL, 10) : 0;
	request->body_size = net_request_header(request, "Transfer-Encoding") ? UINT64_MAX : length;
	request->body_kept = found && request->match.route->body_bytes_max > 0;
	request->body_bytes_max =
		request->body_kept ? request->match.route->body_bytes_max : BODY_DROPPED_BYTES;
	if (found && length > request->body_bytes_max)
		found = too_large(request, &err);
	bool streams = found && request->match.route->place == NET_STREAM;
	if (streams)
		found = intake_begin(request, &err);
	if (!found) {
		set_refusal(request, &err);
		if (expects_continue(request))
			return refuse_now(request);
		// What a stream may be is no measure for what is read of it in vain.
		if (request->match.route && request->match.route->place == NET_STREAM)
			request->body_bytes_max = 0;
		if (length > request->body_bytes_max + BODY_WASTED_BYTES) {
			reply_refuse(request);
			return say_last_words(request);
		}
	}
	request->stage = STAGE_BODY;
	return found && streams ? begin_stream(request) : MHD_YES;
}

// -- body ---------------------------------------------------------------------------------------------

static enum MHD_Result take_body(struct net_request *request, const char *upload, size_t size)
{
	request->body_bytes += size;
	atomic_fetch_add_explicit(&request->connection->received_bytes, size, memory_order_relaxed);
	look_for_end(request);
	if (request->body_bytes > request->body_bytes_max + BODY_WASTED_BYTES) {
		reply_refuse(request);
		return say_last_words(request);
	}
	if (request->refusal)
		return MHD_YES;
	if (request->body_bytes > request->body_bytes_max) {
		struct error err;
		too_large(request, &err);
		set_refusal(request, &err);
		buffer_cleanup(&request->body);
		return MHD_YES;
	}
	if (request->body_kept)
		buffer_append(&request->body, upload, size);
	return MHD_YES;
}

// -- handling -----------------------------------------------------------------------------------------

static void suspend(struct net_request *request)
{
	struct connection *connection = request->connection;
	struct net_server *server = connection->server;
	pthread_mutex_lock(&server->mutex);
	server->held_count++;
	pthread_mutex_unlock(&server->mutex);
	MHD_suspend_connection(connection->mhd);
	int running = STATE_RUNNING;
	if (atomic_compare_exchange_strong(&request->state, &running, STATE_SUSPENDED))
		return;
	// Finished while it was being suspended: whoever did it saw it running and left the resuming to us.
	MHD_resume_connection(connection->mhd);
	pthread_mutex_lock(&server->mutex);
	if (--server->held_count == 0)
		pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
}

static enum MHD_Result handle(struct net_request *request)
{
	request->stage = STAGE_HANDLED;
	// The other side of this pair is net_server_stop: it sees the phase, or the request sees that it is
	// too late.
	atomic_store(&request->connection->phase, PHASE_HANDLING);
	if (!request->refusal && atomic_load(&request->connection->server->stopping)) {
		struct error err;
		error_set(&err, ERR_SHUTDOWN, "server is shutting down");
		set_refusal(request, &err);
	}
	if (request->refusal)
		return send_refusal(request);
	const struct net_route *route = request->match.route;
	void *context = request->site->context;
	if (route->place == NET_WORKER)
		net_request_run(request, route->handler, context, false);
	else
		route->handler(context, request);
	if (atomic_load(&request->state) == STATE_FINISHED)
		return reply_send(request);
	suspend(request);
	if (request->socket)
		socket_take_session(request);
	return MHD_YES;
}

// -- streams ------------------------------------------------------------------------------------------

static enum MHD_Result send_finished(struct net_request *request)
{
	request->stage = STAGE_HANDLED;
	atomic_store(&request->state, STATE_FINISHED);
	return reply_send(request);
}

// Whether the reply should not wait for the body's end.
static bool is_end_far(const struct net_request *request)
{
	return request->body_size != UINT64_MAX &&
	       request->body_size - request->body_bytes > BODY_WASTED_BYTES;
}

static enum MHD_Result step_stream_head(struct net_request *request)
{
	switch (intake_await_reader(request->intake)) {
	case INTAKE_SUSPENDED:
		return MHD_YES; // and here again
	case INTAKE_RUNNING:
		request->stage = STAGE_STREAM;
		look_for_end(request);
		return MHD_YES;
	case INTAKE_FINISHED:
		break;
	}
	request->stage = STAGE_STREAM;
	if (expects_continue(request) && request->body_size > 0) {
		request->close = true;
		return send_finished(request);
	}
	return is_end_far(request) ? say_last_words(request) : MHD_YES;
}

static enum MHD_Result begin_stream(struct net_request *request)
{
	request->stage = STAGE_STREAM_HEAD;
	atomic_store(&request->connection->phase, PHASE_HANDLING);
	net_request_run(request, request->match.route->handler, request->site->context, false);
	return step_stream_head(request);
}

static enum MHD_Result drop(struct net_request *request, size_t size)
{
	request->dropped_bytes += size;
	bool enough = is_end_far(request) || request->dropped_bytes > BODY_WASTED_BYTES;
	return enough ? say_last_words(request) : MHD_YES;
}

static enum MHD_Result step_stream(struct net_request *request, const char *upload, size_t *upload_size)
{
	if (*upload_size == 0)
		return intake_end(request->intake) == INTAKE_FINISHED ? send_finished(request) : MHD_YES;
	size_t left = *upload_size;
	bool finished = request->body_bytes + left > request->body_bytes_max
				? intake_overflow(request->intake) == INTAKE_FINISHED
				: intake_put(request->intake, upload, &left) == INTAKE_FINISHED;
	size_t taken = *upload_size - (finished ? 0 : left);
	*upload_size -= taken;
	request->body_bytes += taken;
	atomic_fetch_add_explicit(&request->connection->received_bytes, taken, memory_order_relaxed);
	look_for_end(request);
	return finished ? drop(request, taken) : MHD_YES;
}

static enum MHD_Result step(struct net_server *server, struct net_request *request, const char *url,
			    const char *method, const char *version, const char *upload, size_t *upload_size)
{
	switch (request->stage) {
	case STAGE_LINE:
		return take_head(server, request, url, method, version);
	case STAGE_BODY:
		if (*upload_size == 0)
			return handle(request);
		size_t size = *upload_size;
		*upload_size = 0;
		return take_body(request, upload, size);
	case STAGE_HANDLED:
		ASSERT(atomic_load(&request->state) == STATE_FINISHED);
		return reply_send(request);
	case STAGE_STREAM_HEAD:
		return step_stream_head(request);
	case STAGE_STREAM:
		return step_stream(request, upload, upload_size);
	case STAGE_SOCKET:
		return MHD_NO;
	case STAGE_LINGER:
		return linger(request, upload_size);
	}
	return MHD_NO;
}

enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
			      const char *version, const char *upload, size_t *upload_size, void **context)
{
	(void)mhd;
	struct net_request *request = *context;
	if (!request)
		return MHD_NO;
	struct connection *connection = request->connection;
	pulse_enter(connection);
	enum MHD_Result result = step(cls, request, url, method, version, upload, upload_size);
	pulse_leave(connection);
	return result;
}
