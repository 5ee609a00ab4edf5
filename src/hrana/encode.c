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

struct encode_out encode_to(const struct wire *wire, struct buffer *buffer)
{
	return (struct encode_out){.wire = wire, .json = json_write_to(buffer)};
}

void encode_restart(struct encode_out *out)
{
	static const struct encode_mark beginning = {0};
	encode_return(out, &beginning);
}

struct encode_mark encode_mark(const struct encode_out *out)
{
	return (struct encode_mark){
		.size = out->json.out->size,
		.comma = out->json.comma,
		.depth = out->depth,
	};
}

void encode_return(struct encode_out *out, const struct encode_mark *mark)
{
	buffer_truncate(out->json.out, mark->size);
	out->json.comma = mark->comma;
	out->depth = mark->depth;
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
	return gauge_grow(encoder->gauge, encoder->out->json.out->size, err);
}

static bool sink_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	struct encoder *encoder = encoder_of(sink);
	size_t before = encoder->out->json.out->size;
	encoder->out->wire->rows_begin(encoder, columns, count);
	return account(encoder, encoder->out->json.out->size - before, err);
}

static bool sink_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct encoder *encoder = encoder_of(sink);
	if (!encoder->want_rows)
		return true;
	size_t raw = 0;
	for (int i = 0; i < count; i++)
		raw += values[i].kind >= VALUE_TEXT ? values[i].size : 0;
	// Before anything is written: one row may be as large as the limit itself.
	if (*encoder->counted + raw > encoder->result_max)
		return account(encoder, raw, err);
	size_t counts_for = encoder->out->wire->rows_row(encoder, values, count);
	return account(encoder, counts_for, err);
}

static void sink_restart(struct result_sink *sink)
{
	encode_undo(encoder_of(sink));
}

void encode_begin(struct encoder *encoder, enum encode_form form, struct encode_out *out, struct gauge *gauge,
		  size_t result_max, size_t *counted, bool want_rows)
{
	*encoder = (struct encoder){
		.sink = {.columns = sink_columns, .row = sink_row, .restart = sink_restart},
		.form = form,
		.out = out,
		.gauge = gauge,
		.want_rows = want_rows,
		.result_max = result_max,
		.counted = counted,
		.mark = encode_mark(out),
		.counted_mark = *counted,
	};
}

void encode_undo(struct encoder *encoder)
{
	encode_return(encoder->out, &encoder->mark);
	*encoder->counted = encoder->counted_mark;
}

void encode_end(struct encoder *encoder, const struct statement_result *result)
{
	encoder->out->wire->rows_end(encoder, result);
}
