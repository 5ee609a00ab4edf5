/// wait: requests that are held until something is ready (spec/platform-api.md §3.7).
#ifndef ATOLL_API_WAIT_H
#define ATOLL_API_WAIT_H

#include "api/request.h"

/// Waits at most `timeout_ms`. Fails with ERR_NOT_READY when that was not enough.
typedef bool api_wait_step(struct api_request *req, int64_t timeout_ms, struct error *err);

/// Waits as long as requests may. The answer is an empty body, or 503 when the time was not enough.
MUST_USE bool api_wait(struct api_request *req, api_wait_step *step, struct error *err);

#endif
