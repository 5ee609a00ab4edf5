/// usage: what databases cost: rows read and written, bytes synced, room taken (spec/platform-api.md §2.10, §2.11).
///
/// The fleet counts (fleet/meter.h); every interval, before every answer and at the end what it counted is added to the
/// store, in rows of an hour. A crash loses at most the last interval. Hours are folded into days after
/// USAGE_HOURS_KEPT_DAYS, days forgotten after USAGE_DAYS_KEPT. Usage outlives the instance and the database it speaks
/// of, and stays with the organization that they belonged to at that time.
#ifndef ATOLL_PLATFORM_USAGE_H
#define ATOLL_PLATFORM_USAGE_H

#include "platform/instance.h"

enum {
	USAGE_HOURS_KEPT_DAYS = 62,
	USAGE_DAYS_KEPT = 400,
	USAGE_QUERIES_MAX = 100,     // texts kept of a database and hour
	USAGE_QUERIES_KEPT_DAYS = 8, //
	USAGE_QUERIES_SHOWN = 10
};

struct usage_figures {
	uint64_t rows_read;
	uint64_t rows_written;
	uint64_t bytes_synced;
	uint64_t storage_bytes; // at the end of the period
};

struct instance_usage {
	const char *uuid;
	struct usage_figures used;
};

struct database_usage {
	const char *uuid;
	const struct instance_usage *instances; // primary first; those that are gone last
	size_t instance_count;
	struct usage_figures used; // by all of them
};

struct organization_usage {
	struct usage_figures used; // by all databases
	uint64_t database_count;   // now, as the other two
	uint64_t location_count;
	uint64_t group_count;
	const struct database_usage *databases; // by name; those that are gone last
	size_t databases_size;
};

struct query_usage {
	const char *sql;
	uint64_t rows_read;
	uint64_t rows_written;
};

/// Whole hours since 1970: an hour belongs to the period when its beginning does.
struct usage_period {
	int64_t from;
	int64_t to; // not part of it
};

/// Fails: ERR_BAD_REQUEST "from must not be later than to"
MUST_USE bool usage_period_of(int64_t from_ms, int64_t to_ms, struct usage_period *out, struct error *err);
/// The beginning of a moment's calendar month (UTC).
int64_t usage_month_of(int64_t wall_ms);

MUST_USE bool platform_database_usage(struct platform *platform, const struct organization *organization,
				      const struct database *database, const struct usage_period *period,
				      struct arena *arena, struct database_usage *out, struct error *err);

/// Fails: ERR_INSTANCE_NOT_FOUND, as platform_find_instance
MUST_USE bool platform_instance_usage(struct platform *platform, const struct organization *organization,
				      const struct database *database, const char *ref,
				      const struct usage_period *period, struct arena *arena,
				      struct instance *out_instance, struct usage_figures *out,
				      struct error *err);

MUST_USE bool platform_organization_usage(struct platform *platform, const struct organization *organization,
					  const struct usage_period *period, struct arena *arena,
					  struct organization_usage *out, struct error *err);

/// The costliest, at most USAGE_QUERIES_SHOWN.
MUST_USE bool platform_top_queries(struct platform *platform, const struct organization *organization,
				   const struct database *database, const struct usage_period *period,
				   struct arena *arena, struct query_usage **out, size_t *out_count,
				   struct error *err);

#endif
