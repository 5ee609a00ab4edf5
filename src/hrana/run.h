/// run: statements and batches on a call's stream, their results into its reply.
///
/// Fails: what belongs to a statement (errors_is_statement) fails that request of the pipeline alone;
///        anything else, ERR_FORBIDDEN and ERR_PROTOCOL among them, fails the whole and ends the stream.
#ifndef ATOLL_HRANA_RUN_H
#define ATOLL_HRANA_RUN_H

#include "hrana/call.h"

/// Puts the stored text into a step that names one.
MUST_USE bool run_find_text(struct call *call, struct step *step, struct error *err);

/// Writes a StmtResult.
MUST_USE bool run_statement(struct call *call, struct step *step, struct error *err);

/// Writes a BatchResult, or (ENCODE_CURSOR) the lines of a cursor. No step runs if one is not well-formed.
MUST_USE bool run_batch(struct call *call, struct batch *batch, enum encode_form form, struct error *err);

#endif
