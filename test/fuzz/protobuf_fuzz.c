// Protobuf as clients send it: the reader of fields, and the decoders of the SQL protocol that stand on it.
//
// Beyond memory: fields lie within their message, one behind the other, and survive being written and read again; texts
// are UTF-8 and end with a NUL where that is promised.

#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/protobuf_read.h"
#include "base/protobuf_write.h"
#include "base/utf8.h"
#include "hrana/decode.h"

#include "fuzz/fuzz.h"
#include "fuzz/look.h"

enum { DEPTH_MAX = 6 };

// -- fields -------------------------------------------------------------------------------------------

static void write_field(struct buffer *out, const struct protobuf_field *field)
{
	switch (field->type) {
	case PROTOBUF_VARINT:
		protobuf_write_integer(out, field->number, field->integer);
		return;
	case PROTOBUF_FIXED64:
	case PROTOBUF_FIXED32:
		protobuf_write_key(out, field->number, field->type);
		// Little-endian, as this machine is.
		buffer_append(out, &field->integer, field->type == PROTOBUF_FIXED64 ? 8 : 4);
		return;
	case PROTOBUF_BYTES:
		protobuf_write_bytes(out, field->number, field->bytes, field->size);
		return;
	}
	ASSERT(false);
}

// Writes what can be read, messages within messages too, since any bytes may be one.
static void read_fields(const void *bytes, size_t size, unsigned depth, struct buffer *out)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	size_t texts = 0;
	const unsigned char *before = reader.at;
	while (protobuf_read_next(&reader, &field)) {
		ASSERT(reader.at > before && reader.at <= reader.end && field.number > 0);
		before = reader.at;
		texts += field.number == 1 && field.type == PROTOBUF_BYTES;
		if (out)
			write_field(out, &field);
		if (field.type != PROTOBUF_BYTES)
			continue;
		ASSERT((const unsigned char *)field.bytes + field.size == reader.at);
		if (depth > 0)
			read_fields(field.bytes, field.size, depth - 1, NULL);
	}
	ASSERT(reader.broken || reader.at == reader.end);
	ASSERT(protobuf_read_count(bytes, size, 1) == texts);
}

static void survives_writing(const struct buffer *body)
{
	OWNED(buffer) struct buffer first = {0};
	OWNED(buffer) struct buffer second = {0};
	read_fields(body->data, body->size, DEPTH_MAX, &first);
	read_fields(first.data, first.size, DEPTH_MAX, &second);
	ASSERT(first.size == second.size &&
	       (first.size == 0 || memcmp(first.data, second.data, first.size) == 0));
}

static void utf8_is_mended(const struct buffer *body)
{
	OWNED(buffer) struct buffer mended = {0};
	utf8_append_mended(&mended, body->data, body->size);
	ASSERT(utf8_is_valid(mended.data, mended.size));
	if (utf8_is_valid(body->data, body->size))
		ASSERT(mended.size == body->size &&
		       (body->size == 0 || memcmp(mended.data, body->data, body->size) == 0));
}

// -- the SQL protocol ---------------------------------------------------------------------------------

static void sql_is_text(const struct request *request)
{
	const struct statement *statement = &request->step.statement;
	if (statement->sql)
		ASSERT(utf8_is_valid(statement->sql, statement->sql_size));
	for (size_t i = 0; i < statement->arg_count; i++) {
		const struct value *value = &statement->args[i];
		ASSERT(value->kind != VALUE_TEXT || utf8_is_valid(value->bytes, value->size));
	}
}

static void decode_http(decode_pipeline_body *decode, const struct buffer *body, int version)
{
	OWNED(arena) struct arena arena = {0};
	struct error err = {0};
	struct pipeline pipeline;
	struct decoder decoder = {.arena = &arena, .version = version};
	if (!decode(&decoder, body, NULL, &pipeline, &err)) {
		ASSERT(err.code == ERR_BAD_JSON || err.code == ERR_BODY_TOO_LARGE);
		return;
	}
	look_at_pipeline(&pipeline);
	for (size_t i = 0; i < pipeline.request_count; i++)
		sql_is_text(&pipeline.requests[i]);
}

static void decode_socket(const struct buffer *body)
{
	OWNED(arena) struct arena arena = {0};
	struct error err = {0};
	struct message message;
	struct decoder decoder = {.arena = &arena, .version = 3, .on_socket = true};
	if (!decode_protobuf_message(&decoder, body, NULL, &message, &err)) {
		ASSERT(err.code == ERR_BAD_JSON || err.code == ERR_BODY_TOO_LARGE);
		return;
	}
	look_at_message(&message);
	sql_is_text(&message.request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// A copy of exactly this size, so that reading past it is seen.
	OWNED(text) char *copy = malloc(size ? size : 1);
	if (size > 0)
		memcpy(copy, data, size);
	struct buffer body = {.data = copy, .size = size};
	survives_writing(&body);
	utf8_is_mended(&body);
	for (int version = 2; version <= 3; version++) {
		decode_http(decode_protobuf_pipeline, &body, version);
		decode_http(decode_protobuf_cursor, &body, version);
	}
	decode_socket(&body);
	return 0;
}
