#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/workers.h"

// Threads meet at a gate: `inside` counts who waits there, until it is opened.
struct gate {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int inside;
	bool open;
};

struct job {
	struct task task;
	struct gate *gate;
	struct workers *workers;
	atomic_int *sum;
	int value;
	int rounds;
};

static void gate_init(struct gate *gate)
{
	*gate = (struct gate){.mutex = PTHREAD_MUTEX_INITIALIZER};
	clock_cond_init(&gate->changed);
}

static void gate_open(struct gate *gate)
{
	pthread_mutex_lock(&gate->mutex);
	gate->open = true;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->mutex);
}

static bool gate_wait_for(struct gate *gate, int inside)
{
	int64_t deadline = clock_monotonic_ms() + 20000;
	pthread_mutex_lock(&gate->mutex);
	while (gate->inside < inside && clock_cond_wait(&gate->changed, &gate->mutex, deadline)) {
	}
	bool reached = gate->inside >= inside;
	pthread_mutex_unlock(&gate->mutex);
	return reached;
}

static void pass_gate(struct task *task)
{
	struct gate *gate = CONTAINER_OF(task, struct job, task)->gate;
	pthread_mutex_lock(&gate->mutex);
	gate->inside++;
	pthread_cond_broadcast(&gate->changed);
	while (!gate->open)
		clock_cond_wait(&gate->changed, &gate->mutex, INT64_MAX);
	pthread_mutex_unlock(&gate->mutex);
}

static void add(struct task *task)
{
	struct job *job = CONTAINER_OF(task, struct job, task);
	atomic_fetch_add(job->sum, job->value);
}

static struct workers *start(int threads, int reserve)
{
	struct workers *workers;
	struct error err;
	assert_true(workers_start(threads, reserve, &workers, &err));
	return workers;
}

static void every_task_runs_once(void **state)
{
	enum { JOBS = 2000 };
	struct workers *workers = start(8, 2);
	struct job *jobs = calloc(JOBS, sizeof(*jobs));
	atomic_int sum = 0;
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct job){.task.run = add, .sum = &sum, .value = i};
		if (i % 3 == 0)
			workers_run_at(workers, &jobs[i].task, clock_monotonic_ms() + i % 20);
		else if (i % 3 == 1)
			workers_run_urgent(workers, &jobs[i].task);
		else
			workers_run(workers, &jobs[i].task);
	}
	workers_stop(workers);
	assert_int_equal(atomic_load(&sum), JOBS * (JOBS - 1) / 2);
	free(jobs);
}

static void urgent_tasks_pass_a_pool_that_is_full(void **state)
{
	struct workers *workers = start(2, 1);
	struct gate gate;
	gate_init(&gate);
	struct job blocked[4];
	for (int i = 0; i < 4; i++) {
		blocked[i] = (struct job){.task.run = pass_gate, .gate = &gate};
		workers_run(workers, &blocked[i].task);
	}
	assert_true(gate_wait_for(&gate, 2));
	struct job urgent = {.task.run = pass_gate, .gate = &gate};
	workers_run_urgent(workers, &urgent.task);
	// The third in the gate can only be the urgent one: ordinary tasks have two threads.
	assert_true(gate_wait_for(&gate, 3));
	assert_int_equal(gate.inside, 3);
	gate_open(&gate);
	workers_stop(workers);
	assert_int_equal(gate.inside, 5);
}

static void ordinary_tasks_run_side_by_side_up_to_the_limit(void **state)
{
	struct workers *workers = start(4, 4);
	struct gate gate;
	gate_init(&gate);
	struct job jobs[4];
	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){.task.run = pass_gate, .gate = &gate};
		workers_run(workers, &jobs[i].task);
	}
	assert_true(gate_wait_for(&gate, 4));
	gate_open(&gate);
	workers_stop(workers);
}

static void record(struct task *task)
{
	struct job *job = CONTAINER_OF(task, struct job, task);
	int before = atomic_load(job->sum);
	atomic_store(job->sum, before * 10 + job->value);
}

static void timers_run_in_the_order_of_their_time(void **state)
{
	struct workers *workers = start(1, 0);
	struct gate gate;
	gate_init(&gate);
	atomic_int digits = 0;
	int64_t now = clock_monotonic_ms();
	struct job jobs[5];
	const int order[] = {3, 1, 5, 2, 4};
	for (int i = 0; i < 5; i++) {
		jobs[i] = (struct job){.task.run = record, .sum = &digits, .value = order[i]};
		workers_run_at(workers, &jobs[i].task, now + 10 * order[i]);
	}
	struct job last = {.task.run = pass_gate, .gate = &gate};
	workers_run_at(workers, &last.task, now + 60);
	assert_true(gate_wait_for(&gate, 1));
	assert_true(clock_monotonic_ms() >= now + 60);
	assert_int_equal(atomic_load(&digits), 12345);
	gate_open(&gate);
	workers_stop(workers);
}

static void repeat(struct task *task)
{
	struct job *job = CONTAINER_OF(task, struct job, task);
	job->rounds++;
	if (!workers_stopping(job->workers))
		workers_run_at(job->workers, task, clock_monotonic_ms() + 3600 * 1000);
}

static void stopping_runs_timers_at_once(void **state)
{
	struct workers *workers = start(2, 0);
	struct job job = {.task.run = repeat, .workers = workers};
	workers_run_at(workers, &job.task, clock_monotonic_ms() + 3600 * 1000);
	workers_stop(workers);
	assert_int_equal(job.rounds, 1);
}

static void again(struct task *task)
{
	struct job *job = CONTAINER_OF(task, struct job, task);
	if (--job->rounds > 0)
		workers_run(job->workers, task);
	else
		atomic_fetch_add(job->sum, 1);
}

static void a_task_may_schedule_itself_while_the_pool_stops(void **state)
{
	struct workers *workers = start(2, 0);
	atomic_int sum = 0;
	struct job job = {.task.run = again, .workers = workers, .sum = &sum, .rounds = 1000};
	workers_run(workers, &job.task);
	workers_stop(workers);
	assert_int_equal(atomic_load(&sum), 1);
}

struct aside {
	struct task task;
	struct workers *workers;
	struct gate *gate;
	struct aside *next; // started by this one
	int nice;           // to step aside with; 0: does not
	int found_nice;     // before that
	bool computed;
};

static int nice_of_thread(void)
{
	return getpriority(PRIO_PROCESS, (id_t)gettid());
}

static void step_aside(struct task *task)
{
	struct aside *aside = CONTAINER_OF(task, struct aside, task);
	aside->found_nice = nice_of_thread();
	int64_t before = workers_task_cpu_ns(aside->workers);
	while (workers_task_cpu_ns(aside->workers) == before) {
	}
	aside->computed = before >= 0;
	if (aside->nice > 0) {
		workers_step_aside(aside->workers, aside->nice);
		assert_int_equal(nice_of_thread(), aside->nice);
		workers_step_aside(aside->workers, 1); // there is no way back
		assert_int_equal(nice_of_thread(), aside->nice);
	}
	if (aside->next)
		workers_run(aside->workers, &aside->next->task);
	struct job job = {.gate = aside->gate};
	pass_gate(&job.task);
}

static void who_steps_aside_leaves_its_place_to_others(void **state)
{
	int usual = nice_of_thread();
	struct workers *workers = start(1, 0);
	struct gate gate;
	gate_init(&gate);
	struct aside last = {.task.run = step_aside, .workers = workers, .gate = &gate};
	struct aside second = last;
	second.nice = 19;
	second.next = &last;
	struct aside first = second;
	first.next = &second;
	workers_run(workers, &first.task);
	// Of a pool with one thread.
	assert_true(gate_wait_for(&gate, 2));
	gate_open(&gate);
	workers_stop(workers);
	assert_int_equal(gate.inside, 3);
	// Its priority stays with it.
	assert_int_equal(first.found_nice, usual);
	assert_int_equal(second.found_nice, usual);
	assert_int_equal(last.found_nice, usual);
	assert_true(first.computed && second.computed && last.computed);
}

struct waiter {
	struct task task;
	struct workers *workers;
	struct gate *waiting; // in a wait
	struct gate *after;
};

static void wait_then_go_on(struct task *task)
{
	struct waiter *waiter = CONTAINER_OF(task, struct waiter, task);
	struct job waiting = {.gate = waiter->waiting};
	struct job after = {.gate = waiter->after};
	workers_wait_begin(waiter->workers);
	pass_gate(&waiting.task);
	workers_wait_end(waiter->workers);
	pass_gate(&after.task);
}

static void who_waits_for_others_leaves_them_its_place(void **state)
{
	enum { WAITERS = 4 };
	struct workers *workers = start(1, 0);
	struct gate waiting;
	struct gate after;
	struct gate others;
	gate_init(&waiting);
	gate_init(&after);
	gate_init(&others);
	struct waiter waiters[WAITERS + 2];
	for (int i = 0; i < WAITERS; i++) {
		waiters[i] = (struct waiter){.task.run = wait_then_go_on, .workers = workers};
		waiters[i].waiting = &waiting;
		waiters[i].after = &after;
		workers_run(workers, &waiters[i].task);
	}
	// Of a pool with one thread.
	assert_true(gate_wait_for(&waiting, WAITERS));
	struct job other = {.task.run = pass_gate, .gate = &others};
	workers_run(workers, &other.task);
	assert_true(gate_wait_for(&others, 1));
	// They are bounded: one more keeps its place, and the next does not even begin.
	gate_open(&others);
	for (int i = WAITERS; i < WAITERS + 2; i++) {
		waiters[i] = waiters[0];
		workers_run(workers, &waiters[i].task);
	}
	assert_true(gate_wait_for(&waiting, WAITERS + 1));
	assert_int_equal(waiting.inside, WAITERS + 1);
	gate_open(&waiting);
	assert_true(gate_wait_for(&after, WAITERS + 1));
	gate_open(&after);
	workers_stop(workers);
	assert_int_equal(waiting.inside, WAITERS + 2);
	assert_int_equal(after.inside, WAITERS + 2);
}

static void other_threads_do_not_step_aside(void **state)
{
	struct workers *workers = start(1, 0);
	int usual = nice_of_thread();
	workers_step_aside(workers, 19);
	assert_int_equal(nice_of_thread(), usual);
	assert_int_equal(workers_task_cpu_ns(workers), -1);
	workers_stop(workers);
}

static void stopping_nothing_is_fine(void **state)
{
	workers_stop(NULL);
	workers_stop(start(1, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task_runs_once),
		cmocka_unit_test(urgent_tasks_pass_a_pool_that_is_full),
		cmocka_unit_test(ordinary_tasks_run_side_by_side_up_to_the_limit),
		cmocka_unit_test(timers_run_in_the_order_of_their_time),
		cmocka_unit_test(stopping_runs_timers_at_once),
		cmocka_unit_test(a_task_may_schedule_itself_while_the_pool_stops),
		cmocka_unit_test(who_steps_aside_leaves_its_place_to_others),
		cmocka_unit_test(who_waits_for_others_leaves_them_its_place),
		cmocka_unit_test(other_threads_do_not_step_aside),
		cmocka_unit_test(stopping_nothing_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
