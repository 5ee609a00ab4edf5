/// batch: which steps of a batch run (spec/hrana.md §2).
#ifndef ATOLL_HRANA_BATCH_H
#define ATOLL_HRANA_BATCH_H

#include <stdbool.h>

#include "hrana/decode.h"

/// A skipped step is neither ok nor an error (the text of the protocol, not sqld's reading of it).
enum step_outcome { STEP_SKIPPED, STEP_OK, STEP_ERROR };

/// outcomes: of the earlier steps. NULL as condition holds.
bool batch_holds(const struct condition *condition, const enum step_outcome *outcomes, bool autocommit);

#endif
