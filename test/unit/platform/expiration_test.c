#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "platform/expiration.h"

#define SECOND INT64_C(1000000000)
#define DAY    (86400 * SECOND)

static void reads_what_go_s_library_reads(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} rows[] = {
		{"1w2d6h3ns", 9 * DAY + 6 * 3600 * SECOND + 3},
		{"2w1d30m", 15 * DAY + 1800 * SECOND},
		{"7d", 7 * DAY},
		{"1h", 3600 * SECOND},
		{"90m", 5400 * SECOND},
		{"15s", 15 * SECOND},
		{"1500ms", 3 * SECOND / 2},
		{"5us", 5000},
		{"5\xc2\xb5s", 5000},
		{"5\xce\xbcs", 5000},
		{"1ns", 1},
		{"1.5h", 5400 * SECOND},
		{"0.5d", DAY / 2},
		{".5s", SECOND / 2},
		{"1.s", SECOND},
		{"1.0000000001s", SECOND},
		{"+2h", 7200 * SECOND},
		{"1m1ms", 60 * SECOND + 1000000},
		{"0d1s", SECOND},
		{"15000w", 15000 * 7 * DAY},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t ns = -1;
		if (!expiration_parse(rows[i].text, &ns) || ns != rows[i].ns)
			fail_msg("%s gave %lld", rows[i].text, (long long)ns);
	}
}

static void no_expiration_has_several_names(void **state)
{
	static const char *const rows[] = {"never", "none", "default", "", NULL};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t ns = -1;
		assert_true(expiration_parse(rows[i], &ns));
		assert_int_equal(ns, 0);
	}
}

static void refuses_everything_else(void **state)
{
	static const char *const rows[] = {"0",
					   "0s",
					   "0d0h",
					   "-1d",
					   "1",
					   "d",
					   "1x",
					   "1 d",
					   "1d ",
					   " 1d",
					   "1d-2h",
					   ".",
					   ".s",
					   "1..5h",
					   "Never",
					   "1D",
					   "++1s",
					   "+",
					   "1e3s",
					   "1,5h",
					   "tomorrow",
					   "15251w",
					   "99999999999999999999s",
					   "0.1ns",
					   "1d2"};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t ns = -1;
		if (expiration_parse(rows[i], &ns))
			fail_msg("%s gave %lld", rows[i], (long long)ns);
		assert_int_equal(ns, -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_go_s_library_reads),
		cmocka_unit_test(no_expiration_has_several_names),
		cmocka_unit_test(refuses_everything_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
