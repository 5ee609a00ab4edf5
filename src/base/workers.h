/// workers: threads that run tasks which may block, and a timer that starts tasks later.
///
/// The pool grows with demand up to `thread_count_max` and shrinks when idle. Urgent tasks (the next request
/// of a stream that holds a transaction) may use `reserve` threads more: those who would free a resource must
/// never queue behind those who wait for it.
///
/// A task is embedded in its owner's struct and belongs to the pool from workers_run until its function is
/// entered; the function may free it or schedule it again.
#ifndef ATOLL_BASE_WORKERS_H
#define ATOLL_BASE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"

struct workers;
struct task {
	void (*run)(struct task *task);
	struct task *next; // pool's own
	int64_t due_ms;    // pool's own
};

/// CONTAINER_OF(task, struct owner, task): the struct in which the task is embedded.
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

MUST_USE bool workers_start(int thread_count_max, int reserve, struct workers **out, struct error *err);

void workers_run(struct workers *workers, struct task *task);
void workers_run_urgent(struct workers *workers, struct task *task);

/// Runs the task at `due_ms` (monotonic) or soon after. After workers_stop began it runs at once.
void workers_run_at(struct workers *workers, struct task *task, int64_t due_ms);

/// CPU time that the calling thread has spent on its present task; -1 on a thread that is not of the pool.
int64_t workers_task_cpu_ns(struct workers *workers);
/// By a task that computes for long: its thread goes on with the lower priority `nice` (0 to 19; never a higher one than
/// before), which Linux does not let it leave again. So it counts as one of the pool's no longer, and ends with the
/// task. Only as many as the pool may have threads stand aside; the others keep their place until they end. Nothing
/// happens on a thread that is not of the pool.
void workers_step_aside(struct workers *workers, int nice);

/// Around a wait for what other tasks do: meanwhile the calling thread takes no place in the pool, so that those who wait
/// leave threads to those they wait for, and to everybody else. Up to four times as many as the pool may have threads do
/// so; more keep their places. Nothing happens on a thread that is not of the pool.
void workers_wait_begin(struct workers *workers);
void workers_wait_end(struct workers *workers);

/// What the pool is doing at a moment.
struct workers_numbers {
	int threads; // all of them
	int idle;
	int queued; // tasks that wait for a thread
	int aside;  // threads that compute for long
	int waiting;
	int thread_count_max;
};
void workers_tell_numbers(struct workers *workers, struct workers_numbers *out);

/// True once workers_stop has begun: repeating tasks end themselves.
bool workers_stopping(const struct workers *workers);

/// Runs all that is queued (timers at once), waits for it, ends the threads, frees. NULL is fine.
/// No task may be submitted from outside afterwards; tasks run during the stop may still submit.
void workers_stop(struct workers *workers);

#endif
