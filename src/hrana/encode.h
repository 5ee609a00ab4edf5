/// encode: results → bytes of a wire, straight into the reply while SQLite steps (spec/hrana.md §2).
///
/// A wire is a form of the protocol; there are JSON (encode_json.c) and protobuf (encode_protobuf.c). This module has what does not depend on it:
/// where a statement's result began, so that encode_undo takes back what it wrote when it fails or must run again, and
/// two limits: of one request's result (JSON characters, blobs counted raw) and, through `struct gauge`, of all replies
/// that are being written at a moment.
#ifndef ATOLL_HRANA_ENCODE_H
#define ATOLL_HRANA_ENCODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json_write.h"
#include "engine/values.h"
#include "hrana/decode.h"

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

struct encoder;
struct wire;

/// How entries of a cursor stand one after the other.
enum entry_form {
	ENTRY_STREAMED, // HTTP: lines, or messages with their length before them
	ENTRY_LISTED,   // WebSocket: in a list
};

enum { ENCODE_DEPTH_MAX = 8 };

/// What is written to.
struct encode_out {
	const struct wire *wire;
	struct json_writer json;
	enum entry_form entries;
	// protobuf: where the messages began that have not ended
	size_t open[ENCODE_DEPTH_MAX];
	unsigned depth;
};

struct encode_out encode_to(const struct wire *wire, struct buffer *buffer);
/// Takes everything back.
void encode_restart(struct encode_out *out);

/// A place to which the output can be taken back.
struct encode_mark {
	size_t size;
	bool comma;
	unsigned depth;
};
struct encode_mark encode_mark(const struct encode_out *out);
void encode_return(struct encode_out *out, const struct encode_mark *mark);

/// What failed of a batch, by step.
struct step_failure {
	const char *code; // NULL: the step did not fail
	const char *message;
};

/// A form of the protocol, in both directions. Each `…_begin` has its `…_end`, and what stands between them is written by other functions.
struct wire {
	bool is_binary;
	const char *reply_type; // content types over HTTP
	const char *cursor_type;

	// -- what clients send (decode.h)
	decode_pipeline_body *read_pipeline;
	decode_pipeline_body *read_cursor;
	decode_message_body *read_message;

	// -- HTTP: a pipeline's answers, in order
	void (*pipeline_begin)(struct encode_out *out);
	void (*pipeline_end)(struct encode_out *out, const char *baton); // "": the stream is closed
	void (*answer_begin)(struct encode_out *out, enum request_kind kind);
	void (*answer_end)(struct encode_out *out);
	void (*answer_error)(struct encode_out *out, const struct error *err);
	/// A cursor's first entry.
	void (*cursor_head)(struct encode_out *out, const char *baton);

	// -- WebSocket: each is a message
	void (*hello_ok)(struct encode_out *out);
	void (*hello_error)(struct encode_out *out, const struct error *err);
	void (*response_begin)(struct encode_out *out, int32_t request_id, enum request_kind kind);
	void (*response_end)(struct encode_out *out);
	void (*response_error)(struct encode_out *out, int32_t request_id, const struct error *err);

	// -- what an answer or a response holds
	void (*autocommit)(struct encode_out *out, bool autocommit);
	void (*describe)(struct encode_out *out, const struct describe_result *result);
	void (*result_begin)(struct encode_out *out); // the member `result`: a StmtResult or a BatchResult
	void (*result_end)(struct encode_out *out);
	void (*batch_begin)(struct encode_out *out);
	void (*batch_step_begin)(struct encode_out *out, uint32_t step);
	void (*batch_step_end)(struct encode_out *out);
	void (*batch_step_none)(struct encode_out *out); // instead of the two
	void (*batch_end)(struct encode_out *out, const struct step_failure *failures, size_t count,
			  uint64_t frame_no);
	void (*entries_begin)(struct encode_out *out); // of a cursor that is fetched
	void (*entries_end)(struct encode_out *out, bool done);

	// -- a statement's result, or entries of a cursor, by encoder->form. rows_row returns what the row counts for.
	void (*rows_begin)(struct encoder *encoder, const struct column *columns, int count);
	size_t (*rows_row)(struct encoder *encoder, const struct value *values, int count);
	void (*rows_end)(struct encoder *encoder, const struct statement_result *result);
	void (*step_error)(struct encode_out *out, uint32_t step, const struct error *err);
	void (*batch_error)(struct encode_out *out, const struct error *err); // the entry `error`
};

extern const struct wire wire_json;
extern const struct wire wire_protobuf;

/// How a statement's result is written.
enum encode_form {
	ENCODE_RESULT, // StmtResult
	ENCODE_CURSOR, // entries of a cursor
	ENCODE_LEGACY, // POST /, in JSON alone
};

/// Writes one result; its address is given to the engine as `&encoder.sink`.
struct encoder {
	struct result_sink sink;
	enum encode_form form;
	struct encode_out *out;
	struct gauge *gauge;
	bool want_rows;
	uint32_t step; // ENCODE_CURSOR
	size_t result_max;
	size_t *counted; // of the request's result so far, over all its statements
	// where this statement began
	struct encode_mark mark;
	size_t counted_mark;
};

/// Begins at the output's present place. `counted` is shared by the statements of one request.
void encode_begin(struct encoder *encoder, enum encode_form form, struct encode_out *out, struct gauge *gauge,
		  size_t result_max, size_t *counted, bool want_rows);
/// After the statement succeeded: what stands behind the rows.
void encode_end(struct encoder *encoder, const struct statement_result *result);
/// After it failed: nothing of it was written.
void encode_undo(struct encoder *encoder);

/// Copies literal JSON without a thought for commas: only where the place of each comma is known.
#define ENCODE_LITERAL(w, literal) buffer_append((w)->out, "" literal "", sizeof(literal) - 1)

#endif
