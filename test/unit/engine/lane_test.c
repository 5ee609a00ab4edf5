// spec/hrana.md §5: writers wait in a fair queue.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "engine/internal.h"

enum { WRITERS = 12, PATIENCE_MS = 60000 };

struct order {
	int count;
	int writers[WRITERS];
};

struct writer {
	struct engine_database *db;
	struct order *order; // of the lane's holder
	int number;
	int64_t wait_ms;
	bool got;
	pthread_t thread;
};

static void *write_once(void *context)
{
	struct writer *writer = context;
	struct error err;
	writer->got = lane_acquire(writer->db, NULL, clock_monotonic_ms() + writer->wait_ms, &err);
	if (!writer->got)
		return NULL;
	writer->order->writers[writer->order->count++] = writer->number;
	lane_release(writer->db);
	return NULL;
}

static struct lane_waiter **end_of(struct engine_database *db)
{
	pthread_mutex_lock(&db->lane.mutex);
	struct lane_waiter **end = db->lane.end;
	pthread_mutex_unlock(&db->lane.mutex);
	return end;
}

// Returns when it stands at the end of the queue.
static void start_waiting(struct writer *writer)
{
	struct lane_waiter **end = end_of(writer->db);
	int64_t deadline_ms = clock_monotonic_ms() + PATIENCE_MS;
	assert_int_equal(pthread_create(&writer->thread, NULL, write_once, writer), 0);
	while (end_of(writer->db) == end && clock_monotonic_ms() < deadline_ms)
		usleep(500);
	assert_true(end_of(writer->db) != end);
}

static void writers_get_the_lane_in_the_order_of_their_coming(void **state)
{
	struct engine_database *db = *state;
	struct order order = {0};
	struct writer writers[WRITERS];
	struct error err;
	assert_true(lane_acquire(db, NULL, clock_monotonic_ms() + PATIENCE_MS, &err));
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.db = db, .order = &order, .number = i, .wait_ms = PATIENCE_MS};
		start_waiting(&writers[i]);
	}
	assert_false(lane_try(db));
	lane_release(db);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writers[i].thread, NULL);
	assert_int_equal(order.count, WRITERS);
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(order.writers[i], i);
}

static void who_gives_up_leaves_the_others_in_order(void **state)
{
	struct engine_database *db = *state;
	struct order order = {0};
	struct writer writers[3];
	struct error err;
	assert_true(lane_acquire(db, NULL, clock_monotonic_ms() + PATIENCE_MS, &err));
	for (int i = 0; i < 3; i++) {
		writers[i] = (struct writer){
			.db = db, .order = &order, .number = i, .wait_ms = i == 1 ? 300 : PATIENCE_MS};
		start_waiting(&writers[i]);
	}
	pthread_join(writers[1].thread, NULL);
	assert_false(writers[1].got);
	lane_release(db);
	pthread_join(writers[0].thread, NULL);
	pthread_join(writers[2].thread, NULL);
	assert_int_equal(order.count, 2);
	assert_int_equal(order.writers[0], 0);
	assert_int_equal(order.writers[1], 2);
}

static char folder[] = "/tmp/atoll-lane-XXXXXX";
static struct workers *workers;

static int open_database(void **state)
{
	struct error err;
	char primary[64];
	char log[64];
	assert_true(crypt_start(&err));
	assert_true(engine_start(&err));
	assert_non_null(mkdtemp(folder));
	snprintf(primary, sizeof(primary), "%s/primary", folder);
	snprintf(log, sizeof(log), "%s/log", folder);
	assert_true(workers_start(4, 2, &workers, &err));
	struct engine_options options = {.folder = primary,
					 .log_folder = log,
					 .role = ENGINE_PRIMARY,
					 .workers = workers,
					 .limits = {.statement_ms_max = 5000,
						    .transaction_ms_max = PATIENCE_MS,
						    .lane_wait_ms_max = PATIENCE_MS,
						    .sql_bytes_max = 100000,
						    .connections_per_instance_max = 4,
						    .row_bytes_max = 5000000},
					 .log_segment_bytes_max = 1 << 20,
					 .log_bytes_max = 1 << 24};
	struct engine_database *db;
	assert_true(engine_database_create(primary, &err));
	assert_true(engine_database_open(&options, &db, &err));
	*state = db;
	return 0;
}

static int close_database(void **state)
{
	struct error err;
	engine_database_close(*state);
	workers_stop(workers);
	assert_true(disk_remove_tree(folder, &err));
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writers_get_the_lane_in_the_order_of_their_coming),
		cmocka_unit_test(who_gives_up_leaves_the_others_in_order),
	};
	return cmocka_run_group_tests(tests, open_database, close_database);
}
