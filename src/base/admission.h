/// admission: how many requests of one database may be on workers at a moment, and how many may wait for
/// that.
///
/// So one database that is slow, or asked too much, does not take all workers from the others.
#ifndef ATOLL_BASE_ADMISSION_H
#define ATOLL_BASE_ADMISSION_H

#include <stdbool.h>

#include "base/error.h"

struct admission;

/// Embedded in a request; belongs to the admission while it waits.
struct admission_ticket {
	void (*start)(struct admission_ticket *ticket); // called once, when the request may run
	struct admission_ticket *next;                  // admission's own
};

struct admission *admission_create(int running_count_max, int waiting_count_max);
void admission_destroy(struct admission *admission);

/// Starts the ticket at once or later, first come first served. `urgent` ones never wait: they would free
/// what the others wait for. Fails: ERR_RATE_LIMITED when too many wait already.
MUST_USE bool admission_enter(struct admission *admission, const char *database,
			      struct admission_ticket *ticket, bool urgent, struct error *err);
/// Once for each ticket that was started, when its request is done.
void admission_leave(struct admission *admission, const char *database);

#endif
