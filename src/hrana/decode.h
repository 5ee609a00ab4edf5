/// decode: what clients send → what is to be run (spec/hrana.md §2, §3; protobuf: §12.2).
///
/// decode_json.c reads JSON, decode_protobuf.c protobuf; decode.c has the rules that do not depend on it. The result
/// borrows from the JSON tree or the bytes of protobuf, and from the arena; nothing is allocated elsewhere.
///
/// Fails: ERR_BAD_JSON  not of the right form; the message begins with sqld's words for it
/// A broken protocol rule (§3.4) is no failure of decoding: `broken` says it, since it costs the client its
/// stream, which the caller must find first.
#ifndef ATOLL_HRANA_DECODE_H
#define ATOLL_HRANA_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/json_read.h"
#include "engine/values.h"

enum condition_kind {
	CONDITION_OK,
	CONDITION_ERROR,
	CONDITION_NOT,
	CONDITION_AND,
	CONDITION_OR,
	CONDITION_AUTOCOMMIT
};

struct condition {
	enum condition_kind kind;
	uint32_t step;                 // OK, ERROR: an earlier step
	const struct condition *parts; // NOT (one), AND, OR
	size_t part_count;
};

/// A statement whose text stands here or is stored in the stream. Other requests with a text use it too.
struct step {
	struct statement statement; // sql NULL: the text numbered sql_id
	int32_t sql_id;
	bool want_rows;
	uint64_t replication_index;        // 0: none
	const struct condition *condition; // of a batch's step; NULL: run always
};

struct batch {
	struct step *steps;
	size_t step_count;
	uint64_t replication_index;
};

enum request_kind {
	REQUEST_CLOSE,
	REQUEST_EXECUTE,
	REQUEST_BATCH,
	REQUEST_SEQUENCE,
	REQUEST_DESCRIBE,
	REQUEST_STORE_SQL,
	REQUEST_CLOSE_SQL,
	REQUEST_GET_AUTOCOMMIT,
	// on a WebSocket alone
	REQUEST_OPEN_STREAM,
	REQUEST_CLOSE_STREAM,
	REQUEST_OPEN_CURSOR,
	REQUEST_FETCH_CURSOR,
	REQUEST_CLOSE_CURSOR,
	REQUEST_KIND_COUNT
};

/// The `type` of a kind, in requests and responses.
const char *decode_kind_name(enum request_kind kind);

struct request {
	enum request_kind kind;
	struct step step; // EXECUTE; SEQUENCE, DESCRIBE: its text; STORE_SQL, CLOSE_SQL: its text and sql_id
	struct batch batch; // BATCH, OPEN_CURSOR
	// on a WebSocket
	int32_t stream_id;
	int32_t cursor_id;
	uint32_t max_count; // FETCH_CURSOR
};

struct pipeline {
	const char *baton; // NULL: a new stream
	size_t baton_size;
	struct request *requests;
	size_t request_count;
	const char *broken; // the protocol rule that the client broke, or NULL
};

/// What a client sends on a WebSocket (spec/hrana.md §4).
enum message_kind { MESSAGE_HELLO, MESSAGE_REQUEST };
struct message {
	enum message_kind kind;
	const char *jwt; // HELLO; NULL: none
	size_t jwt_size;
	int32_t request_id;
	struct request request;
	const char *broken; // the protocol rule that the client broke, or NULL
};

/// version: 1, 2 or 3; what a client may use of the protocol.
struct decoder {
	struct arena *arena;
	int version;
	bool on_socket;     // the requests of a WebSocket, not those of a pipeline
	size_t value_count; // of protobuf: messages so far
	const char *broken;
};

/// Values, steps and requests of one body: each takes far more memory than its text.
enum { DECODE_VALUES_MAX = 1000 * 1000 };

/// Whole bodies, in either form. A wire (encode.h) names those of its own. *tree: what JSON was parsed to, the caller's to
/// free in any case; protobuf leaves it alone.
typedef bool decode_pipeline_body(struct decoder *decoder, const struct buffer *body, struct json **tree,
				  struct pipeline *out, struct error *err);
typedef bool decode_message_body(struct decoder *decoder, const struct buffer *body, struct json **tree,
				 struct message *out, struct error *err);
decode_pipeline_body decode_json_pipeline;
decode_pipeline_body decode_json_cursor; // a pipeline of the one request REQUEST_BATCH
decode_message_body decode_json_message;
decode_pipeline_body decode_protobuf_pipeline;
decode_pipeline_body decode_protobuf_cursor;
decode_message_body decode_protobuf_message;

// -- parts of JSON --------------------------------------------------------------------------------------

/// Parses a body by the protocol's rules: no duplicate member, depth at most 128, NUL allowed in strings.
MUST_USE bool decode_parse(const struct buffer *body, struct json **out, struct error *err);

/// A pipeline's body.
MUST_USE bool decode_pipeline(struct decoder *decoder, const struct json *body, struct pipeline *out,
			      struct error *err);
/// A cursor's body, as a pipeline of one batch.
MUST_USE bool decode_cursor(struct decoder *decoder, const struct json *body, struct pipeline *out,
			    struct error *err);
/// One of a pipeline's requests, or what a WebSocket's message holds.
MUST_USE bool decode_request(struct decoder *decoder, const struct json *node, struct request *out,
			     struct error *err);
/// A WebSocket's message.
MUST_USE bool decode_message(struct decoder *decoder, const struct json *body, struct message *out,
			     struct error *err);
/// A Stmt or a Batch by itself.
MUST_USE bool decode_statement(struct decoder *decoder, const struct json *node, struct step *out,
			       struct error *err);
MUST_USE bool decode_batch(struct decoder *decoder, const struct json *node, struct batch *out,
			   struct error *err);

/// The member `name`: NULL when absent or null.
const struct json *decode_member(const struct json *object, const char *name);

/// An object's `replication_index`, a text or a number; 0 when it is absent.
MUST_USE bool decode_index(const struct json *object, uint64_t *out, struct error *err);
/// A whole number of 32 bits. place: for the error, "`sql_id`"
MUST_USE bool decode_id(const struct json *node, const char *place, int32_t *out, struct error *err);
/// Fills err with the place and what was expected there; returns false.
bool decode_fail(struct error *err, const char *place, const char *expected, const struct json *found);

// -- rules of the protocol, common to all forms -----------------------------------------------------------

/// Notes the rule that the client broke; the first one is told.
void decode_broke(struct decoder *decoder, const char *rule);
/// Whether the version knows the request; a broken rule if not.
void decode_check_version(struct decoder *decoder, enum request_kind kind);
/// That a text is given once, and in a way that the version knows.
void decode_check_text(struct decoder *decoder, bool has_sql, bool has_id);
/// That a condition of the step numbered own_step names an earlier one.
void decode_check_reference(struct decoder *decoder, uint32_t step, size_t own_step);
void decode_check_autocommit(struct decoder *decoder);

/// Base64, padded or not, into the arena; false on a character outside the alphabet.
bool decode_base64(struct arena *arena, const struct json *text, struct value *out);

#endif
