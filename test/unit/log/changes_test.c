// Pages of a range of the history, and of one moment, against a model that remembers all of them.

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "log/changes.h"

enum { PAGES_MAX = 40, TXNS_MAX = 300 };

struct model {
	char path[64];
	struct log *log;
	int txn_count;
	uint64_t frame_no[TXNS_MAX + 1]; // [0]: before the first
	uint32_t page_count[TXNS_MAX + 1];
	char pages[TXNS_MAX + 1]
		  [PAGES_MAX + 1]; // the byte that fills each page; 0: never written since it came
	bool changed[TXNS_MAX + 1][PAGES_MAX + 1];
	uint32_t frame;
};

static int setup(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(model->path, "/tmp/atoll-changes-XXXXXX");
	assert_non_null(mkdtemp(model->path));
	struct log_options options = {.folder = model->path,
				      .segment_bytes_max = 20 * LOG_PAGE_BYTES,
				      .bytes_max = 1 << 30,
				      .age_ms_max = 3600 * 1000,
				      .begins_empty = true};
	assert_true(log_open(&options, &model->log, &err));
	*state = model;
	return 0;
}

static int teardown(void **state)
{
	struct model *model = *state;
	struct error err;
	log_close(model->log);
	assert_true(disk_remove_tree(model->path, &err));
	free(model);
	return 0;
}

static void append(struct model *model)
{
	struct error err;
	int at = ++model->txn_count;
	static uint32_t page_nos[2 * PAGES_MAX];
	static char pages[2 * PAGES_MAX * LOG_PAGE_BYTES];
	uint32_t before = model->page_count[at - 1];
	uint32_t size = at > 1 && crypt_random_below(5) > 0 ? before : 1 + crypt_random_below(PAGES_MAX);
	uint32_t count = 0;
	for (uint32_t page_no = 1; page_no <= size; page_no++) {
		bool is_new = page_no > before;
		model->pages[at][page_no] = is_new ? 0 : model->pages[at - 1][page_no];
		model->changed[at][page_no] = is_new;
		if (page_no > 1 && crypt_random_below(4) > (is_new ? 2U : 0U))
			continue;
		// Some pages come twice in a transaction: the last image counts.
		for (uint32_t times = crypt_random_below(8) == 0 ? 2 : 1; times > 0; times--) {
			char fill = (char)(1 + crypt_random_below(100));
			model->pages[at][page_no] = fill;
			model->changed[at][page_no] = true;
			page_nos[count] = page_no;
			memset(pages + (size_t)count++ * LOG_PAGE_BYTES, fill, LOG_PAGE_BYTES);
		}
	}
	model->frame += count;
	struct log_txn txn = {.frame_count = count,
			      .size_after = size,
			      .page_nos = page_nos,
			      .pages = pages,
			      .committed_wall_ms = clock_wall_ms(),
			      .wal = {1, 1, model->frame}};
	assert_true(log_append(model->log, &txn, &err));
	log_mark_durable(model->log, txn.frame_no);
	model->frame_no[at] = txn.frame_no;
	model->page_count[at] = size;
}

static bool is_changed(const struct model *model, int from, int to, uint32_t page_no)
{
	for (int at = from + 1; at <= to; at++) {
		if (page_no <= model->page_count[at] && model->changed[at][page_no])
			return true;
	}
	return false;
}

static void expect_page(const struct model *model, struct log_changes *changes, int at, uint32_t page_no)
{
	const char *page;
	struct error err;
	if (!log_changes_page(changes, page_no, &page, &err))
		fail_msg("page %u at %d: %s", page_no, at, err.message);
	// What a page held before the database shrank does not matter when it came back and was never written.
	if (model->pages[at][page_no] == 0)
		return;
	assert_int_equal(page[0], model->pages[at][page_no]);
	assert_memory_equal(page, page + 1, LOG_PAGE_BYTES - 1);
}

static void expect_range(const struct model *model, int from, int to)
{
	struct log_changes *changes;
	struct error err;
	if (!log_changes_open(model->log, model->frame_no[from], model->frame_no[to], NULL, &changes, &err))
		fail_msg("%d to %d: %s", from, to, err.message);
	assert_int_equal(log_changes_size_after(changes), model->page_count[to]);
	uint32_t before = log_changes_size_before(changes);
	assert_true(before == 0 || before == model->page_count[from]);
	uint32_t seen = 0;
	uint32_t page_no;
	for (uint32_t at = 1; log_changes_next(changes, at, &page_no); at = page_no + 1) {
		assert_true(page_no >= at && log_changes_has(changes, page_no));
		if (page_no > model->page_count[to])
			continue;
		assert_true(is_changed(model, from, to, page_no));
		expect_page(model, changes, to, page_no);
		seen++;
	}
	for (page_no = 1; page_no <= model->page_count[to]; page_no++) {
		bool written = model->pages[to][page_no] != 0;
		if (is_changed(model, from, to, page_no) && (written || before > 0))
			assert_true(log_changes_has(changes, page_no) || !written);
		seen -= is_changed(model, from, to, page_no) && log_changes_has(changes, page_no);
	}
	assert_int_equal(seen, 0);
	log_changes_close(changes);
}

static void expect_content(const struct model *model, int at)
{
	struct log_changes *content;
	struct error err;
	if (!log_content_open(model->log, model->frame_no[at], NULL, &content, &err))
		fail_msg("content at %d: %s", at, err.message);
	assert_int_equal(log_changes_size_after(content), model->page_count[at]);
	for (uint32_t page_no = 1; page_no <= model->page_count[at]; page_no++) {
		assert_true(model->pages[at][page_no] == 0 || log_changes_gives(content, page_no));
		if (log_changes_gives(content, page_no))
			expect_page(model, content, at, page_no);
	}
	log_changes_close(content);
}

static void any_range_has_the_pages_that_changed(void **state)
{
	struct model *model = *state;
	for (int i = 0; i < 120; i++)
		append(model);
	for (int i = 0; i < 300; i++) {
		int from = (int)crypt_random_below(120);
		int to = from + 1 + (int)crypt_random_below((uint32_t)(120 - from));
		expect_range(model, from, to);
	}
}

static void content_is_that_of_any_moment(void **state)
{
	struct model *model = *state;
	for (int i = 0; i < 100; i++)
		append(model);
	for (int at = 1; at <= 100; at++)
		expect_content(model, at);
}

// What is dropped goes into the base: later moments can still be had, earlier ones are told to be gone.
static void content_is_had_from_the_base(void **state)
{
	struct model *model = *state;
	struct error err;
	struct log_changes *changes;
	for (int i = 0; i < 100; i++)
		append(model);
	log_close(model->log);
	struct log_options options = {.folder = model->path,
				      .segment_bytes_max = 20 * LOG_PAGE_BYTES,
				      .bytes_max = 60 * LOG_PAGE_BYTES,
				      .age_ms_max = 3600 * 1000};
	assert_true(log_open(&options, &model->log, &err));
	log_mark_durable(model->log, log_appended(model->log));
	assert_true(log_retain(model->log, NULL, &err));
	assert_false(log_content_open(model->log, model->frame_no[3], NULL, &changes, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_false(
		log_changes_open(model->log, model->frame_no[1], model->frame_no[100], NULL, &changes, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	expect_content(model, 100);
	expect_content(model, 99);
	// A reader holds up what is to be dropped.
	assert_true(log_changes_open(model->log, model->frame_no[99], model->frame_no[100], NULL, &changes,
				     &err));
	for (int i = 0; i < 60; i++)
		append(model);
	assert_true(log_retain(model->log, NULL, &err));
	expect_range(model, 99, 160);
	log_changes_close(changes);
	assert_true(log_retain(model->log, NULL, &err));
	assert_false(log_changes_open(model->log, model->frame_no[99], model->frame_no[160], NULL, &changes,
				      &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void no_boundary_is_no_position(void **state)
{
	struct model *model = *state;
	struct log_changes *changes;
	struct error err;
	for (int i = 0; i < 20; i++)
		append(model);
	for (int at = 0; at < 20; at++) {
		uint64_t inside = model->frame_no[at] + 1;
		if (inside == model->frame_no[at + 1])
			continue;
		assert_false(log_changes_open(model->log, inside, model->frame_no[20], NULL, &changes, &err));
		assert_int_equal(err.code, ERR_NOT_FOUND);
		assert_false(log_changes_open(model->log, 0, inside, NULL, &changes, &err));
		assert_int_equal(err.code, ERR_NOT_FOUND);
	}
	assert_false(log_changes_open(model->log, 0, model->frame_no[20] + 1, NULL, &changes, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

// Every byte of a page that is damaged after the range was read is noticed when the page is.
static void a_damaged_image_is_never_given(void **state)
{
	struct model *model = *state;
	struct log_changes *changes;
	struct error err;
	const char *page;
	for (int i = 0; i < 30; i++)
		append(model);
	assert_true(log_changes_open(model->log, 0, model->frame_no[30], NULL, &changes, &err));
	DIR *folder = opendir(model->path);
	struct dirent *entry;
	while ((entry = readdir(folder))) {
		char path[512];
		char byte = 0;
		uint64_t size;
		snprintf(path, sizeof(path), "%s/%s", model->path, entry->d_name);
		OWNED(fd) int fd = -1;
		if (!strstr(entry->d_name, ".log") || !disk_open(path, O_RDWR, &fd, &err))
			continue;
		assert_true(disk_size(fd, &size, &err));
		for (uint64_t at = 100; at < size; at += 1000) {
			assert_true(disk_read_at(fd, &byte, 1, at, &err));
			byte = (char)(byte ^ 0x40);
			assert_true(disk_write_at(fd, &byte, 1, at, &err));
		}
	}
	closedir(folder);
	uint32_t page_no;
	int damaged = 0;
	for (uint32_t at = 1; log_changes_next(changes, at, &page_no); at = page_no + 1) {
		if (page_no > model->page_count[30] || model->pages[30][page_no] == 0)
			continue;
		assert_false(log_changes_page(changes, page_no, &page, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
		damaged++;
	}
	assert_true(damaged > 0);
	log_changes_close(changes);
	assert_false(log_changes_open(model->log, 0, model->frame_no[30], NULL, &changes, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_range_has_the_pages_that_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(content_is_that_of_any_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(content_is_had_from_the_base, setup, teardown),
		cmocka_unit_test_setup_teardown(no_boundary_is_no_position, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_image_is_never_given, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
