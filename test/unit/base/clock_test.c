#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <string.h>

#include "base/attributes.h"
#include "base/clock.h"

static void never_goes_back(void **state)
{
	int64_t last = clock_monotonic_ns();
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_monotonic_ns();
		assert_true(now >= last);
		last = now;
	}
	int64_t ms = clock_monotonic_ms();
	assert_true(ms >= last / 1000000 && ms - last / 1000000 < 60000);
}

static void formats_moments(void **state)
{
	const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{0, "1970-01-01T00:00:00Z"},
		{1764000000999, "2025-11-24T16:00:00Z"},
		{951782400000, "2000-02-29T00:00:00Z"},
		{4102444799000, "2099-12-31T23:59:59Z"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char text[CLOCK_TEXT_BYTES];
		clock_format(rows[i].ms, text);
		assert_string_equal(text, rows[i].text);
	}
}

static void a_wait_ends_with_its_deadline(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond;
	clock_cond_init(&cond);
	pthread_mutex_lock(&mutex);
	int64_t deadline = clock_monotonic_ms() + 5;
	while (clock_cond_wait(&cond, &mutex, deadline)) {
	}
	assert_true(clock_monotonic_ms() >= deadline);
	assert_false(clock_cond_wait(&cond, &mutex, 0));
	pthread_mutex_unlock(&mutex);
	pthread_cond_destroy(&cond);
}

struct signalled {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	bool done;
};

static void *signal_it(void *argument)
{
	struct signalled *signalled = argument;
	pthread_mutex_lock(&signalled->mutex);
	signalled->done = true;
	pthread_cond_signal(&signalled->cond);
	pthread_mutex_unlock(&signalled->mutex);
	return NULL;
}

static void a_signal_ends_a_wait_without_deadline(void **state)
{
	struct signalled signalled = {.mutex = PTHREAD_MUTEX_INITIALIZER};
	clock_cond_init(&signalled.cond);
	pthread_mutex_lock(&signalled.mutex);
	pthread_t thread;
	pthread_create(&thread, NULL, signal_it, &signalled);
	while (!signalled.done)
		assert_true(clock_cond_wait(&signalled.cond, &signalled.mutex, INT64_MAX));
	pthread_mutex_unlock(&signalled.mutex);
	pthread_join(thread, NULL);
	pthread_cond_destroy(&signalled.cond);
}

static void dates_are_read_with_their_zone(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} dates[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01t00:00:01.5z", 1500},
		{"2026-11-24T10:00:00Z", INT64_C(1795514400000)},
		{"2026-11-24T11:00:00+01:00", INT64_C(1795514400000)},
		{"2026-11-24T04:30:00-05:30", INT64_C(1795514400000)},
		{"2026-11-24T10:00:00.123456789Z", INT64_C(1795514400123)},
		{"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
		{"1969-12-31T23:59:59Z", -1000},
	};
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		int64_t ms;
		assert_true(clock_parse(dates[i].text, &ms));
		assert_int_equal(ms, dates[i].ms);
	}
}

static void what_is_no_date_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"yesterday",
		"2026-11-24",
		"2026-11-24T10:00:00",
		"2026-11-24 10:00:00Z",
		"2026-11-24T10:00Z",
		"2026-11-24T10:00:00.Z",
		"2026-11-24T10:00:00Z ",
		"2026-11-24T10:00:00 01:00",
		"2026-11-24T10:00:00+0100",
		"2026-11-24T10:00:00+24:00",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:60Z",
		"1767225600",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int64_t ms;
		if (clock_parse(texts[i], &ms))
			fail_msg("\"%s\" was taken for a date", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_are_read_with_their_zone),
		cmocka_unit_test(what_is_no_date_is_refused),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(formats_moments),
		cmocka_unit_test(a_wait_ends_with_its_deadline),
		cmocka_unit_test(a_signal_ends_a_wait_without_deadline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
