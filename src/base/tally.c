#include "base/tally.h"

#include <sched.h>

#include "base/attributes.h"

static const uint64_t latency_bounds[] = {
	25000,    50000,    100000,    250000,    500000,     1000000,    2500000,     5000000,
	10000000, 25000000, 100000000, 500000000, 1000000000, 2500000000, 10000000000,
};

const struct tally_scale tally_latency = {latency_bounds, ARRAY_LENGTH(latency_bounds), 1e9};

static const uint64_t size_bounds[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};

const struct tally_scale tally_sizes = {size_bounds, ARRAY_LENGTH(size_bounds), 1};

_Static_assert(ARRAY_LENGTH(latency_bounds) < TALLY_BUCKETS_MAX, "and one for what is above");

unsigned tally_stripe(void)
{
	int core = sched_getcpu();
	return core < 0 ? 0 : (unsigned)core % TALLY_STRIPES;
}

void tally_observe(struct tally_histogram *histogram, const struct tally_scale *scale, uint64_t value)
{
	int at = 0;
	while (at < scale->bound_count && value > scale->bounds[at])
		at++;
	unsigned stripe = tally_stripe();
	tally_add(&histogram->stripes[stripe].buckets[at], 1);
	tally_add(&histogram->stripes[stripe].sum, value);
}

void tally_sum(const struct tally_histogram *histogram, struct tally_sums *out)
{
	*out = (struct tally_sums){0};
	for (int stripe = 0; stripe < TALLY_STRIPES; stripe++) {
		for (int at = 0; at < TALLY_BUCKETS_MAX; at++) {
			uint64_t count = tally_get(&histogram->stripes[stripe].buckets[at]);
			out->buckets[at] += count;
			out->count += count;
		}
		out->sum += tally_get(&histogram->stripes[stripe].sum);
	}
}
