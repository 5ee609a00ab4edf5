/// decode: JSON of the SQL protocol → what is to be run (spec/hrana.md §2, §3).
///
/// The result borrows from the JSON tree and from the arena; nothing is allocated elsewhere.
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
	REQUEST_KIND_COUNT
};

/// The `type` of a kind, in requests and responses.
const char *decode_kind_name(enum request_kind kind);

struct request {
	enum request_kind kind;
	struct step step; // EXECUTE; SEQUENCE, DESCRIBE: its text; STORE_SQL, CLOSE_SQL: its text and sql_id
	struct batch batch; // BATCH
};

struct pipeline {
	const char *baton; // NULL: a new stream
	size_t baton_size;
	struct request *requests;
	size_t request_count;
	const char *broken; // the protocol rule that the client broke, or NULL
};

/// version: 1, 2 or 3; what a client may use of the protocol.
struct decoder {
	struct arena *arena;
	int version;
	const char *broken;
};

/// Parses a body by the protocol's rules: no duplicate member, depth at most 128, NUL allowed in strings.
MUST_USE bool decode_parse(const struct buffer *body, struct json **out, struct error *err);

/// A pipeline's body.
MUST_USE bool decode_pipeline(struct decoder *decoder, const struct json *body, struct pipeline *out,
			      struct error *err);
/// A Stmt or a Batch by itself.
MUST_USE bool decode_statement(struct decoder *decoder, const struct json *node, struct step *out,
			       struct error *err);
MUST_USE bool decode_batch(struct decoder *decoder, const struct json *node, struct batch *out,
			   struct error *err);

/// The member `name`: NULL when absent or null.
const struct json *decode_member(const struct json *object, const char *name);
/// Fills err with the place and what was expected there; returns false.
bool decode_fail(struct error *err, const char *place, const char *expected, const struct json *found);

/// Base64, padded or not, into the arena; false on a character outside the alphabet.
bool decode_base64(struct arena *arena, const struct json *text, struct value *out);

#endif
