// Fields that are absent have their defaults; of one that is given twice, the last counts. Texts that SQLite or the rest of
// this module wants to end with a NUL are copied, values are not.
#include "hrana/decode.h"

#include "base/arena.h"
#include "base/protobuf_read.h"
#include "base/utf8.h"

enum { CONDITION_DEPTH_MAX = 128 };

#define PREFIX "Could not decode client message from Protobuf: "

static bool fail(struct error *err, const char *what)
{
	return error_set(err, ERR_BAD_JSON, PREFIX "%s", what);
}

// -- fields -----------------------------------------------------------------------------------------------

static bool wrong_type(const struct protobuf_field *field, struct error *err)
{
	return error_set(err, ERR_BAD_JSON, PREFIX "field %u has the wrong wire type %d", field->number,
			 (int)field->type);
}

static bool want(const struct protobuf_field *field, enum protobuf_type type, struct error *err)
{
	return field->type == type || wrong_type(field, err);
}

static bool take_text(struct decoder *decoder, const struct protobuf_field *field, const char **out,
		      size_t *out_size, struct error *err)
{
	if (!want(field, PROTOBUF_BYTES, err))
		return false;
	if (!utf8_is_valid(field->bytes, field->size))
		return error_set(err, ERR_BAD_JSON, PREFIX "field %u is a text that is not UTF-8",
				 field->number);
	*out = arena_copy(decoder->arena, field->bytes, field->size);
	*out_size = field->size;
	return true;
}

static bool take_id(const struct protobuf_field *field, int32_t *out, struct error *err)
{
	*out = (int32_t)(uint32_t)field->integer;
	return want(field, PROTOBUF_VARINT, err);
}

static bool take_count(const struct protobuf_field *field, uint32_t *out, struct error *err)
{
	*out = (uint32_t)field->integer;
	return want(field, PROTOBUF_VARINT, err);
}

static bool take_index(const struct protobuf_field *field, uint64_t *out, struct error *err)
{
	// A statement may have one and its request too: the later state has both.
	if (field->integer > *out)
		*out = field->integer;
	return want(field, PROTOBUF_VARINT, err);
}

static bool end(const struct protobuf_reader *reader, struct error *err)
{
	return !reader->broken || fail(err, "the message is cut or broken");
}

static bool count_values(struct decoder *decoder, size_t count, struct error *err)
{
	decoder->value_count += count;
	return decoder->value_count <= DECODE_VALUES_MAX ||
	       error_set(err, ERR_BODY_TOO_LARGE, "request holds more than %d messages: send it in parts",
			 DECODE_VALUES_MAX);
}

// Room for all messages of that number.
static bool make_room(struct decoder *decoder, const char *bytes, size_t size, uint32_t number,
		      size_t item_size, void **out, struct error *err)
{
	size_t count = protobuf_read_count(bytes, size, number);
	if (!count_values(decoder, count, err))
		return false;
	*out = arena_alloc(decoder->arena, count * item_size);
	return true;
}

// -- values -----------------------------------------------------------------------------------------------

static bool decode_value(struct decoder *decoder, const char *bytes, size_t size, struct value *out,
			 struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	bool known = false;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number < 1 || field.number > 5)
			continue;
		static const enum protobuf_type types[] = {
			[1] = PROTOBUF_BYTES, [2] = PROTOBUF_VARINT, [3] = PROTOBUF_FIXED64,
			[4] = PROTOBUF_BYTES, [5] = PROTOBUF_BYTES,
		};
		if (!want(&field, types[field.number], err))
			return false;
		known = true;
		*out = (struct value){.kind = VALUE_NULL};
		if (field.number == 2)
			*out = (struct value){.kind = VALUE_INTEGER,
					      .integer = protobuf_unzigzag(field.integer)};
		if (field.number == 3) {
			out->kind = VALUE_REAL;
			memcpy(&out->real, &field.integer, sizeof(out->real));
		}
		if (field.number == 4 && !utf8_is_valid(field.bytes, field.size))
			return fail(err, "a text that is not UTF-8");
		if (field.number >= 4)
			*out = (struct value){.kind = field.number == 4 ? VALUE_TEXT : VALUE_BLOB,
					      .size = field.size,
					      .bytes = field.bytes};
	}
	if (!known)
		decode_broke(decoder, "Value type not recognized");
	return end(&reader, err);
}

static bool decode_named_value(struct decoder *decoder, const char *bytes, size_t size,
			       struct named_value *out, struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	size_t name_size = 0;
	out->name = "";
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 1 && !take_text(decoder, &field, &out->name, &name_size, err))
			return false;
		if (field.number == 2 && (!want(&field, PROTOBUF_BYTES, err) ||
					  !decode_value(decoder, field.bytes, field.size, &out->value, err)))
			return false;
	}
	if (memchr(out->name, '\0', name_size))
		return fail(err, "the name of a named argument holds a NUL");
	return end(&reader, err);
}

// -- statements ---------------------------------------------------------------------------------------------

// `sql` and `sql_id`, whatever their numbers.
struct text_fields {
	bool has_sql;
	bool has_id;
};

static bool take_sql(struct decoder *decoder, const struct protobuf_field *field, struct step *out,
		     struct text_fields *seen, struct error *err)
{
	seen->has_sql = true;
	return take_text(decoder, field, &out->statement.sql, &out->statement.sql_size, err);
}

static bool take_sql_id(const struct protobuf_field *field, struct step *out, struct text_fields *seen,
			struct error *err)
{
	seen->has_id = true;
	return take_id(field, &out->sql_id, err);
}

static bool decode_statement_field(struct decoder *decoder, const struct protobuf_field *field,
				   struct step *out, struct value *args, struct named_value *named_args,
				   struct text_fields *seen, struct error *err)
{
	struct statement *statement = &out->statement;
	switch (field->number) {
	case 1:
		return take_sql(decoder, field, out, seen, err);
	case 2:
		return take_sql_id(field, out, seen, err);
	case 3:
		return want(field, PROTOBUF_BYTES, err) &&
		       decode_value(decoder, field->bytes, field->size, &args[statement->arg_count++], err);
	case 4:
		return want(field, PROTOBUF_BYTES, err) &&
		       decode_named_value(decoder, field->bytes, field->size,
					  &named_args[statement->named_arg_count++], err);
	case 5:
		out->want_rows = field->integer != 0;
		return want(field, PROTOBUF_VARINT, err);
	case 6:
		return take_index(field, &out->replication_index, err);
	default:
		return true;
	}
}

static bool decode_statement_message(struct decoder *decoder, const char *bytes, size_t size,
				     struct step *out, struct error *err)
{
	void *args;
	void *named_args;
	if (!make_room(decoder, bytes, size, 3, sizeof(struct value), &args, err) ||
	    !make_room(decoder, bytes, size, 4, sizeof(struct named_value), &named_args, err))
		return false;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	struct text_fields seen = {0};
	out->want_rows = true;
	out->statement = (struct statement){.args = args, .named_args = named_args};
	while (protobuf_read_next(&reader, &field)) {
		if (!decode_statement_field(decoder, &field, out, args, named_args, &seen, err))
			return false;
	}
	decode_check_text(decoder, seen.has_sql, seen.has_id);
	return end(&reader, err);
}

// -- batches ------------------------------------------------------------------------------------------------

static bool decode_condition(struct decoder *decoder, const char *bytes, size_t size, size_t own_step,
			     int depth, struct condition *out, struct error *err);

static bool decode_parts(struct decoder *decoder, const struct protobuf_field *list, size_t own_step,
			 int depth, struct condition *out, struct error *err)
{
	void *room;
	if (!make_room(decoder, list->bytes, list->size, 1, sizeof(struct condition), &room, err))
		return false;
	struct condition *parts = room;
	struct protobuf_reader reader = protobuf_read(list->bytes, list->size);
	struct protobuf_field field;
	out->part_count = 0;
	out->parts = parts;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 1 && (!want(&field, PROTOBUF_BYTES, err) ||
					  !decode_condition(decoder, field.bytes, field.size, own_step, depth,
							    &parts[out->part_count++], err)))
			return false;
	}
	return end(&reader, err);
}

static bool decode_condition_field(struct decoder *decoder, const struct protobuf_field *field,
				   size_t own_step, int depth, struct condition *out, struct error *err)
{
	static const enum condition_kind kinds[] = {
		[1] = CONDITION_OK,  [2] = CONDITION_ERROR, [3] = CONDITION_NOT,
		[4] = CONDITION_AND, [5] = CONDITION_OR,    [6] = CONDITION_AUTOCOMMIT,
	};
	*out = (struct condition){.kind = kinds[field->number]};
	switch (out->kind) {
	case CONDITION_OK:
	case CONDITION_ERROR:
		if (!take_count(field, &out->step, err))
			return false;
		decode_check_reference(decoder, out->step, own_step);
		return true;
	case CONDITION_NOT: {
		struct condition *part = arena_alloc(decoder->arena, sizeof(*part));
		out->parts = part;
		out->part_count = 1;
		return want(field, PROTOBUF_BYTES, err) && count_values(decoder, 1, err) &&
		       decode_condition(decoder, field->bytes, field->size, own_step, depth, part, err);
	}
	case CONDITION_AND:
	case CONDITION_OR:
		return want(field, PROTOBUF_BYTES, err) &&
		       decode_parts(decoder, field, own_step, depth, out, err);
	case CONDITION_AUTOCOMMIT:
		decode_check_autocommit(decoder);
		return want(field, PROTOBUF_BYTES, err);
	}
	return false;
}

static bool decode_condition(struct decoder *decoder, const char *bytes, size_t size, size_t own_step,
			     int depth, struct condition *out, struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	bool known = false;
	if (depth == CONDITION_DEPTH_MAX)
		return fail(err, "conditions nested deeper than 128 levels");
	while (protobuf_read_next(&reader, &field)) {
		// One kind alone: a message of many nested ones would be walked again and again.
		if (field.number < 1 || field.number > 6)
			continue;
		if (known)
			return fail(err, "a condition of two kinds");
		known = true;
		if (!decode_condition_field(decoder, &field, own_step, depth + 1, out, err))
			return false;
	}
	if (!known) {
		out->kind = CONDITION_AND;
		decode_broke(decoder, "BatchCond type not recognized");
	}
	return end(&reader, err);
}

static bool decode_step(struct decoder *decoder, const char *bytes, size_t size, size_t number,
			struct step *out, struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	bool has_statement = false;
	while (protobuf_read_next(&reader, &field)) {
		if ((field.number == 1 || field.number == 2) && !want(&field, PROTOBUF_BYTES, err))
			return false;
		if (field.number == 1) {
			struct condition *condition = arena_alloc(decoder->arena, sizeof(*condition));
			if (!count_values(decoder, 1, err) ||
			    !decode_condition(decoder, field.bytes, field.size, number, 0, condition, err))
				return false;
			out->condition = condition;
		}
		if (field.number == 2) {
			if (!decode_statement_message(decoder, field.bytes, field.size, out, err))
				return false;
			has_statement = true;
		}
	}
	if (!has_statement)
		decode_check_text(decoder, false, false);
	return end(&reader, err);
}

static bool decode_batch_message(struct decoder *decoder, const char *bytes, size_t size, struct batch *out,
				 struct error *err)
{
	void *room;
	if (!make_room(decoder, bytes, size, 1, sizeof(*out->steps), &room, err))
		return false;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	*out = (struct batch){.steps = room};
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 2 && !take_index(&field, &out->replication_index, err))
			return false;
		if (field.number != 1)
			continue;
		size_t number = out->step_count++;
		if (!want(&field, PROTOBUF_BYTES, err) ||
		    !decode_step(decoder, field.bytes, field.size, number, &out->steps[number], err))
			return false;
	}
	return end(&reader, err);
}

// -- requests -----------------------------------------------------------------------------------------------

// What a field of a request means, whatever its number: over HTTP there are no ids of streams.
enum meaning {
	MEANS_NOTHING,
	MEANS_STREAM_ID,
	MEANS_CURSOR_ID,
	MEANS_STATEMENT,
	MEANS_BATCH,
	MEANS_INDEX,
	MEANS_SQL,
	MEANS_SQL_ID,
	MEANS_COUNT,
};

enum { REQUEST_FIELDS_MAX = 5 };

struct request_form {
	uint32_t http_number; // of the field that holds the request; 0: not there
	uint32_t socket_number;
	enum meaning http[REQUEST_FIELDS_MAX]; // by field number
	enum meaning socket[REQUEST_FIELDS_MAX];
};

static const struct request_form forms[REQUEST_KIND_COUNT] = {
	[REQUEST_CLOSE] = {1, 0, {0}, {0}},
	[REQUEST_EXECUTE] = {2, 4, {0, MEANS_STATEMENT}, {0, MEANS_STREAM_ID, MEANS_STATEMENT, MEANS_INDEX}},
	[REQUEST_BATCH] = {3, 5, {0, MEANS_BATCH}, {0, MEANS_STREAM_ID, MEANS_BATCH}},
	[REQUEST_SEQUENCE] = {4,
			      9,
			      {0, MEANS_SQL, MEANS_SQL_ID, MEANS_INDEX},
			      {0, MEANS_STREAM_ID, MEANS_SQL, MEANS_SQL_ID, MEANS_INDEX}},
	[REQUEST_DESCRIBE] = {5,
			      10,
			      {0, MEANS_SQL, MEANS_SQL_ID, MEANS_INDEX},
			      {0, MEANS_STREAM_ID, MEANS_SQL, MEANS_SQL_ID, MEANS_INDEX}},
	[REQUEST_STORE_SQL] = {6, 11, {0, MEANS_SQL_ID, MEANS_SQL}, {0, MEANS_SQL_ID, MEANS_SQL}},
	[REQUEST_CLOSE_SQL] = {7, 12, {0, MEANS_SQL_ID}, {0, MEANS_SQL_ID}},
	[REQUEST_GET_AUTOCOMMIT] = {8, 13, {0}, {0, MEANS_STREAM_ID}},
	[REQUEST_OPEN_STREAM] = {0, 2, {0}, {0, MEANS_STREAM_ID}},
	[REQUEST_CLOSE_STREAM] = {0, 3, {0}, {0, MEANS_STREAM_ID}},
	[REQUEST_OPEN_CURSOR] = {0, 6, {0}, {0, MEANS_STREAM_ID, MEANS_CURSOR_ID, MEANS_BATCH}},
	[REQUEST_CLOSE_CURSOR] = {0, 7, {0}, {0, MEANS_CURSOR_ID}},
	[REQUEST_FETCH_CURSOR] = {0, 8, {0}, {0, MEANS_CURSOR_ID, MEANS_COUNT}},
};

static bool take_meaning(struct decoder *decoder, enum meaning meaning, const struct protobuf_field *field,
			 struct request *out, struct text_fields *seen, struct error *err)
{
	switch (meaning) {
	case MEANS_NOTHING:
		return true;
	case MEANS_STREAM_ID:
		return take_id(field, &out->stream_id, err);
	case MEANS_CURSOR_ID:
		return take_id(field, &out->cursor_id, err);
	case MEANS_STATEMENT:
		seen->has_sql = true;
		return want(field, PROTOBUF_BYTES, err) &&
		       decode_statement_message(decoder, field->bytes, field->size, &out->step, err);
	case MEANS_BATCH:
		return want(field, PROTOBUF_BYTES, err) &&
		       decode_batch_message(decoder, field->bytes, field->size, &out->batch, err);
	case MEANS_INDEX:
		return take_index(field, &out->step.replication_index, err);
	case MEANS_SQL:
		return take_sql(decoder, field, &out->step, seen, err);
	case MEANS_SQL_ID:
		return take_sql_id(field, &out->step, seen, err);
	case MEANS_COUNT:
		return take_count(field, &out->max_count, err);
	}
	return false;
}

static bool decode_request_message(struct decoder *decoder, enum request_kind kind,
				   const struct protobuf_field *message, struct request *out,
				   struct error *err)
{
	if (!want(message, PROTOBUF_BYTES, err))
		return false;
	const enum meaning *meanings = decoder->on_socket ? forms[kind].socket : forms[kind].http;
	struct protobuf_reader reader = protobuf_read(message->bytes, message->size);
	struct protobuf_field field;
	struct text_fields seen = {0};
	*out = (struct request){.kind = kind};
	decode_check_version(decoder, kind);
	while (protobuf_read_next(&reader, &field)) {
		if (field.number < REQUEST_FIELDS_MAX &&
		    !take_meaning(decoder, meanings[field.number], &field, out, &seen, err))
			return false;
	}
	bool one_text = kind == REQUEST_SEQUENCE || kind == REQUEST_DESCRIBE || kind == REQUEST_EXECUTE;
	if (one_text)
		decode_check_text(decoder, seen.has_sql, seen.has_id);
	if (kind == REQUEST_STORE_SQL && !seen.has_sql)
		out->step.statement.sql = "";
	return end(&reader, err);
}

// Whether the field holds a request.
static bool find_kind(const struct decoder *decoder, uint32_t number, enum request_kind *out)
{
	for (int kind = 0; kind < REQUEST_KIND_COUNT; kind++) {
		if (number == (decoder->on_socket ? forms[kind].socket_number : forms[kind].http_number)) {
			*out = (enum request_kind)kind;
			return true;
		}
	}
	return false;
}

// A message one field of which holds a request: StreamRequest, RequestMsg.
static bool decode_request_of(struct decoder *decoder, const struct protobuf_field *message,
			      int32_t *request_id, struct request *out, struct error *err)
{
	if (!want(message, PROTOBUF_BYTES, err))
		return false;
	struct protobuf_reader reader = protobuf_read(message->bytes, message->size);
	struct protobuf_field field;
	enum request_kind kind;
	bool known = false;
	while (protobuf_read_next(&reader, &field)) {
		if (decoder->on_socket && field.number == 1) {
			if (!take_id(&field, request_id, err))
				return false;
		} else if (find_kind(decoder, field.number, &kind)) {
			known = true;
			if (!decode_request_message(decoder, kind, &field, out, err))
				return false;
		}
	}
	if (!known)
		decode_broke(decoder, "Request type not recognized");
	return end(&reader, err);
}

// -- whole bodies ---------------------------------------------------------------------------------------------

bool decode_protobuf_pipeline(struct decoder *decoder, const struct buffer *body, struct json **tree,
			      struct pipeline *out, struct error *err)
{
	(void)tree;
	void *room;
	if (!make_room(decoder, body->data, body->size, 2, sizeof(*out->requests), &room, err))
		return false;
	struct protobuf_reader reader = protobuf_read(body->data, body->size);
	struct protobuf_field field;
	*out = (struct pipeline){.requests = room};
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 1 && !take_text(decoder, &field, &out->baton, &out->baton_size, err))
			return false;
		if (field.number == 2 &&
		    !decode_request_of(decoder, &field, NULL, &out->requests[out->request_count++], err))
			return false;
	}
	out->broken = decoder->broken;
	return end(&reader, err);
}

bool decode_protobuf_cursor(struct decoder *decoder, const struct buffer *body, struct json **tree,
			    struct pipeline *out, struct error *err)
{
	(void)tree;
	struct protobuf_reader reader = protobuf_read(body->data, body->size);
	struct protobuf_field field;
	bool has_batch = false;
	*out = (struct pipeline){.requests = arena_alloc(decoder->arena, sizeof(*out->requests)),
				 .request_count = 1};
	out->requests->kind = REQUEST_BATCH;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 1 && !take_text(decoder, &field, &out->baton, &out->baton_size, err))
			return false;
		if (field.number != 2)
			continue;
		has_batch = true;
		if (!want(&field, PROTOBUF_BYTES, err) ||
		    !decode_batch_message(decoder, field.bytes, field.size, &out->requests->batch, err))
			return false;
	}
	out->broken = decoder->broken;
	return end(&reader, err) && (has_batch || fail(err, "there is no batch"));
}

static bool decode_hello(struct decoder *decoder, const struct protobuf_field *message, struct message *out,
			 struct error *err)
{
	if (!want(message, PROTOBUF_BYTES, err))
		return false;
	struct protobuf_reader reader = protobuf_read(message->bytes, message->size);
	struct protobuf_field field;
	out->kind = MESSAGE_HELLO;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == 1 && !take_text(decoder, &field, &out->jwt, &out->jwt_size, err))
			return false;
	}
	return end(&reader, err);
}

bool decode_protobuf_message(struct decoder *decoder, const struct buffer *body, struct json **tree,
			     struct message *out, struct error *err)
{
	(void)tree;
	struct protobuf_reader reader = protobuf_read(body->data, body->size);
	struct protobuf_field field;
	bool known = false;
	*out = (struct message){0};
	while (protobuf_read_next(&reader, &field)) {
		if (field.number != 1 && field.number != 2)
			continue;
		if (known)
			return fail(err, "a message of two kinds");
		known = true;
		out->kind = MESSAGE_REQUEST;
		if (!(field.number == 1
			      ? decode_hello(decoder, &field, out, err)
			      : decode_request_of(decoder, &field, &out->request_id, &out->request, err)))
			return false;
	}
	out->broken = decoder->broken;
	return end(&reader, err) && (known || fail(err, "a message of no kind"));
}
