/// tally: counts and histograms that any thread adds to, at the price of a plain add to memory of its own core.
///
/// Each is kept in a few stripes, and a thread adds to that of the core it runs on. A sum over the stripes that is
/// taken while others add is one that was true, or will have been, for each of them.
///
/// All zeroes is an empty one. Threads: any.
#ifndef ATOLL_BASE_TALLY_H
#define ATOLL_BASE_TALLY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { TALLY_STRIPES = 8, TALLY_BUCKETS_MAX = 16 };

/// The stripe of the core that the thread runs on.
unsigned tally_stripe(void);

static inline void tally_add(_Atomic(uint64_t) *count, uint64_t more)
{
	atomic_fetch_add_explicit(count, more, memory_order_relaxed);
}

static inline uint64_t tally_get(const _Atomic(uint64_t) *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

/// Upper bounds of a histogram's buckets, in ascending order; what is above the last one has a bucket of its own.
struct tally_scale {
	const uint64_t *bounds;
	int bound_count;      // TALLY_BUCKETS_MAX - 1 at most
	double units_of_base; // 1e9 where nanoseconds are counted and seconds are shown
};

/// From 25 microseconds to 10 seconds, in nanoseconds.
extern const struct tally_scale tally_latency;
/// From 1 to 1000, by steps of two to two and a half.
extern const struct tally_scale tally_sizes;

struct tally_histogram {
	struct {
		_Alignas(64) _Atomic(uint64_t) buckets[TALLY_BUCKETS_MAX];
		_Atomic(uint64_t) sum;
	} stripes[TALLY_STRIPES];
};

void tally_observe(struct tally_histogram *histogram, const struct tally_scale *scale, uint64_t value);

/// The sum over the stripes: of each bucket alone, of all, and of the values.
struct tally_sums {
	uint64_t buckets[TALLY_BUCKETS_MAX];
	uint64_t count;
	uint64_t sum;
};
void tally_sum(const struct tally_histogram *histogram, struct tally_sums *out);

#endif
