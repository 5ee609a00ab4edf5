#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet/seen.h"

static void each_counts_once(void **state)
{
	(void)state;
	struct seen seen = {0};
	assert_int_equal(seen_count(&seen, 1000), 0);
	for (int round = 0; round < 3; round++) {
		for (uint64_t key = 1; key <= 100; key++)
			seen_note(&seen, key * 0x9e3779b97f4a7c15U, 1000 + round);
	}
	assert_int_equal(seen_count(&seen, 1002), 100);
	seen_cleanup(&seen);
}

static void who_was_not_seen_for_long_does_not_count(void **state)
{
	(void)state;
	struct seen seen = {0};
	for (uint64_t key = 0; key < 50; key++)
		seen_note(&seen, key, 1000);
	for (uint64_t key = 40; key < 60; key++)
		seen_note(&seen, key, 1000 + SEEN_MS);
	assert_int_equal(seen_count(&seen, 1000 + SEEN_MS), 60);
	assert_int_equal(seen_count(&seen, 1001 + SEEN_MS), 20);
	assert_int_equal(seen_count(&seen, 1001 + 2 * SEEN_MS), 0);
	seen_cleanup(&seen);
}

static void there_is_a_bound_and_room_comes_back(void **state)
{
	(void)state;
	struct seen seen = {0};
	for (uint64_t key = 0; key < 3 * SEEN_MAX; key++)
		seen_note(&seen, key * 0x9e3779b97f4a7c15U, 1000);
	assert_int_equal(seen_count(&seen, 1000), SEEN_MAX);
	int64_t later_ms = 2000 + SEEN_MS;
	for (uint64_t key = 0; key < 10; key++)
		seen_note(&seen, key + 1, later_ms);
	assert_int_equal(seen_count(&seen, later_ms), 10);
	seen_cleanup(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_counts_once),
		cmocka_unit_test(who_was_not_seen_for_long_does_not_count),
		cmocka_unit_test(there_is_a_bound_and_room_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
