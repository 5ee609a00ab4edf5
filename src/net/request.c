#include "net/server.h"

#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/disk.h"
#include "net/compress.h"
#include "net/connection.h"
#include "net/counts.h"
#include "net/intake.h"
#include "net/outflow.h"

const char *net_request_method(const struct net_request *request)
{
	return request->method;
}

const char *net_request_path(const struct net_request *request)
{
	return request->path;
}

const char *net_request_param(const struct net_request *request, const char *name)
{
	size_t size = strlen(name);
	for (size_t i = 0; i < request->match.param_count; i++) {
		const struct route_param *param = &request->match.params[i];
		if (param->name_size == size && memcmp(param->name, name, size) == 0)
			return param->value;
	}
	return NULL;
}

static const char *raw_query(const struct net_request *request, const char *name)
{
	if (!request->intake)
		return MHD_lookup_connection_value(request->connection->mhd, MHD_GET_ARGUMENT_KIND, name);
	for (size_t i = 0; i < request->query_count; i++) {
		if (strcmp(request->queries[i].name.at, name) == 0)
			return request->queries[i].value.at;
	}
	return NULL;
}

static const char *decoded(const struct net_request *request, const char *raw)
{
	if (!raw || !strchr(raw, '%'))
		return raw;
	// The arena is the request's own; reading a query is no change that anybody sees.
	struct arena *arena = &request->connection->request.arena;
	const char *text;
	size_t size;
	return router_decode(raw, strlen(raw), arena, &text, &size) ? text : raw;
}

const char *net_request_query(const struct net_request *request, const char *name)
{
	return decoded(request, raw_query(request, name));
}

struct query_search {
	const struct net_request *request;
	const char *name;
	const char **out;
	size_t max;
	size_t count;
};

static enum MHD_Result note_query(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct query_search *search = context;
	(void)kind;
	if (strcmp(name, search->name) != 0)
		return MHD_YES;
	if (search->count < search->max)
		search->out[search->count] = decoded(search->request, value ? value : "");
	search->count++;
	return MHD_YES;
}

size_t net_request_queries(const struct net_request *request, const char *name, const char **out, size_t max)
{
	struct query_search search = {.request = request, .name = name, .out = out, .max = max};
	for (size_t i = 0; request->intake && i < request->query_count; i++)
		note_query(&search, MHD_GET_ARGUMENT_KIND, request->queries[i].name.at,
			   request->queries[i].value.at);
	if (!request->intake)
		MHD_get_connection_values(request->connection->mhd, MHD_GET_ARGUMENT_KIND, note_query,
					  &search);
	return search.count;
}

static bool is_named(const struct header *header, const char *name, size_t size)
{
	return header->name.size == size && strncasecmp(header->name.at, name, size) == 0;
}

const char *net_request_header(const struct net_request *request, const char *name)
{
	size_t size = strlen(name);
	for (size_t i = 0; i < request->header_count; i++) {
		if (is_named(&request->headers[i], name, size))
			return request->headers[i].value.at;
	}
	return NULL;
}

static bool lists(const char *list, const char *token)
{
	size_t size = strlen(token);
	while (*list) {
		list += strspn(list, " \t,");
		size_t length = strcspn(list, ",");
		const char *next = list + length;
		while (length > 0 && (list[length - 1] == ' ' || list[length - 1] == '\t'))
			length--;
		if (length == size && strncasecmp(list, token, size) == 0)
			return true;
		list = next;
	}
	return false;
}

bool net_request_header_lists(const struct net_request *request, const char *name, const char *token)
{
	size_t size = strlen(name);
	for (size_t i = 0; i < request->header_count; i++) {
		if (is_named(&request->headers[i], name, size) && lists(request->headers[i].value.at, token))
			return true;
	}
	return false;
}

const char *net_request_peer(const struct net_request *request)
{
	return request->connection->peer;
}

const struct net_route *net_request_route(const struct net_request *request)
{
	return request->match.route;
}

const struct buffer *net_request_body(const struct net_request *request)
{
	return &request->body;
}

struct arena *net_request_arena(struct net_request *request)
{
	return &request->arena;
}

static bool is_good_id(const char *id)
{
	size_t size = strnlen(id, REQUEST_ID_BYTES);
	if (size == 0 || size == REQUEST_ID_BYTES)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (id[i] < '!' || id[i] > '~')
			return false;
	}
	return true;
}

static char *put_hex(char *at, uint64_t value)
{
	int shift = 0;
	while (shift < 60 && value >> (shift + 4) != 0)
		shift += 4;
	for (; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[(value >> shift) & 15];
	return at;
}

const char *net_request_id(struct net_request *request)
{
	if (request->id[0] != '\0')
		return request->id;
	const char *given = net_request_header(request, "X-Request-Id");
	if (given && is_good_id(given)) {
		memcpy(request->id, given, strlen(given) + 1);
		return request->id;
	}
	const struct connection *connection = request->connection;
	memcpy(request->id, connection->server->id_prefix, sizeof(connection->server->id_prefix) - 1);
	char *at = request->id + sizeof(connection->server->id_prefix) - 1;
	*at++ = '-';
	at = put_hex(at, connection->number);
	*at++ = '-';
	at = put_hex(at, atomic_load_explicit(&connection->exchange_count, memory_order_relaxed));
	*at = '\0';
	return request->id;
}

void net_request_set_target(struct net_request *request, const char *label, const char *path)
{
	request->label = label ? arena_text(&request->arena, label) : NULL;
	request->path = arena_text(&request->arena, path);
}

const char *net_request_label(const struct net_request *request)
{
	return request->label;
}

void net_request_set_state(struct net_request *request, void *state)
{
	request->handler_state = state;
}

void *net_request_state(const struct net_request *request)
{
	return request->handler_state;
}

// The library does not look at the socket of a request that is being handled.
bool net_request_is_abandoned(const struct net_request *request)
{
	if (request->intake && intake_is_closed(request->intake))
		return true;
	struct outflow *outflow = request->outflow;
	if (outflow && outflow_is_closed(outflow))
		return true;
	struct pollfd socket = {.fd = request->connection->fd, .events = POLLRDHUP};
	return poll(&socket, 1, 0) > 0 && (socket.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void run_on_worker(struct task *task)
{
	struct net_request *request = CONTAINER_OF(task, struct net_request, task);
	request->run_handler(request->run_context, request);
}

void net_request_run(struct net_request *request, net_handler *handler, void *context, bool urgent)
{
	request->run_handler = handler;
	request->run_context = context;
	request->task.run = run_on_worker;
	if (urgent)
		workers_run_urgent(request->connection->server->workers, &request->task);
	else
		workers_run(request->connection->server->workers, &request->task);
}

void net_request_count_error(struct net_request *request, enum error_code code)
{
	counts_add_error(request->connection->server->counts, request_site_number(request), code);
}

struct buffer *net_reply_body(struct net_request *request)
{
	return &request->reply;
}

void net_reply_status(struct net_request *request, int status)
{
	request->status = status;
}

void net_reply_type(struct net_request *request, const char *content_type)
{
	request->content_type = content_type;
}

void net_reply_header(struct net_request *request, const char *name, const char *value)
{
	ASSERT(request->reply_header_count < REPLY_HEADERS_MAX);
	struct header *header = &request->reply_headers[request->reply_header_count++];
	header->name.at = arena_text(&request->arena, name);
	header->value.at = arena_text(&request->arena, value);
}

void net_reply_preflight(struct net_request *request)
{
	const char *wanted = net_request_header(request, "access-control-request-headers");
	net_reply_status(request, 200);
	net_reply_type(request, "text/plain; charset=utf-8");
	net_reply_header(request, "Access-Control-Allow-Methods", "*");
	net_reply_header(request, "Access-Control-Allow-Headers", wanted ? wanted : "*");
	net_reply_header(request, "Access-Control-Max-Age", "86400");
}

void net_reply_file(struct net_request *request, int fd, uint64_t size)
{
	if (request->has_file)
		fd_cleanup(&request->file_fd);
	request->has_file = true;
	request->file_fd = fd;
	request->file_size = size;
}

uint64_t net_request_body_size(const struct net_request *request)
{
	return request->body_size;
}

void request_answer(struct net_request *request)
{
	struct connection *connection = request->connection;
	int before = atomic_exchange(&request->state, STATE_FINISHED);
	ASSERT(before != STATE_FINISHED);
	if (before == STATE_RUNNING)
		return; // the network thread finds the reply when the handler returns to it
	struct net_server *server = connection->server;
	MHD_resume_connection(connection->mhd);
	pthread_mutex_lock(&server->mutex);
	if (--server->held_count == 0)
		pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
}

// -- compressed replies ---------------------------------------------------------------------------------

static bool is_event_stream(const char *content_type)
{
	return content_type && strncmp(content_type, "text/event-stream", 17) == 0;
}

bool request_is_compressed(struct net_request *request, size_t size)
{
	size_t least = request->connection->server->compress_bytes_min;
	if (least == 0 || size < least || !request->site || !request->site->compresses ||
	    is_event_stream(request->content_type))
		return false;
	net_reply_header(request, "Vary", "Accept-Encoding");
	return compress_is_wanted(net_request_header(request, "Accept-Encoding"));
}

static void compress_and_answer(void *context, struct net_request *request)
{
	(void)context;
	if (compress_whole(&request->reply, &request->compressed))
		net_reply_header(request, "Content-Encoding", "gzip");
	request_answer(request);
}

// Neither a network thread nor the one that made a write durable is kept with it.
static void answer_whole(struct net_request *request)
{
	if (!request->has_file && !request->socket && request_is_compressed(request, request->reply.size))
		net_request_run(request, compress_and_answer, NULL, true);
	else
		request_answer(request);
}

void net_request_finish(struct net_request *request)
{
	if (request->intake)
		intake_finish(request);
	else if (request->outflow)
		outflow_finish(request);
	else
		answer_whole(request);
}
