// Bitmaps as they come: all three kinds of containers, their bounds, and bytes that are none.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "sync/roaring.h"

static void put16(struct buffer *out, unsigned value)
{
	buffer_append_byte(out, (char)(value & 0xff));
	buffer_append_byte(out, (char)(value >> 8));
}

static void put32(struct buffer *out, uint32_t value)
{
	put16(out, value & 0xffff);
	put16(out, value >> 16);
}

// Two arrays: {0, 7, 65535} and {131072 + 5}.
static void write_arrays(struct buffer *out)
{
	put32(out, 12346);
	put32(out, 2);
	put16(out, 0);
	put16(out, 2);
	put16(out, 2);
	put16(out, 0);
	put32(out, 24);
	put32(out, 30);
	put16(out, 0);
	put16(out, 7);
	put16(out, 65535);
	put16(out, 5);
}

// Runs: [10, 20], [65535], and 3 times 65536 as a bitmap of 5000 numbers, each even one.
static void write_runs(struct buffer *out)
{
	put16(out, 12347);
	put16(out, 1);
	buffer_append_byte(out, 1);
	put16(out, 0);
	put16(out, 11);
	put16(out, 3);
	put16(out, 4999);
	put16(out, 2);
	put16(out, 10);
	put16(out, 10);
	put16(out, 65535);
	put16(out, 0);
	for (int i = 0; i < 8192; i++)
		buffer_append_byte(out, i < 1250 ? 0x55 : 0);
}

static bool read(struct arena *arena, const struct buffer *bytes, struct roaring *out)
{
	struct error err = {0};
	bool ok = roaring_read(arena, bytes->data, bytes->size, out, &err);
	assert_true(ok || err.code == ERR_BAD_REQUEST);
	return ok;
}

static void expect_next(const struct roaring *set, uint32_t from, uint32_t expected)
{
	uint32_t found;
	assert_true(roaring_next(set, from, &found));
	assert_int_equal(found, expected);
	assert_true(roaring_has(set, expected));
	assert_true(from == expected || !roaring_has(set, from));
}

static void arrays_are_read(void **state)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer bytes = {0};
	struct roaring set;
	uint32_t ignored;
	write_arrays(&bytes);
	assert_true(read(&arena, &bytes, &set));
	expect_next(&set, 0, 0);
	expect_next(&set, 1, 7);
	expect_next(&set, 8, 65535);
	expect_next(&set, 65536, 131077);
	expect_next(&set, 131077, 131077);
	assert_false(roaring_next(&set, 131078, &ignored));
	assert_false(roaring_next(&set, UINT32_MAX, &ignored));
}

static void runs_and_bitmaps_are_read(void **state)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer bytes = {0};
	struct roaring set;
	uint32_t ignored;
	write_runs(&bytes);
	assert_true(read(&arena, &bytes, &set));
	expect_next(&set, 0, 10);
	expect_next(&set, 15, 15);
	expect_next(&set, 20, 20);
	expect_next(&set, 21, 65535);
	expect_next(&set, 65536, 3 * 65536);
	expect_next(&set, 3 * 65536 + 1, 3 * 65536 + 2);
	expect_next(&set, 3 * 65536 + 9998, 3 * 65536 + 9998);
	assert_false(roaring_next(&set, 3 * 65536 + 9999, &ignored));
}

static void an_empty_set_is_one(void **state)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer bytes = {0};
	struct roaring set;
	uint32_t ignored;
	put32(&bytes, 12346);
	put32(&bytes, 0);
	assert_true(read(&arena, &bytes, &set));
	assert_false(roaring_next(&set, 0, &ignored));
}

// Each prefix, and what is changed in one place: no crash, and prefixes are refused.
static void what_is_cut_or_changed_does_no_harm(void **state)
{
	for (int kind = 0; kind < 2; kind++) {
		OWNED(buffer) struct buffer bytes = {0};
		(kind ? write_runs : write_arrays)(&bytes);
		for (size_t size = 0; size < bytes.size; size++) {
			OWNED(arena) struct arena arena = {0};
			OWNED(text) char *copy = malloc(size ? size : 1);
			struct buffer cut = {.data = copy, .size = size};
			struct roaring set;
			memcpy(copy, bytes.data, size);
			assert_false(read(&arena, &cut, &set));
		}
		for (size_t at = 0; at < 40 && at < bytes.size; at++) {
			for (int bit = 0; bit < 8; bit++) {
				OWNED(arena) struct arena arena = {0};
				struct roaring set;
				uint32_t found;
				bytes.data[at] ^= (char)(1 << bit);
				if (read(&arena, &bytes, &set) && roaring_next(&set, 3, &found))
					assert_true(found >= 3);
				bytes.data[at] ^= (char)(1 << bit);
			}
		}
	}
}

static void order_is_demanded(void **state)
{
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer bytes = {0};
	struct roaring set;
	write_arrays(&bytes);
	bytes.data[26] = 0; // 0, 0, 65535
	assert_false(read(&arena, &bytes, &set));
	buffer_truncate(&bytes, 0);
	write_arrays(&bytes);
	bytes.data[12] = 0; // the second container has the key of the first
	assert_false(read(&arena, &bytes, &set));
	buffer_truncate(&bytes, 0);
	write_runs(&bytes);
	bytes.data[19] = 15; // 10 to 20, and then from 15
	bytes.data[20] = 0;
	assert_false(read(&arena, &bytes, &set));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays_are_read),     cmocka_unit_test(runs_and_bitmaps_are_read),
		cmocka_unit_test(an_empty_set_is_one), cmocka_unit_test(what_is_cut_or_changed_does_no_harm),
		cmocka_unit_test(order_is_demanded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
