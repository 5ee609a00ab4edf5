#include "hrana/encode.h"
#include "hrana/errors.h"

// -- parts of a result ----------------------------------------------------------------------------------

static void write_column(struct json_writer *w, const char *name, const char *decltype_text)
{
	json_write_object(w);
	json_write_member_text(w, "name", name);
	json_write_member_text(w, "decltype", decltype_text);
	json_write_end_object(w);
}

// Values are what large results consist of: what has a known size is written at once.
static inline char *put(char *to, const char *literal, size_t size)
{
	memcpy(to, literal, size);
	return to + size;
}

#define PUT(to, literal) put(to, "" literal "", sizeof(literal) - 1)

static void write_open_value(struct json_writer *w, const struct value *value)
{
	if (value->kind == VALUE_REAL)
		json_write_real(w, value->real);
	else if (value->kind == VALUE_TEXT)
		json_write_text_sized(w, value->bytes, value->size);
	else
		json_write_base64(w, value->bytes, value->size);
}

static void write_value(struct json_writer *w, const struct value *value)
{
	enum { SMALL_BYTES = 64 };
	char *begin = buffer_reserve(w->out, SMALL_BYTES);
	if (!begin)
		return;
	char *at = begin;
	if (w->comma)
		*at++ = ',';
	w->comma = false;
	switch (value->kind) {
	case VALUE_NULL:
		at = PUT(at, "{\"type\":\"null\"}");
		break;
	case VALUE_INTEGER:
		at = PUT(at, "{\"type\":\"integer\",\"value\":\"");
		at = json_format_integer(at, value->integer);
		at = PUT(at, "\"}");
		break;
	case VALUE_REAL:
		at = PUT(at, "{\"type\":\"float\",\"value\":");
		break;
	case VALUE_TEXT:
		at = PUT(at, "{\"type\":\"text\",\"value\":");
		break;
	case VALUE_BLOB:
		at = PUT(at, "{\"type\":\"blob\",\"base64\":");
		break;
	}
	w->out->size += (size_t)(at - begin);
	if (value->kind >= VALUE_REAL) {
		write_open_value(w, value);
		buffer_append_byte(w->out, '}');
	}
	w->comma = true;
}

// The older form has JSON's own kinds.
static void write_legacy_value(struct json_writer *w, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		json_write_null(w);
		break;
	case VALUE_INTEGER:
		json_write_integer(w, value->integer);
		break;
	case VALUE_REAL:
		json_write_real(w, value->real);
		break;
	case VALUE_TEXT:
		json_write_text_sized(w, value->bytes, value->size);
		break;
	case VALUE_BLOB:
		json_write_object(w);
		json_write_key(w, "base64");
		json_write_base64(w, value->bytes, value->size);
		json_write_end_object(w);
		break;
	}
}

// Milliseconds with three digits behind the point; the general writer of reals costs more than all the rest.
static void write_duration(struct json_writer *w, double ms)
{
	uint64_t us = ms > 0 && ms < 1e12 ? (uint64_t)(ms * 1000.0 + 0.5) : 0;
	json_write_unsigned(w, us / 1000);
	unsigned rest = (unsigned)(us % 1000);
	char digits[4] = {'.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
			  (char)('0' + rest % 10)};
	buffer_append(w->out, digits, sizeof(digits));
}

static void write_counters(struct json_writer *w, const struct statement_result *result)
{
	ENCODE_LITERAL(w, ",\"rows_read\":");
	w->comma = false;
	json_write_unsigned(w, result->rows_read);
	ENCODE_LITERAL(w, ",\"rows_written\":");
	w->comma = false;
	json_write_unsigned(w, result->rows_written);
	ENCODE_LITERAL(w, ",\"query_duration_ms\":");
	w->comma = false;
	write_duration(w, result->duration_ms);
}

// -- entries of a cursor ----------------------------------------------------------------------------------

static void begin_entry(struct encode_out *out)
{
	if (out->json.comma)
		buffer_append_byte(out->json.out, ',');
	out->json.comma = false;
}

static void end_entry(struct encode_out *out)
{
	out->json.comma = out->entries == ENTRY_LISTED;
	if (out->entries == ENTRY_STREAMED)
		buffer_append_byte(out->json.out, '\n');
}

static void step_error(struct encode_out *out, uint32_t step, const struct error *err)
{
	begin_entry(out);
	buffer_printf(out->json.out, "{\"type\":\"step_error\",\"step\":%u,\"error\":", step);
	errors_write(&out->json, err);
	ENCODE_LITERAL(&out->json, "}");
	end_entry(out);
}

static void batch_error(struct encode_out *out, const struct error *err)
{
	begin_entry(out);
	ENCODE_LITERAL(&out->json, "{\"type\":\"error\",\"error\":");
	errors_write(&out->json, err);
	ENCODE_LITERAL(&out->json, "}");
	end_entry(out);
}

// -- rows -------------------------------------------------------------------------------------------------

static void rows_begin(struct encoder *encoder, const struct column *columns, int count)
{
	struct json_writer *w = &encoder->out->json;
	begin_entry(encoder->out);
	switch (encoder->form) {
	case ENCODE_RESULT:
		ENCODE_LITERAL(w, "{\"cols\":[");
		break;
	case ENCODE_CURSOR:
		buffer_printf(w->out, "{\"type\":\"step_begin\",\"step\":%u,\"cols\":[", encoder->step);
		break;
	case ENCODE_LEGACY:
		ENCODE_LITERAL(w, "{\"results\":{\"columns\":[");
		break;
	}
	for (int i = 0; i < count; i++) {
		if (encoder->form == ENCODE_LEGACY)
			json_write_text(w, columns[i].name);
		else
			write_column(w, columns[i].name, columns[i].decltype_text);
	}
	if (encoder->form == ENCODE_CURSOR) {
		ENCODE_LITERAL(w, "]}");
		end_entry(encoder->out);
	} else {
		ENCODE_LITERAL(w, "],\"rows\":[");
		w->comma = false;
	}
}

static size_t rows_row(struct encoder *encoder, const struct value *values, int count)
{
	struct json_writer *w = &encoder->out->json;
	size_t before = w->out->size;
	size_t base64_extra = 0;
	if (encoder->form == ENCODE_CURSOR) {
		begin_entry(encoder->out);
		ENCODE_LITERAL(w, "{\"type\":\"row\",\"row\":");
	}
	json_write_array(w);
	for (int i = 0; i < count; i++) {
		if (encoder->form == ENCODE_LEGACY)
			write_legacy_value(w, &values[i]);
		else
			write_value(w, &values[i]);
		if (values[i].kind == VALUE_BLOB)
			base64_extra += values[i].size / 3;
	}
	json_write_end_array(w);
	if (encoder->form == ENCODE_CURSOR) {
		ENCODE_LITERAL(w, "}");
		end_entry(encoder->out);
	}
	return w->out->size - before - base64_extra;
}

static void end_result(struct json_writer *w, const struct statement_result *result)
{
	w->comma = false;
	ENCODE_LITERAL(w, "],\"affected_row_count\":");
	json_write_unsigned(w, result->affected_row_count);
	ENCODE_LITERAL(w, ",\"last_insert_rowid\":");
	w->comma = false;
	if (result->has_last_insert_rowid)
		json_write_integer_text(w, result->last_insert_rowid);
	else
		json_write_null(w);
	ENCODE_LITERAL(w, ",\"replication_index\":");
	w->comma = false;
	json_write_integer_text(w, (int64_t)result->frame_no);
	write_counters(w, result);
	ENCODE_LITERAL(w, "}");
	w->comma = true;
}

// A number over HTTP, where the Rust client reads nothing else; a text on a WebSocket, for hrana-client.
static void end_step(struct encode_out *out, const struct statement_result *result)
{
	struct json_writer *w = &out->json;
	begin_entry(out);
	ENCODE_LITERAL(w, "{\"type\":\"step_end\",\"affected_row_count\":");
	json_write_unsigned(w, result->affected_row_count);
	ENCODE_LITERAL(w, ",\"last_insert_rowid\":");
	w->comma = false;
	if (!result->has_last_insert_rowid)
		json_write_null(w);
	else if (out->entries == ENTRY_LISTED)
		json_write_integer_text(w, result->last_insert_rowid);
	else
		json_write_integer(w, result->last_insert_rowid);
	ENCODE_LITERAL(w, "}");
	end_entry(out);
}

static void rows_end(struct encoder *encoder, const struct statement_result *result)
{
	struct json_writer *w = &encoder->out->json;
	switch (encoder->form) {
	case ENCODE_RESULT:
		end_result(w, result);
		break;
	case ENCODE_CURSOR:
		end_step(encoder->out, result);
		break;
	case ENCODE_LEGACY:
		ENCODE_LITERAL(w, "]");
		write_counters(w, result);
		ENCODE_LITERAL(w, "}}");
		w->comma = true;
		break;
	}
}

// -- HTTP -------------------------------------------------------------------------------------------------

static void write_baton(struct json_writer *w, const char *baton)
{
	json_write_member_text(w, "baton", baton[0] ? baton : NULL);
	json_write_member_text(w, "base_url", NULL);
}

static void pipeline_begin(struct encode_out *out)
{
	json_write_object(&out->json);
	json_write_key(&out->json, "results");
	json_write_array(&out->json);
}

static void pipeline_end(struct encode_out *out, const char *baton)
{
	json_write_end_array(&out->json);
	write_baton(&out->json, baton);
	json_write_end_object(&out->json);
}

static void answer_begin(struct encode_out *out, enum request_kind kind)
{
	struct json_writer *w = &out->json;
	json_write_object(w);
	json_write_member_text(w, "type", "ok");
	json_write_key(w, "response");
	json_write_object(w);
	json_write_member_text(w, "type", decode_kind_name(kind));
}

static void answer_end(struct encode_out *out)
{
	json_write_end_object(&out->json);
	json_write_end_object(&out->json);
}

static void answer_error(struct encode_out *out, const struct error *err)
{
	struct json_writer *w = &out->json;
	json_write_object(w);
	json_write_member_text(w, "type", "error");
	json_write_key(w, "error");
	errors_write(w, err);
	json_write_end_object(w);
}

static void cursor_head(struct encode_out *out, const char *baton)
{
	json_write_object(&out->json);
	write_baton(&out->json, baton);
	json_write_end_object(&out->json);
	end_entry(out);
}

// -- WebSocket ----------------------------------------------------------------------------------------------

static void hello_ok(struct encode_out *out)
{
	ENCODE_LITERAL(&out->json, "{\"type\":\"hello_ok\"}");
}

static void hello_error(struct encode_out *out, const struct error *err)
{
	ENCODE_LITERAL(&out->json, "{\"type\":\"hello_error\",\"error\":");
	errors_write(&out->json, err);
	ENCODE_LITERAL(&out->json, "}");
}

static void response_begin(struct encode_out *out, int32_t request_id, enum request_kind kind)
{
	struct json_writer *w = &out->json;
	ENCODE_LITERAL(w, "{\"type\":\"response_ok\",\"request_id\":");
	json_write_integer(w, request_id);
	ENCODE_LITERAL(w, ",\"response\":{\"type\":\"");
	buffer_append_text(w->out, decode_kind_name(kind));
	ENCODE_LITERAL(w, "\"");
	w->comma = true;
}

static void response_end(struct encode_out *out)
{
	ENCODE_LITERAL(&out->json, "}}");
}

static void response_error(struct encode_out *out, int32_t request_id, const struct error *err)
{
	struct json_writer *w = &out->json;
	ENCODE_LITERAL(w, "{\"type\":\"response_error\",\"request_id\":");
	json_write_integer(w, request_id);
	json_write_key(w, "error");
	errors_write(w, err);
	ENCODE_LITERAL(w, "}");
}

// -- what an answer holds ---------------------------------------------------------------------------------

static void autocommit(struct encode_out *out, bool is_autocommit)
{
	json_write_member_bool(&out->json, "is_autocommit", is_autocommit);
}

static void describe(struct encode_out *out, const struct describe_result *result)
{
	struct json_writer *w = &out->json;
	json_write_key(w, "result");
	json_write_object(w);
	json_write_key(w, "params");
	json_write_array(w);
	for (size_t i = 0; i < result->param_count; i++) {
		json_write_object(w);
		json_write_member_text(w, "name", result->param_names[i]);
		json_write_end_object(w);
	}
	json_write_end_array(w);
	json_write_key(w, "cols");
	json_write_array(w);
	for (size_t i = 0; i < result->column_count; i++)
		write_column(w, result->column_names[i], result->column_decltypes[i]);
	json_write_end_array(w);
	json_write_member_bool(w, "is_explain", result->is_explain);
	json_write_member_bool(w, "is_readonly", result->is_readonly);
	json_write_end_object(w);
}

static void result_begin(struct encode_out *out)
{
	json_write_key(&out->json, "result");
}

static void nothing(struct encode_out *out)
{
	(void)out;
}

static void batch_begin(struct encode_out *out)
{
	json_write_object(&out->json);
	json_write_key(&out->json, "step_results");
	json_write_array(&out->json);
}

static void batch_step_begin(struct encode_out *out, uint32_t step)
{
	(void)out;
	(void)step;
}

static void batch_step_none(struct encode_out *out)
{
	json_write_null(&out->json);
}

static void write_failures(struct json_writer *w, const struct step_failure *failures, size_t count)
{
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		if (!failures[i].code) {
			json_write_null(w);
			continue;
		}
		json_write_object(w);
		json_write_member_text(w, "message", failures[i].message);
		json_write_member_text(w, "code", failures[i].code);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

static void batch_end(struct encode_out *out, const struct step_failure *failures, size_t count,
		      uint64_t frame_no)
{
	struct json_writer *w = &out->json;
	json_write_end_array(w);
	json_write_key(w, "step_errors");
	write_failures(w, failures, count);
	json_write_key(w, "replication_index");
	json_write_integer_text(w, (int64_t)frame_no);
	json_write_end_object(w);
}

static void entries_begin(struct encode_out *out)
{
	json_write_key(&out->json, "entries");
	json_write_array(&out->json);
}

static void entries_end(struct encode_out *out, bool done)
{
	json_write_end_array(&out->json);
	json_write_member_bool(&out->json, "done", done);
}

const struct wire wire_json = {
	.reply_type = "application/json",
	.cursor_type = "text/plain",
	.read_pipeline = decode_json_pipeline,
	.read_cursor = decode_json_cursor,
	.read_message = decode_json_message,
	.pipeline_begin = pipeline_begin,
	.pipeline_end = pipeline_end,
	.answer_begin = answer_begin,
	.answer_end = answer_end,
	.answer_error = answer_error,
	.cursor_head = cursor_head,
	.hello_ok = hello_ok,
	.hello_error = hello_error,
	.response_begin = response_begin,
	.response_end = response_end,
	.response_error = response_error,
	.autocommit = autocommit,
	.describe = describe,
	.result_begin = result_begin,
	.result_end = nothing,
	.batch_begin = batch_begin,
	.batch_step_begin = batch_step_begin,
	.batch_step_end = nothing,
	.batch_step_none = batch_step_none,
	.batch_end = batch_end,
	.entries_begin = entries_begin,
	.entries_end = entries_end,
	.rows_begin = rows_begin,
	.rows_row = rows_row,
	.rows_end = rows_end,
	.step_error = step_error,
	.batch_error = batch_error,
};
