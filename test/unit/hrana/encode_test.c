#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "hrana/encode.h"

struct fixture {
	struct buffer text;
	struct encode_out out;
	atomic_size_t all;
	struct gauge gauge;
	size_t counted;
	struct encoder encoder;
	struct error err;
};

static void begin(struct fixture *f, enum encode_form form, size_t result_max, bool want_rows)
{
	buffer_truncate(&f->text, 0);
	f->out = encode_to(&wire_json, &f->text);
	f->gauge = (struct gauge){.all = &f->all, .all_max = 1 << 30, .reply_max = 1 << 28};
	f->counted = 0;
	encode_begin(&f->encoder, form, &f->out, &f->gauge, result_max, &f->counted, want_rows);
}

static const struct column two_columns[] = {{"id", "INTEGER"}, {"na\"me", NULL}};

static bool columns(struct fixture *f)
{
	struct result_sink *sink = &f->encoder.sink;
	return sink->columns(sink, two_columns, 2, &f->err);
}

static bool row(struct fixture *f, const struct value *values, int count)
{
	struct result_sink *sink = &f->encoder.sink;
	return sink->row(sink, values, count, &f->err);
}

static const struct value sample[] = {
	{.kind = VALUE_INTEGER, .integer = INT64_MIN},
	{.kind = VALUE_TEXT, .size = 3, .bytes = "a\0b"},
};

static const struct statement_result inserted = {
	.affected_row_count = 1,
	.last_insert_rowid = -5,
	.has_last_insert_rowid = true,
	.frame_no = 77,
	.rows_read = 2,
	.rows_written = 3,
	.duration_ms = 1.2345,
};

static void writes_a_result(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_RESULT, 1000, true);
	assert_true(columns(&f) && row(&f, sample, 2) && row(&f, sample, 1));
	encode_end(&f.encoder, &inserted);
	assert_string_equal(buffer_text(&f.text),
			    "{\"cols\":[{\"name\":\"id\",\"decltype\":\"INTEGER\"},{\"name\":\"na\\\"me\","
			    "\"decltype\":null}],"
			    "\"rows\":[[{\"type\":\"integer\",\"value\":\"-9223372036854775808\"},{\"type\":"
			    "\"text\",\"value\":\"a\\u0000b\"}],"
			    "[{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}]],"
			    "\"affected_row_count\":1,\"last_insert_rowid\":\"-5\",\"replication_index\":"
			    "\"77\",\"rows_read\":2,"
			    "\"rows_written\":3,\"query_duration_ms\":1.235}");
	buffer_cleanup(&f.text);
}

static void writes_a_result_without_columns(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_RESULT, 1000, true);
	assert_true(f.encoder.sink.columns(&f.encoder.sink, NULL, 0, &f.err));
	struct statement_result nothing = {.duration_ms = 0.0004};
	encode_end(&f.encoder, &nothing);
	assert_string_equal(buffer_text(&f.text),
			    "{\"cols\":[],\"rows\":[],\"affected_row_count\":0,\"last_insert_rowid\":null,"
			    "\"replication_index\":\"0\",\"rows_read\":0,\"rows_written\":0,\"query_duration_"
			    "ms\":0.000}");
	buffer_cleanup(&f.text);
}

static void writes_every_kind_of_value(void **state)
{
	static const struct {
		struct value value;
		const char *json;
	} rows[] = {
		{{.kind = VALUE_NULL}, "{\"type\":\"null\"}"},
		{{.kind = VALUE_INTEGER, .integer = 0}, "{\"type\":\"integer\",\"value\":\"0\"}"},
		{{.kind = VALUE_REAL, .real = 1}, "{\"type\":\"float\",\"value\":1.0}"},
		{{.kind = VALUE_REAL, .real = 0.1}, "{\"type\":\"float\",\"value\":0.1}"},
		{{.kind = VALUE_REAL, .real = INFINITY}, "{\"type\":\"float\",\"value\":null}"},
		{{.kind = VALUE_TEXT, .size = 0, .bytes = ""}, "{\"type\":\"text\",\"value\":\"\"}"},
		{{.kind = VALUE_TEXT, .size = 2, .bytes = "a\xff"},
		 "{\"type\":\"text\",\"value\":\"a\xEF\xBF\xBD\"}"},
		{{.kind = VALUE_BLOB, .size = 2, .bytes = "\x01\x02"},
		 "{\"type\":\"blob\",\"base64\":\"AQI\"}"},
		{{.kind = VALUE_BLOB, .size = 0, .bytes = ""}, "{\"type\":\"blob\",\"base64\":\"\"}"},
	};
	struct fixture f = {0};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		OWNED(buffer) struct buffer text = {0};
		begin(&f, ENCODE_RESULT, 1000, true);
		assert_true(f.encoder.sink.columns(&f.encoder.sink, NULL, 0, &f.err));
		size_t before = f.text.size;
		assert_true(row(&f, &rows[i].value, 1));
		buffer_append_byte(&text, '[');
		buffer_append_text(&text, rows[i].json);
		buffer_append_byte(&text, ']');
		assert_string_equal(buffer_text(&f.text) + before, buffer_text(&text));
	}
	buffer_cleanup(&f.text);
}

static void keeps_columns_without_rows_when_rows_are_not_wanted(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_RESULT, 1000, false);
	assert_true(columns(&f) && row(&f, sample, 2));
	encode_end(&f.encoder, &inserted);
	assert_non_null(strstr(buffer_text(&f.text), "\"name\":\"id\""));
	assert_non_null(strstr(buffer_text(&f.text), "\"rows\":[],"));
	buffer_cleanup(&f.text);
}

static void takes_back_what_a_failed_statement_wrote(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_RESULT, 100000, true);
	json_write_array(&f.out.json);
	json_write_null(&f.out.json);
	encode_begin(&f.encoder, ENCODE_RESULT, &f.out, &f.gauge, 100000, &f.counted, true);
	assert_true(columns(&f) && row(&f, sample, 2));
	assert_true(f.counted > 0);
	encode_undo(&f.encoder);
	assert_int_equal(f.counted, 0);
	json_write_null(&f.out.json);
	assert_string_equal(buffer_text(&f.text), "[null,null");
	buffer_cleanup(&f.text);
}

static void begins_anew_when_the_engine_does(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_RESULT, 100000, true);
	assert_true(columns(&f) && row(&f, sample, 2));
	encode_end(&f.encoder, &inserted);
	size_t size = f.text.size;
	begin(&f, ENCODE_RESULT, 100000, true);
	assert_true(columns(&f) && row(&f, sample, 1));
	f.encoder.sink.restart(&f.encoder.sink);
	assert_true(columns(&f) && row(&f, sample, 2));
	encode_end(&f.encoder, &inserted);
	assert_int_equal(f.text.size, size);
	buffer_cleanup(&f.text);
}

static void begins_a_whole_reply_anew(void **state)
{
	(void)state;
	static const struct wire *const wires[] = {&wire_json, &wire_protobuf};
	for (size_t i = 0; i < ARRAY_LENGTH(wires); i++) {
		OWNED(buffer) struct buffer text = {0};
		OWNED(buffer) struct buffer expected = {0};
		struct encode_out out = encode_to(wires[i], &text);
		struct encode_out once = encode_to(wires[i], &expected);
		// Left in the middle of an answer, more often than messages may be nested.
		for (int round = 0; round < ENCODE_DEPTH_MAX; round++) {
			wires[i]->pipeline_begin(&out);
			wires[i]->answer_begin(&out, REQUEST_EXECUTE);
			wires[i]->result_begin(&out);
			encode_restart(&out);
			assert_int_equal(text.size, 0);
		}
		wires[i]->answer_begin(&out, REQUEST_CLOSE);
		wires[i]->answer_end(&out);
		wires[i]->answer_begin(&once, REQUEST_CLOSE);
		wires[i]->answer_end(&once);
		assert_int_equal(text.size, expected.size);
		assert_memory_equal(text.data, expected.data, text.size);
	}
}

static void refuses_results_over_the_limit(void **state)
{
	struct fixture f = {0};
	static const char bytes[600];
	struct value blob = {.kind = VALUE_BLOB, .size = sizeof(bytes), .bytes = bytes};
	// Blobs count raw: two of 600 bytes fit into 1,500 although their base64 has 1,600 characters.
	begin(&f, ENCODE_RESULT, 1500, true);
	assert_true(columns(&f) && row(&f, &blob, 1) && row(&f, &blob, 1));
	assert_false(row(&f, &blob, 1));
	assert_int_equal(f.err.code, ERR_RESPONSE_TOO_LARGE);
	// A row that is too large by itself is not written at all.
	begin(&f, ENCODE_RESULT, 500, true);
	assert_true(columns(&f));
	size_t before = f.text.size;
	assert_false(row(&f, &blob, 1));
	assert_int_equal(f.text.size, before);
	buffer_cleanup(&f.text);
}

static void the_gauge_bounds_one_reply_and_all(void **state)
{
	atomic_size_t all = 0;
	struct error err;
	struct gauge one = {.all = &all, .all_max = 500000, .reply_max = 300000};
	struct gauge two = one;
	assert_true(gauge_grow(&one, 250000, &err));
	assert_true(gauge_grow(&two, 200000, &err));
	assert_false(gauge_grow(&one, 350000, &err));
	assert_int_equal(err.code, ERR_RESPONSE_TOO_LARGE);
	assert_false(gauge_grow(&two, 299000, &err));
	gauge_release(&one);
	gauge_release(&two);
	assert_int_equal(all, 0);
	assert_true(gauge_grow(&two, 299000, &err));
	gauge_release(&two);
	assert_int_equal(all, 0);
}

static void writes_lines_of_a_cursor(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_CURSOR, 100000, true);
	f.encoder.step = 4;
	assert_true(columns(&f) && row(&f, sample, 1) && row(&f, sample, 1));
	encode_end(&f.encoder, &inserted);
	// last_insert_rowid is a number here: the Rust client reads nothing else.
	assert_string_equal(
		buffer_text(&f.text),
		"{\"type\":\"step_begin\",\"step\":4,\"cols\":[{\"name\":\"id\",\"decltype\":\"INTEGER\"},"
		"{\"name\":\"na\\\"me\",\"decltype\":null}]}\n"
		"{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}]}\n"
		"{\"type\":\"row\",\"row\":[{\"type\":\"integer\",\"value\":\"-9223372036854775808\"}]}\n"
		"{\"type\":\"step_end\",\"affected_row_count\":1,\"last_insert_rowid\":-5}\n");
	buffer_cleanup(&f.text);
}

static void writes_the_legacy_form(void **state)
{
	struct fixture f = {0};
	begin(&f, ENCODE_LEGACY, 100000, true);
	struct value values[] = {{.kind = VALUE_INTEGER, .integer = 9007199254740993},
				 {.kind = VALUE_BLOB, .size = 1, .bytes = "\xff"},
				 {.kind = VALUE_NULL}};
	assert_true(columns(&f) && row(&f, values, 3));
	encode_end(&f.encoder, &inserted);
	assert_string_equal(buffer_text(&f.text),
			    "{\"results\":{\"columns\":[\"id\",\"na\\\"me\"],\"rows\":[[9007199254740993,{"
			    "\"base64\":\"/w\"},"
			    "null]],\"rows_read\":2,\"rows_written\":3,\"query_duration_ms\":1.235}}");
	buffer_cleanup(&f.text);
}

static void writes_a_description(void **state)
{
	char *params[] = {(char *)(uintptr_t) ":a", NULL};
	char *names[] = {(char *)(uintptr_t) "x"};
	char *decltypes[] = {NULL};
	struct describe_result result = {
		.param_names = params,
		.param_count = 2,
		.column_names = names,
		.column_decltypes = decltypes,
		.column_count = 1,
		.is_readonly = true,
	};
	OWNED(buffer) struct buffer text = {0};
	struct encode_out out = encode_to(&wire_json, &text);
	wire_json.describe(&out, &result);
	assert_string_equal(buffer_text(&text),
			    "\"result\":{\"params\":[{\"name\":\":a\"},{\"name\":null}],\"cols\":[{"
			    "\"name\":\"x\",\"decltype\":null}],"
			    "\"is_explain\":false,\"is_readonly\":true}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_result),
		cmocka_unit_test(writes_a_result_without_columns),
		cmocka_unit_test(writes_every_kind_of_value),
		cmocka_unit_test(keeps_columns_without_rows_when_rows_are_not_wanted),
		cmocka_unit_test(takes_back_what_a_failed_statement_wrote),
		cmocka_unit_test(begins_anew_when_the_engine_does),
		cmocka_unit_test(begins_a_whole_reply_anew),
		cmocka_unit_test(refuses_results_over_the_limit),
		cmocka_unit_test(the_gauge_bounds_one_reply_and_all),
		cmocka_unit_test(writes_lines_of_a_cursor),
		cmocka_unit_test(writes_the_legacy_form),
		cmocka_unit_test(writes_a_description),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
