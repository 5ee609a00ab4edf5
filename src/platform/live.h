/// live: a database as it is at the moment: its instances with how far each has come, for those who watch.
///
/// Threads: any, from workers: a database that was closed is opened. Cheap else: two reads of the store, and what the fleet
/// knows in memory.
#ifndef ATOLL_PLATFORM_LIVE_H
#define ATOLL_PLATFORM_LIVE_H

#include "platform/instance.h"
#include "platform/usage.h"

struct live_instance {
	struct instance instance;
	const char *failure; // of a failed one, else ""
	// Of a ready one, else 0:
	uint64_t frame_no; // durable position of this copy
	uint64_t lag_frames;
	int64_t lag_ms; // age of the oldest transaction not applied yet; 0 when caught up
	uint64_t storage_bytes;
};

struct live_database {
	const struct live_instance *instances; // primary first
	size_t instance_count;
	uint64_t history_bytes;
	int64_t history_oldest_ms; // the oldest moment that can be restored; 0 = none
};

MUST_USE bool platform_look_at(struct platform *platform, const struct organization *organization,
			       const struct database *database, struct arena *arena,
			       struct live_database *out, struct error *err);

/// As platform_database_usage, of what is stored: at most `usage-interval` behind, and nothing is written.
MUST_USE bool platform_stored_usage(struct platform *platform, const struct organization *organization,
				    const struct database *database, const struct usage_period *period,
				    struct arena *arena, struct usage_figures *out, struct error *err);

#endif
