#include "hrana/legacy.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "hrana/errors.h"

static bool wrong_form(struct error *err, const char *what)
{
	return error_set(err, ERR_INVALID_FIELD,
			 "Failed to deserialize the JSON body into the target type: %s", what);
}

static bool decode_value(struct call *call, const struct json *node, struct value *out, struct error *err)
{
	size_t size;
	switch (json_read_kind(node)) {
	case JSON_KIND_NULL:
		*out = (struct value){.kind = VALUE_NULL};
		return true;
	case JSON_KIND_BOOL:
		*out = (struct value){.kind = VALUE_INTEGER, .integer = json_read_bool(node)};
		return true;
	case JSON_KIND_INTEGER:
		*out = (struct value){.kind = VALUE_INTEGER, .integer = json_read_integer(node)};
		return true;
	case JSON_KIND_REAL:
		*out = (struct value){.kind = VALUE_REAL, .real = json_read_number(node)};
		return true;
	case JSON_KIND_TEXT:
		out->kind = VALUE_TEXT;
		out->bytes = json_read_text(node, &size);
		out->size = size;
		return true;
	case JSON_KIND_OBJECT:
		node = json_read_get(node, "base64");
		if (node && json_read_kind(node) == JSON_KIND_TEXT && decode_base64(call->arena, node, out))
			return true;
		break;
	case JSON_KIND_ARRAY:
		break;
	}
	return wrong_form(err, "a parameter is null, a number, a string, a boolean or {\"base64\": \"…\"}");
}

static bool decode_params(struct call *call, const struct json *node, struct statement *out,
			  struct error *err)
{
	if (json_read_kind(node) == JSON_KIND_ARRAY) {
		struct value *args = arena_alloc(call->arena, json_read_size(node) * sizeof(*args));
		out->args = args;
		out->arg_count = json_read_size(node);
		for (size_t i = 0; i < out->arg_count; i++) {
			if (!decode_value(call, json_read_at(node, i), &args[i], err))
				return false;
		}
		return true;
	}
	if (json_read_kind(node) != JSON_KIND_OBJECT)
		return wrong_form(err, "`params` must be an array or an object");
	const char *name;
	const struct json *value;
	size_t count = 0;
	void *at = NULL;
	while ((at = json_read_next(node, at, &name, &value)))
		count++;
	struct named_value *args = arena_alloc(call->arena, count * sizeof(*args));
	out->named_args = args;
	while ((at = json_read_next(node, at, &name, &value))) {
		struct named_value *arg = &args[out->named_arg_count++];
		arg->name = name;
		if (!decode_value(call, value, &arg->value, err))
			return false;
	}
	return true;
}

static bool decode_statement_of_legacy(struct call *call, const struct json *node, struct statement *out,
				       struct error *err)
{
	const struct json *text = node;
	if (json_read_kind(node) == JSON_KIND_OBJECT) {
		const char *name;
		const struct json *value;
		void *at = NULL;
		while ((at = json_read_next(node, at, &name, &value))) {
			if (strcmp(name, "q") != 0 && strcmp(name, "params") != 0)
				return wrong_form(err, "a statement has the members `q` and `params`");
		}
		text = json_read_get(node, "q");
		const struct json *params = decode_member(node, "params");
		if (params && !decode_params(call, params, out, err))
			return false;
	}
	if (!text || json_read_kind(text) != JSON_KIND_TEXT)
		return wrong_form(err, "a statement is a string or {\"q\": \"…\", \"params\": …}");
	out->sql = json_read_text(text, &out->sql_size);
	return true;
}

static bool decode(struct call *call, struct statement **out, size_t *out_count, uint64_t *out_index,
		   struct error *err)
{
	if (!call_parse(call, err))
		return false;
	const struct json *list = json_read_kind(call->body) == JSON_KIND_OBJECT
					  ? json_read_get(call->body, "statements")
					  : NULL;
	if (!list || json_read_kind(list) != JSON_KIND_ARRAY)
		return wrong_form(err, "`statements` must be an array");
	if (!decode_index(call->body, out_index, err))
		return wrong_form(err, "`replication_index` must be a whole number");
	*out_count = json_read_size(list);
	*out = arena_alloc(call->arena, *out_count * sizeof(**out));
	for (size_t i = 0; i < *out_count; i++) {
		if (!decode_statement_of_legacy(call, json_read_at(list, i), &(*out)[i], err))
			return false;
	}
	return true;
}

static bool no_transaction(struct error *err)
{
	return error_set(err, ERR_BAD_REQUEST,
			 "Query error: `interactive transaction not allowed in HTTP queries`");
}

// A text without a statement is a result without rows: its `sql` becomes NULL.
static bool check(struct call *call, struct statement *statement, struct error *err)
{
	if (strncasecmp(statement->sql, "RELEASE", 7) == 0)
		return no_transaction(err);
	if (fleet_session_check(program_session(&call->program), statement->sql, statement->sql_size, err))
		return true;
	if (err->code == ERR_SQL_NO_STATEMENT) {
		statement->sql = NULL;
		return true;
	}
	if (!errors_is_statement(err))
		return false;
	char reason[sizeof(err->message)];
	memcpy(reason, err->message, sizeof(reason));
	return error_set(err, ERR_BAD_REQUEST, "Failed to parse query: `%s`", reason);
}

static bool run_one(struct call *call, const struct statement *statement, struct error *err)
{
	size_t counted = 0;
	struct encoder encoder;
	struct statement_result result = {0};
	encode_begin(&encoder, ENCODE_LEGACY, &call->program.out, &call->program.gauge,
		     call->hrana->limits.result_bytes_max, &counted, true);
	bool ok = statement->sql ? fleet_session_execute(program_session(&call->program), statement,
							 &encoder.sink, &result, err)
				 : encoder.sink.columns(&encoder.sink, NULL, 0, err);
	if (ok)
		encode_end(&encoder, &result);
	else
		encode_undo(&encoder);
	return ok;
}

static bool run_in_order(struct call *call, const struct statement *statements, size_t count,
			 struct error *err)
{
	struct json_writer *w = &call->program.out.json;
	bool failed = false;
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		if (!call->program.has_client(&call->program, err))
			return false;
		if (failed) {
			json_write_null(w);
		} else if (!run_one(call, &statements[i], err)) {
			if (!errors_is_statement(err))
				return false;
			failed = true;
			json_write_object(w);
			json_write_member_text(w, "error", err->message);
			json_write_end_object(w);
		}
	}
	json_write_end_array(w);
	return failed || fleet_session_is_autocommit(program_session(&call->program)) || no_transaction(err);
}

bool legacy_run(struct call *call, struct error *err)
{
	struct statement *statements = NULL;
	size_t count = 0;
	uint64_t index = 0;
	call->closed = true; // the session ends with the request, and what is open is rolled back
	if (!decode(call, &statements, &count, &index, err) || !call_open_stream(call, err) ||
	    (index > 0 && !fleet_session_wait_for(program_session(&call->program), index, err)))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!check(call, &statements[i], err))
			return false;
	}
	char baton[BATON_TEXT_BYTES];
	return run_in_order(call, statements, count, err) && call_leave_stream(call, baton, err);
}
