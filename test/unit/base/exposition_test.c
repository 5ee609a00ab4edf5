#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/exposition.h"

static void escapes_what_labels_may_not_hold(void **state)
{
	(void)state;
	OWNED(buffer) struct buffer out = {0};
	exposition_count(&out, "m", LABELS("a", "back\\slash \"quoted\"\nline", "b", ""), 1);
	assert_string_equal(buffer_text(&out), "m{a=\"back\\\\slash \\\"quoted\\\"\\nline\",b=\"\"} 1\n");
}

static void mends_what_is_no_text(void **state)
{
	(void)state;
	OWNED(buffer) struct buffer out = {0};
	exposition_count(&out, "m", LABELS("a", "x\xffy"), 1);
	assert_string_equal(buffer_text(&out), "m{a=\"x\xef\xbf\xbdy\"} 1\n");
}

static void writes_numbers_exactly(void **state)
{
	(void)state;
	OWNED(buffer) struct buffer out = {0};
	exposition_family(&out, "m", "gauge", "What it is.");
	exposition_count(&out, "m", NO_LABELS, UINT64_MAX);
	exposition_number(&out, "m", NO_LABELS, 0.25);
	exposition_number(&out, "m", NO_LABELS, 1795609127.56);
	exposition_single(&out, "n", "counter", "Another.", 3);
	assert_string_equal(buffer_text(&out),
			    "# HELP m What it is.\n# TYPE m gauge\nm 18446744073709551615\n"
			    "m 0.25\nm 1795609127.56\n"
			    "# HELP n Another.\n# TYPE n counter\nn 3\n");
}

static void adds_up_a_histogram(void **state)
{
	(void)state;
	static const uint64_t bounds[] = {1000000, 500000000};
	static const struct tally_scale scale = {bounds, 2, 1e9};
	OWNED(buffer) struct buffer out = {0};
	struct tally_histogram histogram = {0};
	tally_observe(&histogram, &scale, 1000000); // a bound belongs to its bucket
	tally_observe(&histogram, &scale, 1000001);
	tally_observe(&histogram, &scale, 2000000000);
	exposition_histogram(&out, "h", LABELS("a", "b"), &histogram, &scale);
	assert_string_equal(buffer_text(&out),
			    "h_bucket{a=\"b\",le=\"0.001\"} 1\nh_bucket{a=\"b\",le=\"0.5\"} 2\n"
			    "h_bucket{a=\"b\",le=\"+Inf\"} 3\n"
			    "h_sum{a=\"b\"} 2.002000001\nh_count{a=\"b\"} 3\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_what_labels_may_not_hold),
		cmocka_unit_test(mends_what_is_no_text),
		cmocka_unit_test(writes_numbers_exactly),
		cmocka_unit_test(adds_up_a_histogram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
