/// turns: of many that compute for long, a few go on at a time, and owner after owner.
///
/// Who has a turn gives it back after a while if others wait (by taking another), and waits behind them: first the other
/// owners, then the others of its own owner. An owner that has many waiting gets no more than one that has one.
/// Levels have places of their own and know nothing of each other.
///
/// Life:    turns_create → turns_take, turns_leave … → turns_destroy, when nobody waits or has a turn.
/// Threads: any; a turn is one thread's at a time, but for turns_wake.
#ifndef ATOLL_BASE_TURNS_H
#define ATOLL_BASE_TURNS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { TURNS_LEVELS_MAX = 4 };

struct turns;

/// Embedded, zeroed, in what the turns are taken for. All members are turns' own.
struct turns_owner {
	struct turns_queue {
		struct turn *first;
		struct turn *last;
		struct turns_owner *next; // of those that wait at this level
	} queues[TURNS_LEVELS_MAX];
};

/// Embedded in who takes it. All members are turns' own.
struct turn {
	pthread_cond_t go;
	struct turn *next; // in its owner's queue
	struct turns_owner *owner;
	int level;
	bool running;
};

struct turns *turns_create(int running_count_max);
/// NULL is fine.
void turns_destroy(struct turns *turns);

void turn_init(struct turn *turn);
void turn_finish(struct turn *turn);

/// Returns when the turn has come; who has one already keeps it unless others wait at this level. False: it never came,
/// since `is_over` said so, which is asked under a lock and must not block, or the deadline passed.
bool turns_take(struct turns *turns, struct turns_owner *owner, struct turn *turn, int level,
		bool (*is_over)(void *context), void *context, int64_t deadline_ms);
/// Fine without a turn.
void turns_leave(struct turns *turns, struct turn *turn);
/// Lets a turn that is waited for ask `is_over` again. From any thread.
void turns_wake(struct turns *turns, struct turn *turn);

#endif
