// Members of a oneof are written also when they are empty or zero: without them there is no member (spec/hrana.md §12.2).
#include "base/protobuf_write.h"
#include "base/utf8.h"
#include "base/workers.h"
#include "hrana/encode.h"
#include "hrana/errors.h"

static void begin(struct encode_out *out, uint32_t number)
{
	ASSERT(out->depth < ENCODE_DEPTH_MAX);
	out->open[out->depth++] = protobuf_begin(out->json.out, number);
}

static void end(struct encode_out *out)
{
	protobuf_end(out->json.out, out->open[--out->depth]);
}

static void nothing(struct encode_out *out)
{
	(void)out;
}

static void write_error(struct encode_out *out, uint32_t number, const char *message, const char *code)
{
	begin(out, number);
	protobuf_write_text(out->json.out, 1, message);
	protobuf_write_text(out->json.out, 2, code);
	end(out);
}

static void write_failure(struct encode_out *out, uint32_t number, const struct error *err)
{
	write_error(out, number, err->message, errors_wire_code(err));
}

static void write_column(struct encode_out *out, uint32_t number, const char *name, const char *decltype_text)
{
	begin(out, number);
	protobuf_write_text(out->json.out, 1, name);
	protobuf_write_text(out->json.out, 2, decltype_text);
	end(out);
}

// -- values -----------------------------------------------------------------------------------------------

static size_t bytes_field_size(size_t size)
{
	return 1 + protobuf_varint_size(size) + size;
}

// Of the message Value, for a text that is UTF-8.
static size_t value_size(const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		return 2;
	case VALUE_INTEGER:
		return 1 + protobuf_varint_size(protobuf_zigzag(value->integer));
	case VALUE_REAL:
		return 1 + sizeof(double);
	case VALUE_TEXT:
	case VALUE_BLOB:
		break;
	}
	return bytes_field_size(value->size);
}

static void write_value(struct buffer *out, const struct value *value)
{
	switch (value->kind) {
	case VALUE_NULL:
		protobuf_write_head(out, 1, 0);
		break;
	case VALUE_INTEGER:
		protobuf_write_integer(out, 2, protobuf_zigzag(value->integer));
		break;
	case VALUE_REAL:
		protobuf_write_real(out, 3, value->real);
		break;
	case VALUE_TEXT:
		protobuf_write_bytes(out, 4, value->bytes, value->size);
		break;
	case VALUE_BLOB:
		protobuf_write_bytes(out, 5, value->bytes, value->size);
		break;
	}
}

// The message Row without its own key and length.
static void write_values(struct buffer *out, const struct value *values, int count)
{
	for (int i = 0; i < count; i++) {
		protobuf_write_head(out, 1, value_size(&values[i]));
		write_value(out, &values[i]);
	}
}

static bool is_clean(const struct value *values, int count, size_t *out_size)
{
	*out_size = 0;
	for (int i = 0; i < count; i++) {
		if (values[i].kind == VALUE_TEXT && !utf8_is_valid(values[i].bytes, values[i].size))
			return false;
		*out_size += bytes_field_size(value_size(&values[i]));
	}
	return true;
}

// The same with a text among them that has to be mended first.
static void write_unclean_values(struct buffer *out, const struct value *values, int count)
{
	for (int i = 0; i < count; i++) {
		OWNED(buffer) struct buffer mended = {0};
		struct value value = values[i];
		if (value.kind == VALUE_TEXT) {
			utf8_append_mended(&mended, value.bytes, value.size);
			value.bytes = mended.data;
			value.size = mended.size;
		}
		write_values(out, &value, 1);
	}
}

// -- entries of a cursor ----------------------------------------------------------------------------------

// On a stream an entry stands behind its length alone, in a list it is the field 1.
static uint32_t entry_number(const struct encode_out *out)
{
	return out->entries == ENTRY_LISTED ? 1 : 0;
}

static void step_error(struct encode_out *out, uint32_t step, const struct error *err)
{
	begin(out, entry_number(out));
	begin(out, 3);
	protobuf_write_integer(out->json.out, 1, step);
	write_failure(out, 2, err);
	end(out);
	end(out);
}

static void batch_error(struct encode_out *out, const struct error *err)
{
	begin(out, entry_number(out));
	write_failure(out, 5, err);
	end(out);
}

// -- rows -------------------------------------------------------------------------------------------------

static void rows_begin(struct encoder *encoder, const struct column *columns, int count)
{
	struct encode_out *out = encoder->out;
	bool in_cursor = encoder->form == ENCODE_CURSOR;
	if (in_cursor) {
		begin(out, entry_number(out));
		begin(out, 1);
		protobuf_write_integer(out->json.out, 1, encoder->step);
	}
	for (int i = 0; i < count; i++)
		write_column(out, in_cursor ? 2 : 1, columns[i].name, columns[i].decltype_text);
	if (in_cursor) {
		end(out);
		end(out);
	}
}

static void write_row_head(struct encode_out *out, enum encode_form form, size_t size)
{
	struct buffer *bytes = out->json.out;
	if (form == ENCODE_RESULT) {
		protobuf_write_head(bytes, 2, size);
		return;
	}
	size_t entry_size = bytes_field_size(size);
	if (out->entries == ENTRY_LISTED)
		protobuf_write_head(bytes, 1, entry_size);
	else
		protobuf_write_varint(bytes, entry_size);
	protobuf_write_head(bytes, 4, size);
}

static size_t rows_row(struct encoder *encoder, const struct value *values, int count)
{
	struct encode_out *out = encoder->out;
	struct buffer *bytes = out->json.out;
	size_t before = bytes->size;
	size_t size;
	if (is_clean(values, count, &size)) {
		write_row_head(out, encoder->form, size);
		write_values(bytes, values, count);
	} else {
		OWNED(buffer) struct buffer row = {0};
		write_unclean_values(&row, values, count);
		write_row_head(out, encoder->form, row.size);
		buffer_append(bytes, row.data, row.size);
	}
	return bytes->size - before;
}

static void end_result(struct buffer *out, const struct statement_result *result)
{
	protobuf_write_integer(out, 3, result->affected_row_count);
	if (result->has_last_insert_rowid)
		protobuf_write_integer(out, 4, protobuf_zigzag(result->last_insert_rowid));
	protobuf_write_integer(out, 5, result->frame_no);
	protobuf_write_integer(out, 6, result->rows_read);
	protobuf_write_integer(out, 7, result->rows_written);
	protobuf_write_real(out, 8, result->duration_ms);
}

// The rowid stands here as it is, not folded like others: hrana-client reads it so.
static void end_step(struct encode_out *out, const struct statement_result *result)
{
	begin(out, entry_number(out));
	begin(out, 2);
	protobuf_write_integer(out->json.out, 1, result->affected_row_count);
	if (result->has_last_insert_rowid)
		protobuf_write_integer(out->json.out, 2, (uint64_t)result->last_insert_rowid);
	end(out);
	end(out);
}

static void rows_end(struct encoder *encoder, const struct statement_result *result)
{
	if (encoder->form == ENCODE_CURSOR)
		end_step(encoder->out, result);
	else
		end_result(encoder->out->json.out, result);
}

// -- HTTP -------------------------------------------------------------------------------------------------

static void pipeline_end(struct encode_out *out, const char *baton)
{
	protobuf_write_text(out->json.out, 1, baton[0] ? baton : NULL);
}

static void answer_begin(struct encode_out *out, enum request_kind kind)
{
	static const uint32_t numbers[REQUEST_KIND_COUNT] = {
		[REQUEST_CLOSE] = 1,     [REQUEST_EXECUTE] = 2,        [REQUEST_BATCH] = 3,
		[REQUEST_SEQUENCE] = 4,  [REQUEST_DESCRIBE] = 5,       [REQUEST_STORE_SQL] = 6,
		[REQUEST_CLOSE_SQL] = 7, [REQUEST_GET_AUTOCOMMIT] = 8,
	};
	begin(out, 3);
	begin(out, 1);
	begin(out, numbers[kind]);
}

static void answer_end(struct encode_out *out)
{
	end(out);
	end(out);
	end(out);
}

static void answer_error(struct encode_out *out, const struct error *err)
{
	begin(out, 3);
	write_failure(out, 2, err);
	end(out);
}

static void cursor_head(struct encode_out *out, const char *baton)
{
	begin(out, 0);
	protobuf_write_text(out->json.out, 1, baton[0] ? baton : NULL);
	end(out);
}

// -- WebSocket ----------------------------------------------------------------------------------------------

static void hello_ok(struct encode_out *out)
{
	protobuf_write_head(out->json.out, 1, 0);
}

static void hello_error(struct encode_out *out, const struct error *err)
{
	begin(out, 2);
	write_failure(out, 1, err);
	end(out);
}

static void response_begin(struct encode_out *out, int32_t request_id, enum request_kind kind)
{
	static const uint32_t numbers[REQUEST_KIND_COUNT] = {
		[REQUEST_OPEN_STREAM] = 2,  [REQUEST_CLOSE_STREAM] = 3, [REQUEST_EXECUTE] = 4,
		[REQUEST_BATCH] = 5,        [REQUEST_OPEN_CURSOR] = 6,  [REQUEST_CLOSE_CURSOR] = 7,
		[REQUEST_FETCH_CURSOR] = 8, [REQUEST_SEQUENCE] = 9,     [REQUEST_DESCRIBE] = 10,
		[REQUEST_STORE_SQL] = 11,   [REQUEST_CLOSE_SQL] = 12,   [REQUEST_GET_AUTOCOMMIT] = 13,
	};
	begin(out, 3);
	protobuf_write_integer(out->json.out, 1, (uint64_t)(int64_t)request_id);
	begin(out, numbers[kind]);
}

static void response_end(struct encode_out *out)
{
	end(out);
	end(out);
}

static void response_error(struct encode_out *out, int32_t request_id, const struct error *err)
{
	begin(out, 4);
	protobuf_write_integer(out->json.out, 1, (uint64_t)(int64_t)request_id);
	write_failure(out, 2, err);
	end(out);
}

// -- what an answer holds -----------------------------------------------------------------------------------

static void autocommit(struct encode_out *out, bool is_autocommit)
{
	protobuf_write_integer(out->json.out, 1, is_autocommit);
}

static void describe(struct encode_out *out, const struct describe_result *result)
{
	begin(out, 1);
	for (size_t i = 0; i < result->param_count; i++) {
		begin(out, 1);
		protobuf_write_text(out->json.out, 1, result->param_names[i]);
		end(out);
	}
	for (size_t i = 0; i < result->column_count; i++)
		write_column(out, 2, result->column_names[i], result->column_decltypes[i]);
	protobuf_write_integer(out->json.out, 3, result->is_explain);
	protobuf_write_integer(out->json.out, 4, result->is_readonly);
	end(out);
}

static void result_begin(struct encode_out *out)
{
	begin(out, 1);
}

static void batch_step_begin(struct encode_out *out, uint32_t step)
{
	begin(out, 1);
	protobuf_write_integer(out->json.out, 1, step);
	begin(out, 2);
}

static void batch_step_end(struct encode_out *out)
{
	end(out);
	end(out);
}

static void batch_end(struct encode_out *out, const struct step_failure *failures, size_t count,
		      uint64_t frame_no)
{
	(void)frame_no; // the message has no field for it
	for (size_t i = 0; i < count; i++) {
		if (!failures[i].code)
			continue;
		begin(out, 2);
		protobuf_write_integer(out->json.out, 1, i);
		write_error(out, 2, failures[i].message, failures[i].code);
		end(out);
	}
}

static void entries_end(struct encode_out *out, bool done)
{
	protobuf_write_integer(out->json.out, 2, done);
}

const struct wire wire_protobuf = {
	.is_binary = true,
	.reply_type = "application/x-protobuf",
	.cursor_type = "application/octet-stream",
	.read_pipeline = decode_protobuf_pipeline,
	.read_cursor = decode_protobuf_cursor,
	.read_message = decode_protobuf_message,
	.pipeline_begin = nothing,
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
	.result_end = end,
	.batch_begin = nothing,
	.batch_step_begin = batch_step_begin,
	.batch_step_end = batch_step_end,
	.batch_step_none = nothing,
	.batch_end = batch_end,
	.entries_begin = nothing,
	.entries_end = entries_end,
	.rows_begin = rows_begin,
	.rows_row = rows_row,
	.rows_end = rows_end,
	.step_error = step_error,
	.batch_error = batch_error,
};
