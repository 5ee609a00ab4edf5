#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "hrana/batch.h"

static const enum step_outcome outcomes[] = {STEP_OK, STEP_ERROR, STEP_SKIPPED};
static const struct condition ok[] = {{.kind = CONDITION_OK, .step = 0},
				      {.kind = CONDITION_OK, .step = 1},
				      {.kind = CONDITION_OK, .step = 2}};
static const struct condition error[] = {{.kind = CONDITION_ERROR, .step = 0},
					 {.kind = CONDITION_ERROR, .step = 1},
					 {.kind = CONDITION_ERROR, .step = 2}};

static void a_step_without_condition_runs(void **state)
{
	assert_true(batch_holds(NULL, outcomes, true));
}

static void ok_and_error_look_at_the_named_step(void **state)
{
	assert_true(batch_holds(&ok[0], outcomes, true));
	assert_false(batch_holds(&ok[1], outcomes, true));
	assert_false(batch_holds(&error[0], outcomes, true));
	assert_true(batch_holds(&error[1], outcomes, true));
}

static void a_skipped_step_is_neither(void **state)
{
	assert_false(batch_holds(&ok[2], outcomes, true));
	assert_false(batch_holds(&error[2], outcomes, true));
	struct condition not_ok = {.kind = CONDITION_NOT, .parts = &ok[2], .part_count = 1};
	assert_true(batch_holds(&not_ok, outcomes, true));
}

static void lists_may_be_empty(void **state)
{
	struct condition all = {.kind = CONDITION_AND};
	struct condition any = {.kind = CONDITION_OR};
	assert_true(batch_holds(&all, outcomes, true));
	assert_false(batch_holds(&any, outcomes, true));
	all = (struct condition){.kind = CONDITION_AND, .parts = ok, .part_count = 2};
	any = (struct condition){.kind = CONDITION_OR, .parts = ok, .part_count = 2};
	assert_false(batch_holds(&all, outcomes, true));
	assert_true(batch_holds(&any, outcomes, true));
	all.part_count = 1;
	assert_true(batch_holds(&all, outcomes, true));
}

static void is_autocommit_asks_the_stream(void **state)
{
	struct condition condition = {.kind = CONDITION_AUTOCOMMIT};
	assert_true(batch_holds(&condition, outcomes, true));
	assert_false(batch_holds(&condition, outcomes, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_without_condition_runs),
		cmocka_unit_test(ok_and_error_look_at_the_named_step),
		cmocka_unit_test(a_skipped_step_is_neither),
		cmocka_unit_test(lists_may_be_empty),
		cmocka_unit_test(is_autocommit_asks_the_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
