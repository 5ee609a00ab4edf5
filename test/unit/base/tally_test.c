#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/tally.h"

enum { THREADS = 4, TIMES = 20000 };

static struct tally_histogram shared;

static void *observe(void *argument)
{
	(void)argument;
	for (uint64_t i = 0; i < TIMES; i++)
		tally_observe(&shared, &tally_sizes, i % 3);
	return NULL;
}

static void loses_nothing_of_many_threads(void **state)
{
	(void)state;
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, observe, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	struct tally_sums sums;
	tally_sum(&shared, &sums);
	assert_int_equal(sums.count, THREADS * TIMES);
	uint64_t twos = TIMES / 3; // of 0, 1, 2, 0, 1 …
	assert_int_equal(sums.buckets[1], THREADS * twos);
	assert_int_equal(sums.sum, THREADS * (twos * 2 + (TIMES + 1) / 3));
}

static void puts_values_into_their_buckets(void **state)
{
	(void)state;
	struct tally_histogram histogram = {0};
	tally_observe(&histogram, &tally_sizes, 0);
	tally_observe(&histogram, &tally_sizes, 1);
	tally_observe(&histogram, &tally_sizes, 1000);
	tally_observe(&histogram, &tally_sizes, 1001);
	tally_observe(&histogram, &tally_sizes, UINT32_MAX);
	struct tally_sums sums;
	tally_sum(&histogram, &sums);
	assert_int_equal(sums.count, 5);
	assert_int_equal(sums.buckets[0], 2);
	assert_int_equal(sums.buckets[tally_sizes.bound_count - 1], 1);
	assert_int_equal(sums.buckets[tally_sizes.bound_count], 2);
}

static void scales_ascend_and_fit(void **state)
{
	(void)state;
	const struct tally_scale *scales[] = {&tally_latency, &tally_sizes};
	for (size_t i = 0; i < 2; i++) {
		assert_true(scales[i]->bound_count < TALLY_BUCKETS_MAX);
		for (int at = 1; at < scales[i]->bound_count; at++)
			assert_true(scales[i]->bounds[at - 1] < scales[i]->bounds[at]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loses_nothing_of_many_threads),
		cmocka_unit_test(puts_values_into_their_buckets),
		cmocka_unit_test(scales_ascend_and_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
