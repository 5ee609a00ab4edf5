// Whoever waits for news is told once: by a commit, by the deadline, by the end, whichever comes first, from many threads.

#include "fleet/history.h"
#include "fleet/world.h"
#include "sync/poll.h"

enum { POLLS = 64, ROUNDS = 30 };

struct waiter {
	struct poll poll;
	_Atomic(int) calls;
	_Atomic(bool) over;
};

static void told(struct task *task)
{
	struct waiter *waiter = CONTAINER_OF(task, struct waiter, poll.task);
	atomic_fetch_add(&waiter->calls, 1);
}

static bool is_over(const struct poll *poll)
{
	const struct waiter *waiter = CONTAINER_OF(poll, struct waiter, poll);
	return atomic_load(&waiter->over);
}

static void wait_for_call(const struct waiter *waiter)
{
	int64_t deadline_ms = clock_monotonic_ms() + 60000;
	while (atomic_load(&waiter->calls) == 0 && clock_monotonic_ms() < deadline_ms)
		usleep(500);
	assert_int_equal(atomic_load(&waiter->calls), 1);
}

static struct fleet_history *begin(struct world *world, struct fleet_session **out_session)
{
	struct fleet_history *history;
	struct error err;
	world_create(world, 1);
	*out_session = world_session(world, world_database(0), NULL);
	world_must(*out_session, "CREATE TABLE t(id INTEGER PRIMARY KEY, b)");
	assert_true(fleet_history_open(world->fleet, world_database(0).text, &history, &err));
	return history;
}

static uint64_t now_at(struct fleet_history *history)
{
	struct fleet_position position;
	struct error err;
	assert_true(fleet_history_position(history, &position, &err));
	return position.frame_no;
}

static bool start(struct polls *polls, struct waiter *waiter, struct fleet_history *history,
		  uint64_t frame_no, int64_t wait_ms)
{
	*waiter = (struct waiter){.poll = {.task.run = told,
					   .is_over = is_over,
					   .deadline_ms = clock_monotonic_ms() + wait_ms}};
	return poll_begin(polls, &waiter->poll, history, frame_no);
}

static void a_commit_tells_all_that_wait(void **state)
{
	struct world *world = *state;
	struct fleet_session *session;
	struct fleet_history *history = begin(world, &session);
	struct polls *polls = polls_create(world->workers);
	static struct waiter waiters[POLLS];
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t frame_no = now_at(history);
		int waiting = 0;
		for (int i = 0; i < POLLS; i++)
			waiting += start(polls, &waiters[i], history, frame_no, 60000);
		assert_int_equal(waiting, POLLS);
		world_must(session, "INSERT INTO t(b) VALUES (1)");
		for (int i = 0; i < POLLS; i++)
			wait_for_call(&waiters[i]);
		assert_true(now_at(history) > frame_no);
		assert_false(start(polls, &waiters[0], history, frame_no, 60000));
	}
	polls_end(polls);
	polls_free(polls);
	fleet_history_close(history);
	fleet_session_close(session);
}

static void deadlines_and_those_who_left_end_it(void **state)
{
	struct world *world = *state;
	struct fleet_session *session;
	struct fleet_history *history = begin(world, &session);
	struct polls *polls = polls_create(world->workers);
	struct waiter brief;
	struct waiter left;
	struct waiter last;
	uint64_t frame_no = now_at(history);
	assert_true(start(polls, &brief, history, frame_no, 20));
	assert_true(start(polls, &left, history, frame_no, 60000));
	assert_true(start(polls, &last, history, frame_no, 60000));
	wait_for_call(&brief);
	atomic_store(&left.over, true);
	wait_for_call(&left);
	assert_int_equal(atomic_load(&last.calls), 0);
	polls_end(polls);
	wait_for_call(&last);
	assert_false(start(polls, &brief, history, frame_no, 60000));
	polls_free(polls);
	fleet_history_close(history);
	fleet_session_close(session);
}

// Deadlines, commits and the end meet.
static void each_is_told_once_when_all_happens_together(void **state)
{
	struct world *world = *state;
	struct fleet_session *session;
	struct fleet_history *history = begin(world, &session);
	struct polls *polls = polls_create(world->workers);
	static struct waiter waiters[POLLS];
	static bool waits[POLLS];
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t frame_no = now_at(history);
		for (int i = 0; i < POLLS; i++) {
			waits[i] = start(polls, &waiters[i], history, frame_no, i % 8 * 10);
			if (i == POLLS / 2)
				world_must(session, "INSERT INTO t(b) VALUES (1)");
		}
		if (round == ROUNDS - 1)
			polls_end(polls);
		for (int i = 0; i < POLLS; i++) {
			if (waits[i])
				wait_for_call(&waiters[i]);
			else
				assert_int_equal(atomic_load(&waiters[i].calls), 0);
		}
		if (round < ROUNDS - 1)
			world_must(session, "INSERT INTO t(b) VALUES (1)");
	}
	polls_free(polls);
	fleet_history_close(history);
	fleet_session_close(session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit_tells_all_that_wait, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(deadlines_and_those_who_left_end_it, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(each_is_told_once_when_all_happens_together, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
