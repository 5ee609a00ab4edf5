#include "api/wait.h"

#include "api/state.h"
#include "base/clock.h"

enum { WAIT_SLICE_MS = 1000 };

// In slices, so that a client that left or a server that stops does not hold a worker to the end. A slice that ends
// early means that as many wait as the platform lets: this one shall try again.
static bool wait_in_slices(struct api_request *req, api_wait_step *step, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + req->api->wait_ms_max;
	for (;;) {
		int64_t now_ms = clock_monotonic_ms();
		int64_t slice_end_ms =
			now_ms + WAIT_SLICE_MS < deadline_ms ? now_ms + WAIT_SLICE_MS : deadline_ms;
		if (step(req, slice_end_ms - now_ms, err))
			return true;
		now_ms = clock_monotonic_ms();
		if (err->code != ERR_NOT_READY || now_ms < slice_end_ms || now_ms >= deadline_ms ||
		    atomic_load(&req->api->draining) || net_request_is_abandoned(req->net))
			return false;
	}
}

// An empty body tells that it is ready: the one answer that is no JSON (§1.4).
bool api_wait(struct api_request *req, api_wait_step *step, struct error *err)
{
	bool ready = wait_in_slices(req, step, err);
	if (!ready && err->code == ERR_NOT_READY)
		req->error_status = 503;
	return ready;
}
