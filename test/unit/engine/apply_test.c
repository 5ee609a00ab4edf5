// A replica's file is made from a primary and taken over whole.

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "engine/apply.h"
#include "engine/database.h"

static void a_snapshot_that_fails_leaves_the_copy_before(void **state)
{
	(void)state;
	struct error err;
	char folder[] = "/tmp/atoll-apply-XXXXXX";
	char primary_folder[64];
	char log_folder[64];
	char replica_folder[64];
	char file[80];
	assert_true(crypt_start(&err));
	assert_true(engine_start(&err));
	assert_non_null(mkdtemp(folder));
	snprintf(primary_folder, sizeof(primary_folder), "%s/primary", folder);
	snprintf(log_folder, sizeof(log_folder), "%s/log", folder);
	snprintf(replica_folder, sizeof(replica_folder), "%s/replica", folder);
	snprintf(file, sizeof(file), "%s/data.db", replica_folder);
	struct engine_options options = {.folder = primary_folder,
					 .log_folder = log_folder,
					 .role = ENGINE_PRIMARY,
					 .limits = {.statement_ms_max = 5000,
						    .transaction_ms_max = 300,
						    .lane_wait_ms_max = 5000,
						    .sql_bytes_max = 100000,
						    .connections_per_instance_max = 4,
						    .row_bytes_max = 5000000},
					 .log_segment_bytes_max = 1 << 20,
					 .log_bytes_max = 1 << 24};
	struct engine_database *primary;
	assert_true(workers_start(4, 2, &options.workers, &err));
	assert_true(engine_database_create(primary_folder, &err));
	assert_true(engine_database_open(&options, &primary, &err));
	assert_true(engine_snapshot(primary, replica_folder, &err));
	OWNED(buffer) struct buffer before = {0};
	OWNED(buffer) struct buffer after = {0};
	assert_true(disk_read_file(file, 1 << 20, &before, &err));
	engine_database_retire(primary);
	assert_false(engine_snapshot(primary, replica_folder, &err));
	assert_int_equal(err.code, ERR_SHUTDOWN);
	assert_true(disk_read_file(file, 1 << 20, &after, &err));
	assert_int_equal(before.size, after.size);
	assert_memory_equal(before.data, after.data, before.size);
	snprintf(file, sizeof(file), "%s/position", replica_folder);
	assert_true(disk_exists(file));
	engine_database_close(primary);
	workers_stop(options.workers);
	assert_true(disk_remove_tree(folder, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snapshot_that_fails_leaves_the_copy_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
