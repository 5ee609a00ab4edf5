/// copy: the present content of a primary as a plain SQLite file, which has no part in the history.
#ifndef ATOLL_ENGINE_COPY_H
#define ATOLL_ENGINE_COPY_H

#include <stdbool.h>

#include "base/error.h"

struct engine_database;

/// Long work over whole files asks now and then whether it should stop; it then fails with ERR_SHUTDOWN.
struct engine_job {
	bool (*is_stopping)(void *context);
	void *context;
};

static inline bool engine_job_is_stopping(const struct engine_job *job)
{
	return job && job->is_stopping(job->context);
}

/// Writes the file at `path`, durably; it must not exist. Everything acknowledged before the call is in it.
/// Writers wait only while the position is fixed, not while pages are copied.
/// Fails: ERR_FULL, ERR_IO, ERR_SHUTDOWN; ERR_TRANSACTION_BUSY when a writer holds the lane for too long.
MUST_USE bool engine_copy(struct engine_database *primary, const char *path, const struct engine_job *job,
			  struct error *err);

#endif
