/// job: long work over whole files asks now and then whether it should stop; it then fails with ERR_SHUTDOWN.
#ifndef ATOLL_BASE_JOB_H
#define ATOLL_BASE_JOB_H

#include <stdbool.h>

#include "base/error.h"

struct job {
	bool (*is_stopping)(void *context);
	void *context;
};

/// NULL: a job that goes on to its end.
static inline bool job_is_stopping(const struct job *job)
{
	return job && job->is_stopping(job->context);
}

/// Fills *err when the job is to stop. True: it goes on.
static inline bool job_goes_on(const struct job *job, struct error *err)
{
	return !job_is_stopping(job) || error_set(err, ERR_SHUTDOWN, "the server is stopping");
}

#endif
