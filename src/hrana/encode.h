/// encode: results → JSON, straight into the reply while SQLite steps (spec/hrana.md §2).
///
/// What a statement wrote is taken back by encode_undo when it fails or must run again. Two limits hold: of
/// one request's result (JSON characters, blobs counted raw) and, through `struct gauge`, of all replies that
/// are being written at a moment.
#ifndef ATOLL_HRANA_ENCODE_H
#define ATOLL_HRANA_ENCODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json_write.h"
#include "engine/values.h"

/// Bytes of one reply, and of all. `all` is shared by every request of a server.
struct gauge {
	atomic_size_t *all;
	size_t all_max;
	size_t reply_max;
	size_t counted; // of this reply, in `all`
};

/// Accounts for a reply that has grown to `size` bytes. Fails: ERR_RESPONSE_TOO_LARGE.
MUST_USE bool gauge_grow(struct gauge *gauge, size_t size, struct error *err);
void gauge_release(struct gauge *gauge);

/// How a statement's result is written.
enum encode_form {
	ENCODE_RESULT, // StmtResult
	ENCODE_CURSOR, // lines of cursor entries
	ENCODE_LEGACY, // POST /
};

/// Writes one result; its address is given to the engine as `&encoder.sink`.
struct encoder {
	struct result_sink sink;
	enum encode_form form;
	struct json_writer *out;
	struct gauge *gauge;
	bool want_rows;
	uint32_t step; // ENCODE_CURSOR
	size_t result_max;
	size_t *counted; // of the request's result so far, over all its statements
	// where this statement began
	size_t mark;
	size_t counted_mark;
	bool comma_mark;
};

/// Begins at the writer's place. `counted` is shared by the statements of one request.
void encode_begin(struct encoder *encoder, enum encode_form form, struct json_writer *out,
		  struct gauge *gauge, size_t result_max, size_t *counted, bool want_rows);
/// After the statement succeeded: what stands behind the rows.
void encode_end(struct encoder *encoder, const struct statement_result *result);
/// After it failed: nothing of it was written.
void encode_undo(struct encoder *encoder);

void encode_column(struct json_writer *w, const char *name, const char *decltype_text);
void encode_value(struct json_writer *w, const struct value *value);
void encode_describe(struct json_writer *w, const struct describe_result *result);

/// Copies literal JSON without a thought for commas: only where the place of each comma is known.
#define ENCODE_LITERAL(w, literal) buffer_append((w)->out, "" literal "", sizeof(literal) - 1)

#endif
