#include "api/replay.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/clock.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static struct replay_ticket ticket_of(uint8_t key, uint8_t body)
{
	struct replay_ticket ticket;
	memset(ticket.key, key, sizeof(ticket.key));
	memset(ticket.body, body, sizeof(ticket.body));
	return ticket;
}

static void answer(struct replay *replay, const struct replay_ticket *ticket, int status, const char *text)
{
	OWNED(buffer) struct buffer body = {0};
	buffer_append_text(&body, text);
	replay_end(replay, ticket, status, &body);
}

static void repeats_the_first_answer(void **state)
{
	struct replay *replay = replay_create(DAY_MS, 8);
	struct replay_ticket ticket = ticket_of(1, 1);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	answer(replay, &ticket, 200, "{\"instance\":{}}");
	for (int i = 0; i < 2; i++) {
		buffer_truncate(&body, 0);
		assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_AGAIN);
		assert_int_equal(status, 200);
		assert_string_equal(buffer_text(&body), "{\"instance\":{}}");
	}
	replay_destroy(replay);
}

static void refuses_the_key_with_another_body(void **state)
{
	struct replay *replay = replay_create(DAY_MS, 8);
	struct replay_ticket ticket = ticket_of(1, 1), other = ticket_of(1, 2);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	assert_int_equal(replay_begin(replay, &other, 0, &body, &status), REPLAY_OTHER_BODY);
	answer(replay, &ticket, 200, "{}");
	assert_int_equal(replay_begin(replay, &other, 0, &body, &status), REPLAY_OTHER_BODY);
	assert_int_equal(body.size, 0);
	replay_destroy(replay);
}

static void does_the_work_anew_after_a_failure(void **state)
{
	struct replay *replay = replay_create(DAY_MS, 8);
	struct replay_ticket ticket = ticket_of(1, 1);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	replay_end(replay, &ticket, 503, NULL);
	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	answer(replay, &ticket, 200, "{}");
	replay_destroy(replay);
}

static void says_that_the_first_is_under_way_when_the_deadline_passes(void **state)
{
	struct replay *replay = replay_create(DAY_MS, 8);
	struct replay_ticket ticket = ticket_of(1, 1);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	assert_int_equal(replay_begin(replay, &ticket, clock_monotonic_ms(), &body, &status),
			 REPLAY_UNDER_WAY);
	answer(replay, &ticket, 200, "{}");
	replay_destroy(replay);
}

static void forgets_old_answers(void **state)
{
	struct replay *replay = replay_create(0, 8);
	struct replay_ticket ticket = ticket_of(1, 1);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	answer(replay, &ticket, 200, "{}");
	assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
	answer(replay, &ticket, 200, "{}");
	replay_destroy(replay);
}

static void keeps_only_the_newest_when_full(void **state)
{
	struct replay *replay = replay_create(DAY_MS, 4);
	OWNED(buffer) struct buffer body = {0};
	int status = 0;

	for (uint8_t key = 1; key <= 6; key++) {
		struct replay_ticket ticket = ticket_of(key, 1);
		assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_FIRST);
		answer(replay, &ticket, 200, "{}");
	}
	for (uint8_t key = 3; key <= 6; key++) {
		struct replay_ticket ticket = ticket_of(key, 1);
		assert_int_equal(replay_begin(replay, &ticket, 0, &body, &status), REPLAY_AGAIN);
	}
	struct replay_ticket first = ticket_of(1, 1);
	assert_int_equal(replay_begin(replay, &first, 0, &body, &status), REPLAY_FIRST);
	answer(replay, &first, 200, "{}");
	replay_destroy(replay);
}

struct second {
	struct replay *replay;
	struct replay_ticket ticket;
	enum replay_turn turn;
	struct buffer body;
};

static void *ask_again(void *context)
{
	struct second *second = context;
	int status = 0;
	second->turn = replay_begin(second->replay, &second->ticket, clock_monotonic_ms() + 60000,
				    &second->body, &status);
	return NULL;
}

static void a_second_request_waits_for_the_first(void **state)
{
	struct second second = {.replay = replay_create(DAY_MS, 8), .ticket = ticket_of(1, 1)};
	OWNED(buffer) struct buffer body = {0};
	int status = 0;
	pthread_t thread;

	assert_int_equal(replay_begin(second.replay, &second.ticket, 0, &body, &status), REPLAY_FIRST);
	assert_int_equal(pthread_create(&thread, NULL, ask_again, &second), 0);
	answer(second.replay, &second.ticket, 200, "{\"n\":1}");
	pthread_join(thread, NULL);
	assert_int_equal(second.turn, REPLAY_AGAIN);
	assert_string_equal(buffer_text(&second.body), "{\"n\":1}");
	buffer_cleanup(&second.body);
	replay_destroy(second.replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repeats_the_first_answer),
		cmocka_unit_test(refuses_the_key_with_another_body),
		cmocka_unit_test(does_the_work_anew_after_a_failure),
		cmocka_unit_test(says_that_the_first_is_under_way_when_the_deadline_passes),
		cmocka_unit_test(forgets_old_answers),
		cmocka_unit_test(keeps_only_the_newest_when_full),
		cmocka_unit_test(a_second_request_waits_for_the_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
