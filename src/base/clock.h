/// clock: the one source of time.
///
/// Deadlines are monotonic and survive jumps of the wall clock; dates shown to people come from the wall
/// clock.
#ifndef ATOLL_BASE_CLOCK_H
#define ATOLL_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"

/// Milliseconds or nanoseconds since an arbitrary moment; never goes back.
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);
/// The same time as it was some milliseconds ago at most; costs next to nothing.
int64_t clock_coarse_ms(void);

/// Milliseconds since 1970 (UTC).
int64_t clock_wall_ms(void);

/// RFC 3339 in UTC with seconds: "2026-11-24T10:00:00Z". `text` holds at least CLOCK_TEXT_BYTES.
enum { CLOCK_TEXT_BYTES = 24 };
void clock_format(int64_t wall_ms, char *text);

/// Reads RFC 3339 with a zone: "2026-11-24T10:00:00Z", "2026-11-24t11:00:00.25+01:00". What is less than a millisecond
/// is dropped. False for anything else, and for days and hours that no calendar has.
MUST_USE bool clock_parse(const char *text, int64_t *out_wall_ms);

/// Condition variables of Atoll wait by the monotonic clock. Waits until signalled or `deadline_ms`
/// (monotonic, INT64_MAX = for ever); returns false when the deadline passed. Wakes spuriously like
/// pthread_cond_wait.
void clock_cond_init(pthread_cond_t *cond);
bool clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ms);

#endif
