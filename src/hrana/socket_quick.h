/// socket_quick: a single read of a stream that holds nothing, on the thread that has read its message.
#ifndef ATOLL_HRANA_SOCKET_QUICK_H
#define ATOLL_HRANA_SOCKET_QUICK_H

#include <stdbool.h>

#include "fleet/session.h"
#include "hrana/socket.h"

/// Called once for a job that was held, from any thread, possibly before socket_quick_run has returned. lost: it was not
/// answered and must run again.
typedef void socket_quick_settled(void *context, struct socket_job *job, bool lost);

/// Whether the job may be tried.
bool socket_quick_fits(const struct socket_job *job);

/// Runs the job, and answers it unless it is declined. The job is the caller's again, but when it is held: then once
/// `settled` is called.
enum quick_outcome socket_quick_run(struct socket *socket, const struct access_grant *grant,
				    struct socket_job *job, socket_quick_settled *settled, void *context);

#endif
