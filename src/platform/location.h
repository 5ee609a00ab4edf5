/// location: places with a code, from a built-in table and from the operator's own definitions; the options name those
/// that are served.
#ifndef ATOLL_PLATFORM_LOCATION_H
#define ATOLL_PLATFORM_LOCATION_H

#include "platform/platform.h"

enum { LOCATIONS_DEFINED_MAX = 256, LOCATION_NAME_BYTES_MAX = 100 };

struct location {
	const char *code;
	const char *description;
};

/// Where it is, in degrees. False for one that is nowhere in particular.
bool location_place(const struct location *location, double *out_latitude, double *out_longitude);

/// Those served, by code. Valid as long as the platform.
const struct location *const *platform_locations(struct platform *platform, size_t *out_count);

/// Exact code; NULL if not served.
const struct location *platform_find_location(struct platform *platform, const char *code);

/// The nearest served others, nearest first; returns how many.
enum { LOCATION_CLOSEST_MAX = 3 };
size_t platform_closest_locations(struct platform *platform, const struct location *location,
				  const struct location *out[LOCATION_CLOSEST_MAX]);

/// The one that answers a client without further knowledge.
const struct location *platform_closest_location(struct platform *platform);

#endif
