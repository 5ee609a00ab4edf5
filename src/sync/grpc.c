#include "sync/grpc.h"

#include <string.h>

#include "base/trace.h"

enum { FLAG_DATA = 0x00, FLAG_TRAILERS = 0x80 };

bool grpc_read(const struct net_request *request, const char **out, size_t *out_size, struct error *err)
{
	const struct buffer *body = net_request_body(request);
	const unsigned char *head = (const unsigned char *)body->data;
	if (body->size < GRPC_PREFIX_BYTES)
		return error_set(err, ERR_BAD_REQUEST, "the body is no message of gRPC");
	if (head[0] != FLAG_DATA)
		return error_set(err, ERR_BAD_REQUEST, "the message is compressed, or no message");
	size_t size = (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
	if (size != body->size - GRPC_PREFIX_BYTES)
		return error_set(err, ERR_BAD_REQUEST, "the body holds %zu bytes, its message %zu",
				 body->size - GRPC_PREFIX_BYTES, size);
	*out = body->data + GRPC_PREFIX_BYTES;
	*out_size = size;
	return true;
}

static void put_prefix(char *at, int flag, size_t size)
{
	ASSERT(size <= GRPC_MESSAGE_BYTES_MAX);
	at[0] = (char)flag;
	at[1] = (char)(size >> 24);
	at[2] = (char)(size >> 16);
	at[3] = (char)(size >> 8);
	at[4] = (char)size;
}

static void append_prefix(struct buffer *out, int flag, size_t size)
{
	char prefix[GRPC_PREFIX_BYTES];
	put_prefix(prefix, flag, size);
	buffer_append(out, prefix, sizeof(prefix));
}

void grpc_write_prefix(struct buffer *out, size_t size)
{
	append_prefix(out, FLAG_DATA, size);
}

size_t grpc_begin(struct buffer *out)
{
	append_prefix(out, FLAG_DATA, 0);
	return out->size;
}

void grpc_end(struct buffer *out, size_t begun)
{
	put_prefix(out->data + begun - GRPC_PREFIX_BYTES, FLAG_DATA, out->size - begun);
}

// Percent-encoded where it is not printable ASCII, as gRPC over HTTP/2 has it; clients' readers of trailers stop at a second
// colon in a line, too.
static void write_message(struct buffer *out, const char *message)
{
	for (const unsigned char *c = (const unsigned char *)message; *c; c++) {
		if (*c < 0x20 || *c > 0x7E || *c == '%' || *c == ':')
			buffer_printf(out, "%%%02X", *c);
		else
			buffer_append_byte(out, (char)*c);
	}
}

void grpc_write_trailers(struct buffer *out, enum grpc_status status, const char *message)
{
	append_prefix(out, FLAG_TRAILERS, 0);
	size_t begun = out->size;
	buffer_printf(out, "grpc-status:%d\r\n", (int)status);
	if (message) {
		buffer_append_text(out, "grpc-message:");
		write_message(out, message);
		buffer_append_text(out, "\r\n");
	}
	put_prefix(out->data + begun - GRPC_PREFIX_BYTES, FLAG_TRAILERS, out->size - begun);
}

enum grpc_status grpc_status_of(const struct error *err)
{
	switch (err->code) {
	case ERR_NAMESPACE_NOT_FOUND:
		return GRPC_FAILED_PRECONDITION;
	case ERR_FORBIDDEN:
	case ERR_BLOCKED:
		return GRPC_PERMISSION_DENIED;
	case ERR_LIMIT:
	case ERR_RATE_LIMITED:
	case ERR_RESPONSE_TOO_LARGE:
	case ERR_QUOTA_EXCEEDED:
		return GRPC_RESOURCE_EXHAUSTED;
	case ERR_TIMEOUT:
		return GRPC_DEADLINE_EXCEEDED;
	case ERR_BAD_REQUEST:
	case ERR_BODY_TOO_LARGE:
		return GRPC_INVALID_ARGUMENT;
	case ERR_NOT_READY:
	case ERR_UNAVAILABLE:
	case ERR_SHUTDOWN:
	case ERR_BUSY:
	case ERR_TRANSACTION_BUSY:
		return GRPC_UNAVAILABLE;
	default:
		return strncmp(error_code_name(err->code), "AUTH_", 5) == 0 ? GRPC_UNAUTHENTICATED
									    : GRPC_INTERNAL;
	}
}

const char *grpc_message_of(const struct error *err)
{
	return err->code == ERR_NAMESPACE_NOT_FOUND ? "NAMESPACE_DOESNT_EXIST" : err->message;
}

static void finish(struct net_request *request, enum grpc_status status, const char *message)
{
	grpc_write_trailers(net_reply_body(request), status, message);
	net_reply_type(request, "application/grpc-web+proto");
	net_request_finish(request);
}

void grpc_finish(struct net_request *request)
{
	finish(request, GRPC_OK, NULL);
}

void grpc_refuse(struct net_request *request, enum grpc_status status, const char *message)
{
	buffer_truncate(net_reply_body(request), 0);
	finish(request, status, message);
}

void grpc_fail(struct net_request *request, const struct error *err)
{
	enum grpc_status status = grpc_status_of(err);
	net_request_count_error(request, err->code);
	if (status == GRPC_INTERNAL)
		trace_error("sync.failed", "code", error_code_name(err->code), "detail", err->detail,
			    "request_id", net_request_id(request));
	grpc_refuse(request, status, grpc_message_of(err));
}
