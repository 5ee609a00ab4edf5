#include "cli/format.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/attributes.h"

void format_bytes(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double value = (double)bytes;
	size_t unit = 0;
	while (value >= 1024 && unit + 1 < ARRAY_LENGTH(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void format_seconds(int64_t seconds, char *text, size_t size)
{
	if (seconds < 60)
		snprintf(text, size, "%" PRId64 " s", seconds);
	else if (seconds < 3600)
		snprintf(text, size, "%" PRId64 " min %02" PRId64 " s", seconds / 60, seconds % 60);
	else
		snprintf(text, size, "%" PRId64 " h %02" PRId64 " min", seconds / 3600, seconds / 60 % 60);
}
