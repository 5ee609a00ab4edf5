/// run: what the requests of a client do, on a program's stream, their results into its output.
///
/// Fails: what belongs to a statement (errors_is_statement) fails that request alone; anything else, ERR_FORBIDDEN and
///        ERR_PROTOCOL among them, fails the whole and ends the stream.
/// Blocks: call from a worker.
#ifndef ATOLL_HRANA_RUN_H
#define ATOLL_HRANA_RUN_H

#include "hrana/program.h"

/// execute, batch, sequence, describe, get_autocommit: writes what the answer holds beyond its type.
MUST_USE bool run_request(struct program *program, struct request *request, struct error *err);

/// Whether a statement whose text is known can only read; false says nothing.
bool run_is_plain_read(const struct statement *statement);

/// Puts the stored text into a step that names one.
MUST_USE bool run_find_text(struct program *program, struct step *step, struct error *err);

/// Writes a StmtResult.
MUST_USE bool run_statement(struct program *program, struct step *step, struct error *err);

/// Writes a BatchResult. No step runs if one is not well-formed.
MUST_USE bool run_batch(struct program *program, struct batch *batch, struct error *err);

/// Before a batch's first step runs: each text, the right to run it, and that its arguments are of one kind. One bad step
/// fails all. Then waits for the replication_index.
MUST_USE bool run_check_steps(struct program *program, struct batch *batch, struct error *err);

#endif
