/// cursor: a batch whose results come as entries, a piece at a time (spec/hrana.md §3.3, §4).
///
/// Life:    cursor_begin → cursor_run* until it is done → cursor_end, at any time. Between two pieces no thread is held;
///          the stream must not be used otherwise meanwhile, and batch and arguments stay where they are.
/// Order:   of each executed step step_begin, row*, step_end or step_error; a failure before its columns are known is
///          step_error alone, and so is that of an autocommit write, whose rows are shown only when it has succeeded. Of a
///          skipped step nothing. What fails the batch as a whole is the entry `error`, the last.
/// Memory:  a piece, or the rows of one autocommit write (RETURNING), which have the limit of a statement's result.
#ifndef ATOLL_HRANA_CURSOR_H
#define ATOLL_HRANA_CURSOR_H

#include "hrana/batch.h"
#include "hrana/program.h"

struct cursor;
typedef bool cursor_flush(struct cursor *cursor, struct error *err);

/// Entries that are complete and wait for a piece with room.
struct held_entries {
	struct buffer bytes;
	struct encode_out out; // writes to bytes, each entry for itself
	size_t *ends;
	size_t count;
	size_t capacity;
	size_t next; // to be given out
};

struct cursor {
	struct batch *batch;
	struct program *program;     // of the present piece; gone after it
	struct stream *stream;       // whose session holds a paused statement
	enum step_outcome *outcomes; // NULL until the batch was checked
	size_t next;                 // step
	bool paused;                 // its statement is
	bool unsettled;              // entries may tell of what is not known to be durable
	struct result_sink sink;     // counts entries and passes them on to the encoder's
	struct encoder encoder;
	struct gauge gauge; // of a piece
	size_t counted;
	struct held_entries held;
	// of the present piece
	size_t entry_count;
	size_t entries_max;
	size_t bytes_max;
	size_t size_max; // of the output
	/// Set by the caller after cursor_begin, or NULL. Called in the middle of a piece, on its thread, when entries have
	/// waited for some milliseconds and the statement works on without giving any: to send what the output holds.
	cursor_flush *flush;
	void *context;            // of flush
	int64_t waiting_since_ns; // 0: no entry waits
};

void cursor_begin(struct cursor *cursor, struct batch *batch);

/// Appends entries to the program's output until `entries_max` entries or `bytes_max` bytes were added, or the batch has
/// ended: *out_done, which may come without entries. What they tell may be shown after cursor_settle, or when all is done
/// after fleet_session_settle.
/// Fails: what ends the stream, ERR_FORBIDDEN and ERR_PROTOCOL among them. Statements' failures are entries.
/// Blocks: call from a worker.
MUST_USE bool cursor_run(struct cursor *cursor, struct program *program, size_t entries_max, size_t bytes_max,
			 bool *out_done, struct error *err);

/// Waits until all that entries told so far is durable. Also from `flush`. Fails: as fleet_session_settle.
MUST_USE bool cursor_settle(struct cursor *cursor, struct error *err);

/// The output was emptied: also in `flush`, after which the piece goes on, until the next row if `enough`.
void cursor_sent(struct cursor *cursor, bool enough);

/// Stops what still runs. Must be called before the stream is given back; of a zeroed cursor, too.
void cursor_end(struct cursor *cursor);

#endif
