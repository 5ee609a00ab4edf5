/// errors: the one table from error codes to HTTP, and the one form of a refusal (spec/platform-api.md §1.5,
/// §1.6).
#ifndef ATOLL_API_ERRORS_H
#define ATOLL_API_ERRORS_H

#include "base/error.h"

struct net_request;

struct api_error_row {
	int status;
	const char *code; // the answer's "code" member
};

/// The row of any code of base/error.def.
const struct api_error_row *api_error_row(enum error_code code);

/// Replaces what the reply holds by the refusal: status, headers and body. Failures of the server itself
/// (5xx) are traced with their detail; a 500 tells the client only under which request to look them up.
/// `status` is another one than the row's, or 0.
void api_reply_error(struct net_request *request, const struct error *err, int status);
/// The same, for a refusal that tells when to come again: Retry-After in whole seconds, from 1.
void api_reply_error_until(struct net_request *request, const struct error *err, int status,
			   int64_t retry_ms);

#endif
