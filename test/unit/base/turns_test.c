#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "base/clock.h"
#include "base/turns.h"

static int64_t soon(void)
{
	return clock_monotonic_ms() + 20000;
}

// What the threads of a test have seen, in order.
struct record {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int asked; // how often somebody who waits was asked whether it is over
	char names[16];
	int count;
};

struct taker {
	pthread_t thread;
	struct turns *turns;
	struct turns_owner *owner;
	struct turn turn;
	struct record *record;
	char name;
	int level;
	_Atomic(bool) over;
	int64_t deadline_ms;
	bool got;
};

static void record_init(struct record *record)
{
	*record = (struct record){.mutex = PTHREAD_MUTEX_INITIALIZER};
	clock_cond_init(&record->changed);
}

static bool ask(void *context)
{
	struct taker *taker = context;
	pthread_mutex_lock(&taker->record->mutex);
	taker->record->asked++;
	pthread_cond_broadcast(&taker->record->changed);
	pthread_mutex_unlock(&taker->record->mutex);
	return atomic_load(&taker->over);
}

static void *take(void *argument)
{
	struct taker *taker = argument;
	struct record *record = taker->record;
	taker->got = turns_take(taker->turns, taker->owner, &taker->turn, taker->level, ask, taker,
				taker->deadline_ms);
	pthread_mutex_lock(&record->mutex);
	record->names[record->count++] = taker->name;
	pthread_cond_broadcast(&record->changed);
	pthread_mutex_unlock(&record->mutex);
	return NULL;
}

static void taker_init(struct taker *taker, struct turns *turns, struct turns_owner *owner,
		       struct record *record, char name)
{
	*taker = (struct taker){.turns = turns, .owner = owner, .record = record, .name = name};
	taker->deadline_ms = soon();
	turn_init(&taker->turn);
}

// Returns when it waits.
static void start_waiting(struct taker *taker)
{
	struct record *record = taker->record;
	pthread_mutex_lock(&record->mutex);
	int asked = record->asked;
	assert_int_equal(pthread_create(&taker->thread, NULL, take, taker), 0);
	while (record->asked == asked)
		assert_true(clock_cond_wait(&record->changed, &record->mutex, soon()));
	pthread_mutex_unlock(&record->mutex);
}

static void end(struct taker *taker)
{
	pthread_join(taker->thread, NULL);
	turns_leave(taker->turns, &taker->turn);
	turn_finish(&taker->turn);
}

static bool never(void *context)
{
	return false;
}

static bool take_now(struct turns *turns, struct turns_owner *owner, struct turn *turn, int level)
{
	return turns_take(turns, owner, turn, level, never, NULL, clock_monotonic_ms());
}

static void owners_take_turns(void **state)
{
	struct turns *turns = turns_create(1);
	struct turns_owner many = {0};
	struct turns_owner one = {0};
	struct record record;
	record_init(&record);
	struct turn first;
	turn_init(&first);
	assert_true(take_now(turns, &many, &first, 0));
	struct taker takers[4];
	const char names[] = "abcX";
	for (int i = 0; i < 4; i++) {
		taker_init(&takers[i], turns, i == 3 ? &one : &many, &record, names[i]);
		start_waiting(&takers[i]);
	}
	turns_leave(turns, &first);
	for (int i = 0; i < 4; i++) {
		pthread_mutex_lock(&record.mutex);
		while (record.count <= i)
			assert_true(clock_cond_wait(&record.changed, &record.mutex, soon()));
		char name = record.names[i];
		pthread_mutex_unlock(&record.mutex);
		for (int j = 0; j < 4; j++) {
			if (names[j] == name)
				turns_leave(turns, &takers[j].turn);
		}
	}
	assert_string_equal(record.names, "aXbc");
	for (int i = 0; i < 4; i++) {
		end(&takers[i]);
		assert_true(takers[i].got);
	}
	turn_finish(&first);
	turns_destroy(turns);
}

static void a_turn_is_kept_until_somebody_waits(void **state)
{
	struct turns *turns = turns_create(1);
	struct turns_owner owners[2] = {0};
	struct record record;
	record_init(&record);
	struct taker a;
	struct taker b;
	taker_init(&a, turns, &owners[0], &record, 'a');
	taker_init(&b, turns, &owners[1], &record, 'b');
	for (int i = 0; i < 3; i++)
		assert_true(take_now(turns, &owners[0], &a.turn, 0));
	start_waiting(&b);
	start_waiting(&a); // its next turn comes after the other's
	end(&b);
	end(&a);
	assert_string_equal(record.names, "ba");
	turns_destroy(turns);
}

static void levels_have_places_of_their_own(void **state)
{
	struct turns *turns = turns_create(2);
	struct turns_owner owner = {0};
	struct turn of[5];
	for (int i = 0; i < 5; i++)
		turn_init(&of[i]);
	assert_true(take_now(turns, &owner, &of[0], 0));
	assert_true(take_now(turns, &owner, &of[1], 0));
	assert_false(take_now(turns, &owner, &of[2], 0));
	assert_true(take_now(turns, &owner, &of[3], 1));
	// Who goes to another level leaves its place in the old one.
	assert_true(take_now(turns, &owner, &of[0], 1));
	assert_true(take_now(turns, &owner, &of[4], 0));
	assert_false(take_now(turns, &owner, &of[2], 1));
	for (int i = 0; i < 5; i++) {
		turns_leave(turns, &of[i]);
		turn_finish(&of[i]);
	}
	turns_destroy(turns);
}

static void who_waits_can_be_told_to_stop(void **state)
{
	struct turns *turns = turns_create(1);
	struct turns_owner owner = {0};
	struct record record;
	record_init(&record);
	struct turn first;
	turn_init(&first);
	assert_true(take_now(turns, &owner, &first, 0));
	struct taker stopped;
	struct taker late;
	struct taker patient;
	taker_init(&stopped, turns, &owner, &record, 's');
	taker_init(&late, turns, &owner, &record, 'l');
	taker_init(&patient, turns, &owner, &record, 'p');
	late.deadline_ms = clock_monotonic_ms() + 20;
	start_waiting(&stopped);
	start_waiting(&late);
	start_waiting(&patient);
	end(&late);
	assert_false(late.got);
	atomic_store(&stopped.over, true);
	turns_wake(turns, &stopped.turn);
	end(&stopped);
	assert_false(stopped.got);
	turns_leave(turns, &first);
	end(&patient);
	assert_true(patient.got);
	assert_string_equal(record.names, "lsp");
	turn_finish(&first);
	turns_destroy(turns);
}

struct storm {
	struct turns *turns;
	struct turns_owner owners[3];
	atomic_int running;
	atomic_int most;
	atomic_int given;
};

struct stormer {
	pthread_t thread;
	struct storm *storm;
	int number;
};

static void *hurry(void *argument)
{
	struct stormer *stormer = argument;
	struct storm *storm = stormer->storm;
	struct turn turn;
	turn_init(&turn);
	for (int i = 0; i < 500; i++) {
		bool got = turns_take(storm->turns, &storm->owners[stormer->number % 3], &turn, 0, never,
				      NULL, soon());
		int running = atomic_fetch_add(&storm->running, 1) + 1;
		int most = atomic_load(&storm->most);
		while (running > most && !atomic_compare_exchange_weak(&storm->most, &most, running)) {
		}
		atomic_fetch_add(&storm->given, got);
		atomic_fetch_sub(&storm->running, 1);
		if (i % 5 == 4)
			turns_leave(storm->turns, &turn);
	}
	turn_finish(&turn);
	return NULL;
}

static void never_more_go_on_than_may(void **state)
{
	struct storm storm = {.turns = turns_create(2)};
	struct stormer stormers[8];
	for (int i = 0; i < 8; i++) {
		stormers[i] = (struct stormer){.storm = &storm, .number = i};
		assert_int_equal(pthread_create(&stormers[i].thread, NULL, hurry, &stormers[i]), 0);
	}
	for (int i = 0; i < 8; i++)
		pthread_join(stormers[i].thread, NULL);
	assert_int_equal(atomic_load(&storm.given), 8 * 500);
	assert_in_range(atomic_load(&storm.most), 1, 2);
	turns_destroy(storm.turns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_take_turns),
		cmocka_unit_test(a_turn_is_kept_until_somebody_waits),
		cmocka_unit_test(levels_have_places_of_their_own),
		cmocka_unit_test(who_waits_can_be_told_to_stop),
		cmocka_unit_test(never_more_go_on_than_may),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
