/// legacy: the oldest form, `POST /` with a list of statements (spec/hrana.md §9).
#ifndef ATOLL_HRANA_LEGACY_H
#define ATOLL_HRANA_LEGACY_H

#include "hrana/call.h"

/// Runs the request on a fresh session and writes the reply.
/// Fails: ERR_BAD_JSON (not JSON), ERR_INVALID_FIELD (wrong form), ERR_BAD_REQUEST (a text that is not one
///        statement, a transaction left open), and what fails whole requests elsewhere
MUST_USE bool legacy_run(struct call *call, struct error *err);

#endif
