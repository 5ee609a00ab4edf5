/// expiration: how long a database token is good for (spec/platform-api.md §3.6, Tokens).
#ifndef ATOLL_PLATFORM_EXPIRATION_H
#define ATOLL_PLATFORM_EXPIRATION_H

#include <stdbool.h>
#include <stdint.h>

/// "never", "none", "default", "" and NULL give 0; else a sequence of numbers with units like "2w1d30m" (w d h m s
/// ms us µs ns, fractions allowed) gives nanoseconds. False when it is none of these, or not above zero.
bool expiration_parse(const char *text, int64_t *out_ns);

#endif
