// Followers at any positions, who take what is in memory and else read the log, have at each position what the log made of it.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/disk.h"
#include "fleet/recent.h"
#include "log/log.h"

enum { PAGES = 1500, TXN_FRAMES_MAX = 40, ROUNDS = 1500, FOLLOWERS = 4 };

/// A copy of the database: of each page the frame that wrote it last, 0 for none.
struct copy {
	uint64_t position;
	uint32_t size;
	uint64_t pages[PAGES + 1];
};

struct world {
	char path[64];
	struct log *log;
	struct recent_budget budget;
	struct recent *recent;
	_Atomic(bool) done;
	// what the log made, by frame: the size after it, and which page
	uint32_t *sizes;
	uint32_t *page_nos;
	uint64_t frames_max;
	_Atomic(int) from_memory;
	_Atomic(int) from_log;
};

static struct log *open_log(const struct world *world, uint64_t bytes_max)
{
	struct error err;
	struct log *log;
	struct log_options options = {
		.folder = world->path, .segment_bytes_max = 4 << 20, .bytes_max = bytes_max};
	if (!log_open(&options, &log, &err))
		fail_msg("%s: %s", err.message, err.detail);
	return log;
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(world->path, "/tmp/atoll-recent-XXXXXX");
	assert_non_null(mkdtemp(world->path));
	world->log = open_log(world, 1 << 30);
	world->recent = recent_create(&world->budget);
	world->frames_max = (uint64_t)(ROUNDS + 1) * TXN_FRAMES_MAX + 1;
	world->sizes = calloc(world->frames_max, sizeof(*world->sizes));
	world->page_nos = calloc(world->frames_max, sizeof(*world->page_nos));
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	recent_free(world->recent);
	assert_int_equal(atomic_load(&world->budget.pages), 0);
	log_close(world->log);
	assert_true(disk_remove_tree(world->path, &err));
	free(world->sizes);
	free(world->page_nos);
	free(world);
	return 0;
}

// Mostly few pages that are near each other; sometimes the database shrinks or grows.
static void commit(struct world *world, uint32_t *size)
{
	static char pages[TXN_FRAMES_MAX * LOG_PAGE_BYTES];
	uint32_t page_nos[TXN_FRAMES_MAX];
	struct error err;
	uint64_t first = log_appended(world->log) + 1;
	if (crypt_random_below(20) == 0)
		*size = 10 + crypt_random_below(PAGES - 10);
	uint32_t count = 1 + crypt_random_below(crypt_random_below(10) == 0 ? TXN_FRAMES_MAX : 4);
	uint32_t near = crypt_random_below(*size);
	for (uint32_t i = 0; i < count; i++) {
		page_nos[i] = 1 + (near + crypt_random_below(6)) % *size;
		uint64_t frame_no = first + i;
		memset(pages + (size_t)i * LOG_PAGE_BYTES, 0, LOG_PAGE_BYTES);
		memcpy(pages + (size_t)i * LOG_PAGE_BYTES, &frame_no, sizeof(frame_no));
		world->page_nos[frame_no] = page_nos[i];
	}
	struct log_txn txn = {.frame_count = count,
			      .size_after = *size,
			      .page_nos = page_nos,
			      .pages = pages,
			      .committed_wall_ms = 1,
			      .wal = {1, 2, (uint32_t)(first + count)}};
	world->sizes[first + count - 1] = *size;
	assert_true(log_append(world->log, &txn, &err));
	log_mark_durable(world->log, txn.frame_no);
}

static void set_page(struct copy *copy, uint32_t page_no, const char *page)
{
	uint64_t frame_no;
	memcpy(&frame_no, page, sizeof(frame_no));
	assert_in_range(page_no, 1, PAGES);
	copy->pages[page_no] = frame_no;
}

static void take(void *context, const struct recent_page *page)
{
	struct copy *copy = context;
	uint64_t frame_no;
	memcpy(&frame_no, page->page, sizeof(frame_no));
	assert_int_equal(frame_no, page->frame_no);
	assert_true(page->frame_no > copy->position);
	set_page(copy, page->page_no, page->page);
	copy->position = page->frame_no;
	copy->size = page->size_after; // 0 unless it is the last
}

static void read_log(struct world *world, struct copy *copy)
{
	struct log_cursor *cursor;
	struct error err;
	bool found = true;
	assert_true(log_cursor_open(world->log, copy->position, &cursor, &err));
	for (int i = 0; i < 50 && found; i++) {
		struct log_txn txn;
		assert_true(log_cursor_next(cursor, &txn, &found, &err));
		if (!found)
			break;
		for (uint32_t k = 0; k < txn.frame_count; k++)
			set_page(copy, txn.page_nos[k], txn.pages + (size_t)k * LOG_PAGE_BYTES);
		copy->position = txn.frame_no;
		copy->size = txn.size_after;
	}
	log_cursor_close(cursor);
}

static void follow(struct world *world, struct copy *copy, bool may_read)
{
	if (log_durable(world->log) == copy->position)
		return;
	if (recent_changes(world->recent, world->log, copy->position + 1, may_read, take, copy)) {
		atomic_fetch_add(&world->from_memory, 1);
	} else if (may_read) {
		atomic_fetch_add(&world->from_log, 1);
		read_log(world, copy);
	}
}

// A page that was beyond the end once is nobody's until it is written again.
static void judge(const struct world *world, const struct copy *copy)
{
	struct copy wanted = {.position = copy->position};
	for (uint64_t frame_no = 1; frame_no <= copy->position; frame_no++) {
		wanted.pages[world->page_nos[frame_no]] = frame_no;
		for (uint32_t beyond = world->sizes[frame_no]; beyond > 0 && beyond < PAGES; beyond++)
			wanted.pages[beyond + 1] = 0;
	}
	assert_int_equal(copy->size, world->sizes[copy->position]);
	for (uint32_t page_no = 1; page_no <= copy->size; page_no++)
		assert_true(wanted.pages[page_no] == 0 || copy->pages[page_no] == wanted.pages[page_no]);
}

static void one_after_the_other(void **state)
{
	struct world *world = *state;
	static struct copy copies[FOLLOWERS];
	memset(copies, 0, sizeof(copies));
	uint32_t size = 20;
	for (int round = 0; round < ROUNDS; round++) {
		commit(world, &size);
		// One is always there, the others more and more seldom.
		for (uint32_t i = 0; i < FOLLOWERS; i++) {
			if (crypt_random_below(1 + i * i * 30) > 0)
				continue;
			follow(world, &copies[i], crypt_random_below(4) > 0);
			if (copies[i].position > 0 && crypt_random_below(20) == 0)
				judge(world, &copies[i]);
		}
	}
	for (int i = 0; i < FOLLOWERS; i++) {
		while (copies[i].position < log_durable(world->log))
			follow(world, &copies[i], true);
		judge(world, &copies[i]);
	}
	assert_true(atomic_load(&world->from_memory) > ROUNDS / 2);
}

static void *run_follower(void *context)
{
	struct world *world = context;
	struct copy *copy = calloc(1, sizeof(*copy));
	while (!atomic_load(&world->done) || copy->position < log_durable(world->log))
		follow(world, copy, crypt_random_below(2) == 0);
	judge(world, copy);
	free(copy);
	return NULL;
}

static void all_at_once(void **state)
{
	struct world *world = *state;
	pthread_t threads[FOLLOWERS];
	for (int i = 0; i < FOLLOWERS; i++)
		pthread_create(&threads[i], NULL, run_follower, world);
	uint32_t size = 20;
	for (int round = 0; round < ROUNDS; round++)
		commit(world, &size);
	atomic_store(&world->done, true);
	for (int i = 0; i < FOLLOWERS; i++)
		pthread_join(threads[i], NULL);
}

static void nothing_of_another_history(void **state)
{
	struct world *world = *state;
	struct copy copy = {0};
	struct error err;
	uint32_t size = 20;
	for (int i = 0; i < 10; i++)
		commit(world, &size);
	follow(world, &copy, true);
	uint64_t position = copy.position;
	assert_true(log_restart(world->log, position + 1, &err));
	log_mark_durable(world->log, position + 1);
	// What it has is no position of this history.
	assert_false(recent_changes(world->recent, world->log, position + 1, true, take, &copy));
	assert_false(recent_changes(world->recent, world->log, 1, true, take, &copy));
	commit(world, &size);
	copy.position = position + 1;
	assert_true(recent_changes(world->recent, world->log, position + 2, true, take, &copy));
	assert_int_equal(copy.position, log_durable(world->log));
}

static void memory_is_bounded(void **state)
{
	struct world *world = *state;
	struct copy copy = {0};
	uint32_t size = PAGES;
	for (int i = 0; i < 1000; i++) {
		commit(world, &size);
		if (size < PAGES / 2)
			size = PAGES;
		follow(world, &copy, true);
		assert_in_range(atomic_load(&world->budget.pages), 0, 1024);
	}
	judge(world, &copy);
	// Others hold all of it: it goes on with the little that it has.
	atomic_fetch_add(&world->budget.pages, 1 << 20);
	for (int i = 0; i < 200; i++) {
		commit(world, &size);
		follow(world, &copy, true);
	}
	while (copy.position < log_durable(world->log))
		follow(world, &copy, true);
	judge(world, &copy);
	struct copy late = {0};
	while (late.position < log_durable(world->log))
		follow(world, &late, true);
	judge(world, &late);
	assert_true(atomic_load(&world->from_log) > 0);
	atomic_fetch_sub(&world->budget.pages, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_after_the_other, setup, teardown),
		cmocka_unit_test_setup_teardown(all_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_of_another_history, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_bounded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
