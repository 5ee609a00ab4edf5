#include "base/workers.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

// SQLite's compiler recurses with the nesting of views and common table expressions, some 420 bytes a level: a stack
// must hold what a text of sql-length-max can nest. Untouched pages of it cost nothing.
enum { IDLE_MS = 10000, STACK_BYTES = 32 * 1024 * 1024 };
enum { WAITING_TIMES = 4 };

struct queue {
	struct task *first;
	struct task **end;
	int count;
};

// A thread of the pool, on its stack.
struct worker {
	int64_t cpu_before_ns; // its CPU time when the present task began
	bool ordinary;         // the present task
	int nice;
	bool aside;   // no longer counted
	bool waiting; // not counted at present
};

struct workers {
	pthread_mutex_t mutex;
	pthread_key_t self;     // struct worker of the calling thread
	pthread_cond_t work;    // a task was queued
	pthread_cond_t changed; // a thread ended, or the pool became idle
	pthread_cond_t tick;    // the timer must look again
	// guarded by mutex
	struct queue ordinary;
	struct queue urgent;
	struct task **heap; // by due_ms, a binary heap
	size_t heap_size;
	size_t heap_capacity;
	int thread_count;
	int idle_count;
	int busy_ordinary;
	int aside_count;   // threads that stepped aside
	int waiting_count; // threads in a wait that others end
	int thread_count_max;
	int reserve;
	bool stopping;
	int growing_count; // threads that the timer is to start
	bool timer_ended;
	pthread_t timer;
};

static void queue_push(struct queue *queue, struct task *task)
{
	task->next = NULL;
	*queue->end = task;
	queue->end = &task->next;
	queue->count++;
}

static struct task *queue_pop(struct queue *queue)
{
	struct task *task = queue->first;
	if (task) {
		queue->first = task->next;
		if (!queue->first)
			queue->end = &queue->first;
		queue->count--;
	}
	return task;
}

static struct task *take_locked(struct workers *workers, bool *out_ordinary)
{
	struct task *task = queue_pop(&workers->urgent);
	*out_ordinary = false;
	if (!task && workers->busy_ordinary < workers->thread_count_max) {
		task = queue_pop(&workers->ordinary);
		*out_ordinary = task != NULL;
	}
	return task;
}

static void *worker_main(void *argument);

static bool may_grow_locked(const struct workers *workers)
{
	int queued = workers->ordinary.count + workers->urgent.count;
	int limit = workers->thread_count_max + (workers->urgent.first ? workers->reserve : 0);
	return queued > workers->idle_count && workers->thread_count < limit;
}

// A failure to start one more thread is no error: the task waits for one that exists.
static void grow_locked(struct workers *workers)
{
	if (!may_grow_locked(workers))
		return;
	const struct worker *self = pthread_getspecific(workers->self);
	if (self && self->nice > 0) {
		// A thread inherits the priority of the one that starts it.
		workers->growing_count++;
		pthread_cond_signal(&workers->tick);
		return;
	}
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_t thread;
	if (pthread_create(&thread, &attributes, worker_main, workers) == 0)
		workers->thread_count++;
	else
		ASSERT(workers->thread_count + workers->aside_count + workers->waiting_count > 0);
	pthread_attr_destroy(&attributes);
}

static int64_t thread_cpu_ns(void)
{
	struct timespec spent;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
	return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

// Entered and left with the mutex.
static void run_locked(struct workers *workers, struct worker *worker, struct task *task)
{
	workers->busy_ordinary += worker->ordinary;
	pthread_mutex_unlock(&workers->mutex);
	worker->cpu_before_ns = thread_cpu_ns();
	task->run(task);
	pthread_mutex_lock(&workers->mutex);
	if (worker->aside)
		return;
	workers->busy_ordinary -= worker->ordinary;
	if (worker->ordinary && workers->ordinary.first && workers->idle_count > 0)
		pthread_cond_signal(&workers->work);
}

static void *worker_main(void *argument)
{
	struct workers *workers = argument;
	struct worker self = {0};
	pthread_setspecific(workers->self, &self);
	pthread_mutex_lock(&workers->mutex);
	while (self.nice == 0) {
		struct task *task = take_locked(workers, &self.ordinary);
		if (task) {
			run_locked(workers, &self, task);
			continue;
		}
		if (workers->stopping && !workers->ordinary.first)
			break;
		workers->idle_count++;
		pthread_cond_broadcast(&workers->changed);
		bool woken = clock_cond_wait(&workers->work, &workers->mutex, clock_monotonic_ms() + IDLE_MS);
		workers->idle_count--;
		if (!woken && !workers->urgent.first && !workers->ordinary.first)
			break;
	}
	if (self.aside)
		workers->aside_count--;
	else
		workers->thread_count--;
	grow_locked(workers); // what was queued for this one
	pthread_cond_broadcast(&workers->changed);
	pthread_mutex_unlock(&workers->mutex);
	return NULL;
}

static void submit(struct workers *workers, struct queue *queue, struct task *task)
{
	pthread_mutex_lock(&workers->mutex);
	queue_push(queue, task);
	grow_locked(workers);
	if (workers->idle_count > 0)
		pthread_cond_signal(&workers->work);
	pthread_mutex_unlock(&workers->mutex);
}

// A thread that goes on with its task without being counted.
static void leave_place_locked(struct workers *workers, const struct worker *self)
{
	workers->thread_count--;
	workers->busy_ordinary -= self->ordinary;
	grow_locked(workers);
	if (workers->ordinary.first && workers->idle_count > 0)
		pthread_cond_signal(&workers->work);
}

int64_t workers_task_cpu_ns(struct workers *workers)
{
	const struct worker *self = pthread_getspecific(workers->self);
	return self ? thread_cpu_ns() - self->cpu_before_ns : -1;
}

void workers_step_aside(struct workers *workers, int nice)
{
	struct worker *self = pthread_getspecific(workers->self);
	if (!self || nice <= self->nice)
		return;
	self->nice = nice;
	// On Linux, priorities are of threads. A failure leaves the thread as fast as it was, which harms nobody for long.
	setpriority(PRIO_PROCESS, (id_t)gettid(), nice);
	pthread_mutex_lock(&workers->mutex);
	if (!self->aside && workers->aside_count < workers->thread_count_max) {
		self->aside = true;
		workers->aside_count++;
		leave_place_locked(workers, self);
	}
	pthread_mutex_unlock(&workers->mutex);
}

void workers_wait_begin(struct workers *workers)
{
	struct worker *self = pthread_getspecific(workers->self);
	if (!self || self->aside)
		return;
	pthread_mutex_lock(&workers->mutex);
	self->waiting = workers->waiting_count < WAITING_TIMES * workers->thread_count_max;
	if (self->waiting) {
		workers->waiting_count++;
		leave_place_locked(workers, self);
	}
	pthread_mutex_unlock(&workers->mutex);
}

// For a moment there may be more threads than places: none is started until there are fewer again.
void workers_wait_end(struct workers *workers)
{
	struct worker *self = pthread_getspecific(workers->self);
	if (!self || !self->waiting)
		return;
	pthread_mutex_lock(&workers->mutex);
	self->waiting = false;
	workers->waiting_count--;
	workers->thread_count++;
	workers->busy_ordinary += self->ordinary;
	pthread_mutex_unlock(&workers->mutex);
}

void workers_run(struct workers *workers, struct task *task)
{
	submit(workers, &workers->ordinary, task);
}

void workers_run_urgent(struct workers *workers, struct task *task)
{
	submit(workers, &workers->urgent, task);
}

static void heap_swap(struct task **heap, size_t a, size_t b)
{
	struct task *task = heap[a];
	heap[a] = heap[b];
	heap[b] = task;
}

static void heap_push_locked(struct workers *workers, struct task *task)
{
	if (workers->heap_size == workers->heap_capacity) {
		workers->heap_capacity = workers->heap_capacity ? workers->heap_capacity * 2 : 64;
		workers->heap = realloc(workers->heap, workers->heap_capacity * sizeof(struct task *));
		ASSERT(workers->heap != NULL);
	}
	size_t at = workers->heap_size++;
	workers->heap[at] = task;
	while (at > 0 && workers->heap[(at - 1) / 2]->due_ms > workers->heap[at]->due_ms) {
		heap_swap(workers->heap, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static struct task *heap_pop_locked(struct workers *workers)
{
	struct task **heap = workers->heap;
	struct task *first = heap[0];
	heap[0] = heap[--workers->heap_size];
	size_t at = 0;
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2; child++) {
			if (child < workers->heap_size && heap[child]->due_ms < heap[least]->due_ms)
				least = child;
		}
		if (least == at)
			return first;
		heap_swap(heap, at, least);
		at = least;
	}
}

void workers_run_at(struct workers *workers, struct task *task, int64_t due_ms)
{
	pthread_mutex_lock(&workers->mutex);
	task->due_ms = due_ms;
	heap_push_locked(workers, task);
	pthread_cond_signal(&workers->tick);
	pthread_mutex_unlock(&workers->mutex);
}

static void *timer_main(void *argument)
{
	struct workers *workers = argument;
	pthread_mutex_lock(&workers->mutex);
	for (;;) {
		int64_t now = clock_monotonic_ms();
		for (; workers->growing_count > 0; workers->growing_count--)
			grow_locked(workers);
		while (workers->heap_size > 0 && (workers->stopping || workers->heap[0]->due_ms <= now)) {
			queue_push(&workers->ordinary, heap_pop_locked(workers));
			grow_locked(workers);
			pthread_cond_signal(&workers->work);
		}
		if (workers->timer_ended)
			break;
		int64_t until = workers->heap_size > 0 ? workers->heap[0]->due_ms : INT64_MAX;
		clock_cond_wait(&workers->tick, &workers->mutex, until);
	}
	pthread_mutex_unlock(&workers->mutex);
	return NULL;
}

bool workers_start(int thread_count_max, int reserve, struct workers **out, struct error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));
	ASSERT(workers != NULL);
	pthread_mutex_init(&workers->mutex, NULL);
	clock_cond_init(&workers->work);
	clock_cond_init(&workers->changed);
	clock_cond_init(&workers->tick);
	if (pthread_key_create(&workers->self, NULL) != 0) {
		free(workers);
		return error_set(err, ERR_INTERNAL, "the process has no thread-specific keys left");
	}
	workers->ordinary.end = &workers->ordinary.first;
	workers->urgent.end = &workers->urgent.first;
	workers->thread_count_max = thread_count_max;
	workers->reserve = reserve;
	int result = pthread_create(&workers->timer, NULL, timer_main, workers);
	if (result != 0) {
		pthread_key_delete(workers->self);
		free(workers);
		return error_errno(err, result, "pthread_create", "no thread could be started");
	}
	*out = workers;
	return true;
}

void workers_tell_numbers(struct workers *workers, struct workers_numbers *out)
{
	pthread_mutex_lock(&workers->mutex);
	*out = (struct workers_numbers){
		.threads = workers->thread_count + workers->aside_count + workers->waiting_count,
		.idle = workers->idle_count,
		.queued = workers->ordinary.count + workers->urgent.count,
		.aside = workers->aside_count,
		.waiting = workers->waiting_count,
		.thread_count_max = workers->thread_count_max,
	};
	pthread_mutex_unlock(&workers->mutex);
}

bool workers_stopping(const struct workers *workers)
{
	struct workers *mutable = (struct workers *)(uintptr_t)workers;
	pthread_mutex_lock(&mutable->mutex);
	bool stopping = workers->stopping;
	pthread_mutex_unlock(&mutable->mutex);
	return stopping;
}

static bool quiet_locked(const struct workers *workers)
{
	return workers->heap_size == 0 && !workers->ordinary.first && !workers->urgent.first &&
	       workers->idle_count == workers->thread_count && workers->aside_count == 0 &&
	       workers->waiting_count == 0;
}

void workers_stop(struct workers *workers)
{
	if (!workers)
		return;
	pthread_mutex_lock(&workers->mutex);
	workers->stopping = true;
	pthread_cond_signal(&workers->tick);
	pthread_cond_broadcast(&workers->work);
	while (!quiet_locked(workers) || workers->thread_count > 0) {
		clock_cond_wait(&workers->changed, &workers->mutex, clock_monotonic_ms() + 50);
		pthread_cond_broadcast(&workers->work);
		pthread_cond_signal(&workers->tick);
	}
	workers->timer_ended = true;
	pthread_cond_signal(&workers->tick);
	pthread_mutex_unlock(&workers->mutex);
	pthread_join(workers->timer, NULL);
	pthread_key_delete(workers->self);
	pthread_mutex_destroy(&workers->mutex);
	pthread_cond_destroy(&workers->work);
	pthread_cond_destroy(&workers->changed);
	pthread_cond_destroy(&workers->tick);
	free(workers->heap);
	free(workers);
}
