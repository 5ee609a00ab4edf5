// Content of any moment is base and segments together, whatever was dropped, cut or damaged.

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "log/log.h"
#include "log/segment.h"

enum { HOUR = 3600 * 1000, PAGES_MAX = 40, TXNS_MAX = 400 };

// A model of the database: what its pages were after each transaction.
struct past {
	char path[64];
	struct log *log;
	int64_t now; // moments are counted from here
	int txn_count;
	int64_t ms[TXNS_MAX];
	uint64_t frame_no[TXNS_MAX];
	uint32_t page_count[TXNS_MAX];
	char pages[TXNS_MAX][PAGES_MAX]; // the byte that fills each page; 0: zeros
	uint32_t frame;
};

static struct log_options options_of(struct past *past)
{
	return (struct log_options){.folder = past->path,
				    .segment_bytes_max = 20 * LOG_PAGE_BYTES,
				    .bytes_max = 1 << 30,
				    .age_ms_max = 10 * HOUR,
				    .begins_empty = true};
}

static void open_with(struct past *past, const struct log_options *options)
{
	struct error err;
	if (!log_open(options, &past->log, &err))
		fail_msg("%s: %s", err.message, err.detail);
	log_mark_durable(past->log, log_appended(past->log));
}

static void reopen(struct past *past)
{
	struct log_options options = options_of(past);
	log_close(past->log);
	open_with(past, &options);
}

static int setup(void **state)
{
	struct past *past = calloc(1, sizeof(*past));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(past->path, "/tmp/atoll-past-XXXXXX");
	assert_non_null(mkdtemp(past->path));
	past->now = clock_wall_ms();
	struct log_options options = options_of(past);
	open_with(past, &options);
	*state = past;
	return 0;
}

static int teardown(void **state)
{
	struct past *past = *state;
	struct error err;
	log_close(past->log);
	assert_true(disk_remove_tree(past->path, &err));
	free(past);
	return 0;
}

// A transaction that changes some pages, and sometimes shrinks or grows the whole.
static void append(struct past *past, int64_t ms)
{
	struct error err;
	int at = past->txn_count;
	uint32_t page_nos[PAGES_MAX];
	char *pages = malloc((size_t)PAGES_MAX * LOG_PAGE_BYTES);
	uint32_t before = at > 0 ? past->page_count[at - 1] : 0;
	uint32_t size = at > 0 && crypt_random_below(5) > 0 ? before : 1 + crypt_random_below(PAGES_MAX);
	uint32_t count = 0;
	for (uint32_t page_no = 1; page_no <= size; page_no++) {
		bool is_new = page_no > before;
		char old = at > 0 && !is_new ? past->pages[at - 1][page_no - 1] : 0;
		past->pages[at][page_no - 1] = old;
		// Some of the new pages are never written.
		if (page_no > 1 && crypt_random_below(4) > (is_new ? 2U : 0U))
			continue;
		// The first page tells one transaction from the next.
		char fill = (char)(1 + (page_no == 1 ? (uint32_t)at % 100 : crypt_random_below(100)));
		past->pages[at][page_no - 1] = fill;
		page_nos[count] = page_no;
		memset(pages + (size_t)count++ * LOG_PAGE_BYTES, fill, LOG_PAGE_BYTES);
	}
	past->frame += count;
	struct log_txn txn = {.frame_count = count,
			      .size_after = size,
			      .page_nos = page_nos,
			      .pages = pages,
			      .committed_wall_ms = ms,
			      .wal = {1, 1, past->frame}};
	assert_true(log_append(past->log, &txn, &err));
	log_mark_durable(past->log, txn.frame_no);
	past->ms[at] = ms;
	past->frame_no[at] = txn.frame_no;
	past->page_count[at] = size;
	past->txn_count++;
	free(pages);
}

static bool restore(struct past *past, int64_t at_ms, struct buffer *out, struct error *err)
{
	char path[] = "/tmp/atoll-past-file-XXXXXX";
	OWNED(fd) int fd = mkstemp(path);
	unlink(path);
	uint32_t page_count;
	uint64_t size;
	if (!log_restore(past->log, at_ms, UINT64_MAX, fd, NULL, &page_count, err))
		return false;
	assert_true(disk_size(fd, &size, err));
	assert_int_equal(size, (uint64_t)page_count * LOG_PAGE_BYTES);
	assert_true(disk_read_at(fd, buffer_reserve(out, size + 1), size, 0, err));
	out->size = size;
	return true;
}

// Which transaction the content is that of; -1: empty.
static bool is_content_of(const struct past *past, const struct buffer *content, int at)
{
	if (at < 0)
		return content->size == 0;
	if (content->size != (size_t)past->page_count[at] * LOG_PAGE_BYTES)
		return false;
	for (uint32_t i = 0; i < past->page_count[at]; i++) {
		const char *page = content->data + (size_t)i * LOG_PAGE_BYTES;
		if (page[0] != past->pages[at][i] || memcmp(page, page + 1, LOG_PAGE_BYTES - 1) != 0)
			return false;
	}
	return true;
}

static int last_until(const struct past *past, int64_t at_ms)
{
	int at = -1;
	while (at + 1 < past->txn_count && past->ms[at + 1] <= at_ms)
		at++;
	return at;
}

static void expect_moment(struct past *past, int64_t at_ms)
{
	struct error err;
	OWNED(buffer) struct buffer content = {0};
	if (!restore(past, at_ms, &content, &err))
		fail_msg("%s (%s)", err.message, err.detail);
	int at = last_until(past, at_ms);
	assert_true(is_content_of(past, &content, at));
	// The control: neither the one before nor the one after.
	assert_false(is_content_of(past, &content, at - 1) && at >= 0);
	if (at + 1 < past->txn_count)
		assert_false(is_content_of(past, &content, at + 1));
}

static void expect_outside(struct past *past, int64_t at_ms)
{
	struct error err;
	OWNED(buffer) struct buffer content = {0};
	assert_false(restore(past, at_ms, &content, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(err.message, "outside the retention"));
}

static void expect_all(struct past *past, int first)
{
	for (int at = first; at < past->txn_count; at += 1 + (int)crypt_random_below(7))
		expect_moment(past, past->ms[at]);
	expect_moment(past, past->ms[past->txn_count - 1]);
}

static int files_ending(const struct past *past, const char *end)
{
	char command[200];
	int count = -1;
	snprintf(command, sizeof(command), "ls %s | grep -c '%s$'", past->path, end);
	FILE *pipe = popen(command, "r");
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	return count;
}

static char *file_in(const struct past *past, const char *name)
{
	static char path[200];
	snprintf(path, sizeof(path), "%s/%s", past->path, name);
	return path;
}

static void every_moment_of_a_history_that_began_empty(void **state)
{
	struct past *past = *state;
	// Two transactions of one millisecond are in together; between two, the earlier one holds.
	for (int i = 0; i < 100; i++)
		append(past, past->now + 10 + i / 2 * 3);
	assert_false(log_needs_base(past->log));
	expect_all(past, 1);
	expect_moment(past, past->now + 11);
	expect_moment(past, past->now + 10000);
	expect_moment(past, past->now + 9); // it was empty then
	expect_outside(past, past->now - 10000);
	reopen(past);
	expect_all(past, 1);
	assert_int_equal(files_ending(past, "base.db"), 0);
}

static void what_is_old_is_folded_and_the_rest_stays_exact(void **state)
{
	struct past *past = *state;
	struct error err;
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20)); // from 15 hours ago until now
	assert_true(log_is_retention_due(past->log));
	int segments = files_ending(past, ".log");
	assert_true(log_retain(past->log, NULL, &err));
	assert_true(files_ending(past, ".log") < segments);
	assert_int_equal(files_ending(past, "base.db"), 1);
	int kept = last_until(past, past->now - 10 * HOUR) + 1;
	expect_all(past, kept);
	expect_outside(past, past->ms[0]);
	expect_outside(past, past->now - 12 * HOUR);
	reopen(past);
	assert_false(log_needs_base(past->log));
	expect_all(past, kept);
	// On and on.
	for (int i = 0; i < 80; i++)
		append(past, past->now + i);
	struct log_options small = options_of(past);
	small.bytes_max = 100 * LOG_PAGE_BYTES;
	log_close(past->log);
	open_with(past, &small);
	assert_true(log_retain(past->log, NULL, &err));
	expect_outside(past, past->ms[kept]);
	expect_all(past, past->txn_count - 5);
}

// Folding is cut at random places; what was begun is ended by whoever comes next, and everything is exact again.
struct cutter {
	struct job job;
	int calls;
};

static bool cuts(void *context)
{
	struct cutter *cutter = context;
	return --cutter->calls < 0;
}

static void the_numbers_tell_what_is_kept(void **state)
{
	struct past *past = *state;
	struct error err;
	struct log_numbers numbers;
	log_tell_numbers(past->log, &numbers);
	assert_true(numbers.oldest_ms >= past->now);
	assert_int_equal(numbers.segment_count, 1);
	assert_int_equal(numbers.base_bytes, 0);
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20));
	log_tell_numbers(past->log, &numbers);
	uint64_t before = numbers.segment_bytes;
	assert_true(log_retain(past->log, NULL, &err));
	log_tell_numbers(past->log, &numbers);
	assert_int_equal(numbers.segment_count, files_ending(past, ".log"));
	assert_true(numbers.segment_bytes < before && numbers.base_bytes > 0 && numbers.first_frame_no > 0);
	expect_moment(past, numbers.oldest_ms);
	expect_outside(past, numbers.oldest_ms - 1000);
}

static void a_cut_folding_is_ended_later(void **state)
{
	struct past *past = *state;
	struct error err;
	for (int i = 0; i < 200; i++)
		append(past, past->now - 12 * HOUR + i * (HOUR / 20));
	int kept = last_until(past, past->now - 10 * HOUR) + 1;
	for (int round = 0; round < 12; round++) {
		struct cutter cutter = {.calls = (int)crypt_random_below(30)};
		cutter.job = (struct job){cuts, &cutter};
		bool ok = log_retain(past->log, &cutter.job, &err);
		assert_true(ok || err.code == ERR_SHUTDOWN);
		if (round % 3 == 1)
			reopen(past);
		if (round % 2)
			expect_moment(past, past->ms[kept + (int)crypt_random_below(20)]);
	}
	assert_true(log_retain(past->log, NULL, &err));
	expect_all(past, kept);
}

// The same with processes that end without a word.
static void a_killed_folding_is_ended_later(void **state)
{
	struct past *past = *state;
	struct error err;
	for (int i = 0; i < 200; i++)
		append(past, past->now - 12 * HOUR + i * (HOUR / 20));
	int kept = last_until(past, past->now - 10 * HOUR) + 1;
	log_close(past->log);
	for (int round = 0; round < 15; round++) {
		pid_t pid = fork();
		if (pid == 0) {
			struct cutter cutter = {.calls = 3 * round};
			cutter.job = (struct job){cuts, &cutter};
			struct log_options options = options_of(past);
			open_with(past, &options);
			bool ok = log_retain(past->log, &cutter.job, &err);
			_exit(ok ? 0 : 1); // nothing is closed
		}
		int status;
		waitpid(pid, &status, 0);
		assert_true(WIFEXITED(status));
	}
	struct log_options options = options_of(past);
	open_with(past, &options);
	expect_all(past, kept);
	assert_true(log_retain(past->log, NULL, &err));
	expect_all(past, kept);
}

static void a_base_of_given_content(void **state)
{
	struct past *past = *state;
	struct error err;
	struct log_options options = options_of(past);
	log_close(past->log);
	assert_true(disk_remove_tree(past->path, &err));
	options.begins_empty = false;
	open_with(past, &options);
	assert_true(log_needs_base(past->log));
	expect_outside(past, past->now + 1);
	OWNED(text) char *draft = log_base_draft(past->log);
	char pages[3 * LOG_PAGE_BYTES];
	memset(pages, 'p', sizeof(pages));
	assert_true(disk_write_file(draft, pages, sizeof(pages), &err));
	struct log_base content = {.since_ms = past->now};
	strcpy(content.log_id, log_id(past->log));
	assert_true(log_set_base(past->log, &content, NULL, &err));
	assert_false(log_needs_base(past->log));
	assert_false(disk_exists(draft));
	OWNED(buffer) struct buffer got = {0};
	assert_true(restore(past, past->now, &got, &err));
	assert_int_equal(got.size, sizeof(pages));
	assert_memory_equal(got.data, pages, sizeof(pages));
	expect_outside(past, past->now - 1);
	// It is of no use for another history.
	assert_true(log_restart(past->log, 77, &err));
	assert_true(log_needs_base(past->log));
	expect_outside(past, past->now + 1);
	assert_true(disk_write_file(draft, pages, sizeof(pages), &err));
	assert_false(log_set_base(past->log, &content, NULL, &err));
	assert_int_equal(err.code, ERR_STALE);
}

static void flip(const char *path, uint64_t offset)
{
	struct error err;
	OWNED(fd) int fd = -1;
	char byte;
	assert_true(disk_open(path, O_RDWR, &fd, &err));
	assert_true(disk_read_at(fd, &byte, 1, offset, &err));
	byte ^= 0x10;
	assert_true(disk_write_at(fd, &byte, 1, offset, &err));
}

static void damage_is_reported_and_never_served(void **state)
{
	struct past *past = *state;
	struct error err;
	OWNED(buffer) struct buffer content = {0};
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20));
	assert_true(log_retain(past->log, NULL, &err));
	expect_moment(past, past->ms[299]);
	flip(file_in(past, "base.db"), 5);
	assert_false(restore(past, past->ms[299], &content, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	// Nothing leads to the past any more.
	assert_true(log_needs_base(past->log));
	expect_outside(past, past->ms[299]);
	reopen(past);
	assert_true(log_needs_base(past->log));
}

static void a_damaged_segment_is_reported_and_never_served(void **state)
{
	struct past *past = *state;
	struct error err;
	OWNED(buffer) struct buffer content = {0};
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20));
	char name[80];
	snprintf(name, sizeof(name), "%020d.log", 0);
	flip(file_in(past, name), SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 4000);
	assert_false(log_retain(past->log, NULL, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_true(log_needs_base(past->log));
	expect_outside(past, past->ms[299]);
	assert_true(log_retain(past->log, NULL, &err));
}

static void a_position_that_was_changed_is_no_base(void **state)
{
	struct past *past = *state;
	struct error err;
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20));
	assert_true(log_retain(past->log, NULL, &err));
	log_close(past->log);
	flip(file_in(past, "base"), 60);
	struct log_options options = options_of(past);
	open_with(past, &options);
	assert_true(log_needs_base(past->log));
	assert_int_equal(files_ending(past, "base.db"), 0);
}

static void without_the_setting_nothing_is_kept(void **state)
{
	struct past *past = *state;
	struct error err;
	for (int i = 0; i < 300; i++)
		append(past, past->now - 15 * HOUR + i * (HOUR / 20));
	assert_true(log_retain(past->log, NULL, &err));
	struct log_options options = options_of(past);
	options.age_ms_max = 0;
	log_close(past->log);
	open_with(past, &options);
	assert_false(log_needs_base(past->log));
	assert_int_equal(files_ending(past, "base.db"), 0);
	expect_outside(past, past->ms[299]);
	assert_false(log_is_retention_due(past->log));
	options.bytes_max = 30 * LOG_PAGE_BYTES;
	log_close(past->log);
	open_with(past, &options);
	assert_true(log_is_retention_due(past->log));
	assert_true(log_retain(past->log, NULL, &err));
	// On again: from the present on.
	reopen(past);
	assert_true(log_needs_base(past->log));
}

static void an_old_newest_segment_is_closed(void **state)
{
	struct past *past = *state;
	struct error err;
	append(past, past->now);
	assert_false(log_is_newest_old(past->log));
	log_close(past->log);
	assert_true(disk_remove_tree(past->path, &err));
	past->txn_count = 0;
	struct log_options options = options_of(past);
	open_with(past, &options);
	append(past, past->now - 11 * HOUR);
	assert_true(log_is_newest_old(past->log) && log_is_retention_due(past->log));
	assert_true(log_close_segment(past->log, &err));
	assert_false(log_is_newest_old(past->log));
	assert_true(log_retain(past->log, NULL, &err));
	assert_int_equal(files_ending(past, ".log"), 1);
	expect_moment(past, past->now);
	reopen(past);
	expect_moment(past, past->now);
	assert_false(log_is_newest_old(past->log));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_moment_of_a_history_that_began_empty, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_old_is_folded_and_the_rest_stays_exact, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_numbers_tell_what_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_folding_is_ended_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_killed_folding_is_ended_later, setup, teardown),
		cmocka_unit_test_setup_teardown(a_base_of_given_content, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_reported_and_never_served, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_segment_is_reported_and_never_served, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_position_that_was_changed_is_no_base, setup, teardown),
		cmocka_unit_test_setup_teardown(without_the_setting_nothing_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(an_old_newest_segment_is_closed, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
