/// stream: a client's statements on one database, with at most one open transaction. What fleet/session is
/// made of.
///
/// Threads: one at a time; engine_stream_interrupt from any.
#ifndef ATOLL_ENGINE_STREAM_H
#define ATOLL_ENGINE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/values.h"

struct engine_database;
struct engine_stream;

MUST_USE bool engine_stream_open(struct engine_database *db, struct engine_stream **out, struct error *err);
/// Rolls back what is open and returns the connection. NULL is fine.
void engine_stream_close(struct engine_stream *stream);

/// What a statement will do, found by compiling it.
struct stream_plan {
	bool changes; // writes, or begins, ends or changes a transaction or a pragma that only a primary
		      // keeps
	bool needs_write_right; // refused to read-only credentials
	bool begins;
	bool begins_read_only; // BEGIN … READONLY
	bool begins_at_once; // BEGIN IMMEDIATE, EXCLUSIVE: takes the write lock, which is no business of read-only credentials
	bool ends; // COMMIT, END, ROLLBACK
	bool is_schema_change;
	bool asks_state; // of the connection: what its last write did, which foreign keys hold
};

/// Fails: as fleet_session_check. With `lenient`, an unknown table or column is no failure (out is then what
/// the text alone tells).
MUST_USE bool engine_stream_plan(struct engine_stream *stream, const char *sql, size_t sql_size, bool lenient,
				 struct stream_plan *out, struct error *err);

MUST_USE bool engine_stream_execute(struct engine_stream *stream, const struct statement *statement,
				    struct result_sink *sink, struct statement_result *out,
				    struct error *err);
/// In pieces, as fleet_session_begin says.
MUST_USE bool engine_stream_begin(struct engine_stream *stream, const struct statement *statement,
				  struct result_sink *sink, struct statement_result *out, bool *out_paused,
				  struct error *err);
MUST_USE bool engine_stream_resume(struct engine_stream *stream, struct result_sink *sink,
				   struct statement_result *out, bool *out_paused, struct error *err);
void engine_stream_abandon(struct engine_stream *stream);
/// In the middle of a statement that is not provisional: engine_stream_seen then covers what its rows can tell of. By the
/// thread that runs it, or nobody does.
void engine_stream_note_rows(struct engine_stream *stream);
MUST_USE bool engine_stream_describe(struct engine_stream *stream, const char *sql, size_t sql_size,
				     struct describe_result *out, struct error *err);

/// Another database under a name, to be read. The caller sees to it that it stays open as long. What fails does as in
/// SQLite (ERR_SQLITE): the name is taken, too many, in use by the transaction.
MUST_USE bool engine_stream_attach(struct engine_stream *stream, struct engine_database *other,
				   const char *alias, struct error *err);
/// Waits until all that was read of attached databases is durable.
MUST_USE bool engine_stream_detach(struct engine_stream *stream, const char *alias, int64_t deadline_ms,
				   struct error *err);
bool engine_stream_has_attached(const struct engine_stream *stream, const char *alias);
MUST_USE bool engine_stream_settle_attached(struct engine_stream *stream, int64_t deadline_ms,
					    struct error *err);

bool engine_stream_is_autocommit(const struct engine_stream *stream);
/// True when the connection differs from a fresh one by more than counters.
bool engine_stream_has_state(const struct engine_stream *stream);
/// Highest frame_no that statements of this stream have seen or made.
uint64_t engine_stream_seen(const struct engine_stream *stream);
/// End of a client's program (request): a transaction that was ended by force has now been reported.
void engine_stream_end_program(struct engine_stream *stream);
void engine_stream_interrupt(struct engine_stream *stream);

#endif
