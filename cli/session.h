/// session: one stream of SQL with a database, over HTTP pipelines (spec/hrana.md §3).
///
/// The stream is opened by the first statement and continued by batons, so that a transaction may span
/// statements. Whatever ends a request without an answer ends the stream too, and the server rolls back what
/// was open; the next statement begins a new one.
#ifndef ATOLL_CLI_SESSION_H
#define ATOLL_CLI_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "base/json_read.h"
#include "cli/http.h"

/// Where, and with which credential. Texts are borrowed for the session's life.
struct session_target {
	const char *base;     // ends in a slash
	const char *token;    // NULL for none
	const char *user;     // for Basic, when there is no token
	const char *password; //
};

struct session;

/// Sends nothing yet. `http` is borrowed.
struct session *session_create(struct http *http, const struct session_target *target);
/// Closes the stream; an open transaction is rolled back. NULL is fine.
void session_destroy(struct session *session);
void session_cleanup(struct session **session); // OWNED(session)

struct http *session_http(struct session *session);
bool session_in_transaction(const struct session *session);

struct session_answer {
	struct json *root;         // owns
	const struct json *result; // StmtResult: cols, rows, …
};
void session_answer_cleanup(struct session_answer *answer); // OWNED(session_answer)

/// Runs one statement; `args` are texts for ?1, ?2, ….
/// Fails: ERR_SQLITE        the statement failed; the message is the server's and ends with its code
///        ERR_LIMIT         its result is too large for one answer
///        ERR_UNAUTHORIZED  the credential was not accepted
///        ERR_UNAVAILABLE   the server cannot be reached
///        ERR_SHUTDOWN      ended by Ctrl-C
///        ERR_BAD_REQUEST   any other refusal
MUST_USE bool session_execute(struct session *session, const char *sql, size_t size, const char *const *args,
			      size_t arg_count, struct session_answer *out, struct error *err);

#endif
