// What programs mean is tested with their calls (test/integration/grpc.test.mjs). Here: that bytes of any kind are read, or
// refused, within their bounds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/protobuf_write.h"
#include "sync/program.h"

static void write_value(struct buffer *out, uint32_t number, uint8_t tag, const char *text)
{
	char data[64] = {(char)tag};
	size_t size = 4;
	if (tag == 3 || tag == 4) {
		data[4] = (char)strlen(text);
		memcpy(data + 12, text, strlen(text));
		size = 12 + strlen(text);
	} else if (tag != 0) {
		data[4] = 7;
		size = 12;
	}
	size_t begun = protobuf_begin(out, number);
	protobuf_write_bytes(out, 1, data, size);
	protobuf_end(out, begun);
}

static void write_step(struct buffer *out, bool named, uint32_t depth)
{
	size_t step = protobuf_begin(out, 1);
	size_t open[64];
	if (depth > 0) {
		size_t cond = protobuf_begin(out, 1);
		for (uint32_t i = 0; i < depth; i++) {
			open[2 * i] = protobuf_begin(out, i % 2 == 0 ? 3 : 4);
			open[2 * i + 1] = protobuf_begin(out, 1);
		}
		protobuf_end(out, protobuf_begin(out, 1)); // ok, step 0
		for (uint32_t i = 2 * depth; i > 0; i--)
			protobuf_end(out, open[i - 1]);
		protobuf_end(out, cond);
	}
	size_t query = protobuf_begin(out, 2);
	protobuf_write_text(out, 1, "INSERT INTO t VALUES (?, ?, ?, ?, ?)");
	size_t params = protobuf_begin(out, named ? 3 : 2);
	for (uint8_t tag = 0; tag <= 4; tag++) {
		if (named)
			protobuf_write_text(out, 1, ":name");
		write_value(out, named ? 2 : 1, tag, "text");
	}
	protobuf_end(out, params);
	protobuf_write_integer(out, 4, 1);
	protobuf_end(out, query);
	protobuf_end(out, step);
}

static void write_program(struct buffer *out)
{
	protobuf_write_text(out, 1, "client");
	size_t program = protobuf_begin(out, 2);
	write_step(out, false, 0);
	write_step(out, true, 1);
	write_step(out, false, 6);
	protobuf_end(out, program);
}

static void is_read(void **state)
{
	OWNED(buffer) struct buffer bytes = {0};
	OWNED(arena) struct arena arena = {0};
	struct program program;
	struct error err;
	(void)state;
	write_program(&bytes);
	if (!program_read(&arena, bytes.data, bytes.size, &program, &err))
		fail_msg("%s", err.message);
	assert_int_equal(program.client_id_size, 6);
	assert_int_equal(program.step_count, 3);
	const struct statement *first = &program.steps[0].statement;
	assert_int_equal(first->arg_count, 5);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(first->args[i].kind, i);
	assert_int_equal(first->args[1].integer, 7);
	assert_memory_equal(first->args[3].bytes, "text", 4);
	assert_int_equal(program.steps[1].statement.named_arg_count, 5);
	assert_string_equal(program.steps[1].statement.named_args[4].name, ":name");
	assert_true(program.steps[2].skip_rows);
	const enum step_outcome fine[] = {STEP_OK, STEP_OK};
	const enum step_outcome bad[] = {STEP_ERROR, STEP_OK};
	assert_true(condition_holds(program.steps[0].condition, fine, true));
	assert_false(condition_holds(program.steps[1].condition, fine, true));
	assert_true(condition_holds(program.steps[1].condition, bad, true));
}

// In memory of exactly its size, so that a look beyond the end is seen.
static bool read_copy(const char *bytes, size_t size)
{
	OWNED(arena) struct arena arena = {0};
	struct program program;
	struct error err;
	char *copy = malloc(size + 1);
	memcpy(copy, bytes, size);
	copy = realloc(copy, size > 0 ? size : 1);
	bool ok = program_read(&arena, copy, size, &program, &err);
	if (program_read_text(&arena, copy, size, &program, &err))
		assert_true(program.step_count <= 1);
	free(copy);
	return ok;
}

static void is_cut(void **state)
{
	OWNED(buffer) struct buffer bytes = {0};
	(void)state;
	write_program(&bytes);
	enum { CLIENT_BYTES = 8 };
	for (size_t size = 0; size < bytes.size; size++)
		assert_int_equal(read_copy(bytes.data, size), size == 0 || size == CLIENT_BYTES);
}

static void is_damaged(void **state)
{
	OWNED(buffer) struct buffer bytes = {0};
	(void)state;
	write_program(&bytes);
	for (int round = 0; round < 20000; round++) {
		char damaged[2048];
		assert_true(bytes.size < sizeof(damaged));
		memcpy(damaged, bytes.data, bytes.size);
		for (uint32_t i = 0; i <= crypt_random_below(4); i++)
			damaged[crypt_random_below((uint32_t)bytes.size)] = (char)crypt_random_below(256);
		read_copy(damaged, bytes.size);
	}
}

int main(void)
{
	struct error err;
	if (!crypt_start(&err))
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_read),
		cmocka_unit_test(is_cut),
		cmocka_unit_test(is_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
