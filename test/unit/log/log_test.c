#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/disk.h"
#include "log/log.h"
#include "log/segment.h"

struct folder {
	char path[64];
	struct log *log;
};

static struct log *open_log(const struct folder *folder, uint64_t segment_bytes, uint64_t bytes_max)
{
	struct error err;
	struct log *log;
	struct log_options options = {
		.folder = folder->path, .segment_bytes_max = segment_bytes, .bytes_max = bytes_max};
	if (!log_open(&options, &log, &err))
		fail_msg("%s: %s", err.message, err.detail);
	return log;
}

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	struct error err;
	assert_true(crypt_start(&err));
	strcpy(folder->path, "/tmp/atoll-log-XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	struct folder *folder = *state;
	struct error err;
	log_close(folder->log);
	assert_true(disk_remove_tree(folder->path, &err));
	free(folder);
	return 0;
}

// A transaction of `count` pages whose bytes tell its number.
static uint64_t append(struct log *log, uint32_t count, char fill, struct wal_position wal)
{
	struct error err;
	uint32_t page_nos[8];
	char *pages = malloc(8 * LOG_PAGE_BYTES);
	for (uint32_t i = 0; i < count; i++)
		page_nos[i] = i + 1;
	memset(pages, fill, 8 * LOG_PAGE_BYTES);
	struct log_txn txn = {
		.frame_count = count, .size_after = 8, .page_nos = page_nos, .pages = pages, .wal = wal};
	assert_true(log_append(log, &txn, &err));
	free(pages);
	return txn.frame_no;
}

static struct wal_position at(uint32_t frame)
{
	return (struct wal_position){11, 22, frame};
}

static void expect_next(struct log_cursor *cursor, uint64_t frame_no, char fill)
{
	struct error err;
	struct log_txn txn;
	bool found;
	if (!log_cursor_next(cursor, &txn, &found, &err))
		fail_msg("%s", err.message);
	assert_true(found);
	assert_int_equal(txn.frame_no, frame_no);
	assert_int_equal(txn.pages[0], fill);
	assert_int_equal(txn.page_nos[txn.frame_count - 1], txn.frame_count);
}

static void expect_nothing(struct log_cursor *cursor)
{
	struct error err;
	struct log_txn txn;
	bool found;
	assert_true(log_cursor_next(cursor, &txn, &found, &err));
	assert_false(found);
}

static void frames_are_numbered_and_read_only_when_durable(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_cursor *cursor;
	assert_int_equal(append(folder->log, 2, 'a', at(2)), 2);
	assert_int_equal(append(folder->log, 3, 'b', at(5)), 5);
	assert_true(log_cursor_open(folder->log, 0, &cursor, &err));
	expect_nothing(cursor);
	log_mark_durable(folder->log, 2);
	expect_next(cursor, 2, 'a');
	expect_nothing(cursor);
	log_mark_durable(folder->log, 5);
	expect_next(cursor, 5, 'b');
	log_cursor_close(cursor);
	assert_false(log_cursor_open(folder->log, 3, &cursor, &err)); // inside a transaction
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void a_reopened_log_goes_on(void **state)
{
	struct folder *folder = *state;
	char id[LOG_ID_TEXT_BYTES];
	strcpy(id, log_id(folder->log));
	append(folder->log, 2, 'a', at(2));
	log_close(folder->log);
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	assert_string_equal(log_id(folder->log), id);
	assert_int_equal(log_appended(folder->log), 2);
	bool sealed;
	assert_int_equal(log_wal_position(folder->log, &sealed).frame, 2);
	assert_false(sealed);
	assert_int_equal(append(folder->log, 1, 'b', at(3)), 3);
}

static void a_cut_drops_only_what_lies_beyond_in_the_same_life(void **state)
{
	struct folder *folder = *state;
	struct error err;
	append(folder->log, 4, 'a', (struct wal_position){1, 1, 400});
	assert_true(log_seal(folder->log, (struct wal_position){1, 1, 400}, &err));
	append(folder->log, 2, 'b', at(2));
	append(folder->log, 2, 'c', at(4));
	assert_true(log_cut(folder->log, at(3), &err));
	assert_int_equal(log_appended(folder->log), 6);
	assert_int_equal(append(folder->log, 1, 'd', at(3)), 7);
	log_mark_durable(folder->log, 7);
	struct log_cursor *cursor;
	assert_true(log_cursor_open(folder->log, 4, &cursor, &err));
	expect_next(cursor, 6, 'b');
	expect_next(cursor, 7, 'd');
	log_cursor_close(cursor);
}

static void readers_pass_over_segments_and_old_ones_go(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_cursor *cursor;
	log_close(folder->log);
	folder->log = open_log(folder, 3 * LOG_PAGE_BYTES, 20 * LOG_PAGE_BYTES);
	append(folder->log, 1, 'a', at(1));
	log_mark_durable(folder->log, 1);
	assert_true(log_cursor_open(folder->log, 0, &cursor, &err));
	for (uint32_t i = 2; i <= 12; i++)
		append(folder->log, 1, (char)('a' + i), at(i));
	log_mark_durable(folder->log, 12);
	expect_next(cursor, 1, 'a');
	for (uint32_t i = 2; i <= 12; i++)
		expect_next(cursor, i, (char)('a' + i));
	log_cursor_close(cursor);
	for (uint32_t i = 13; i <= 200; i++)
		append(folder->log, 1, 'z', at(i));
	log_mark_durable(folder->log, 200);
	assert_true(log_is_retention_due(folder->log));
	assert_true(log_retain(folder->log, NULL, &err));
	assert_false(log_is_retention_due(folder->log));
	assert_false(log_cursor_open(folder->log, 1, &cursor, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_true(log_cursor_open(folder->log, 195, &cursor, &err));
	expect_next(cursor, 196, 'z');
	log_cursor_close(cursor);
}

static void a_flipped_bit_is_never_served(void **state)
{
	struct folder *folder = *state;
	struct error err;
	append(folder->log, 2, 'a', at(2));
	append(folder->log, 2, 'b', at(4));
	log_mark_durable(folder->log, 4);
	char path[128];
	snprintf(path, sizeof(path), "%s/%020d.log", folder->path, 0);
	OWNED(fd) int fd = -1;
	assert_true(disk_open(path, O_RDWR, &fd, &err));
	uint64_t place = SEGMENT_HEADER_BYTES + 2 * RECORD_HEADER_BYTES + 2 * (4 + LOG_PAGE_BYTES) + 4000;
	assert_true(disk_write_at(fd, "X", 1, place, &err));
	struct log_cursor *cursor;
	struct log_txn txn;
	bool found;
	assert_true(log_cursor_open(folder->log, 0, &cursor, &err));
	expect_next(cursor, 2, 'a');
	assert_false(log_cursor_next(cursor, &txn, &found, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	log_cursor_close(cursor);
	log_close(folder->log);
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	assert_int_equal(log_appended(folder->log), 2); // recovery ends before the damage
}

static bool fails_with(struct log *log, uint64_t frame_no, enum error_code code)
{
	struct error err;
	struct log_cursor *cursor = NULL;
	struct log_txn txn;
	bool found;
	bool ok =
		log_cursor_open(log, frame_no, &cursor, &err) && log_cursor_next(cursor, &txn, &found, &err);
	log_cursor_close(cursor);
	return !ok && err.code == code;
}

static char *segment(const struct folder *folder, int base)
{
	static char paths[2][128];
	char *path = paths[base % 2];
	snprintf(path, sizeof(paths[0]), "%s/%020d.log", folder->path, base);
	return path;
}

// Segments of three one-page transactions each.
static void fill_segments(struct folder *folder, uint32_t count)
{
	log_close(folder->log);
	folder->log = open_log(folder, 3 * LOG_PAGE_BYTES, 1 << 30);
	for (uint32_t i = 1; i <= count; i++)
		append(folder->log, 1, (char)i, at(i));
	log_mark_durable(folder->log, count);
}

static void segments_in_each_others_place_are_never_served(void **state)
{
	struct folder *folder = *state;
	struct error err;
	fill_segments(folder, 13);
	char aside[128];
	snprintf(aside, sizeof(aside), "%s/aside", folder->path);
	assert_int_equal(rename(segment(folder, 3), aside), 0);
	assert_int_equal(rename(segment(folder, 6), segment(folder, 3)), 0);
	assert_int_equal(rename(aside, segment(folder, 6)), 0);
	assert_true(fails_with(folder->log, 3, ERR_CORRUPT));
	assert_true(fails_with(folder->log, 6, ERR_CORRUPT));
	// They go, with what leads only to them; the rest is kept.
	assert_true(log_is_retention_due(folder->log));
	assert_true(log_retain(folder->log, NULL, &err));
	assert_false(log_is_retention_due(folder->log));
	assert_true(fails_with(folder->log, 0, ERR_NOT_FOUND));
	struct log_cursor *cursor;
	assert_true(log_cursor_open(folder->log, 9, &cursor, &err));
	expect_next(cursor, 10, 10);
	log_cursor_close(cursor);
}

static void a_missing_newest_segment_is_replaced_while_it_is_written(void **state)
{
	struct folder *folder = *state;
	struct error err;
	fill_segments(folder, 4);
	assert_int_equal(unlink(segment(folder, 3)), 0);
	assert_true(fails_with(folder->log, 3, ERR_CORRUPT));
	assert_true(log_is_newest_old(folder->log));
	assert_true(log_close_segment(folder->log, &err));
	assert_true(log_retain(folder->log, NULL, &err));
	append(folder->log, 1, 'n', at(5));
	log_mark_durable(folder->log, 5);
	struct log_cursor *cursor;
	assert_true(log_cursor_open(folder->log, 4, &cursor, &err));
	expect_next(cursor, 5, 'n');
	log_cursor_close(cursor);
}

// Sealed in the midst and cut there, it would look whole.
static void a_lost_end_is_noticed(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_lost lost;
	append(folder->log, 2, 'a', at(2));
	assert_true(log_seal(folder->log, at(2), &err));
	uint64_t place = SEGMENT_HEADER_BYTES + 2 * RECORD_HEADER_BYTES + 2 * (4 + LOG_PAGE_BYTES);
	append(folder->log, 2, 'b', (struct wal_position){12, 33, 2});
	assert_true(log_seal(folder->log, (struct wal_position){12, 33, 2}, &err));
	assert_true(log_mark_end(folder->log, &err));
	assert_false(log_lost_end(folder->log, &lost));
	log_close(folder->log);
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	assert_false(log_lost_end(folder->log, &lost));
	log_close(folder->log);
	assert_int_equal(truncate(segment(folder, 0), (off_t)place), 0);
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	bool sealed;
	assert_int_equal(log_wal_position(folder->log, &sealed).salt1, 11);
	assert_true(sealed);
	assert_true(log_lost_end(folder->log, &lost));
	assert_int_equal(lost.frame_no, 4);
	assert_int_equal(lost.wal.salt1, 12);
	assert_true(log_restart(folder->log, 5, &err));
	assert_false(log_lost_end(folder->log, &lost));
}

static void a_lost_seal_is_none(void **state)
{
	struct folder *folder = *state;
	struct error err;
	append(folder->log, 2, 'a', at(2));
	assert_true(log_seal(folder->log, at(2), &err));
	assert_true(log_mark_end(folder->log, &err));
	log_close(folder->log);
	off_t size = SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 2 * (4 + LOG_PAGE_BYTES);
	assert_int_equal(truncate(segment(folder, 0), size), 0);
	folder->log = open_log(folder, 1 << 20, 1 << 30);
	bool sealed;
	log_wal_position(folder->log, &sealed);
	assert_true(sealed);
}

static void a_damaged_note_of_the_end_gives_way_to_the_one_before(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_lost lost;
	char path[128];
	snprintf(path, sizeof(path), "%s/end", folder->path);
	append(folder->log, 2, 'a', at(2));
	assert_true(log_mark_end(folder->log, &err));
	append(folder->log, 2, 'b', at(4));
	assert_true(log_mark_end(folder->log, &err));
	log_close(folder->log);
	OWNED(fd) int fd = -1;
	assert_true(disk_open(path, O_RDWR, &fd, &err));
	for (int i = 0; i < 3; i++) {
		// Of the three notes the last one stands in the second place.
		assert_true(i == 0 || disk_write_at(fd, "9", 1, i == 1 ? 512 + 20 : 20, &err));
		folder->log = open_log(folder, 1 << 20, 1 << 30);
		bool lacks = log_lost_end(folder->log, &lost);
		assert_false(lacks);
		assert_int_equal(lost.frame_no, i == 0 ? 4 : i == 1 ? 2 : 0);
		if (i < 2)
			log_close(folder->log);
	}
}

static void what_a_moving_reader_is_at_is_kept_within_bounds(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_cursor *cursor;
	log_close(folder->log);
	folder->log = open_log(folder, 3 * LOG_PAGE_BYTES, 20 * LOG_PAGE_BYTES);
	for (uint32_t i = 1; i <= 30; i++)
		append(folder->log, 1, (char)i, at(i));
	log_mark_durable(folder->log, 30);
	assert_true(log_cursor_open(folder->log, 0, &cursor, &err));
	expect_next(cursor, 1, 1);
	assert_false(log_is_retention_due(folder->log));
	assert_true(log_retain(folder->log, NULL, &err));
	for (uint32_t i = 2; i <= 12; i++)
		expect_next(cursor, i, (char)i);
	// What it is past goes.
	assert_true(log_retain(folder->log, NULL, &err));
	assert_true(fails_with(folder->log, 0, ERR_NOT_FOUND));
	expect_next(cursor, 13, 13);
	// One that is too far behind is told.
	for (uint32_t i = 31; i <= 90; i++)
		append(folder->log, 1, (char)i, at(i));
	log_mark_durable(folder->log, 90);
	assert_true(log_is_retention_due(folder->log));
	assert_true(log_retain(folder->log, NULL, &err));
	struct log_txn txn;
	bool found;
	assert_false(log_cursor_next(cursor, &txn, &found, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	log_cursor_close(cursor);
	// One that is closed holds nothing.
	assert_false(log_is_retention_due(folder->log));
}

static void a_restarted_history_has_another_id(void **state)
{
	struct folder *folder = *state;
	struct error err;
	struct log_cursor *cursor;
	char id[LOG_ID_TEXT_BYTES];
	strcpy(id, log_id(folder->log));
	append(folder->log, 2, 'a', at(2));
	assert_true(log_restart(folder->log, 3, &err));
	assert_string_not_equal(log_id(folder->log), id);
	assert_int_equal(append(folder->log, 1, 'b', at(1)), 4);
	log_mark_durable(folder->log, 4);
	assert_false(log_cursor_open(folder->log, 2, &cursor, &err));
	assert_true(log_cursor_open(folder->log, 3, &cursor, &err));
	expect_next(cursor, 4, 'b');
	log_cursor_close(cursor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_are_numbered_and_read_only_when_durable, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_reopened_log_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cut_drops_only_what_lies_beyond_in_the_same_life, setup,
						teardown),
		cmocka_unit_test_setup_teardown(readers_pass_over_segments_and_old_ones_go, setup, teardown),
		cmocka_unit_test_setup_teardown(a_flipped_bit_is_never_served, setup, teardown),
		cmocka_unit_test_setup_teardown(segments_in_each_others_place_are_never_served, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_missing_newest_segment_is_replaced_while_it_is_written,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_end_is_noticed, setup, teardown),
		cmocka_unit_test_setup_teardown(a_lost_seal_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_note_of_the_end_gives_way_to_the_one_before, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_a_moving_reader_is_at_is_kept_within_bounds, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_restarted_history_has_another_id, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
