#include "base/turns.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "base/clock.h"

struct level {
	int running_count;
	struct turns_owner *first; // those that wait
	struct turns_owner *last;
};

struct turns {
	int running_count_max;
	pthread_mutex_t mutex;
	struct level levels[TURNS_LEVELS_MAX]; // guarded by mutex, as are owners and turns
};

struct turns *turns_create(int running_count_max)
{
	struct turns *turns = calloc(1, sizeof(*turns));
	ASSERT(turns != NULL);
	turns->running_count_max = running_count_max;
	pthread_mutex_init(&turns->mutex, NULL);
	return turns;
}

void turns_destroy(struct turns *turns)
{
	if (!turns)
		return;
	for (int i = 0; i < TURNS_LEVELS_MAX; i++)
		ASSERT(turns->levels[i].running_count == 0 && !turns->levels[i].first);
	pthread_mutex_destroy(&turns->mutex);
	free(turns);
}

void turn_init(struct turn *turn)
{
	*turn = (struct turn){0};
	clock_cond_init(&turn->go);
}

void turn_finish(struct turn *turn)
{
	ASSERT(!turn->running);
	pthread_cond_destroy(&turn->go);
}

static void append_owner_locked(struct turns *turns, struct turns_owner *owner, int at)
{
	struct level *level = &turns->levels[at];
	owner->queues[at].next = NULL;
	if (level->last)
		level->last->queues[at].next = owner;
	else
		level->first = owner;
	level->last = owner;
}

static void remove_owner_locked(struct turns *turns, struct turns_owner *owner, int at)
{
	struct level *level = &turns->levels[at];
	struct turns_owner *before = NULL;
	for (struct turns_owner *one = level->first; one != owner; one = one->queues[at].next)
		before = one;
	if (before)
		before->queues[at].next = owner->queues[at].next;
	else
		level->first = owner->queues[at].next;
	if (level->last == owner)
		level->last = before;
}

static void append_locked(struct turns *turns, struct turn *turn)
{
	struct turns_queue *queue = &turn->owner->queues[turn->level];
	turn->next = NULL;
	if (queue->last) {
		queue->last->next = turn;
	} else {
		queue->first = turn;
		append_owner_locked(turns, turn->owner, turn->level);
	}
	queue->last = turn;
}

static void remove_locked(struct turns *turns, struct turn *turn)
{
	struct turns_queue *queue = &turn->owner->queues[turn->level];
	struct turn *before = NULL;
	for (struct turn *one = queue->first; one != turn; one = one->next)
		before = one;
	if (before)
		before->next = turn->next;
	else
		queue->first = turn->next;
	if (queue->last == turn)
		queue->last = before;
	if (!queue->first)
		remove_owner_locked(turns, turn->owner, turn->level);
}

// The owner who has waited the longest gets a place for its first, and is the last from now on.
static void grant_locked(struct turns *turns, int at)
{
	struct level *level = &turns->levels[at];
	while (level->first && level->running_count < turns->running_count_max) {
		struct turns_owner *owner = level->first;
		struct turn *turn = owner->queues[at].first;
		remove_locked(turns, turn);
		if (owner->queues[at].first) {
			remove_owner_locked(turns, owner, at);
			append_owner_locked(turns, owner, at);
		}
		level->running_count++;
		turn->running = true;
		pthread_cond_signal(&turn->go);
	}
}

static void leave_locked(struct turns *turns, struct turn *turn)
{
	if (!turn->running)
		return;
	turn->running = false;
	turns->levels[turn->level].running_count--;
}

bool turns_take(struct turns *turns, struct turns_owner *owner, struct turn *turn, int level,
		bool (*is_over)(void *context), void *context, int64_t deadline_ms)
{
	pthread_mutex_lock(&turns->mutex);
	if (!turn->running || turn->level != level || turns->levels[level].first) {
		int before = turn->level;
		leave_locked(turns, turn);
		turn->owner = owner;
		turn->level = level;
		append_locked(turns, turn);
		grant_locked(turns, level);
		if (before != level)
			grant_locked(turns, before);
		while (!turn->running && !is_over(context) &&
		       clock_cond_wait(&turn->go, &turns->mutex, deadline_ms)) {
		}
		if (!turn->running)
			remove_locked(turns, turn);
	}
	bool running = turn->running;
	pthread_mutex_unlock(&turns->mutex);
	return running;
}

void turns_leave(struct turns *turns, struct turn *turn)
{
	pthread_mutex_lock(&turns->mutex);
	leave_locked(turns, turn);
	grant_locked(turns, turn->level);
	pthread_mutex_unlock(&turns->mutex);
}

void turns_wake(struct turns *turns, struct turn *turn)
{
	pthread_mutex_lock(&turns->mutex);
	pthread_cond_signal(&turn->go);
	pthread_mutex_unlock(&turns->mutex);
}
