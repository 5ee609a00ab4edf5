/// program: what a replica in a client's process asks to be run (spec/replication.md §3): steps, each with a statement and
/// perhaps a condition on those before it.
///
/// Texts and values stay where the request has them; the rest is in the arena.
#ifndef ATOLL_SYNC_PROGRAM_H
#define ATOLL_SYNC_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "fleet/session.h" // struct statement

enum { PROGRAM_DEPTH_MAX = 128, PROGRAM_MESSAGES_MAX = 1000 * 1000 };

enum condition_kind {
	CONDITION_NONE, // of an empty message: it does not hold
	CONDITION_OK,
	CONDITION_ERROR,
	CONDITION_NOT,
	CONDITION_AND,
	CONDITION_OR,
	CONDITION_AUTOCOMMIT,
};

struct condition {
	enum condition_kind kind;
	size_t step; // OK, ERROR: one before
	struct condition *parts;
	size_t part_count;
};

struct program_step {
	struct condition *condition; // NULL: always
	struct statement statement;
	bool skip_rows;
};

struct program {
	const char *client_id;
	size_t client_id_size;
	struct program_step *steps;
	size_t step_count;
};

enum step_outcome { STEP_SKIPPED, STEP_OK, STEP_ERROR };

/// A ProgramReq. Fails: ERR_BAD_REQUEST
MUST_USE bool program_read(struct arena *arena, const char *bytes, size_t size, struct program *out,
			   struct error *err);
/// A DescribeRequest: one step without arguments. A DisconnectMessage: none.
MUST_USE bool program_read_text(struct arena *arena, const char *bytes, size_t size, struct program *out,
				struct error *err);

bool condition_holds(const struct condition *condition, const enum step_outcome *outcomes, bool autocommit);

#endif
