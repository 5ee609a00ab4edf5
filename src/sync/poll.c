#include "sync/poll.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

enum { LOOK_MS = 50, ASK_MS = 1000 };

struct polls {
	struct workers *workers;
	struct task task;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct poll *first;
	int64_t asked_ms; // monotonic: when is_over was last asked
	bool scheduled;
	bool ended; // no new ones
	bool freed; // the task is the last to know them
};

static void add_locked(struct polls *polls, struct poll *poll)
{
	poll->listed = true;
	poll->previous = NULL;
	poll->next = polls->first;
	if (poll->next)
		poll->next->previous = poll;
	polls->first = poll;
}

static void remove_locked(struct polls *polls, struct poll *poll)
{
	poll->listed = false;
	if (poll->previous)
		poll->previous->next = poll->next;
	else
		polls->first = poll->next;
	if (poll->next)
		poll->next->previous = poll->previous;
}

// Whoever takes a poll out of the list ends it.
static void on_moved(struct fleet_wait *wait)
{
	struct poll *poll = CONTAINER_OF(wait, struct poll, wait);
	struct polls *polls = poll->polls;
	pthread_mutex_lock(&polls->mutex);
	bool taken = poll->listed;
	poll->moved = true;
	if (taken)
		remove_locked(polls, poll);
	pthread_mutex_unlock(&polls->mutex);
	if (taken)
		workers_run(polls->workers, &poll->task);
}

// Takes out those that are over, linked by `next`.
static struct poll *look_locked(struct polls *polls, bool asks)
{
	int64_t now_ms = clock_monotonic_ms();
	struct poll *over = NULL;
	struct poll *next;
	for (struct poll *poll = polls->first; poll; poll = next) {
		next = poll->next;
		if (!polls->ended && now_ms < poll->deadline_ms && !(asks && poll->is_over(poll)))
			continue;
		remove_locked(polls, poll);
		poll->next = over;
		over = poll;
	}
	return over;
}

static void end_all(struct polls *polls, struct poll *over)
{
	while (over) {
		struct poll *next = over->next;
		fleet_wait_end(&over->wait);
		workers_run(polls->workers, &over->task);
		over = next;
	}
}

static void destroy(struct polls *polls)
{
	pthread_mutex_destroy(&polls->mutex);
	free(polls);
}

static void run(struct task *task)
{
	struct polls *polls = CONTAINER_OF(task, struct polls, task);
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&polls->mutex);
	bool asks = now_ms >= polls->asked_ms + ASK_MS;
	if (asks)
		polls->asked_ms = now_ms;
	struct poll *over = look_locked(polls, asks);
	pthread_mutex_unlock(&polls->mutex);
	end_all(polls, over);
	pthread_mutex_lock(&polls->mutex);
	bool freed = polls->freed;
	bool again = polls->first != NULL;
	polls->scheduled = again;
	pthread_mutex_unlock(&polls->mutex);
	if (freed)
		destroy(polls);
	else if (again)
		workers_run_at(polls->workers, task, now_ms + LOOK_MS);
}

bool poll_begin(struct polls *polls, struct poll *poll, struct fleet_history *history, uint64_t frame_no)
{
	poll->polls = polls;
	poll->listed = poll->moved = false;
	poll->wait.moved = on_moved;
	// The call may come before the poll is listed.
	if (!fleet_wait_begin(history, frame_no, &poll->wait))
		return false;
	pthread_mutex_lock(&polls->mutex);
	bool waits = !poll->moved && !polls->ended;
	bool start = waits && !polls->scheduled;
	polls->scheduled = polls->scheduled || waits;
	if (!waits)
		pthread_mutex_unlock(&polls->mutex);
	if (!waits) {
		fleet_wait_end(&poll->wait);
		return false;
	}
	add_locked(polls, poll);
	pthread_mutex_unlock(&polls->mutex);
	if (start)
		workers_run_at(polls->workers, &polls->task, clock_monotonic_ms() + LOOK_MS);
	return true;
}

struct polls *polls_create(struct workers *workers)
{
	struct polls *polls = calloc(1, sizeof(*polls));
	ASSERT(polls != NULL);
	polls->workers = workers;
	polls->task.run = run;
	pthread_mutex_init(&polls->mutex, NULL);
	return polls;
}

void polls_end(struct polls *polls)
{
	pthread_mutex_lock(&polls->mutex);
	polls->ended = true;
	struct poll *over = look_locked(polls, false);
	pthread_mutex_unlock(&polls->mutex);
	end_all(polls, over);
}

void polls_free(struct polls *polls)
{
	if (!polls)
		return;
	pthread_mutex_lock(&polls->mutex);
	ASSERT(polls->first == NULL);
	polls->freed = true;
	bool scheduled = polls->scheduled;
	pthread_mutex_unlock(&polls->mutex);
	if (!scheduled)
		destroy(polls);
}
