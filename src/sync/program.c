// Fields that are absent have their defaults; of one that is given twice, the last counts.
#include "sync/program.h"

#include <string.h>

#include "base/protobuf_read.h"
#include "base/utf8.h"

struct decoder {
	struct arena *arena;
	size_t message_count;
	size_t step; // whose condition is read
};

static bool fail(struct error *err, const char *what)
{
	return error_set(err, ERR_BAD_REQUEST, "the program cannot be read: %s", what);
}

static bool want(const struct protobuf_field *field, enum protobuf_type type, struct error *err)
{
	return field->type == type || fail(err, "a field has another type");
}

static bool end(const struct protobuf_reader *reader, struct error *err)
{
	return !reader->broken || fail(err, "a message is cut or broken");
}

static bool want_text(const struct protobuf_field *field, struct error *err)
{
	return want(field, PROTOBUF_BYTES, err) &&
	       (utf8_is_valid(field->bytes, field->size) || fail(err, "a text is not UTF-8"));
}

// Room for all messages of that number.
static bool make_room(struct decoder *decoder, const char *bytes, size_t size, uint32_t number,
		      size_t item_size, void **out, struct error *err)
{
	size_t count = protobuf_read_count(bytes, size, number);
	decoder->message_count += count;
	if (decoder->message_count > PROGRAM_MESSAGES_MAX)
		return fail(err, "it holds more than 1000000 messages");
	*out = arena_alloc(decoder->arena, count * item_size);
	return true;
}

// -- values -----------------------------------------------------------------------------------------------

enum { TAG_NULL, TAG_INTEGER, TAG_REAL, TAG_TEXT, TAG_BLOB, TAG_BYTES = 4, WORD_BYTES = 8 };

static uint64_t little_endian(const char *bytes, size_t size)
{
	uint64_t value = 0;
	for (size_t i = size; i > 0; i--)
		value = value << 8 | (unsigned char)bytes[i - 1];
	return value;
}

static bool read_sized(const char *bytes, size_t size, bool text, struct value *out, struct error *err)
{
	if (size < WORD_BYTES || little_endian(bytes, WORD_BYTES) != size - WORD_BYTES)
		return fail(err, "a value is cut or too long");
	bytes += WORD_BYTES;
	size -= WORD_BYTES;
	if (text && !utf8_is_valid(bytes, size))
		return fail(err, "a text is not UTF-8");
	*out = (struct value){.kind = text ? VALUE_TEXT : VALUE_BLOB, .size = size, .bytes = bytes};
	return true;
}

static bool read_value_data(const char *bytes, size_t size, struct value *out, struct error *err)
{
	if (size < TAG_BYTES)
		return fail(err, "a value is cut");
	uint64_t tag = little_endian(bytes, TAG_BYTES);
	bytes += TAG_BYTES;
	size -= TAG_BYTES;
	if (tag == TAG_TEXT || tag == TAG_BLOB)
		return read_sized(bytes, size, tag == TAG_TEXT, out, err);
	if (tag > TAG_BLOB || size != (tag == TAG_NULL ? 0 : WORD_BYTES))
		return fail(err, "a value is of no known kind, or cut");
	*out = (struct value){.kind = VALUE_NULL};
	if (tag == TAG_NULL)
		return true;
	uint64_t word = little_endian(bytes, WORD_BYTES);
	out->kind = tag == TAG_INTEGER ? VALUE_INTEGER : VALUE_REAL;
	if (tag == TAG_INTEGER)
		out->integer = (int64_t)word;
	else
		memcpy(&out->real, &word, sizeof(out->real));
	return true;
}

static bool read_value(const struct protobuf_field *message, struct value *out, struct error *err)
{
	enum { FIELD_DATA = 1 };
	if (!want(message, PROTOBUF_BYTES, err))
		return false;
	struct protobuf_reader reader = protobuf_read(message->bytes, message->size);
	struct protobuf_field field;
	bool found = false;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number != FIELD_DATA)
			continue;
		found = true;
		if (!want(&field, PROTOBUF_BYTES, err) || !read_value_data(field.bytes, field.size, out, err))
			return false;
	}
	return end(&reader, err) && (found || fail(err, "a value is empty"));
}

// -- statements -------------------------------------------------------------------------------------------

static bool read_positional(struct decoder *decoder, const char *bytes, size_t size, struct statement *out,
			    struct error *err)
{
	enum { FIELD_VALUES = 1 };
	struct value *values;
	void *room;
	if (!make_room(decoder, bytes, size, FIELD_VALUES, sizeof(*values), &room, err))
		return false;
	values = room;
	out->args = values;
	out->arg_count = 0;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_VALUES && !read_value(&field, &values[out->arg_count++], err))
			return false;
	}
	return end(&reader, err);
}

static bool read_name(struct decoder *decoder, const struct protobuf_field *field, struct named_value *out,
		      struct error *err)
{
	if (!want_text(field, err))
		return false;
	if (memchr(field->bytes, '\0', field->size))
		return fail(err, "a parameter's name has a NUL");
	out->name = arena_copy(decoder->arena, field->bytes, field->size);
	return true;
}

static bool read_named(struct decoder *decoder, const char *bytes, size_t size, struct statement *out,
		       struct error *err)
{
	enum { FIELD_NAMES = 1, FIELD_VALUES = 2 };
	size_t count = protobuf_read_count(bytes, size, FIELD_NAMES);
	size_t names = 0;
	size_t values = 0;
	struct named_value *args;
	void *room;
	if (count != protobuf_read_count(bytes, size, FIELD_VALUES))
		return fail(err, "there are more names than values, or fewer");
	if (!make_room(decoder, bytes, size, FIELD_NAMES, sizeof(*args), &room, err))
		return false;
	args = room;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_NAMES && !read_name(decoder, &field, &args[names++], err))
			return false;
		if (field.number == FIELD_VALUES && !read_value(&field, &args[values++].value, err))
			return false;
	}
	out->named_args = args;
	out->named_arg_count = count;
	return end(&reader, err);
}

static bool read_query(struct decoder *decoder, const char *bytes, size_t size, struct program_step *out,
		       struct error *err)
{
	enum { FIELD_STMT = 1, FIELD_POSITIONAL = 2, FIELD_NAMED = 3, FIELD_SKIP_ROWS = 4 };
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	struct statement *statement = &out->statement;
	*statement = (struct statement){.sql = ""};
	while (protobuf_read_next(&reader, &field)) {
		bool ok = true;
		switch (field.number) {
		case FIELD_STMT:
			ok = want_text(&field, err);
			statement->sql = field.bytes;
			statement->sql_size = field.size;
			break;
		case FIELD_POSITIONAL:
			ok = want(&field, PROTOBUF_BYTES, err) &&
			     read_positional(decoder, field.bytes, field.size, statement, err);
			break;
		case FIELD_NAMED:
			ok = want(&field, PROTOBUF_BYTES, err) &&
			     read_named(decoder, field.bytes, field.size, statement, err);
			break;
		case FIELD_SKIP_ROWS:
			ok = want(&field, PROTOBUF_VARINT, err);
			out->skip_rows = field.integer != 0;
			break;
		default:
			break;
		}
		if (!ok)
			return false;
	}
	return end(&reader, err);
}

// -- conditions -------------------------------------------------------------------------------------------

static bool read_condition(struct decoder *decoder, const char *bytes, size_t size, int depth,
			   struct condition *out, struct error *err);

static bool read_step_number(struct decoder *decoder, const char *bytes, size_t size, size_t *out,
			     struct error *err)
{
	enum { FIELD_STEP = 1 };
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	uint64_t step = 0;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_STEP && !want(&field, PROTOBUF_VARINT, err))
			return false;
		if (field.number == FIELD_STEP)
			step = field.integer;
	}
	if (step >= decoder->step)
		return fail(err, "a condition names no step before its own");
	*out = (size_t)step;
	return end(&reader, err);
}

static bool read_parts(struct decoder *decoder, const char *bytes, size_t size, int depth,
		       struct condition *out, struct error *err)
{
	enum { FIELD_CONDS = 1 };
	void *room;
	if (!make_room(decoder, bytes, size, FIELD_CONDS, sizeof(*out->parts), &room, err))
		return false;
	out->parts = room;
	out->part_count = 0;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_CONDS &&
		    (!want(&field, PROTOBUF_BYTES, err) ||
		     !read_condition(decoder, field.bytes, field.size, depth + 1,
				     &out->parts[out->part_count++], err)))
			return false;
	}
	return end(&reader, err);
}

static bool read_condition_field(struct decoder *decoder, const struct protobuf_field *field, int depth,
				 struct condition *out, struct error *err)
{
	static const enum condition_kind kinds[] = {
		[1] = CONDITION_OK,  [2] = CONDITION_ERROR, [3] = CONDITION_NOT,
		[4] = CONDITION_AND, [5] = CONDITION_OR,    [6] = CONDITION_AUTOCOMMIT,
	};
	if (field->number < 1 || field->number >= ARRAY_LENGTH(kinds))
		return true;
	if (!want(field, PROTOBUF_BYTES, err))
		return false;
	*out = (struct condition){.kind = kinds[field->number]};
	switch (out->kind) {
	case CONDITION_OK:
	case CONDITION_ERROR:
		return read_step_number(decoder, field->bytes, field->size, &out->step, err);
	case CONDITION_NOT:
	case CONDITION_AND:
	case CONDITION_OR:
		return read_parts(decoder, field->bytes, field->size, depth, out, err);
	default:
		return true;
	}
}

static bool read_condition(struct decoder *decoder, const char *bytes, size_t size, int depth,
			   struct condition *out, struct error *err)
{
	if (depth > PROGRAM_DEPTH_MAX)
		return fail(err, "its conditions are nested too deeply");
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (!read_condition_field(decoder, &field, depth, out, err))
			return false;
	}
	return end(&reader, err);
}

bool condition_holds(const struct condition *condition, const enum step_outcome *outcomes, bool autocommit)
{
	if (!condition)
		return true;
	bool any = false;
	bool all = true;
	switch (condition->kind) {
	case CONDITION_OK:
		return outcomes[condition->step] == STEP_OK;
	case CONDITION_ERROR:
		return outcomes[condition->step] == STEP_ERROR;
	case CONDITION_AUTOCOMMIT:
		return autocommit;
	case CONDITION_NONE:
		return false;
	case CONDITION_NOT:
	case CONDITION_AND:
	case CONDITION_OR:
		break;
	}
	for (size_t i = 0; i < condition->part_count; i++) {
		bool holds = condition_holds(&condition->parts[i], outcomes, autocommit);
		any = any || holds;
		all = all && holds;
	}
	if (condition->kind == CONDITION_NOT)
		return !any;
	return condition->kind == CONDITION_AND ? all : any;
}

// -- programs ---------------------------------------------------------------------------------------------

static bool read_step(struct decoder *decoder, const char *bytes, size_t size, struct program_step *out,
		      struct error *err)
{
	enum { FIELD_COND = 1, FIELD_QUERY = 2 };
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number != FIELD_COND && field.number != FIELD_QUERY)
			continue;
		if (!want(&field, PROTOBUF_BYTES, err))
			return false;
		if (field.number == FIELD_QUERY && !read_query(decoder, field.bytes, field.size, out, err))
			return false;
		if (field.number == FIELD_QUERY)
			continue;
		out->condition = arena_alloc(decoder->arena, sizeof(*out->condition));
		if (!read_condition(decoder, field.bytes, field.size, 0, out->condition, err))
			return false;
	}
	return end(&reader, err);
}

static bool read_steps(struct decoder *decoder, const char *bytes, size_t size, struct program *out,
		       struct error *err)
{
	enum { FIELD_STEPS = 1 };
	void *room;
	if (!make_room(decoder, bytes, size, FIELD_STEPS, sizeof(*out->steps), &room, err))
		return false;
	out->steps = room;
	out->step_count = 0;
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	while (protobuf_read_next(&reader, &field)) {
		if (field.number != FIELD_STEPS)
			continue;
		decoder->step = out->step_count;
		if (!want(&field, PROTOBUF_BYTES, err) ||
		    !read_step(decoder, field.bytes, field.size, &out->steps[out->step_count++], err))
			return false;
	}
	return end(&reader, err);
}

static bool read_client(const struct protobuf_field *field, struct program *out, struct error *err)
{
	out->client_id = field->bytes;
	out->client_id_size = field->size;
	return want(field, PROTOBUF_BYTES, err);
}

enum { FIELD_CLIENT = 1, FIELD_CONTENT = 2 };

bool program_read(struct arena *arena, const char *bytes, size_t size, struct program *out, struct error *err)
{
	struct decoder decoder = {.arena = arena};
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	*out = (struct program){0};
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_CLIENT && !read_client(&field, out, err))
			return false;
		if (field.number == FIELD_CONTENT &&
		    (!want(&field, PROTOBUF_BYTES, err) ||
		     !read_steps(&decoder, field.bytes, field.size, out, err)))
			return false;
	}
	return end(&reader, err);
}

bool program_read_text(struct arena *arena, const char *bytes, size_t size, struct program *out,
		       struct error *err)
{
	struct protobuf_reader reader = protobuf_read(bytes, size);
	struct protobuf_field field;
	*out = (struct program){0};
	while (protobuf_read_next(&reader, &field)) {
		if (field.number == FIELD_CLIENT && !read_client(&field, out, err))
			return false;
		if (field.number != FIELD_CONTENT)
			continue;
		if (!want_text(&field, err))
			return false;
		out->steps = arena_alloc(arena, sizeof(*out->steps));
		out->step_count = 1;
		out->steps[0].statement = (struct statement){.sql = field.bytes, .sql_size = field.size};
	}
	return end(&reader, err);
}
