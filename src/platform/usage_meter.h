/// usage_meter: carries what the fleet counted into the store. Known to the platform only.
///
/// Threads: any. One at a time takes and stores; what cannot be stored stays here and is tried again, and until it is
/// the fleet keeps on counting: nothing is lost while the process lives.
#ifndef ATOLL_PLATFORM_USAGE_METER_H
#define ATOLL_PLATFORM_USAGE_METER_H

#include <stdint.h>

struct platform;
struct workers;
struct usage_meter;

/// workers NULL: nothing happens but by usage_meter_store.
struct usage_meter *usage_meter_start(struct platform *platform, struct workers *workers,
				      int64_t interval_ms);

/// Stores what was counted up to now, of one database or of all (NULL). A failure is logged: what is stored already
/// can be told.
void usage_meter_store(struct usage_meter *meter, const char *database);

/// Folds and forgets old rows as if it were that moment. The timer does it once an hour.
void usage_meter_tidy(struct usage_meter *meter, int64_t wall_ms);

/// Afterwards the meter touches neither fleet nor store. NULL is fine.
void usage_meter_stop(struct usage_meter *meter);

#endif
