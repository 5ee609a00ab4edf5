/// errors: the one place that knows how the SQL protocol says that something failed.
///
/// A failure is either a statement's (it stands among the results, with a code of spec/hrana.md §6) or the
/// whole request's (a status, in one of the three shapes of §1.1). One row for each code of base/error.def.
#ifndef ATOLL_HRANA_ERRORS_H
#define ATOLL_HRANA_ERRORS_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/json_write.h"

enum error_shape {
	SHAPE_STATEMENT, // among the results; {"message","code"} with `status` where a request has no results
			 // (§8)
	SHAPE_MESSAGE,   // {"message","code"}
	SHAPE_ERROR,     // {"error"}
	SHAPE_CREDENTIAL, // the same, with "Unauthorized: " around the text, which a WebSocket gets bare
	SHAPE_TEXT,       // text/plain
};

struct error_row {
	const char *wire_code;
	enum error_shape shape;
	int status;
};

/// The row of a code; ERR_NONE has none.
const struct error_row *errors_row(enum error_code code);

/// The `code` that a client sees: of the row, or for ERR_SQLITE of SQLite's primary code
/// ("SQLITE_CONSTRAINT").
const char *errors_wire_code(const struct error *err);

/// How a WebSocket ends because of the failure: the code and reason of its close frame; 0 when it does not.
int errors_close_code(const struct error *err, const char **out_reason);

/// True when the failure belongs to one statement and the request goes on.
bool errors_is_statement(const struct error *err);

/// {"message":…,"code":…}
void errors_write(struct json_writer *w, const struct error *err);

/// Writes the body of a whole-request failure; returns the status and its content type.
int errors_write_body(struct buffer *body, const struct error *err, const char **out_content_type);

#endif
