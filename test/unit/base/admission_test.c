#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/admission.h"

struct one {
	struct admission_ticket ticket;
	int started;
};

static void start(struct admission_ticket *ticket)
{
	((struct one *)(void *)ticket)->started++;
}

static bool enter(struct admission *admission, const char *database, struct one *one, bool urgent)
{
	struct error err;
	one->ticket.start = start;
	if (admission_enter(admission, database, &one->ticket, urgent, &err))
		return true;
	assert_int_equal(err.code, ERR_RATE_LIMITED);
	return false;
}

static void runs_a_number_and_lets_others_wait_in_order(void **state)
{
	struct admission *admission = admission_create(2, 2);
	struct one ones[5] = {0};
	for (int i = 0; i < 4; i++)
		assert_true(enter(admission, "a", &ones[i], false));
	assert_false(enter(admission, "a", &ones[4], false));
	assert_true(ones[0].started && ones[1].started && !ones[2].started && !ones[3].started);
	admission_leave(admission, "a");
	assert_true(ones[2].started && !ones[3].started);
	admission_leave(admission, "a");
	assert_int_equal(ones[3].started, 1);
	admission_leave(admission, "a");
	admission_leave(admission, "a");
	admission_destroy(admission);
}

static void databases_do_not_wait_for_each_other(void **state)
{
	struct admission *admission = admission_create(1, 0);
	struct one ones[3] = {0};
	assert_true(enter(admission, "a", &ones[0], false));
	assert_false(enter(admission, "a", &ones[1], false));
	assert_true(enter(admission, "b", &ones[2], false));
	assert_true(ones[2].started);
	admission_leave(admission, "b");
	admission_leave(admission, "a");
	admission_destroy(admission);
}

static void urgent_ones_never_wait(void **state)
{
	struct admission *admission = admission_create(1, 1);
	struct one ones[4] = {0};
	assert_true(enter(admission, "a", &ones[0], false));
	assert_true(enter(admission, "a", &ones[1], false));
	assert_true(enter(admission, "a", &ones[2], true));
	assert_true(ones[2].started && !ones[1].started);
	admission_leave(admission, "a"); // one still runs: nobody follows
	assert_false(ones[1].started);
	admission_leave(admission, "a");
	assert_true(ones[1].started);
	admission_leave(admission, "a");
	admission_destroy(admission);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_a_number_and_lets_others_wait_in_order),
		cmocka_unit_test(databases_do_not_wait_for_each_other),
		cmocka_unit_test(urgent_ones_never_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
