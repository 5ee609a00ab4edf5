#include "sync/results.h"

#include <string.h>

#include "base/protobuf_write.h"
#include "base/utf8.h"
#include "sync/grpc.h"

enum { FIELD_RESULTS = 1, FIELD_STATE = 2, FIELD_FRAME_NO = 3 };
enum { FIELD_ERROR = 1, FIELD_ROW = 2 };
enum { FIELD_COLUMNS = 1, FIELD_ROWS = 2, FIELD_AFFECTED = 3, FIELD_ROWID = 4 };
enum { FIELD_VALUES = 1, FIELD_DATA = 1 };
enum { FIELD_NAME = 1, FIELD_DECLTYPE = 3 };
enum { STATE_INIT = 0, STATE_TRANSACTION = 2 };

// -- errors -----------------------------------------------------------------------------------------------

enum { CODE_SQL = 0, CODE_BUSY = 1, CODE_TIMEOUT = 2, CODE_INTERNAL = 3 };

// What SQLite itself refuses has the last of them: the extended code tells it apart.
static uint64_t code_of(const struct error *err)
{
	switch (err->code) {
	case ERR_TRANSACTION_BUSY:
		return CODE_BUSY;
	case ERR_TRANSACTION_TIMEOUT:
		return CODE_TIMEOUT;
	case ERR_SQL_PARSE:
	case ERR_SQL_NO_STATEMENT:
	case ERR_SQL_MANY_STATEMENTS:
	case ERR_ARGS_INVALID:
	case ERR_ARGS_BOTH:
		return CODE_SQL;
	default:
		return CODE_INTERNAL;
	}
}

// Clients put words of their own before SQLite's.
static const char *message_of(const struct error *err)
{
	static const char prefix[] = "SQLite error: ";
	bool has_prefix = strncmp(err->message, prefix, sizeof(prefix) - 1) == 0;
	return has_prefix ? err->message + sizeof(prefix) - 1 : err->message;
}

static void write_error(struct buffer *out, const struct error *err)
{
	enum { FIELD_CODE = 1, FIELD_MESSAGE = 2, FIELD_EXTENDED = 3 };
	size_t begun = protobuf_begin(out, FIELD_ERROR);
	protobuf_write_integer(out, FIELD_CODE, code_of(err));
	protobuf_write_text(out, FIELD_MESSAGE, message_of(err));
	protobuf_write_integer(out, FIELD_EXTENDED, (uint64_t)(int64_t)err->sqlite_code);
	protobuf_end(out, begun);
}

// -- rows -------------------------------------------------------------------------------------------------

static void append_little_endian(struct buffer *out, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		buffer_append_byte(out, (char)(value >> 8 * i));
}

static size_t data_size(const struct value *value)
{
	enum { TAG_BYTES = 4, WORD_BYTES = 8 };
	switch (value->kind) {
	case VALUE_NULL:
		return TAG_BYTES;
	case VALUE_TEXT:
	case VALUE_BLOB:
		return TAG_BYTES + WORD_BYTES + value->size;
	default:
		return TAG_BYTES + WORD_BYTES;
	}
}

static void write_valid_value(struct buffer *out, const struct value *value)
{
	uint64_t word = 0;
	size_t size = data_size(value);
	protobuf_write_head(out, FIELD_VALUES, 1 + protobuf_varint_size(size) + size);
	protobuf_write_head(out, FIELD_DATA, size);
	append_little_endian(out, (uint64_t)value->kind, 4); // the kinds are numbered as on the wire
	if (value->kind == VALUE_NULL)
		return;
	if (value->kind == VALUE_INTEGER)
		word = (uint64_t)value->integer;
	else if (value->kind == VALUE_REAL)
		memcpy(&word, &value->real, sizeof(word));
	else
		word = value->size;
	append_little_endian(out, word, 8);
	if (value->kind == VALUE_TEXT || value->kind == VALUE_BLOB)
		buffer_append(out, value->bytes, value->size);
}

// A column can hold a TEXT that is none. Clients do not expect that.
static void write_value(struct buffer *out, const struct value *value)
{
	OWNED(buffer) struct buffer mended = {0};
	struct value text = *value;
	if (value->kind == VALUE_TEXT && !utf8_is_valid(value->bytes, value->size)) {
		utf8_append_mended(&mended, value->bytes, value->size);
		text.bytes = mended.data;
		text.size = mended.size;
	}
	write_valid_value(out, &text);
}

static bool has_room(const struct results *results, struct error *err)
{
	return results->out->size <= results->bytes_max ||
	       error_set(err, ERR_RESPONSE_TOO_LARGE, "Response is too large (limit result-bytes-max)");
}

static struct results *results_of(struct result_sink *sink)
{
	return (struct results *)(void *)((char *)sink - offsetof(struct results, sink));
}

static void write_column(struct buffer *out, uint32_t number, const char *name, const char *decltype_text)
{
	size_t begun = protobuf_begin(out, number);
	protobuf_write_text(out, FIELD_NAME, name ? name : "");
	protobuf_write_text(out, FIELD_DECLTYPE, decltype_text);
	protobuf_end(out, begun);
}

static bool on_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	struct results *results = results_of(sink);
	for (int i = 0; i < count; i++)
		write_column(results->out, FIELD_COLUMNS, columns[i].name, columns[i].decltype_text);
	return has_room(results, err);
}

static bool on_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct results *results = results_of(sink);
	if (results->skip_rows)
		return true;
	size_t begun = protobuf_begin(results->out, FIELD_ROWS);
	for (int i = 0; i < count && results->out->size <= results->bytes_max; i++)
		write_value(results->out, &values[i]);
	protobuf_end(results->out, begun);
	return has_room(results, err);
}

static void begin_result(struct results *results)
{
	results->result = protobuf_begin(results->out, FIELD_RESULTS);
	results->rows = protobuf_begin(results->out, FIELD_ROW);
}

static size_t place_of_step(const struct results *results)
{
	enum { KEY_AND_LENGTH_BYTES = 2 };
	return results->result - KEY_AND_LENGTH_BYTES;
}

static void on_restart(struct result_sink *sink)
{
	struct results *results = results_of(sink);
	buffer_truncate(results->out, place_of_step(results));
	begin_result(results);
}

// -- the whole ----------------------------------------------------------------------------------------------

void results_begin(struct results *results, struct buffer *out, size_t bytes_max)
{
	*results = (struct results){
		.sink = {.columns = on_columns, .row = on_row, .restart = on_restart},
		.out = out,
		.bytes_max = bytes_max,
	};
	results->begun = grpc_begin(out);
}

void results_begin_step(struct results *results, bool skip_rows)
{
	results->skip_rows = skip_rows;
	begin_result(results);
}

void results_end_step(struct results *results, const struct statement_result *result)
{
	protobuf_write_integer(results->out, FIELD_AFFECTED, result->affected_row_count);
	if (result->has_last_insert_rowid)
		protobuf_write_integer(results->out, FIELD_ROWID, (uint64_t)result->last_insert_rowid);
	protobuf_end(results->out, results->rows);
	protobuf_end(results->out, results->result);
}

void results_fail_step(struct results *results, const struct error *err)
{
	buffer_truncate(results->out, place_of_step(results));
	size_t begun = protobuf_begin(results->out, FIELD_RESULTS);
	write_error(results->out, err);
	protobuf_end(results->out, begun);
}

void results_skip_step(struct results *results)
{
	begin_result(results);
	protobuf_end(results->out, results->rows);
	protobuf_end(results->out, results->result);
}

void results_end(struct results *results, bool autocommit, uint64_t frame_no)
{
	protobuf_write_integer(results->out, FIELD_STATE, autocommit ? STATE_INIT : STATE_TRANSACTION);
	protobuf_write_integer(results->out, FIELD_FRAME_NO, frame_no);
	grpc_end(results->out, results->begun);
}

// -- Describe -----------------------------------------------------------------------------------------------

static bool has_names(const struct describe_result *result)
{
	for (size_t i = 0; i < result->param_count; i++) {
		if (result->param_names[i])
			return true;
	}
	return false;
}

static void write_description(struct buffer *out, const struct describe_result *result, bool counts_from_one)
{
	enum { FIELD_DESCRIPTION = 2, FIELD_PARAM_NAMES = 2, FIELD_PARAM_COUNT = 3 };
	size_t begun = protobuf_begin(out, FIELD_DESCRIPTION);
	for (size_t i = 0; i < result->column_count; i++)
		write_column(out, FIELD_COLUMNS, result->column_names[i], result->column_decltypes[i]);
	if (counts_from_one && has_names(result))
		protobuf_write_text(out, FIELD_PARAM_NAMES, "");
	for (size_t i = 0; i < result->param_count; i++)
		protobuf_write_text(out, FIELD_PARAM_NAMES, result->param_names[i]);
	protobuf_write_integer(out, FIELD_PARAM_COUNT, result->param_count);
	protobuf_end(out, begun);
}

void results_describe(struct buffer *out, const struct describe_result *result, bool counts_from_one,
		      const struct error *err)
{
	size_t begun = grpc_begin(out);
	if (err)
		write_error(out, err);
	else
		write_description(out, result, counts_from_one);
	grpc_end(out, begun);
}
