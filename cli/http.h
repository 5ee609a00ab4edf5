/// http: one request at a time, answered whole; bodies may come from a file and go to one.
///
/// While a request runs, its owner can be ticked a few times a second and can end it from the keyboard: on a
/// terminal SIGINT is blocked and read from a descriptor here, so that Ctrl-C stops the request and not the
/// program. Redirects are not followed: a token must not travel where its owner did not send it.
#ifndef ATOLL_CLI_HTTP_H
#define ATOLL_CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

struct http;

/// A body that is read from a file while it is sent.
struct http_upload {
	int fd;
	uint64_t offset;
	uint64_t size;
	uint64_t sent;         // kept up to date; goes back when a part is sent again
	const char *form_name; // sent as the part "file" of a form, under this name; NULL: as it is
};

/// The body of a 200 answer, written to a file while it comes.
struct http_download {
	int fd;
	uint64_t received;
	int64_t total; // as announced; -1 unknown
};

struct http_request {
	const char *method; // "GET", "POST", "DELETE"
	const char *url;
	const char *bearer;   // token, or NULL
	const char *user;     // for Basic; used when bearer is NULL
	const char *password; //
	const char
		*key; // Idempotency-Key, or NULL: sent again with the same, it is answered but not done again
	const char *body; // NULL for none
	size_t body_size;
	struct http_upload *upload;     // instead of body
	struct http_download *download; // instead of the answer's memory; refusals are still answered there
	int64_t timeout_ms;             // 0 = none
	int64_t stall_ms;               // longest time in which nothing moves; 0 = no limit
};

struct http_answer {
	int status;
	struct buffer body;
	char content_type[64];
};

MUST_USE bool http_create(struct http **out, struct error *err);
void http_destroy(struct http *http); // NULL is fine

/// The proxy of all further requests; without one the usual environment variables count.
void http_use_proxy(struct http *http, const char *proxy);

/// Called about every 100 ms while a request runs. NULL ends it.
void http_on_tick(struct http *http, void (*tick)(void *context), void *context);

/// Makes Ctrl-C end the running request instead of the program, from now on.
void http_catch_interrupts(struct http *http);
/// The same for what else asks a program to end: SIGTERM, and SIGHUP of a terminal that goes away.
void http_catch_endings(struct http *http);
/// While nothing may end what runs: what takes back an earlier request.
void http_ignore_interrupts(struct http *http, bool ignore);
/// Forgets a Ctrl-C that came while no request ran.
void http_forget_interrupts(struct http *http);

/// Waits, ticking. Fails: ERR_SHUTDOWN by Ctrl-C.
MUST_USE bool http_pause(struct http *http, int64_t pause_ms, struct error *err);

/// Sends and waits. Any status is a success here.
/// Fails: ERR_UNAVAILABLE  no answer: cannot connect, TLS refused, connection lost
///        ERR_TIMEOUT      nothing within timeout_ms
///        ERR_SHUTDOWN     ended by Ctrl-C
///        ERR_LIMIT        the answer is too large
///        ERR_IO, ERR_FULL the file of an upload or download could not be read or written
MUST_USE bool http_send(struct http *http, const struct http_request *request, struct http_answer *out,
			struct error *err);

void http_answer_cleanup(struct http_answer *answer);
void http_cleanup(struct http **http); // OWNED(http)

#endif
