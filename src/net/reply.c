#include "net/connection.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/gnutls.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/trace.h"
#include "net/counts.h"
#include "net/outflow.h"
#include "net/sockets.h"

static const char json_type[] = "application/json";

static const char *type_of(const struct net_request *request)
{
	if (request->content_type)
		return request->content_type;
	return (request->reply.size > 0 || request->outflow) && !request->has_file ? json_type : NULL;
}

// The request's buffer stays where it is until the library says that the reply is sent; a file is the library's to close.
static struct MHD_Response *body_of(struct net_request *request)
{
	struct buffer *body = request->compressed.size > 0 ? &request->compressed : &request->reply;
	if (request->socket)
		return socket_response(request->socket);
	if (request->outflow)
		return outflow_response(request->outflow);
	if (!request->has_file)
		return MHD_create_response_from_buffer(body->size, body->data ? body->data : "",
						       MHD_RESPMEM_PERSISTENT);
	struct MHD_Response *response = MHD_create_response_from_fd64(request->file_size, request->file_fd);
	request->has_file = response == NULL;
	return response;
}

static struct MHD_Response *response_of(struct net_request *request)
{
	struct MHD_Response *response = body_of(request);
	if (!response)
		return NULL;
	const char *type = type_of(request);
	if (type)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	MHD_add_response_header(response, "X-Request-Id", net_request_id(request));
	for (size_t i = 0; i < request->reply_header_count; i++)
		MHD_add_response_header(response, request->reply_headers[i].name.at,
					request->reply_headers[i].value.at);
	// The library has no use for the body of a HEAD and ends the exchange before its handler does.
	bool bodiless = request->outflow && strcmp(request->method, "HEAD") == 0;
	if (request->socket)
		return response;
	// Of a chunked body it would send the end all the same.
	if (bodiless)
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	if (request->close || bodiless ||
	    atomic_load_explicit(&request->connection->server->draining, memory_order_relaxed))
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	return response;
}

static void count(const struct net_request *request)
{
	struct counts *counts = request->connection->server->counts;
	uint64_t took_ns = (uint64_t)(clock_monotonic_ns() - request->begun_ns);
	const struct buffer *body = request->compressed.size > 0 ? &request->compressed : &request->reply;
	bool streamed = request->outflow || request->socket;
	counts_add(counts, request_site_number(request), request->match.route, request->status, took_ns);
	counts_add_bytes(counts, request->body_bytes,
			 request->has_file ? request->file_size
			 : streamed        ? 0
					   : body->size);
}

enum MHD_Result reply_send(struct net_request *request)
{
	ASSERT(!request->reply.overflowed);
	atomic_store(&request->connection->phase, PHASE_SENDING);
	server_notice(request->connection->server);
	count(request);
	struct MHD_Response *response = response_of(request);
	if (!response)
		return MHD_NO;
	trace_debug("http.request", "method", request->method, "path", request->path, "status",
		    TRACE_INT(request->status), "request_id", net_request_id(request));
	enum MHD_Result result =
		MHD_queue_response(request->connection->mhd, (unsigned)request->status, response);
	MHD_destroy_response(response);
	return result;
}

static int own_status(enum error_code code)
{
	switch (code) {
	case ERR_LIMIT:
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	case ERR_BODY_TOO_LARGE:
		return MHD_HTTP_CONTENT_TOO_LARGE;
	case ERR_ROUTE_NOT_FOUND:
		return MHD_HTTP_NOT_FOUND;
	case ERR_METHOD_NOT_ALLOWED:
		return MHD_HTTP_METHOD_NOT_ALLOWED;
	case ERR_BUSY:
	case ERR_SHUTDOWN:
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	default:
		return MHD_HTTP_BAD_REQUEST;
	}
}

static const char *own_code(enum error_code code)
{
	switch (code) {
	case ERR_BODY_TOO_LARGE:
		return "body_too_large";
	case ERR_ROUTE_NOT_FOUND:
		return "route_not_found";
	case ERR_METHOD_NOT_ALLOWED:
		return "method_not_allowed";
	case ERR_BUSY:
	case ERR_SHUTDOWN:
		return "unavailable";
	default:
		return "bad_request";
	}
}

void reply_refuse(struct net_request *request)
{
	const struct error *why = request->refusal;
	const struct net_site *site = request->site;
	buffer_truncate(&request->reply, 0);
	if (site && site->refuse) {
		site->refuse(site->context, request, why);
		return;
	}
	request->status = own_status(why->code);
	struct json_writer w = json_write_to(&request->reply);
	json_write_object(&w);
	json_write_member_text(&w, "error", why->message);
	json_write_member_text(&w, "code", own_code(why->code));
	json_write_end_object(&w);
}

void reply_last_words(struct net_request *request)
{
	OWNED(buffer) struct buffer words = {0};
	// A reply that is a file belongs to a request without a body.
	ASSERT(!request->has_file);
	count(request);
	buffer_printf(&words, "HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
		      request->status, MHD_get_reason_phrase_for((unsigned)request->status),
		      request->reply.size);
	for (size_t i = 0; i < request->reply_header_count; i++)
		buffer_printf(&words, "%s: %s\r\n", request->reply_headers[i].name.at,
			      request->reply_headers[i].value.at);
	buffer_printf(&words, "Content-Type: %s\r\nX-Request-Id: %s\r\n\r\n",
		      request->content_type ? request->content_type : json_type, net_request_id(request));
	if (request->reply.size > 0)
		buffer_append(&words, request->reply.data, request->reply.size);
	const union MHD_ConnectionInfo *tls =
		MHD_get_connection_info(request->connection->mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	// Who does not read what he is told has only himself to blame.
	ssize_t ignored UNUSED;
	if (tls)
		ignored = gnutls_record_send(tls->tls_session, words.data, words.size);
	else
		ignored = send(request->connection->fd, words.data, words.size, MSG_NOSIGNAL | MSG_DONTWAIT);
}
