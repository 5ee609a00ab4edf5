/// copy: the present content of a primary as a plain SQLite file, which has no part in the history.
#ifndef ATOLL_ENGINE_COPY_H
#define ATOLL_ENGINE_COPY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/job.h"

struct engine_database;

/// Writes the file at `path`, durably; it must not exist. Everything acknowledged before the call is in it.
/// Writers wait only while the position is fixed, not while pages are copied.
/// Fails: ERR_FULL, ERR_IO, ERR_SHUTDOWN; ERR_TRANSACTION_BUSY when a writer holds the lane for too long.
MUST_USE bool engine_copy(struct engine_database *primary, const char *path, const struct job *job,
			  struct error *err);

/// The same of a moment of the past (ms since 1970): every transaction acknowledged before it is in, none that began
/// after it.
/// Fails also: ERR_BAD_REQUEST  in the future, or "… outside the retention: …", also when the history is found to be
///                              damaged: it begins anew with the present content
MUST_USE bool engine_copy_of_moment(struct engine_database *primary, int64_t at_ms, const char *path,
				    const struct job *job, struct error *err);

#endif
