#include "hrana/encode.h"

// The gauge is common to all threads; it is told of a reply only in steps of this size.
enum { GAUGE_STEP_BYTES = 64 * 1024 };

bool gauge_grow(struct gauge *gauge, size_t size, struct error *err)
{
	if (size < gauge->counted + GAUGE_STEP_BYTES)
		return true;
	if (size > gauge->reply_max)
		return error_set(err, ERR_RESPONSE_TOO_LARGE,
				 "Response is too large: over %zu bytes in one reply", gauge->reply_max);
	size_t added = size - gauge->counted;
	size_t all = atomic_fetch_add(gauge->all, added) + added;
	gauge->counted = size;
	if (all > gauge->all_max)
		return error_set(
			err, ERR_RESPONSE_TOO_LARGE,
			"Response is too large: the results being written at the moment exceed %zu bytes",
			gauge->all_max);
	return true;
}

void gauge_release(struct gauge *gauge)
{
	if (gauge->counted)
		atomic_fetch_sub(gauge->all, gauge->counted);
	gauge->counted = 0;
}

void encode_column(struct json_writer *w, const char *name, const char *decltype_text)
{
	json_write_object(w);
	json_write_member_text(w, "name", name);
	json_write_member_text(w, "decltype", decltype_text);
	json_write_end_object(w);
}

void encode_value(struct json_writer *w, const struct value *value)
{
	if (w->comma)
		buffer_append_byte(w->out, ',');
	w->comma = false;
	switch (value->kind) {
	case VALUE_NULL:
		ENCODE_LITERAL(w, "{\"type\":\"null\"");
		break;
	case VALUE_INTEGER:
		ENCODE_LITERAL(w, "{\"type\":\"integer\",\"value\":");
		json_write_integer_text(w, value->integer);
		break;
	case VALUE_REAL:
		ENCODE_LITERAL(w, "{\"type\":\"float\",\"value\":");
		json_write_real(w, value->real);
		break;
	case VALUE_TEXT:
		ENCODE_LITERAL(w, "{\"type\":\"text\",\"value\":");
		json_write_text_sized(w, value->bytes, value->size);
		break;
	case VALUE_BLOB:
		ENCODE_LITERAL(w, "{\"type\":\"blob\",\"base64\":");
		json_write_base64(w, value->bytes, value->size);
		break;
	}
	buffer_append_byte(w->out, '}');
	w->comma = true;
}

// The older form has JSON's own kinds.
static void encode_legacy_value(struct json_writer *w, const struct value *value)
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

static struct encoder *encoder_of(struct result_sink *sink)
{
	return (struct encoder *)(void *)((char *)sink - offsetof(struct encoder, sink));
}

static bool account(struct encoder *encoder, size_t grown, struct error *err)
{
	*encoder->counted += grown;
	if (*encoder->counted > encoder->result_max)
		return error_set(err, ERR_RESPONSE_TOO_LARGE,
				 "Response is too large: over %zu bytes (limit result-bytes-max)",
				 encoder->result_max);
	return gauge_grow(encoder->gauge, encoder->out->out->size, err);
}

static bool sink_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	struct encoder *encoder = encoder_of(sink);
	struct json_writer *w = encoder->out;
	size_t before = w->out->size;
	if (w->comma)
		buffer_append_byte(w->out, ',');
	w->comma = false;
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
			encode_column(w, columns[i].name, columns[i].decltype_text);
	}
	if (encoder->form == ENCODE_CURSOR)
		ENCODE_LITERAL(w, "]}\n");
	else
		ENCODE_LITERAL(w, "],\"rows\":[");
	w->comma = false;
	return account(encoder, w->out->size - before, err);
}

static bool sink_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct encoder *encoder = encoder_of(sink);
	struct json_writer *w = encoder->out;
	if (!encoder->want_rows)
		return true;
	size_t raw = 0;
	for (int i = 0; i < count; i++)
		raw += values[i].kind >= VALUE_TEXT ? values[i].size : 0;
	// Before anything is written: one row may be as large as the limit itself.
	if (*encoder->counted + raw > encoder->result_max)
		return account(encoder, raw, err);

	size_t before = w->out->size;
	size_t base64_extra = 0;
	if (encoder->form == ENCODE_CURSOR) {
		ENCODE_LITERAL(w, "{\"type\":\"row\",\"row\":");
		w->comma = false;
	}
	json_write_array(w);
	for (int i = 0; i < count; i++) {
		if (encoder->form == ENCODE_LEGACY)
			encode_legacy_value(w, &values[i]);
		else
			encode_value(w, &values[i]);
		if (values[i].kind == VALUE_BLOB)
			base64_extra += values[i].size / 3;
	}
	json_write_end_array(w);
	if (encoder->form == ENCODE_CURSOR)
		ENCODE_LITERAL(w, "}\n");
	size_t grown = w->out->size - before;
	return account(encoder, grown - base64_extra, err);
}

static void sink_restart(struct result_sink *sink)
{
	encode_undo(encoder_of(sink));
}

void encode_begin(struct encoder *encoder, enum encode_form form, struct json_writer *out,
		  struct gauge *gauge, size_t result_max, size_t *counted, bool want_rows)
{
	*encoder = (struct encoder){
		.sink = {.columns = sink_columns, .row = sink_row, .restart = sink_restart},
		.form = form,
		.out = out,
		.gauge = gauge,
		.want_rows = want_rows,
		.result_max = result_max,
		.counted = counted,
		.mark = out->out->size,
		.counted_mark = *counted,
		.comma_mark = out->comma,
	};
}

void encode_undo(struct encoder *encoder)
{
	buffer_truncate(encoder->out->out, encoder->mark);
	encoder->out->comma = encoder->comma_mark;
	*encoder->counted = encoder->counted_mark;
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

void encode_end(struct encoder *encoder, const struct statement_result *result)
{
	struct json_writer *w = encoder->out;
	w->comma = false;
	switch (encoder->form) {
	case ENCODE_RESULT:
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
		break;
	case ENCODE_CURSOR:
		ENCODE_LITERAL(w, "{\"type\":\"step_end\",\"affected_row_count\":");
		json_write_unsigned(w, result->affected_row_count);
		ENCODE_LITERAL(w, ",\"last_insert_rowid\":");
		w->comma = false;
		if (result->has_last_insert_rowid)
			json_write_integer(w, result->last_insert_rowid);
		else
			json_write_null(w);
		ENCODE_LITERAL(w, "}\n");
		w->comma = false;
		return;
	case ENCODE_LEGACY:
		ENCODE_LITERAL(w, "]");
		write_counters(w, result);
		ENCODE_LITERAL(w, "}}");
		break;
	}
	w->comma = true;
}

void encode_describe(struct json_writer *w, const struct describe_result *result)
{
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
		encode_column(w, result->column_names[i], result->column_decltypes[i]);
	json_write_end_array(w);
	json_write_member_bool(w, "is_explain", result->is_explain);
	json_write_member_bool(w, "is_readonly", result->is_readonly);
	json_write_end_object(w);
}
