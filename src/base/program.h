/// program: runs another program, without a shell, and waits for its end.
///
/// It gets no input, its own process group, the environment of this process, and none of its descriptors or blocked
/// signals. What it says on standard output and standard error comes back together, as far as it is worth a message.
///
/// Threads: any; blocks.
#ifndef ATOLL_BASE_PROGRAM_H
#define ATOLL_BASE_PROGRAM_H

#include "base/buffer.h"
#include "base/error.h"
#include "base/job.h"

enum {
	PROGRAM_SAYS_BYTES_MAX = 16 * 1024,
	PROGRAM_STATUS_UNKNOWN = 255, // this process was started with SIGCHLD ignored
};

/// argv[0] is looked for in PATH; argv ends with NULL. *out_status is the exit status, or 128 and the signal. The end of
/// what it said is appended to `says`.
/// Fails: ERR_NOT_FOUND  there is no such program
///        ERR_SHUTDOWN   the job was to stop: the program was told to, and killed when it did not
///        ERR_IO
MUST_USE bool program_run(const char *const *argv, const struct job *job, int *out_status,
			  struct buffer *says, struct error *err);

#endif
