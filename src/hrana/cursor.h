/// cursor: a batch whose results come as entries, a piece at a time (spec/hrana.md §3.3, §4).
///
/// Life:    cursor_begin → cursor_run* until it is done → cursor_end, at any time. Between two pieces no thread is held;
///          the stream must not be used otherwise meanwhile, and batch and arguments stay where they are.
/// Order:   of each executed step step_begin, row*, step_end or step_error; a failure before its columns are known is
///          step_error alone; of a skipped step nothing. What fails the batch as a whole is the entry `error`, the last.
#ifndef ATOLL_HRANA_CURSOR_H
#define ATOLL_HRANA_CURSOR_H

#include "hrana/batch.h"
#include "hrana/program.h"

struct cursor {
	struct batch *batch;
	enum step_outcome *outcomes; // NULL until the batch was checked
	size_t next;                 // step
	size_t counted;
};

void cursor_begin(struct cursor *cursor, struct batch *batch);

/// Appends entries to the program's output until `entries_max` entries or `bytes_max` bytes were added, or the batch has
/// ended: *out_done. What the entries tell is durable once fleet_session_settle_rows, or at the end the settling of the
/// session, has returned.
/// Fails: what ends the stream, ERR_FORBIDDEN and ERR_PROTOCOL among them. Statements' failures are entries.
/// Blocks: call from a worker.
MUST_USE bool cursor_run(struct cursor *cursor, struct program *program, size_t entries_max, size_t bytes_max,
			 bool *out_done, struct error *err);

/// Stops what still runs.
void cursor_end(struct cursor *cursor, struct program *program);

#endif
