#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hrana/decode.h"

struct fixture {
	struct arena arena;
	struct json *root;
	struct pipeline pipeline;
	struct error err;
};

static void clear(struct fixture *f)
{
	json_read_free(f->root);
	arena_cleanup(&f->arena);
	*f = (struct fixture){0};
}

static bool decode_sized(struct fixture *f, const char *text, size_t size, int version)
{
	clear(f);
	struct buffer body = {.data = (char *)(uintptr_t)text, .size = size};
	struct decoder decoder = {.arena = &f->arena, .version = version};
	return decode_parse(&body, &f->root, &f->err) &&
	       decode_pipeline(&decoder, f->root, &f->pipeline, &f->err);
}

static bool decode(struct fixture *f, const char *text)
{
	return decode_sized(f, text, strlen(text), 3);
}

// A pipeline with one execute and the given members of its stmt.
static bool decode_stmt(struct fixture *f, const char *members)
{
	char text[4096];
	snprintf(text, sizeof(text), "{\"requests\":[{\"type\":\"execute\",\"stmt\":{%s}}]}", members);
	return decode(f, text);
}

static void takes_what_the_javascript_client_sends(void **state)
{
	struct fixture f = {0};
	assert_true(decode(
		&f, "{\"baton\":null,\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"SELECT ?\","
		    "\"args\":[{\"type\":\"float\",\"value\":1}],\"named_args\":[],\"want_rows\":true}},"
		    "{\"type\":\"close\"}]}"));
	assert_null(f.pipeline.baton);
	assert_null(f.pipeline.broken);
	assert_int_equal(f.pipeline.request_count, 2);
	const struct step *step = &f.pipeline.requests[0].step;
	assert_int_equal(f.pipeline.requests[0].kind, REQUEST_EXECUTE);
	assert_memory_equal(step->statement.sql, "SELECT ?", 9);
	assert_int_equal(step->statement.sql_size, 8);
	assert_int_equal(step->statement.arg_count, 1);
	assert_int_equal(step->statement.named_arg_count, 0);
	assert_int_equal(step->statement.args[0].kind, VALUE_REAL);
	assert_true(step->statement.args[0].real == 1.0);
	assert_true(step->want_rows);
	assert_int_equal(f.pipeline.requests[1].kind, REQUEST_CLOSE);
	clear(&f);
}

static void absent_members_have_their_defaults(void **state)
{
	struct fixture f = {0};
	assert_true(decode_stmt(
		&f, "\"sql\":\"x\",\"sql_id\":null,\"args\":null,\"want_rows\":null,\"unknown\":[1]"));
	const struct step *step = &f.pipeline.requests[0].step;
	assert_true(step->want_rows);
	assert_int_equal(step->statement.arg_count, 0);
	assert_int_equal(step->replication_index, 0);
	assert_null(step->condition);
	assert_true(decode_stmt(&f, "\"sql\":\"x\",\"want_rows\":false"));
	assert_false(f.pipeline.requests[0].step.want_rows);
	clear(&f);
}

static void takes_every_kind_of_value(void **state)
{
	struct fixture f = {0};
	assert_true(decode_stmt(
		&f, "\"sql\":\"x\",\"args\":[{\"type\":\"null\"},"
		    "{\"type\":\"integer\",\"value\":\"-9223372036854775808\"},"
		    "{\"type\":\"integer\",\"value\":\"+7\"},"
		    "{\"type\":\"float\",\"value\":-1.5e300},"
		    "{\"type\":\"text\",\"value\":\"a\\u0000b\"},"
		    "{\"type\":\"blob\",\"base64\":\"AQI\"},{\"type\":\"blob\",\"base64\":\"AQI=\"},"
		    "{\"type\":\"blob\",\"base64\":\"\"}]"));
	const struct value *args = f.pipeline.requests[0].step.statement.args;
	assert_int_equal(args[0].kind, VALUE_NULL);
	assert_true(args[1].integer == INT64_MIN);
	assert_true(args[2].kind == VALUE_INTEGER && args[2].integer == 7);
	assert_true(args[3].real == -1.5e300);
	assert_true(args[4].kind == VALUE_TEXT && args[4].size == 3);
	assert_memory_equal(args[4].bytes, "a\0b", 3);
	for (int i = 5; i <= 6; i++) {
		assert_true(args[i].kind == VALUE_BLOB && args[i].size == 2);
		assert_memory_equal(args[i].bytes, "\x01\x02", 2);
	}
	assert_true(args[7].kind == VALUE_BLOB && args[7].size == 0);
	clear(&f);
}

static void takes_floats_that_javascript_writes_without_exponent(void **state)
{
	struct fixture f = {0};
	assert_true(decode_stmt(
		&f, "\"sql\":\"x\",\"args\":[{\"type\":\"float\",\"value\":100000000000000000000},"
		    "{\"type\":\"integer\",\"value\":\"9007199254740993\"}],\"replication_index\":5"));
	const struct step *step = &f.pipeline.requests[0].step;
	assert_true(step->statement.args[0].real == 1e20);
	assert_true(step->statement.args[1].integer == 9007199254740993);
	assert_int_equal(step->replication_index, 5);
	clear(&f);
}

static void refuses_values_of_a_wrong_form(void **state)
{
	static const char *const wrong[] = {
		"1",
		"null",
		"{}",
		"{\"type\":1}",
		"{\"type\":\"bool\",\"value\":true}",
		"{\"type\":\"integer\",\"value\":1}",
		"{\"type\":\"integer\",\"value\":\"\"}",
		"{\"type\":\"integer\",\"value\":\"-\"}",
		"{\"type\":\"integer\",\"value\":\"1e3\"}",
		"{\"type\":\"integer\",\"value\":\" 1\"}",
		"{\"type\":\"integer\",\"value\":\"1\\u0000\"}",
		"{\"type\":\"integer\",\"value\":\"9223372036854775808\"}",
		"{\"type\":\"integer\"}",
		"{\"type\":\"float\",\"value\":\"1\"}",
		"{\"type\":\"float\",\"value\":null}",
		"{\"type\":\"float\",\"value\":1e999}",
		"{\"type\":\"text\",\"value\":1}",
		"{\"type\":\"text\"}",
		"{\"type\":\"blob\",\"base64\":\"A*I\"}",
		"{\"type\":\"blob\",\"base64\":\"A\"}",
		"{\"type\":\"blob\",\"value\":\"AQI\"}",
	};
	struct fixture f = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		char members[256];
		snprintf(members, sizeof(members), "\"sql\":\"x\",\"args\":[%s]", wrong[i]);
		if (decode_stmt(&f, members))
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(f.err.code, ERR_BAD_JSON);
		assert_int_equal(strncmp(f.err.message, "Cannot deserialize client message from JSON: ", 45),
				 0);
	}
	clear(&f);
}

static void refuses_bodies_of_a_wrong_form(void **state)
{
	static const char *const wrong[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"{\"requests\":{}}",
		"{\"requests\":[1]}",
		"{\"requests\":[{}]}",
		"{\"requests\":[{\"type\":\"nap\"}]}",
		"{\"requests\":[{\"type\":\"execute\"}]}",
		"{\"requests\":[],\"requests\":[]}",
		"{\"requests\":[],\"baton\":7}",
		"{\"requests\":[]} x",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":7}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"args\":{}}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"named_args\":[{\"value\":{"
		"\"type\":\"null\"}}]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"named_args\":[{\"name\":"
		"\"a\\u0000b\",\"value\":{\"type\":\"null\"}}]}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"want_rows\":1}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"replication_index\":-1}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"replication_index\":\"-1\"}}]"
		"}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql_id\":3000000000}}]}",
		"{\"requests\":[{\"type\":\"execute\",\"stmt\":{\"sql_id\":1.5}}]}",
		"{\"requests\":[{\"type\":\"store_sql\",\"sql_id\":1}]}",
		"{\"requests\":[{\"type\":\"store_sql\",\"sql\":\"x\"}]}",
		"{\"requests\":[{\"type\":\"close_sql\"}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[1]}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{}]}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},"
		"\"condition\":{\"type\":\"maybe\"}}]}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},"
		"\"condition\":{\"type\":\"ok\",\"step\":-1}}]}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},"
		"\"condition\":{\"type\":\"not\"}}]}}]}",
		"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},"
		"\"condition\":{\"type\":\"and\",\"conds\":1}}]}}]}",
	};
	struct fixture f = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		if (decode(&f, wrong[i]))
			fail_msg("taken: %s", wrong[i]);
		assert_int_equal(f.err.code, ERR_BAD_JSON);
	}
	clear(&f);
}

static void names_the_broken_rule(void **state)
{
	static const struct {
		int version;
		const char *request;
		const char *rule; // NULL: none
	} rows[] = {
		{2, "{\"type\":\"execute\",\"stmt\":{\"sql\":\"x\",\"sql_id\":1}}",
		 "Either `sql` or `sql_id` are required, but not both"},
		{2, "{\"type\":\"execute\",\"stmt\":{}}", "Either `sql` or `sql_id` are required"},
		{2, "{\"type\":\"describe\"}", "Either `sql` or `sql_id` are required"},
		{2, "{\"type\":\"execute\",\"stmt\":{\"sql_id\":1}}", NULL},
		{1, "{\"type\":\"execute\",\"stmt\":{\"sql_id\":1}}",
		 "`sql_id` is only supported in protocol version hrana2 and higher"},
		{3, "{\"type\":\"get_autocommit\"}", NULL},
		{2, "{\"type\":\"get_autocommit\"}",
		 "The `get_autocommit` request is only supported in protocol version hrana3 and higher"},
		{3,
		 "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},\"condition\":{"
		 "\"type\":\"is_autocommit\"}}]}}",
		 NULL},
		{2,
		 "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},\"condition\":{"
		 "\"type\":\"is_autocommit\"}}]}}",
		 NULL},
		{1,
		 "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},\"condition\":{"
		 "\"type\":\"is_autocommit\"}}]}}",
		 "The `is_autocommit` condition is only supported in protocol version hrana3 and higher"},
		{3,
		 "{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},\"condition\":{"
		 "\"type\":\"ok\",\"step\":0}}]}}",
		 "Invalid reference to step in a batch condition"},
	};
	struct fixture f = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char text[512];
		int size = snprintf(text, sizeof(text), "{\"requests\":[%s]}", rows[i].request);
		assert_true(decode_sized(&f, text, (size_t)size, rows[i].version));
		if (rows[i].rule)
			assert_string_equal(f.pipeline.broken, rows[i].rule);
		else
			assert_null(f.pipeline.broken);
	}
	clear(&f);
}

static void reads_conditions_of_all_kinds(void **state)
{
	struct fixture f = {0};
	assert_true(decode(
		&f, "{\"requests\":[{\"type\":\"batch\",\"batch\":{\"replication_index\":\"12\",\"steps\":["
		    "{\"stmt\":{\"sql\":\"a\"}},"
		    "{\"condition\":{\"type\":\"and\",\"conds\":[{\"type\":\"ok\",\"step\":0},"
		    "{\"type\":\"not\",\"cond\":{\"type\":\"error\",\"step\":0}},"
		    "{\"type\":\"or\",\"conds\":[]},{\"type\":\"is_autocommit\"}]},\"stmt\":{\"sql\":\"b\"}}]"
		    "}}]}"));
	const struct batch *batch = &f.pipeline.requests[0].batch;
	assert_int_equal(batch->step_count, 2);
	assert_int_equal(batch->replication_index, 12);
	assert_null(batch->steps[0].condition);
	const struct condition *all = batch->steps[1].condition;
	assert_int_equal(all->kind, CONDITION_AND);
	assert_int_equal(all->part_count, 4);
	assert_int_equal(all->parts[0].kind, CONDITION_OK);
	assert_int_equal(all->parts[1].kind, CONDITION_NOT);
	assert_int_equal(all->parts[1].parts[0].kind, CONDITION_ERROR);
	assert_true(all->parts[2].kind == CONDITION_OR && all->parts[2].part_count == 0);
	assert_int_equal(all->parts[3].kind, CONDITION_AUTOCOMMIT);
	clear(&f);
}

// Levels of arrays and objects around the innermost condition: 6 + 2 for each `not`… bounded by 128 of JSON.
static void refuses_nesting_beyond_128(void **state)
{
	struct fixture f = {0};
	for (int depth = 0; depth <= 200; depth += 1) {
		OWNED(buffer) struct buffer text = {0};
		buffer_append_text(
			&text,
			"{\"requests\":[{\"type\":\"batch\",\"batch\":{\"steps\":[{\"stmt\":{\"sql\":\"x\"},"
			"\"condition\":");
		for (int i = 0; i < depth; i++)
			buffer_append_text(&text, "{\"type\":\"not\",\"cond\":");
		buffer_append_text(&text, "{\"type\":\"is_autocommit\"}");
		for (int i = 0; i < depth; i++)
			buffer_append_text(&text, "}");
		buffer_append_text(&text, "}]}}]}");
		bool taken = decode_sized(&f, text.data, text.size, 3);
		assert_true(taken == (depth + 7 <= 128));
		if (!taken)
			assert_int_equal(f.err.code, ERR_BAD_JSON);
	}
	clear(&f);
}

static void refuses_a_flood_of_values(void **state)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_append_text(&text, "{\"requests\":[");
	for (int i = 0; i < 1100 * 1000; i++)
		buffer_append_text(&text, "[],");
	buffer_append_text(&text, "[]]}");
	struct fixture f = {0};
	assert_false(decode_sized(&f, text.data, text.size, 3));
	assert_int_equal(f.err.code, ERR_BODY_TOO_LARGE);
	clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_javascript_client_sends),
		cmocka_unit_test(absent_members_have_their_defaults),
		cmocka_unit_test(takes_every_kind_of_value),
		cmocka_unit_test(takes_floats_that_javascript_writes_without_exponent),
		cmocka_unit_test(refuses_values_of_a_wrong_form),
		cmocka_unit_test(refuses_bodies_of_a_wrong_form),
		cmocka_unit_test(names_the_broken_rule),
		cmocka_unit_test(reads_conditions_of_all_kinds),
		cmocka_unit_test(refuses_nesting_beyond_128),
		cmocka_unit_test(refuses_a_flood_of_values),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
