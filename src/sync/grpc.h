/// grpc: calls of gRPC in its web form over HTTP/1.1 (spec/replication.md §2): one message in, any number of them out, and
/// at last a block of trailers that says how the call ended. The HTTP status is always 200.
///
/// A reply is built in the request's body buffer, or pushed in pieces (net_reply_push): the bytes are the same.
#ifndef ATOLL_SYNC_GRPC_H
#define ATOLL_SYNC_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "net/server.h"

enum grpc_status {
	GRPC_OK = 0,
	GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4,
	GRPC_PERMISSION_DENIED = 7,
	GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_FAILED_PRECONDITION = 9,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

enum { GRPC_PREFIX_BYTES = 5, GRPC_MESSAGE_BYTES_MAX = 0x7FFFFFFF };

/// The one message of the request's body. Fails: ERR_BAD_REQUEST
MUST_USE bool grpc_read(const struct net_request *request, const char **out, size_t *out_size,
			struct error *err);

/// What stands before a message of `size` bytes.
void grpc_write_prefix(struct buffer *out, size_t size);
/// The same for one whose size is not known yet: grpc_end writes it down.
size_t grpc_begin(struct buffer *out);
void grpc_end(struct buffer *out, size_t begun);
/// The end of a reply. message NULL: none.
void grpc_write_trailers(struct buffer *out, enum grpc_status status, const char *message);

enum grpc_status grpc_status_of(const struct error *err);
/// What the trailers say of an error: `NAMESPACE_DOESNT_EXIST` where clients look for that.
const char *grpc_message_of(const struct error *err);

/// Sends what stands in the request's body buffer as a reply that went well.
void grpc_finish(struct net_request *request);
/// Answers with nothing but trailers.
void grpc_refuse(struct net_request *request, enum grpc_status status, const char *message);
void grpc_fail(struct net_request *request, const struct error *err);

#endif
