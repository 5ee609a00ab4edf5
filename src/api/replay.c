#include "api/replay.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/attributes.h"
#include "base/clock.h"

enum { BUCKET_COUNT = 1024 };

struct answer {
	struct replay_ticket ticket;
	int64_t expires_ms;
	bool done;
	int status;
	char *body;
	size_t body_size;
	struct answer *next_in_bucket;
	struct answer *newer; // all are kept for the same time, so the oldest is the first to expire
};

struct replay {
	int64_t keep_ms;
	size_t count_max;

	pthread_mutex_t lock; // guards all below
	pthread_cond_t ended;
	struct answer *buckets[BUCKET_COUNT];
	struct answer *oldest, *newest;
	size_t count;
};

static struct answer **bucket_of(struct replay *replay, const struct replay_ticket *ticket)
{
	// The key is a hash: any bits of it will do.
	return &replay->buckets[(ticket->key[0] | ticket->key[1] << 8) % BUCKET_COUNT];
}

static struct answer *answer_find_locked(struct replay *replay, const struct replay_ticket *ticket)
{
	struct answer *answer = *bucket_of(replay, ticket);
	while (answer && memcmp(answer->ticket.key, ticket->key, CRYPT_HASH_BYTES) != 0)
		answer = answer->next_in_bucket;
	return answer;
}

static void answer_drop_locked(struct replay *replay, struct answer *answer)
{
	struct answer **link = bucket_of(replay, &answer->ticket);
	while (*link != answer)
		link = &(*link)->next_in_bucket;
	*link = answer->next_in_bucket;

	struct answer *older = NULL;
	for (struct answer *at = replay->oldest; at != answer; at = at->newer)
		older = at;
	if (older)
		older->newer = answer->newer;
	else
		replay->oldest = answer->newer;
	if (replay->newest == answer)
		replay->newest = older;

	replay->count--;
	if (answer->body)
		explicit_bzero(answer->body, answer->body_size);
	free(answer->body);
	free(answer);
}

// One that is under way stays: somebody will end it.
static void drop_old_locked(struct replay *replay, int64_t now_ms, size_t count_max)
{
	struct answer *at = replay->oldest;
	while (at && (at->expires_ms <= now_ms || replay->count > count_max)) {
		struct answer *newer = at->newer;
		if (at->done)
			answer_drop_locked(replay, at);
		at = newer;
	}
}

struct replay *replay_create(int64_t keep_ms, size_t count_max)
{
	struct replay *replay = calloc(1, sizeof(*replay));
	ASSERT(replay);
	replay->keep_ms = keep_ms;
	replay->count_max = count_max;
	pthread_mutex_init(&replay->lock, NULL);
	clock_cond_init(&replay->ended);
	return replay;
}

void replay_destroy(struct replay *replay)
{
	if (!replay)
		return;
	while (replay->oldest)
		answer_drop_locked(replay, replay->oldest);
	pthread_cond_destroy(&replay->ended);
	pthread_mutex_destroy(&replay->lock);
	free(replay);
}

static void answer_add_locked(struct replay *replay, const struct replay_ticket *ticket, int64_t now_ms)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	ASSERT(answer);
	answer->ticket = *ticket;
	answer->expires_ms = now_ms + replay->keep_ms;
	struct answer **bucket = bucket_of(replay, ticket);
	answer->next_in_bucket = *bucket;
	*bucket = answer;
	if (replay->newest)
		replay->newest->newer = answer;
	else
		replay->oldest = answer;
	replay->newest = answer;
	replay->count++;
}

enum replay_turn replay_begin(struct replay *replay, const struct replay_ticket *ticket, int64_t deadline_ms,
			      struct buffer *out_body, int *out_status)
{
	enum replay_turn turn;
	pthread_mutex_lock(&replay->lock);
	for (bool in_time = true;;) {
		int64_t now_ms = clock_monotonic_ms();
		drop_old_locked(replay, now_ms, replay->count_max);
		struct answer *answer = answer_find_locked(replay, ticket);
		if (!answer) {
			drop_old_locked(replay, now_ms, replay->count_max - 1);
			answer_add_locked(replay, ticket, now_ms);
			turn = REPLAY_FIRST;
			break;
		}
		if (memcmp(answer->ticket.body, ticket->body, CRYPT_HASH_BYTES) != 0) {
			turn = REPLAY_OTHER_BODY;
			break;
		}
		if (answer->done) {
			buffer_append(out_body, answer->body, answer->body_size);
			*out_status = answer->status;
			turn = REPLAY_AGAIN;
			break;
		}
		if (!in_time) {
			turn = REPLAY_UNDER_WAY;
			break;
		}
		in_time = clock_cond_wait(&replay->ended, &replay->lock, deadline_ms);
	}
	pthread_mutex_unlock(&replay->lock);
	return turn;
}

void replay_end(struct replay *replay, const struct replay_ticket *ticket, int status,
		const struct buffer *body)
{
	pthread_mutex_lock(&replay->lock);
	struct answer *answer = answer_find_locked(replay, ticket);
	ASSERT(answer && !answer->done);
	if (body) {
		answer->body = malloc(body->size + 1);
		ASSERT(answer->body);
		if (body->size > 0)
			memcpy(answer->body, body->data, body->size);
		answer->body_size = body->size;
		answer->status = status;
		answer->done = true;
	} else {
		answer_drop_locked(replay, answer);
	}
	pthread_cond_broadcast(&replay->ended);
	pthread_mutex_unlock(&replay->lock);
}
