#include "hrana/decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crypt.h"

enum {
	DEPTH_MAX = 128,
	// A tree of JSON takes some hundred bytes a value, however short its text: a body of `[],[],…` must
	// not become fifty times as large in memory.
	LARGE_BODY_BYTES = 1024 * 1024,
};

#define PREFIX "Cannot deserialize client message from JSON: "

bool decode_fail(struct error *err, const char *place, const char *expected, const struct json *found)
{
	return error_set(err, ERR_BAD_JSON, PREFIX "%s must be %s, got %s", place, expected,
			 found ? json_read_kind_name(found) : "nothing");
}

static size_t count_values(const struct buffer *body)
{
	size_t count = 0;
	bool in_string = false;
	for (size_t i = 0; i < body->size; i++) {
		char c = body->data[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == ',' || c == '[' || c == '{') {
			count++;
		}
	}
	return count;
}

bool decode_parse(const struct buffer *body, struct json **out, struct error *err)
{
	if (body->size > LARGE_BODY_BYTES && count_values(body) > DECODE_VALUES_MAX)
		return error_set(err, ERR_BODY_TOO_LARGE,
				 "request holds more than %d JSON values: send it in parts",
				 DECODE_VALUES_MAX);
	unsigned options = JSON_READ_UNIQUE_KEYS | JSON_READ_ALLOW_NUL | JSON_READ_BIG_REALS;
	if (json_read_parse(body->data, body->size, options, DEPTH_MAX, out, err))
		return true;
	char reason[sizeof(err->message)];
	memcpy(reason, err->message, sizeof(reason));
	return error_set(err, ERR_BAD_JSON, PREFIX "%s", reason);
}

const struct json *decode_member(const struct json *object, const char *name)
{
	const struct json *found = json_read_get(object, name);
	return found && json_read_kind(found) != JSON_KIND_NULL ? found : NULL;
}

static bool is_kind(const struct json *node, enum json_kind kind)
{
	return node && json_read_kind(node) == kind;
}

// Decimal digits with an optional sign, within 64 bits, and nothing else.
static bool parse_integer(const char *text, size_t size, int64_t *out)
{
	size_t digits = text[0] == '-' || text[0] == '+' ? 1 : 0;
	if (digits == size)
		return false;
	for (size_t i = digits; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	errno = 0;
	*out = strtoll(text, NULL, 10);
	return errno == 0;
}

static bool parse_unsigned(const char *text, size_t size, uint64_t *out)
{
	if (size == 0)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	errno = 0;
	*out = strtoull(text, NULL, 10);
	return errno == 0;
}

bool decode_base64(struct arena *arena, const struct json *text, struct value *out)
{
	size_t size;
	const char *encoded = json_read_text(text, &size);
	size_t room = size / 4 * 3 + 3;
	struct buffer bytes = {.data = arena_alloc(arena, room), .capacity = room};
	if (!crypt_base64_decode(&bytes, encoded, size, false))
		return false;
	*out = (struct value){.kind = VALUE_BLOB, .size = bytes.size, .bytes = bytes.data};
	return true;
}

static bool decode_value(struct decoder *decoder, const struct json *node, struct value *out,
			 struct error *err)
{
	if (!is_kind(node, JSON_KIND_OBJECT))
		return decode_fail(err, "a value", "an object", node);
	const struct json *type_node = json_read_get(node, "type");
	const char *type = type_node ? json_read_text(type_node, NULL) : NULL;
	if (!type)
		return decode_fail(err, "`type` of a value", "a string", type_node);

	if (strcmp(type, "null") == 0) {
		*out = (struct value){.kind = VALUE_NULL};
		return true;
	}
	if (strcmp(type, "blob") == 0) {
		const struct json *text = json_read_get(node, "base64");
		if (!is_kind(text, JSON_KIND_TEXT))
			return decode_fail(err, "`base64` of a blob", "a string", text);
		return decode_base64(decoder->arena, text, out) ||
		       error_set(err, ERR_BAD_JSON, PREFIX "`base64` of a blob is not base64");
	}

	const struct json *value = json_read_get(node, "value");
	size_t size = 0;
	const char *text = value ? json_read_text(value, &size) : NULL;
	if (strcmp(type, "integer") == 0) {
		out->kind = VALUE_INTEGER;
		return (text && parse_integer(text, size, &out->integer)) ||
		       decode_fail(err, "`value` of an integer", "a string of digits within 64 bits", value);
	}
	if (strcmp(type, "float") == 0) {
		if (!is_kind(value, JSON_KIND_INTEGER) && !is_kind(value, JSON_KIND_REAL))
			return decode_fail(err, "`value` of a float", "a number", value);
		*out = (struct value){.kind = VALUE_REAL, .real = json_read_number(value)};
		return true;
	}
	if (strcmp(type, "text") == 0) {
		if (!text)
			return decode_fail(err, "`value` of a text", "a string", value);
		*out = (struct value){.kind = VALUE_TEXT, .size = size, .bytes = text};
		return true;
	}
	return error_set(err, ERR_BAD_JSON, PREFIX "unknown type of a value: `%s`", type);
}

static bool decode_args(struct decoder *decoder, const struct json *node, struct statement *out,
			struct error *err)
{
	if (!node)
		return true;
	if (!is_kind(node, JSON_KIND_ARRAY))
		return decode_fail(err, "`args`", "an array", node);
	size_t count = json_read_size(node);
	if (count == 0)
		return true;
	struct value *args = arena_alloc(decoder->arena, count * sizeof(*args));
	for (size_t i = 0; i < count; i++) {
		if (!decode_value(decoder, json_read_at(node, i), &args[i], err))
			return false;
	}
	out->args = args;
	out->arg_count = count;
	return true;
}

static bool decode_named_args(struct decoder *decoder, const struct json *node, struct statement *out,
			      struct error *err)
{
	if (!node)
		return true;
	if (!is_kind(node, JSON_KIND_ARRAY))
		return decode_fail(err, "`named_args`", "an array", node);
	size_t count = json_read_size(node);
	if (count == 0)
		return true;
	struct named_value *args = arena_alloc(decoder->arena, count * sizeof(*args));
	for (size_t i = 0; i < count; i++) {
		const struct json *item = json_read_at(node, i);
		const struct json *name =
			is_kind(item, JSON_KIND_OBJECT) ? json_read_get(item, "name") : NULL;
		if (!is_kind(name, JSON_KIND_TEXT))
			return decode_fail(err, "`name` of a named argument", "a string", name);
		size_t name_size;
		args[i].name = json_read_text(name, &name_size);
		if (memchr(args[i].name, '\0', name_size))
			return error_set(err, ERR_BAD_JSON, PREFIX "`name` of a named argument holds a NUL");
		if (!decode_value(decoder, json_read_get(item, "value"), &args[i].value, err))
			return false;
	}
	out->named_args = args;
	out->named_arg_count = count;
	return true;
}

// A whole number of at most 53 bits, for ids and indexes. It may have been read as a real
// (JSON_READ_BIG_REALS).
static bool whole_number(const struct json *node, int64_t *out)
{
	if (!is_kind(node, JSON_KIND_INTEGER) && !is_kind(node, JSON_KIND_REAL))
		return false;
	double number = json_read_number(node);
	if (!(number >= -0x1p53 && number <= 0x1p53) || number != (double)(int64_t)number)
		return false;
	*out = (int64_t)number;
	return true;
}

bool decode_id(const struct json *node, const char *place, int32_t *out, struct error *err)
{
	int64_t id;
	if (!whole_number(node, &id) || id < INT32_MIN || id > INT32_MAX)
		return decode_fail(err, place, "a whole number of 32 bits", node);
	*out = (int32_t)id;
	return true;
}

bool decode_index(const struct json *object, uint64_t *out, struct error *err)
{
	const struct json *node = decode_member(object, "replication_index");
	*out = 0;
	if (!node)
		return true;
	size_t size;
	const char *text = json_read_text(node, &size);
	if (text && parse_unsigned(text, size, out))
		return true;
	int64_t number;
	if (whole_number(node, &number) && number >= 0) {
		*out = (uint64_t)number;
		return true;
	}
	return decode_fail(err, "`replication_index`", "a whole number", node);
}

// `sql` or `sql_id`, exactly one.
static bool decode_text(struct decoder *decoder, const struct json *object, struct step *out,
			struct error *err)
{
	const struct json *sql = decode_member(object, "sql");
	const struct json *id = decode_member(object, "sql_id");
	if (sql && !is_kind(sql, JSON_KIND_TEXT))
		return decode_fail(err, "`sql`", "a string", sql);
	if (id && !decode_id(id, "`sql_id`", &out->sql_id, err))
		return false;
	decode_check_text(decoder, sql != NULL, id != NULL);
	if (sql)
		out->statement.sql = json_read_text(sql, &out->statement.sql_size);
	return true;
}

bool decode_statement(struct decoder *decoder, const struct json *node, struct step *out, struct error *err)
{
	if (!is_kind(node, JSON_KIND_OBJECT))
		return decode_fail(err, "`stmt`", "an object", node);
	const struct json *want_rows = decode_member(node, "want_rows");
	if (want_rows && !is_kind(want_rows, JSON_KIND_BOOL))
		return decode_fail(err, "`want_rows`", "true or false", want_rows);
	out->want_rows = !want_rows || json_read_bool(want_rows);
	return decode_text(decoder, node, out, err) &&
	       decode_args(decoder, decode_member(node, "args"), &out->statement, err) &&
	       decode_named_args(decoder, decode_member(node, "named_args"), &out->statement, err) &&
	       decode_index(node, &out->replication_index, err);
}

static bool decode_condition(struct decoder *decoder, const struct json *node, size_t own_step,
			     struct condition *out, struct error *err);

static bool decode_parts(struct decoder *decoder, const struct json *list, size_t own_step,
			 struct condition *out, struct error *err)
{
	if (!is_kind(list, JSON_KIND_ARRAY))
		return decode_fail(err, "`conds`", "an array", list);
	size_t count = json_read_size(list);
	struct condition *parts = arena_alloc(decoder->arena, count * sizeof(*parts));
	for (size_t i = 0; i < count; i++) {
		if (!decode_condition(decoder, json_read_at(list, i), own_step, &parts[i], err))
			return false;
	}
	out->parts = parts;
	out->part_count = count;
	return true;
}

// Recursion ends with the depth of the JSON text.
static bool decode_condition(struct decoder *decoder, const struct json *node, size_t own_step,
			     struct condition *out, struct error *err)
{
	if (!is_kind(node, JSON_KIND_OBJECT))
		return decode_fail(err, "`condition`", "an object", node);
	const struct json *type_node = json_read_get(node, "type");
	const char *type = type_node ? json_read_text(type_node, NULL) : NULL;
	if (!type)
		return decode_fail(err, "`type` of a condition", "a string", type_node);

	if (strcmp(type, "ok") == 0 || strcmp(type, "error") == 0) {
		const struct json *step = json_read_get(node, "step");
		int64_t number;
		if (!whole_number(step, &number) || number < 0 || number > UINT32_MAX)
			return decode_fail(err, "`step` of a condition", "a step's number", step);
		decode_check_reference(decoder, (uint32_t)number, own_step);
		out->kind = type[0] == 'o' ? CONDITION_OK : CONDITION_ERROR;
		out->step = (uint32_t)number;
		return true;
	}
	if (strcmp(type, "not") == 0) {
		struct condition *part = arena_alloc(decoder->arena, sizeof(*part));
		out->kind = CONDITION_NOT;
		out->parts = part;
		out->part_count = 1;
		return decode_condition(decoder, json_read_get(node, "cond"), own_step, part, err);
	}
	if (strcmp(type, "and") == 0 || strcmp(type, "or") == 0) {
		out->kind = type[0] == 'a' ? CONDITION_AND : CONDITION_OR;
		return decode_parts(decoder, json_read_get(node, "conds"), own_step, out, err);
	}
	if (strcmp(type, "is_autocommit") == 0) {
		decode_check_autocommit(decoder);
		out->kind = CONDITION_AUTOCOMMIT;
		return true;
	}
	return error_set(err, ERR_BAD_JSON, PREFIX "unknown type of a condition: `%s`", type);
}

bool decode_batch(struct decoder *decoder, const struct json *node, struct batch *out, struct error *err)
{
	if (!is_kind(node, JSON_KIND_OBJECT))
		return decode_fail(err, "`batch`", "an object", node);
	const struct json *list = json_read_get(node, "steps");
	if (!is_kind(list, JSON_KIND_ARRAY))
		return decode_fail(err, "`steps`", "an array", list);
	size_t count = json_read_size(list);
	struct step *steps = arena_alloc(decoder->arena, count * sizeof(*steps));
	for (size_t i = 0; i < count; i++) {
		const struct json *item = json_read_at(list, i);
		if (!is_kind(item, JSON_KIND_OBJECT))
			return decode_fail(err, "a step", "an object", item);
		const struct json *condition = decode_member(item, "condition");
		if (condition) {
			struct condition *decoded = arena_alloc(decoder->arena, sizeof(*decoded));
			if (!decode_condition(decoder, condition, i, decoded, err))
				return false;
			steps[i].condition = decoded;
		}
		if (!decode_statement(decoder, json_read_get(item, "stmt"), &steps[i], err))
			return false;
	}
	out->steps = steps;
	out->step_count = count;
	return decode_index(node, &out->replication_index, err);
}

static bool has_kind(const struct decoder *decoder, enum request_kind kind)
{
	return decoder->on_socket ? kind != REQUEST_CLOSE : kind < REQUEST_OPEN_STREAM;
}

static bool decode_kind(const struct decoder *decoder, const struct json *node, enum request_kind *out,
			struct error *err)
{
	const struct json *type_node = json_read_get(node, "type");
	const char *type = type_node ? json_read_text(type_node, NULL) : NULL;
	if (!type)
		return decode_fail(err, "`type` of a request", "a string", type_node);
	for (int kind = 0; kind < REQUEST_KIND_COUNT; kind++) {
		if (has_kind(decoder, (enum request_kind)kind) &&
		    strcmp(type, decode_kind_name((enum request_kind)kind)) == 0) {
			*out = (enum request_kind)kind;
			return true;
		}
	}
	return error_set(err, ERR_BAD_JSON, PREFIX "unknown type of a request: `%s`", type);
}

static bool decode_count(const struct json *node, uint32_t *out, struct error *err)
{
	int64_t number;
	if (!whole_number(node, &number) || number < 0 || number > UINT32_MAX)
		return decode_fail(err, "`max_count`", "a whole number of 32 bits", node);
	*out = (uint32_t)number;
	return true;
}

static bool decode_socket_ids(const struct json *node, struct request *out, struct error *err)
{
	enum request_kind kind = out->kind;
	bool names_cursor =
		kind == REQUEST_OPEN_CURSOR || kind == REQUEST_FETCH_CURSOR || kind == REQUEST_CLOSE_CURSOR;
	bool names_stream = kind != REQUEST_FETCH_CURSOR && kind != REQUEST_CLOSE_CURSOR &&
			    kind != REQUEST_STORE_SQL && kind != REQUEST_CLOSE_SQL;
	return (!names_stream ||
		decode_id(json_read_get(node, "stream_id"), "`stream_id`", &out->stream_id, err)) &&
	       (!names_cursor ||
		decode_id(json_read_get(node, "cursor_id"), "`cursor_id`", &out->cursor_id, err));
}

bool decode_request(struct decoder *decoder, const struct json *node, struct request *out, struct error *err)
{
	if (!is_kind(node, JSON_KIND_OBJECT))
		return decode_fail(err, "a request", "an object", node);
	if (!decode_kind(decoder, node, &out->kind, err))
		return false;
	decode_check_version(decoder, out->kind);
	if (decoder->on_socket && !decode_socket_ids(node, out, err))
		return false;
	const struct json *sql;
	switch (out->kind) {
	case REQUEST_EXECUTE:
		return decode_statement(decoder, json_read_get(node, "stmt"), &out->step, err) &&
		       (out->step.replication_index > 0 || !decoder->on_socket ||
			decode_index(node, &out->step.replication_index, err));
	case REQUEST_BATCH:
	case REQUEST_OPEN_CURSOR:
		return decode_batch(decoder, json_read_get(node, "batch"), &out->batch, err);
	case REQUEST_SEQUENCE:
	case REQUEST_DESCRIBE:
		return decode_text(decoder, node, &out->step, err) &&
		       decode_index(node, &out->step.replication_index, err);
	case REQUEST_STORE_SQL:
		sql = json_read_get(node, "sql");
		if (!is_kind(sql, JSON_KIND_TEXT))
			return decode_fail(err, "`sql`", "a string", sql);
		out->step.statement.sql = json_read_text(sql, &out->step.statement.sql_size);
		return decode_id(json_read_get(node, "sql_id"), "`sql_id`", &out->step.sql_id, err);
	case REQUEST_CLOSE_SQL:
		return decode_id(json_read_get(node, "sql_id"), "`sql_id`", &out->step.sql_id, err);
	case REQUEST_FETCH_CURSOR:
		return decode_count(json_read_get(node, "max_count"), &out->max_count, err);
	case REQUEST_CLOSE:
	case REQUEST_GET_AUTOCOMMIT:
	case REQUEST_OPEN_STREAM:
	case REQUEST_CLOSE_STREAM:
	case REQUEST_CLOSE_CURSOR:
	case REQUEST_KIND_COUNT:
		break;
	}
	return true;
}

bool decode_message(struct decoder *decoder, const struct json *body, struct message *out, struct error *err)
{
	if (!is_kind(body, JSON_KIND_OBJECT))
		return decode_fail(err, "a message", "an object", body);
	const struct json *type_node = json_read_get(body, "type");
	const char *type = type_node ? json_read_text(type_node, NULL) : NULL;
	if (!type)
		return decode_fail(err, "`type` of a message", "a string", type_node);
	if (strcmp(type, "hello") == 0) {
		const struct json *jwt = decode_member(body, "jwt");
		if (jwt && !is_kind(jwt, JSON_KIND_TEXT))
			return decode_fail(err, "`jwt`", "a string", jwt);
		out->kind = MESSAGE_HELLO;
		out->jwt = jwt ? json_read_text(jwt, &out->jwt_size) : NULL;
		return true;
	}
	if (strcmp(type, "request") != 0)
		return error_set(err, ERR_BAD_JSON, PREFIX "unknown type of a message: `%s`", type);
	out->kind = MESSAGE_REQUEST;
	if (!decode_id(json_read_get(body, "request_id"), "`request_id`", &out->request_id, err) ||
	    !decode_request(decoder, json_read_get(body, "request"), &out->request, err))
		return false;
	out->broken = decoder->broken;
	return true;
}

static bool decode_baton(const struct json *body, struct pipeline *out, struct error *err)
{
	const struct json *baton = decode_member(body, "baton");
	if (baton && !is_kind(baton, JSON_KIND_TEXT))
		return decode_fail(err, "`baton`", "a string", baton);
	out->baton = baton ? json_read_text(baton, &out->baton_size) : NULL;
	return true;
}

bool decode_pipeline(struct decoder *decoder, const struct json *body, struct pipeline *out,
		     struct error *err)
{
	if (!is_kind(body, JSON_KIND_OBJECT))
		return decode_fail(err, "the body", "an object", body);
	*out = (struct pipeline){0};
	if (!decode_baton(body, out, err))
		return false;
	const struct json *list = json_read_get(body, "requests");
	if (!is_kind(list, JSON_KIND_ARRAY))
		return decode_fail(err, "`requests`", "an array", list);
	out->request_count = json_read_size(list);
	out->requests = arena_alloc(decoder->arena, out->request_count * sizeof(*out->requests));
	for (size_t i = 0; i < out->request_count; i++) {
		if (!decode_request(decoder, json_read_at(list, i), &out->requests[i], err))
			return false;
	}
	out->broken = decoder->broken;
	return true;
}

bool decode_cursor(struct decoder *decoder, const struct json *body, struct pipeline *out, struct error *err)
{
	if (!is_kind(body, JSON_KIND_OBJECT))
		return decode_fail(err, "the body", "an object", body);
	*out = (struct pipeline){.requests = arena_alloc(decoder->arena, sizeof(*out->requests)),
				 .request_count = 1};
	out->requests->kind = REQUEST_BATCH;
	if (!decode_baton(body, out, err) ||
	    !decode_batch(decoder, json_read_get(body, "batch"), &out->requests->batch, err))
		return false;
	out->broken = decoder->broken;
	return true;
}

bool decode_json_pipeline(struct decoder *decoder, const struct buffer *body, struct json **tree,
			  struct pipeline *out, struct error *err)
{
	return decode_parse(body, tree, err) && decode_pipeline(decoder, *tree, out, err);
}

bool decode_json_cursor(struct decoder *decoder, const struct buffer *body, struct json **tree,
			struct pipeline *out, struct error *err)
{
	return decode_parse(body, tree, err) && decode_cursor(decoder, *tree, out, err);
}

bool decode_json_message(struct decoder *decoder, const struct buffer *body, struct json **tree,
			 struct message *out, struct error *err)
{
	return decode_parse(body, tree, err) && decode_message(decoder, *tree, out, err);
}
