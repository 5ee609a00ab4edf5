/// watch: what an operator's monitoring asks of the platform: metrics with the names of databases, who may see them, and
/// whether the platform can serve.
///
/// Threads: any; reads the store, so call from workers.
#ifndef ATOLL_PLATFORM_WATCH_H
#define ATOLL_PLATFORM_WATCH_H

#include "base/buffer.h"
#include "platform/platform.h"

/// The fleet's metrics, and of databases by name: of each measure the `top_max` that have most of it.
void platform_write_metrics(struct platform *platform, size_t top_max, struct buffer *out);

/// Whether the holder of an Authorization header's value may see the whole server: a platform token of one of its
/// administrators, not restricted to an organization.
/// Fails: ERR_UNAUTHORIZED, ERR_TOKEN_…, ERR_INSUFFICIENT_ROLE, ERR_INSUFFICIENT_SCOPE
MUST_USE bool platform_may_watch(struct platform *platform, const char *authorization, struct error *err);

/// The store answers.
MUST_USE bool platform_is_ready(struct platform *platform, struct error *err);

#endif
