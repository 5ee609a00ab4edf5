#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "net/multipart.h"

// A body that comes in pieces of a given size, each in memory of exactly that size.
struct body {
	const char *bytes;
	size_t size;
	size_t at;
	size_t step;
	bool cut; // fails instead of ending
};

static bool read_body(void *context, char *out, size_t size, size_t *out_read, struct error *err)
{
	struct body *body = context;
	size_t left = body->size - body->at;
	size_t given = body->step < size ? body->step : size;
	if (given > left)
		given = left;
	if (given == 0 && body->cut)
		return error_set(err, ERR_TIMEOUT, "cut");
	memcpy(out, body->bytes + body->at, given);
	body->at += given;
	*out_read = given;
	return true;
}

static const size_t steps[] = {1, 2, 3, 5, 7, 11, 64, 4096, 1 << 20};

// The part "file" into out; reads it in pieces of another awkward size.
static bool read_all(const char *type, struct body *body, size_t read_size, struct buffer *out,
		     struct error *err)
{
	OWNED(multipart) struct multipart *multipart = NULL;
	struct multipart_source source = {.read = read_body, .context = body};
	OWNED(text) char *piece = malloc(read_size);
	buffer_truncate(out, 0);
	if (!multipart_open(type, "file", source, &multipart, err))
		return false;
	for (;;) {
		size_t got;
		if (!multipart_read(multipart, piece, read_size, &got, err))
			return false;
		if (got == 0)
			break;
		buffer_append(out, piece, got);
	}
	size_t again = 1;
	assert_true(multipart_read(multipart, piece, read_size, &again, err));
	assert_int_equal(again, 0);
	return true;
}

#define TEN         "1234567890"
#define TYPE        "multipart/form-data; boundary=XyZ"
#define PART(name)  "--XyZ\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define BYTES(text) text, sizeof(text) - 1

struct row {
	const char *name;
	const char *type;
	const char *body;
	size_t size;
	const char *file;
	size_t file_size;
};

static const struct row good[] = {
	{"one part", TYPE, BYTES(PART("file") "hello\r\n--XyZ--\r\n"), BYTES("hello")},
	{"nothing after the end", TYPE, BYTES(PART("file") "hello\r\n--XyZ--"), BYTES("hello")},
	{"empty file", TYPE, BYTES(PART("file") "\r\n--XyZ--\r\n"), BYTES("")},
	{"preamble and epilogue", TYPE,
	 BYTES("look\r\nhere\r\n" PART("file") "hello\r\n--XyZ--\r\nand there"), BYTES("hello")},
	{"parts around it", TYPE,
	 BYTES(PART("a") "1\r\n" PART("b") "\r\n" PART("file") "hello\r\n" PART("c") "3\r\n--XyZ--\r\n"),
	 BYTES("hello")},
	{"what almost ends it", TYPE,
	 BYTES(PART("file") "\r\n\r\n--\r\n--Xy\r\n--XyQ\r\r\n-\n--XyZ--XyZ\r\n--XyZ--\r\n"),
	 BYTES("\r\n\r\n--\r\n--Xy\r\n--XyQ\r\r\n-\n--XyZ--XyZ")},
	{"binary", TYPE, BYTES(PART("file") "\0\x01\r\0\n\xff\r\n--XyZ--\r\n"), BYTES("\0\x01\r\0\n\xff")},
	{"type's case, quotes, other parameters",
	 "Multipart/Form-Data; charset=utf-8; Boundary=\"a b:?\"; x=\"boundary=no\"",
	 BYTES("--a b:?\r\ncontent-disposition: form-data; filename=\"x; name=\\\"no\\\"\"; NAME=file\r\n"
	       "Content-Type: application/octet-stream\r\n\r\nhello\r\n--a b:?--"),
	 BYTES("hello")},
	{"blanks after the boundary", TYPE,
	 BYTES("--XyZ \t\r\nContent-Disposition: form-data; name=file\r\n\r\nhello\r\n--XyZ--  "),
	 BYTES("hello")},
	{"a part without headers", TYPE, BYTES("--XyZ\r\n\r\nbare\r\n" PART("file") "hello\r\n--XyZ--"),
	 BYTES("hello")},
	{"the first of two", TYPE, BYTES(PART("file") "one\r\n" PART("file") "two\r\n--XyZ--"), BYTES("one")},
};

static void hands_out_the_part_whatever_the_pieces(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(good); i++) {
		print_message("%s\n", good[i].name);
		for (size_t j = 0; j < ARRAY_LENGTH(steps) * ARRAY_LENGTH(steps); j++) {
			OWNED(buffer) struct buffer out = {0};
			struct error err;
			struct body body = {.bytes = good[i].body,
					    .size = good[i].size,
					    .step = steps[j % ARRAY_LENGTH(steps)]};
			if (!read_all(good[i].type, &body, steps[j / ARRAY_LENGTH(steps)], &out, &err))
				fail_msg("%s", err.message);
			assert_int_equal(out.size, good[i].file_size);
			assert_memory_equal(out.size ? out.data : "", good[i].file, good[i].file_size);
		}
	}
}

static const struct row bad[] = {
	{"nothing", TYPE, BYTES(""), NULL, 0},
	{"no boundary in it", TYPE, BYTES("hello"), NULL, 0},
	{"only a boundary", TYPE, BYTES("--XyZ"), NULL, 0},
	{"an empty form", TYPE, BYTES("--XyZ--\r\n"), NULL, 0},
	{"no such part", TYPE, BYTES(PART("a") "1\r\n--XyZ--\r\n"), NULL, 0},
	{"cut in the headers", TYPE, BYTES("--XyZ\r\nContent-Dispo"), NULL, 0},
	{"cut in the file", TYPE, BYTES(PART("file") "hel"), NULL, 0},
	{"cut in the last boundary", TYPE, BYTES(PART("file") "hello\r\n--XyZ-"), NULL, 0},
	{"cut in a later part", TYPE, BYTES(PART("file") "hello\r\n" PART("b") "x"), NULL, 0},
	{"text behind a boundary", TYPE,
	 BYTES("--XyZabc\r\nContent-Disposition: form-data; name=file\r\n\r\nhello\r\n--XyZ--"), NULL, 0},
	{"NUL in a header", TYPE,
	 BYTES("--XyZ\r\nContent-Disposition: form-data;\0 name=file\r\n\r\nhello\r\n--XyZ--"), NULL, 0},
};

static void refuses_a_broken_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		print_message("%s\n", bad[i].name);
		for (size_t j = 0; j < ARRAY_LENGTH(steps); j++) {
			OWNED(buffer) struct buffer out = {0};
			struct error err;
			struct body body = {.bytes = bad[i].body, .size = bad[i].size, .step = steps[j]};
			assert_false(read_all(bad[i].type, &body, 100, &out, &err));
			assert_int_equal(err.code, ERR_BAD_REQUEST);
		}
	}
}

static void refuses_what_is_no_form(void **state)
{
	static const char *const types[] = {
		NULL,
		"",
		"application/json",
		"multipart/mixed; boundary=XyZ",
		"multipart/form-data",
		"multipart/form-data; boundary",
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"\"",
		"multipart/form-datax; boundary=XyZ",
		"multipart/form-data; boundary=" TEN TEN TEN TEN TEN TEN TEN "x",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
		OWNED(buffer) struct buffer out = {0};
		struct error err;
		struct body body = {.bytes = good[0].body, .size = good[0].size, .step = 10};
		assert_false(read_all(types[i], &body, 100, &out, &err));
		assert_int_equal(err.code, ERR_UNSUPPORTED_MEDIA);
		assert_int_equal(body.at, 0);
	}
}

static void what_the_source_says_is_passed_on(void **state)
{
	for (size_t size = 0; size < good[0].size - 4; size++) {
		OWNED(buffer) struct buffer out = {0};
		struct error err;
		struct body body = {.bytes = good[0].body, .size = size, .step = 7, .cut = true};
		assert_false(read_all(TYPE, &body, 100, &out, &err));
		assert_int_equal(err.code, ERR_TIMEOUT);
	}
}

static void headers_and_parts_are_limited(void **state)
{
	OWNED(buffer) struct buffer form = {0};
	OWNED(buffer) struct buffer out = {0};
	struct error err;
	buffer_append_text(&form, "--XyZ\r\nX: ");
	for (int i = 0; i < 20000; i++)
		buffer_append_byte(&form, 'x');
	buffer_append_text(&form, "\r\n\r\n" PART("file") "hello\r\n--XyZ--");
	struct body body = {.bytes = form.data, .size = form.size, .step = 1000};
	assert_false(read_all(TYPE, &body, 100, &out, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);

	buffer_truncate(&form, 0);
	for (int i = 0; i < 200; i++)
		buffer_append_text(&form, PART("a") "1\r\n");
	buffer_append_text(&form, PART("file") "hello\r\n--XyZ--");
	body = (struct body){.bytes = form.data, .size = form.size, .step = 1000};
	assert_false(read_all(TYPE, &body, 100, &out, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
}

static void a_large_part_comes_through(void **state)
{
	OWNED(buffer) struct buffer form = {0};
	OWNED(buffer) struct buffer content = {0};
	OWNED(buffer) struct buffer out = {0};
	struct error err;
	// Dense with what might be a boundary's beginning.
	for (int i = 0; content.size < 1000000; i++)
		buffer_append_text(&content, i % 3 ? "\r\n--Xy" : i % 7 ? "\r" : "\r\n--XyY");
	buffer_append_text(&form, PART("file"));
	buffer_append(&form, content.data, content.size);
	buffer_append_text(&form, "\r\n--XyZ--\r\n");
	for (size_t j = 2; j < ARRAY_LENGTH(steps); j++) {
		struct body body = {.bytes = form.data, .size = form.size, .step = steps[j] * 13};
		if (!read_all(TYPE, &body, 8192, &out, &err))
			fail_msg("%s", err.message);
		assert_int_equal(out.size, content.size);
		assert_memory_equal(out.data, content.data, content.size);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_the_part_whatever_the_pieces),
		cmocka_unit_test(refuses_a_broken_form),
		cmocka_unit_test(refuses_what_is_no_form),
		cmocka_unit_test(what_the_source_says_is_passed_on),
		cmocka_unit_test(headers_and_parts_are_limited),
		cmocka_unit_test(a_large_part_comes_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
