// Kills a process that writes through a primary and a replica, at random moments, and looks at what is left.
//
// The child tells each acknowledged id through a pipe, after the barrier. What the parent read from the pipe
// was acknowledged, so it must be there after recovery: exactly once, with its blob whole, and equally on the
// replica.

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/trace.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/session.h"

static const char database_id[] = "11111111-1111-4111-8111-111111111111";
static const char primary_id[] = "22222222-2222-4222-8222-222222222222";
static const char replica_id[] = "33333333-3333-4333-8333-333333333333";

enum { ROUNDS = 25, WRITERS = 4, ID_SPACE = 1000000 };

static bool describe(void *context, const char *database, struct fleet_instance_spec **out, size_t *count,
		     struct engine_rules *rules, struct error *err)
{
	*rules = (struct engine_rules){0};
	(void)context;
	(void)database;
	(void)err;
	struct fleet_instance_spec *specs = calloc(2, sizeof(*specs));
	snprintf(specs[0].uuid, sizeof(specs[0].uuid), "%s", primary_id);
	snprintf(specs[0].location, sizeof(specs[0].location), "ord");
	specs[0].primary = true;
	snprintf(specs[1].uuid, sizeof(specs[1].uuid), "%s", replica_id);
	snprintf(specs[1].location, sizeof(specs[1].location), "nrt");
	*out = specs;
	*count = 2;
	return true;
}

struct events {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int ready;
};

static void on_event(void *context, const char *database, const char *instance, const struct error *why)
{
	struct events *events = context;
	(void)database;
	(void)instance;
	assert_null(why);
	pthread_mutex_lock(&events->mutex);
	events->ready++;
	pthread_cond_broadcast(&events->changed);
	pthread_mutex_unlock(&events->mutex);
}

struct running {
	struct workers *workers;
	struct fleet *fleet;
	struct events events;
};

static void start(struct running *running, const char *folder)
{
	struct error err = {0};
	*running = (struct running){0};
	pthread_mutex_init(&running->events.mutex, NULL);
	clock_cond_init(&running->events.changed);
	assert_true(workers_start(32, 8, &running->workers, &err));
	struct fleet_options options = {.data_folder = folder,
					.workers = running->workers,
					.limits = {.statement_ms_max = 20000,
						   .transaction_ms_max = 5000,
						   .lane_wait_ms_max = 10000,
						   .sql_bytes_max = 100000,
						   .connections_per_instance_max = 32,
						   .row_bytes_max = 5000000},
					.log_bytes_max = 256 << 20,
					.describe = describe,
					.instance_event = on_event,
					.context = &running->events};
	if (!fleet_open(&options, &running->fleet, &err))
		fail_msg("%s: %s", err.message, err.detail);
}

static void stop(struct running *running)
{
	fleet_close(running->fleet);
	workers_stop(running->workers);
}

static struct fleet_session *session_on(struct running *running, const char *instance)
{
	struct error err = {0};
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	struct fleet_session *session;
	if (!fleet_acquire(running->fleet, database_id, instance, &held, &err))
		fail_msg("%s: %s", err.message, err.detail);
	assert_true(fleet_session_open(held, false, &session, &err));
	return session;
}

struct numbers {
	struct result_sink sink;
	int64_t *values;
	size_t count;
};

static bool numbers_columns(struct result_sink *sink, const struct column *columns, int count,
			    struct error *err)
{
	(void)sink;
	(void)columns;
	(void)count;
	(void)err;
	return true;
}

static bool numbers_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct numbers *numbers = (struct numbers *)sink;
	(void)count;
	(void)err;
	numbers->values = realloc(numbers->values, (numbers->count + 1) * sizeof(int64_t));
	numbers->values[numbers->count++] =
		values[0].kind == VALUE_INTEGER ? values[0].integer : (int64_t)values[0].size;
	return true;
}

static void numbers_restart(struct result_sink *sink)
{
	((struct numbers *)sink)->count = 0;
}

static bool run(struct fleet_session *session, const char *sql, struct numbers *numbers)
{
	struct numbers own = {.sink = {numbers_columns, numbers_row, numbers_restart}};
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	struct error err = {0};
	struct numbers *into = numbers ? numbers : &own;
	bool ok = fleet_session_execute(session, &statement, &into->sink, &result, &err) &&
		  fleet_session_settle(session, &err);
	if (!ok)
		print_message("%s: %s (%s)\n", sql, err.message, err.detail);
	free(own.values);
	return ok;
}

// -- the child ----------------------------------------------------------------------------------------

struct writer {
	struct running *running;
	int pipe;
	int64_t first_id;
	bool on_replica;
};

static void *write_rows(void *argument)
{
	struct writer *writer = argument;
	struct fleet_session *session =
		session_on(writer->running, writer->on_replica ? replica_id : primary_id);
	for (int64_t id = writer->first_id;; id++) {
		char sql[200];
		int size = (int)(id % 5 == 0 ? 30000 : 100);
		snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (%lld, %d, zeroblob(%d))", (long long)id,
			 size, size);
		bool ok = true;
		if (id % 7 == 0) {
			ok = run(session, "BEGIN IMMEDIATE", NULL) && run(session, sql, NULL) &&
			     run(session, "UPDATE total SET n = n + 1", NULL) && run(session, "COMMIT", NULL);
		} else {
			ok = run(session, sql, NULL);
		}
		if (id % 50 == 0)
			ok = ok && run(session, "DELETE FROM churn WHERE id % 3 = 0", NULL) &&
			     run(session, "INSERT INTO churn(body) SELECT randomblob(3000) FROM t LIMIT 20",
				 NULL);
		if (!ok)
			_exit(3);
		if (write(writer->pipe, &id, sizeof(id)) != sizeof(id))
			_exit(4);
	}
}

static void child(const char *folder, int pipe, int round)
{
	struct running running;
	struct writer writers[WRITERS];
	pthread_t threads[WRITERS];
	start(&running, folder);
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){&running, pipe, ((int64_t)round * WRITERS + i + 1) * ID_SPACE,
					     i % 2 == 1};
		pthread_create(&threads[i], NULL, write_rows, &writers[i]);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
}

// -- the parent ---------------------------------------------------------------------------------------

static void expect_one(struct fleet_session *session, const char *sql, int64_t expected)
{
	struct numbers numbers = {.sink = {numbers_columns, numbers_row, numbers_restart}};
	assert_true(run(session, sql, &numbers));
	assert_int_equal(numbers.count, 1);
	if (numbers.values[0] != expected)
		fail_msg("%s: %lld, not %lld", sql, (long long)numbers.values[0], (long long)expected);
	free(numbers.values);
}

static int compare_ids(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a;
	int64_t right = *(const int64_t *)b;
	return left < right ? -1 : left > right;
}

static void expect_acknowledged(struct fleet_session *session, const struct numbers *acknowledged)
{
	struct numbers there = {.sink = {numbers_columns, numbers_row, numbers_restart}};
	assert_true(run(session, "SELECT id FROM t ORDER BY id", &there));
	for (size_t i = 0; i < acknowledged->count; i++) {
		if (!bsearch(&acknowledged->values[i], there.values, there.count, sizeof(int64_t),
			     compare_ids))
			fail_msg("acknowledged row %lld is lost", (long long)acknowledged->values[i]);
	}
	free(there.values);
}

static void check(const char *folder, const struct numbers *acknowledged)
{
	struct running running;
	start(&running, folder);
	struct fleet_session *p = session_on(&running, primary_id);
	struct fleet_session *r = session_on(&running, replica_id);
	// Read at the primary's position: the replica waits for this write.
	assert_true(run(r, "INSERT INTO churn(body) VALUES ('mark')", NULL));
	struct fleet_session *both[] = {p, r};
	for (int i = 0; i < 2; i++) {
		expect_acknowledged(both[i], acknowledged);
		expect_one(both[i], "SELECT count(*) FROM t WHERE length(body) <> size", 0);
		expect_one(both[i], "SELECT count(*) = (SELECT n FROM total) FROM t WHERE id % 7 = 0", 1);
		expect_one(both[i], "PRAGMA integrity_check", 2); // "ok"
	}
	fleet_session_close(p);
	fleet_session_close(r);
	stop(&running);
	char path[300];
	struct error err;
	OWNED(buffer) struct buffer primary = {0};
	OWNED(buffer) struct buffer replica = {0};
	snprintf(path, sizeof(path), "%s/databases/%s/%s/data.db", folder, database_id, primary_id);
	assert_true(disk_read_file(path, 1U << 31, &primary, &err));
	snprintf(path, sizeof(path), "%s/databases/%s/%s/data.db", folder, database_id, replica_id);
	assert_true(disk_read_file(path, 1U << 31, &replica, &err));
	assert_int_equal(primary.size, replica.size);
	assert_memory_equal(primary.data, replica.data, primary.size);
}

static void prepare(const char *folder)
{
	struct running running;
	start(&running, folder);
	fleet_create_instance(running.fleet, database_id, primary_id);
	pthread_mutex_lock(&running.events.mutex);
	while (running.events.ready < 1)
		clock_cond_wait(&running.events.changed, &running.events.mutex, INT64_MAX);
	pthread_mutex_unlock(&running.events.mutex);
	struct fleet_session *p = session_on(&running, primary_id);
	assert_true(run(p, "CREATE TABLE t(id INTEGER PRIMARY KEY, size INTEGER, body BLOB)", NULL));
	assert_true(run(p, "CREATE TABLE total(n INTEGER)", NULL));
	assert_true(run(p, "INSERT INTO total VALUES (0)", NULL));
	assert_true(run(p, "CREATE TABLE churn(id INTEGER PRIMARY KEY, body BLOB)", NULL));
	fleet_session_close(p);
	fleet_create_instance(running.fleet, database_id, replica_id);
	pthread_mutex_lock(&running.events.mutex);
	while (running.events.ready < 2)
		clock_cond_wait(&running.events.changed, &running.events.mutex, INT64_MAX);
	pthread_mutex_unlock(&running.events.mutex);
	stop(&running);
}

static void kill_after(pid_t pid, int64_t ms)
{
	struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000};
	nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	int status;
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status))
		fail_msg("the child ended by itself with %d", WEXITSTATUS(status));
}

static void nothing_acknowledged_is_lost(void **state)
{
	(void)state;
	struct error err;
	char folder[] = "/tmp/atoll-crash-XXXXXX";
	assert_true(crypt_start(&err));
	trace_configure(TRACE_WARN, false);
	assert_non_null(mkdtemp(folder));
	prepare(folder);
	struct numbers acknowledged = {0};
	for (int round = 0; round < ROUNDS; round++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(ends[0]);
			child(folder, ends[1], round);
			_exit(5);
		}
		close(ends[1]);
		kill_after(pid, 20 + crypt_random_below(400));
		int64_t id;
		while (read(ends[0], &id, sizeof(id)) == sizeof(id)) {
			acknowledged.values =
				realloc(acknowledged.values, (acknowledged.count + 1) * sizeof(id));
			acknowledged.values[acknowledged.count++] = id;
		}
		close(ends[0]);
		check(folder, &acknowledged);
	}
	print_message("%zu rows acknowledged, all there\n", acknowledged.count);
	assert_true(acknowledged.count > 0);
	free(acknowledged.values);
	assert_true(disk_remove_tree(folder, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acknowledged_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
