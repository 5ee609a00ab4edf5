// Numbers of generations: given once, and the same after any end of the process.
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "fleet/generations.h"
#include "log/log.h"

enum { FRAMES_MAX = 10 };

struct world {
	char path[64];
	char file[96];
	struct log *log;
	struct generations *generations;
	uint32_t wal_frame;
};

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(world->path, "/tmp/atoll-generations-XXXXXX");
	assert_non_null(mkdtemp(world->path));
	snprintf(world->file, sizeof(world->file), "%s/generations", world->path);
	char folder[96];
	snprintf(folder, sizeof(folder), "%s/log", world->path);
	const struct log_options options = {
		.folder = folder, .segment_bytes_max = 1 << 20, .bytes_max = 1 << 30, .begins_empty = true};
	assert_true(disk_make_folder(folder, &err));
	assert_true(log_open(&options, &world->log, &err));
	world->generations = generations_create(world->file);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	generations_free(world->generations);
	log_close(world->log);
	assert_true(disk_remove_tree(world->path, &err));
	free(world);
	return 0;
}

static void append(struct world *world, uint32_t count)
{
	static char pages[FRAMES_MAX * LOG_PAGE_BYTES];
	uint32_t page_nos[FRAMES_MAX];
	struct error err;
	assert_true(count <= FRAMES_MAX);
	for (uint32_t i = 0; i < count; i++)
		page_nos[i] = i + 1;
	world->wal_frame += count;
	struct log_txn txn = {.frame_count = count,
			      .size_after = FRAMES_MAX,
			      .page_nos = page_nos,
			      .pages = pages,
			      .committed_wall_ms = 1,
			      .wal = {.salt1 = 1, .salt2 = 2, .frame = world->wal_frame}};
	assert_true(log_append(world->log, &txn, &err));
	log_mark_durable(world->log, txn.frame_no);
}

static struct generation newest(struct world *world)
{
	struct generation found;
	struct error err;
	assert_true(generations_find(world->generations, world->log, 0, FRAMES_MAX, &found, &err));
	return found;
}

// As after a crash: nothing is left but the file.
static void begin_anew(struct world *world)
{
	generations_free(world->generations);
	world->generations = generations_create(world->file);
}

static void test_a_generation_ends_when_something_stands_behind_it(void **state)
{
	struct world *world = *state;
	struct generation first = newest(world);
	struct generation old;
	struct error err;
	append(world, 6);
	append(world, 6);
	assert_int_equal(newest(world).number, first.number);
	append(world, 1);
	struct generation next = newest(world);
	assert_int_equal(next.number, first.number + 1);
	assert_int_equal(next.begin, first.begin + 12);
	assert_true(generations_find(world->generations, world->log, first.number, FRAMES_MAX, &old, &err));
	assert_int_equal(old.end, next.begin);
	assert_int_equal(old.newest, next.number);
}

static void test_what_was_told_is_so_after_a_crash(void **state)
{
	struct world *world = *state;
	struct generation told = newest(world);
	for (int i = 0; i < 50; i++) {
		append(world, 3);
		// A crash while the list is written leaves a file beside it, and the old list.
		struct error err;
		struct buffer list = {0};
		assert_true(disk_read_file(world->file, 1 << 20, &list, &err));
		struct generation before = newest(world);
		assert_true(disk_write_file(world->file, list.data, list.size, &err));
		buffer_cleanup(&list);
		begin_anew(world);
		struct generation after = newest(world);
		assert_int_equal(after.number, before.number);
		assert_int_equal(after.begin, before.begin);
		assert_true(after.number == told.number || after.number == told.number + 1);
		told = after;
	}
}

static void test_another_history_has_other_numbers(void **state)
{
	struct world *world = *state;
	struct generation found;
	struct error err;
	append(world, 5);
	struct generation before = newest(world);
	assert_true(log_restart(world->log, 5, &err));
	struct generation after = newest(world);
	assert_true(after.number > before.number + 1);
	assert_false(
		generations_find(world->generations, world->log, before.number, FRAMES_MAX, &found, &err));
	assert_int_equal(err.code, ERR_STALE);
}

static void test_a_damaged_list_gives_other_numbers(void **state)
{
	struct world *world = *state;
	struct generation found;
	struct error err;
	struct generation before = newest(world);
	assert_true(disk_write_file(world->file, "atoll-generations 1 x", 21, &err));
	begin_anew(world);
	assert_int_not_equal(newest(world).number, before.number);
	assert_false(
		generations_find(world->generations, world->log, before.number, FRAMES_MAX, &found, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_generation_ends_when_something_stands_behind_it, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_what_was_told_is_so_after_a_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_another_history_has_other_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_damaged_list_gives_other_numbers, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
