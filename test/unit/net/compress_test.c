#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "net/compress.h"

// All that `bytes` say so far; *out_end: they were the whole.
static void inflate_all(const struct buffer *bytes, struct buffer *out, bool *out_end)
{
	z_stream stream = {.next_in = (Bytef *)bytes->data, .avail_in = (uInt)bytes->size};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	int result;
	do {
		stream.next_out = (Bytef *)buffer_reserve(out, 4096);
		stream.avail_out = 4096;
		result = inflate(&stream, Z_SYNC_FLUSH);
		assert_true(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
		out->size += 4096 - stream.avail_out;
	} while (result == Z_OK);
	*out_end = result == Z_STREAM_END;
	inflateEnd(&stream);
}

static void the_header_is_read_by_its_qualities(void **state)
{
	static const struct {
		const char *value;
		bool wanted;
	} cases[] = {
		{NULL, false},
		{"", false},
		{"gzip", true},
		{"GZip", true},
		{"x-gzip", true},
		{"gzip, deflate, br", true},
		{"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
		{"deflate,gzip", true},
		{"gzip;q=0", false},
		{"gzip;q=0.000", false},
		{"gzip;q=0.001", true},
		{"gzip ; q=0.5", true},
		{"gzip;Q=0", false},
		{"*", true},
		{"*;q=0", false},
		{"*, gzip;q=0", false},
		{"identity", false},
		{"identity, gzip;q=0.5", false},
		{"identity;q=0.5, gzip", true},
		{"identity;q=0, gzip;q=0.1", true},
		{"notgzip, gzipped", false},
		{"deflate", false},
		{",,;q=1,,gzip", true},
		{"gzip;q=", true},
		{"gzip;q=9", true},
		{"gzip;other=1;q=0", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		if (compress_is_wanted(cases[i].value) != cases[i].wanted)
			fail_msg("%s", cases[i].value);
	}
}

static void fill(struct buffer *buffer, size_t size, bool noise)
{
	uint32_t random = 1;
	while (buffer->size < size) {
		random = random * 1664525 + 1013904223;
		buffer_append_byte(buffer, noise ? (char)(random >> 24) : "abcd"[random >> 30]);
	}
}

static void a_whole_reply_reads_back(void **state)
{
	(void)state;
	OWNED(buffer) struct buffer body = {0};
	OWNED(buffer) struct buffer packed = {0};
	OWNED(buffer) struct buffer back = {0};
	bool end;
	fill(&body, 300000, false);
	assert_true(compress_whole(&body, &packed));
	assert_true(packed.size < body.size / 2);
	inflate_all(&packed, &back, &end);
	assert_true(end);
	assert_int_equal(back.size, body.size);
	assert_memory_equal(back.data, body.data, body.size);
}

static void what_does_not_get_smaller_is_left_alone(void **state)
{
	static const size_t sizes[] = {0, 1, 10, 100000};
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer body = {0};
		OWNED(buffer) struct buffer packed = {0};
		fill(&body, sizes[i], true);
		assert_false(compress_whole(&body, &packed));
		assert_int_equal(packed.size, 0);
	}
}

static void each_piece_can_be_read_when_it_comes(void **state)
{
	static const size_t sizes[] = {1, 0, 5, 70000, 3, 200000, 1};
	(void)state;
	OWNED(buffer) struct buffer body = {0};
	OWNED(buffer) struct buffer packed = {0};
	struct compressor *compressor = compressor_create();
	assert_non_null(compressor);
	for (size_t i = 0; i <= ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer back = {0};
		bool end;
		size_t before = body.size;
		bool last = i == ARRAY_LENGTH(sizes);
		if (last) {
			compressor_finish(compressor, &packed);
		} else {
			fill(&body, before + sizes[i], i % 2 == 0);
			compressor_put(compressor, body.data + before, sizes[i], &packed);
		}
		inflate_all(&packed, &back, &end);
		assert_true(end == last);
		assert_int_equal(back.size, body.size);
		assert_memory_equal(back.data, body.data, body.size);
	}
	compressor_free(compressor);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_header_is_read_by_its_qualities),
		cmocka_unit_test(a_whole_reply_reads_back),
		cmocka_unit_test(what_does_not_get_smaller_is_left_alone),
		cmocka_unit_test(each_piece_can_be_read_when_it_comes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
