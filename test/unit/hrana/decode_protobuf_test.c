// Messages are built by the writer of base, whose bytes are tested against the encoding's documents; what a real client
// sends is tested in test/clients/hrana-client.test.mjs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/protobuf_write.h"
#include "hrana/decode.h"

struct fixture {
	struct arena arena;
	struct buffer body;
	size_t open[300];
	size_t depth;
	struct pipeline pipeline;
	struct message message;
	struct error err;
};

static void clear(struct fixture *f)
{
	arena_cleanup(&f->arena);
	buffer_cleanup(&f->body);
	*f = (struct fixture){0};
}

static void open(struct fixture *f, uint32_t number)
{
	f->open[f->depth++] = protobuf_begin(&f->body, number);
}

static void close_all(struct fixture *f)
{
	while (f->depth > 0)
		protobuf_end(&f->body, f->open[--f->depth]);
}

static void close_one(struct fixture *f)
{
	protobuf_end(&f->body, f->open[--f->depth]);
}

static bool decode(struct fixture *f)
{
	close_all(f);
	struct decoder decoder = {.arena = &f->arena, .version = 3};
	return decode_protobuf_pipeline(&decoder, &f->body, NULL, &f->pipeline, &f->err);
}

static bool decode_socket(struct fixture *f)
{
	close_all(f);
	struct decoder decoder = {.arena = &f->arena, .version = 3, .on_socket = true};
	return decode_protobuf_message(&decoder, &f->body, NULL, &f->message, &f->err);
}

// A pipeline's one execute, whose Stmt is open afterwards.
static void open_statement(struct fixture *f)
{
	clear(f);
	open(f, 2);
	open(f, 2);
	open(f, 1);
}

static void reads_a_statement(void **state)
{
	struct fixture f = {0};
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "SELECT ?");
	protobuf_write_integer(&f.body, 5, 0);
	protobuf_write_integer(&f.body, 6, 77);
	open(&f, 3);
	protobuf_write_head(&f.body, 1, 0);
	close_one(&f);
	open(&f, 3);
	protobuf_write_integer(&f.body, 2, protobuf_zigzag(INT64_MIN));
	close_one(&f);
	open(&f, 3);
	protobuf_write_real(&f.body, 3, -0.5);
	close_one(&f);
	open(&f, 3);
	protobuf_write_text(&f.body, 4, "x");
	close_one(&f);
	open(&f, 3);
	protobuf_write_bytes(&f.body, 5, "\xFF\0", 2);
	assert_true(decode(&f));
	assert_null(f.pipeline.broken);
	assert_int_equal(f.pipeline.request_count, 1);
	const struct step *step = &f.pipeline.requests[0].step;
	assert_string_equal(step->statement.sql, "SELECT ?");
	assert_int_equal(step->statement.sql_size, 8);
	assert_false(step->want_rows);
	assert_int_equal(step->replication_index, 77);
	const struct value *args = step->statement.args;
	assert_int_equal(step->statement.arg_count, 5);
	assert_int_equal(args[0].kind, VALUE_NULL);
	assert_true(args[1].kind == VALUE_INTEGER && args[1].integer == INT64_MIN);
	assert_true(args[2].kind == VALUE_REAL && args[2].real == -0.5);
	assert_true(args[3].kind == VALUE_TEXT && args[3].size == 1);
	assert_true(args[4].kind == VALUE_BLOB && args[4].size == 2);
	clear(&f);
}

static void absent_fields_have_their_defaults(void **state)
{
	struct fixture f = {0};
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "");
	assert_true(decode(&f));
	assert_null(f.pipeline.broken);
	assert_null(f.pipeline.baton);
	assert_true(f.pipeline.requests[0].step.want_rows);
	assert_int_equal(f.pipeline.requests[0].step.statement.arg_count, 0);
	clear(&f);
	assert_true(decode(&f));
	assert_int_equal(f.pipeline.request_count, 0);
	clear(&f);
}

static void a_name_comes_with_its_value(void **state)
{
	struct fixture f = {0};
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "SELECT :n");
	open(&f, 4);
	protobuf_write_text(&f.body, 1, "n");
	open(&f, 2);
	protobuf_write_integer(&f.body, 2, protobuf_zigzag(5));
	assert_true(decode(&f));
	const struct statement *statement = &f.pipeline.requests[0].step.statement;
	assert_int_equal(statement->named_arg_count, 1);
	assert_string_equal(statement->named_args[0].name, "n");
	assert_int_equal(statement->named_args[0].value.integer, 5);

	open_statement(&f);
	protobuf_write_text(&f.body, 1, "SELECT :n");
	open(&f, 4);
	protobuf_write_bytes(&f.body, 1, "n\0m", 3);
	assert_false(decode(&f));
	assert_int_equal(f.err.code, ERR_BAD_JSON);
	clear(&f);
}

// A batch's second step with `depth` nested conditions, the innermost of which names `step`.
static bool decode_condition(struct fixture *f, size_t depth, uint32_t step)
{
	clear(f);
	open(f, 2);
	open(f, 3);
	open(f, 1);
	for (int i = 0; i < 2; i++) {
		open(f, 1);
		open(f, 2);
		protobuf_write_text(&f->body, 1, "x");
		close_one(f);
		if (i == 0)
			close_one(f);
	}
	open(f, 1);
	for (size_t i = 0; i < depth; i++)
		open(f, 3);
	protobuf_write_integer(&f->body, 1, step);
	return decode(f);
}

static void conditions_name_earlier_steps_and_nest_to_128(void **state)
{
	struct fixture f = {0};
	assert_true(decode_condition(&f, 0, 0));
	assert_null(f.pipeline.broken);
	assert_int_equal(f.pipeline.requests[0].batch.step_count, 2);
	assert_null(f.pipeline.requests[0].batch.steps[0].condition);
	assert_int_equal(f.pipeline.requests[0].batch.steps[1].condition->kind, CONDITION_OK);
	assert_true(decode_condition(&f, 1, 0));
	assert_int_equal(f.pipeline.requests[0].batch.steps[1].condition->kind, CONDITION_NOT);
	assert_true(decode_condition(&f, 0, 1));
	assert_string_equal(f.pipeline.broken, "Invalid reference to step in a batch condition");
	for (size_t depth = 1; depth < 200; depth++)
		assert_true(decode_condition(&f, depth, 0) == (depth < 128));
	clear(&f);
}

static void lists_of_conditions_may_be_empty(void **state)
{
	struct fixture f = {0};
	open(&f, 2);
	open(&f, 3);
	open(&f, 1);
	open(&f, 1);
	open(&f, 2);
	protobuf_write_text(&f.body, 1, "x");
	close_one(&f);
	open(&f, 1);
	open(&f, 5);
	assert_true(decode(&f));
	const struct condition *condition = f.pipeline.requests[0].batch.steps[0].condition;
	assert_int_equal(condition->kind, CONDITION_OR);
	assert_int_equal(condition->part_count, 0);
	clear(&f);
}

static void names_the_broken_rule(void **state)
{
	struct fixture f = {0};
	open_statement(&f);
	assert_true(decode(&f));
	assert_string_equal(f.pipeline.broken, "Either `sql` or `sql_id` are required");
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "x");
	protobuf_write_integer(&f.body, 2, 1);
	assert_true(decode(&f));
	assert_string_equal(f.pipeline.broken, "Either `sql` or `sql_id` are required, but not both");
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "x");
	open(&f, 3);
	assert_true(decode(&f));
	assert_string_equal(f.pipeline.broken, "Value type not recognized");
	clear(&f);
	open(&f, 2);
	open(&f, 99);
	assert_true(decode(&f));
	assert_string_equal(f.pipeline.broken, "Request type not recognized");
	clear(&f);
}

static void reads_messages_of_a_socket(void **state)
{
	struct fixture f = {0};
	open(&f, 1);
	protobuf_write_text(&f.body, 1, "a.b.c");
	assert_true(decode_socket(&f));
	assert_int_equal(f.message.kind, MESSAGE_HELLO);
	assert_string_equal(f.message.jwt, "a.b.c");

	clear(&f);
	open(&f, 2);
	protobuf_write_integer(&f.body, 1, (uint64_t)(int64_t)-3);
	open(&f, 8);
	protobuf_write_integer(&f.body, 1, 12);
	protobuf_write_integer(&f.body, 2, 1000);
	assert_true(decode_socket(&f));
	assert_int_equal(f.message.request_id, -3);
	assert_int_equal(f.message.request.kind, REQUEST_FETCH_CURSOR);
	assert_int_equal(f.message.request.cursor_id, 12);
	assert_int_equal(f.message.request.max_count, 1000);

	clear(&f);
	open(&f, 2);
	open(&f, 4);
	protobuf_write_integer(&f.body, 1, 5);
	protobuf_write_integer(&f.body, 3, 9);
	open(&f, 2);
	protobuf_write_integer(&f.body, 2, 6);
	assert_true(decode_socket(&f));
	assert_null(f.message.broken);
	assert_int_equal(f.message.request.stream_id, 5);
	assert_int_equal(f.message.request.step.sql_id, 6);
	assert_int_equal(f.message.request.step.replication_index, 9);

	clear(&f);
	assert_false(decode_socket(&f));
	assert_int_equal(f.err.code, ERR_BAD_JSON);
}

static void refuses_wrong_types_and_cut_messages(void **state)
{
	struct fixture f = {0};
	protobuf_write_integer(&f.body, 2, 1);
	assert_false(decode(&f));
	assert_int_equal(f.err.code, ERR_BAD_JSON);
	assert_memory_equal(f.err.message, "Could not decode client message from Protobuf: ", 47);
	open_statement(&f);
	protobuf_write_bytes(&f.body, 1, "\xFF", 1);
	assert_false(decode(&f));
	open_statement(&f);
	protobuf_write_text(&f.body, 1, "SELECT 1");
	assert_true(decode(&f));
	for (size_t size = f.body.size - 1; size > 0; size--) {
		f.body.size = size;
		assert_false(decode(&f));
	}
	clear(&f);
}

static void refuses_a_flood_of_messages(void **state)
{
	struct fixture f = {0};
	for (int i = 0; i <= DECODE_VALUES_MAX; i++)
		protobuf_write_head(&f.body, 2, 0);
	assert_false(decode(&f));
	assert_int_equal(f.err.code, ERR_BODY_TOO_LARGE);
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_statement),
		cmocka_unit_test(absent_fields_have_their_defaults),
		cmocka_unit_test(a_name_comes_with_its_value),
		cmocka_unit_test(conditions_name_earlier_steps_and_nest_to_128),
		cmocka_unit_test(lists_of_conditions_may_be_empty),
		cmocka_unit_test(names_the_broken_rule),
		cmocka_unit_test(reads_messages_of_a_socket),
		cmocka_unit_test(refuses_wrong_types_and_cut_messages),
		cmocka_unit_test(refuses_a_flood_of_messages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
