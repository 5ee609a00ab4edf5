// A real primary in a folder of its own, common to all cases of a test of hrana.
#ifndef ATOLL_TEST_UNIT_HRANA_WORLD_H
#define ATOLL_TEST_UNIT_HRANA_WORLD_H

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "hrana/stream.h"

#define DATABASE "11111111-0000-4000-8000-000000000001"
#define INSTANCE "11111111-0000-4000-8000-000000000002"

static const uint8_t key[32] = "key of the tests, 32 bytes long";
static const struct access_grant grant = {.database = DATABASE, .credential_id = 7};

static char folder[] = "/tmp/atoll-hrana-test-XXXXXX";
static struct workers *workers;
static struct fleet *fleet;
static atomic_bool ready;

static bool describe(void *context, const char *database, struct fleet_instance_spec **out, size_t *out_count,
		     struct engine_rules *rules, struct error *err)
{
	*rules = (struct engine_rules){0};
	struct fleet_instance_spec *spec = calloc(1, sizeof(*spec));
	memcpy(spec->uuid, INSTANCE, sizeof(spec->uuid));
	memcpy(spec->location, "ord", 4);
	spec->primary = true;
	*out = spec;
	*out_count = 1;
	return true;
}

static void instance_event(void *context, const char *database, const char *instance, const struct error *why)
{
	assert_null(why);
	atomic_store(&ready, true);
}

static void world_open(void)
{
	struct error err;
	assert_non_null(mkdtemp(folder));
	assert_true(crypt_start(&err));
	assert_true(workers_start(8, 2, &workers, &err));
	struct fleet_options options = {
		.data_folder = folder,
		.workers = workers,
		.limits = {.statement_ms_max = 60000,
			   .transaction_ms_max = 5000,
			   .lane_wait_ms_max = 10000,
			   .sql_bytes_max = 100000,
			   .connections_per_instance_max = 16,
			   .row_bytes_max = 1000000,
			   .transaction_bytes_max = 20 << 20},
		.log_bytes_max = 1 << 26,
		.describe = describe,
		.instance_event = instance_event,
	};
	assert_true(fleet_open(&options, &fleet, &err));
	fleet_connect(fleet, &options);
	fleet_create_instance(fleet, DATABASE, INSTANCE);
	int64_t deadline_ms = clock_monotonic_ms() + 60000;
	while (!atomic_load(&ready) && clock_monotonic_ms() < deadline_ms)
		usleep(1000);
	assert_true(atomic_load(&ready));
}

static int world_close(void)
{
	struct error err;
	fleet_close(fleet);
	workers_stop(workers);
	return disk_remove_tree(folder, &err) ? 0 : 1;
}

// The limits that the tests know; what they vary is given.
static struct streams *world_streams(int count_max, int held_count_max, int64_t idle_ms)
{
	struct streams_options options = {
		.fleet = fleet,
		.workers = workers,
		.baton_key = key,
		.count_max = count_max,
		.held_count_max = held_count_max,
		.idle_ms = idle_ms,
		.text_count_max = 3,
		.text_bytes_max = 100,
		.database_text_bytes_max = 150,
	};
	return streams_create(&options);
}

#endif
