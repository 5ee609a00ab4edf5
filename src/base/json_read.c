#include "base/json_read.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

static json_t *node_of(const struct json *node)
{
	// jansson's getters take non-const nodes although they only read.
	return (json_t *)(uintptr_t)node;
}

// jansson's own depth limit (2048) is fixed when it is built; ours is lower and part of both wires'
// contracts.
static bool depth_within(const char *text, size_t size, unsigned depth_max)
{
	unsigned depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < size; i++) {
		char c = text[i];
		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > depth_max)
				return false;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return true;
}

bool json_read_parse(const char *text, size_t size, unsigned options, unsigned depth_max, struct json **out,
		     struct error *err)
{
	if (!depth_within(text, size, depth_max))
		return error_set(err, ERR_BAD_JSON, "nested deeper than %u levels", depth_max);
	size_t flags = JSON_DECODE_ANY;
	if (options & JSON_READ_UNIQUE_KEYS)
		flags |= JSON_REJECT_DUPLICATES;
	if (options & JSON_READ_ALLOW_NUL)
		flags |= JSON_ALLOW_NUL;
	json_error_t failure;
	json_t *root = json_loadb(text, size, flags, &failure);
	if (!root && (options & JSON_READ_BIG_REALS) &&
	    json_error_code(&failure) == json_error_numeric_overflow)
		root = json_loadb(text, size, flags | JSON_DECODE_INT_AS_REAL, &failure);
	if (!root)
		return error_set(err, ERR_BAD_JSON, "line %d column %d: %s", failure.line, failure.column,
				 failure.text);
	*out = (struct json *)root;
	return true;
}

void json_read_free(struct json *root)
{
	json_decref((json_t *)root);
}

enum json_kind json_read_kind(const struct json *node)
{
	switch (json_typeof(node_of(node))) {
	case JSON_NULL:
		return JSON_KIND_NULL;
	case JSON_TRUE:
	case JSON_FALSE:
		return JSON_KIND_BOOL;
	case JSON_INTEGER:
		return JSON_KIND_INTEGER;
	case JSON_REAL:
		return JSON_KIND_REAL;
	case JSON_STRING:
		return JSON_KIND_TEXT;
	case JSON_ARRAY:
		return JSON_KIND_ARRAY;
	case JSON_OBJECT:
		return JSON_KIND_OBJECT;
	}
	ASSERT(!"a kind that jansson does not have");
	return JSON_KIND_NULL;
}

const char *json_read_kind_name(const struct json *node)
{
	static const char *const names[] = {"null",     "a boolean", "a number", "a number",
					    "a string", "an array",  "an object"};
	return names[json_read_kind(node)];
}

const char *json_read_text(const struct json *node, size_t *out_size)
{
	if (out_size)
		*out_size = json_string_length(node_of(node));
	return json_string_value(node_of(node));
}

int64_t json_read_integer(const struct json *node)
{
	return json_integer_value(node_of(node));
}

double json_read_number(const struct json *node)
{
	return json_number_value(node_of(node));
}

bool json_read_bool(const struct json *node)
{
	return json_is_true(node_of(node));
}

size_t json_read_size(const struct json *array)
{
	return json_array_size(node_of(array));
}

const struct json *json_read_at(const struct json *array, size_t index)
{
	return (const struct json *)json_array_get(node_of(array), index);
}

const struct json *json_read_get(const struct json *object, const char *key)
{
	return (const struct json *)json_object_get(node_of(object), key);
}

void *json_read_next(const struct json *object, void *at, const char **out_key, const struct json **out_value)
{
	at = at ? json_object_iter_next(node_of(object), at) : json_object_iter(node_of(object));
	if (at) {
		*out_key = json_object_iter_key(at);
		*out_value = (const struct json *)json_object_iter_value(at);
	}
	return at;
}

struct json_fields json_fields_of(const struct json *node, enum json_fields_rule rule)
{
	struct json_fields fields = {.rule = rule};
	if (!node || json_read_kind(node) == JSON_KIND_NULL)
		return fields;
	if (json_read_kind(node) == JSON_KIND_OBJECT)
		fields.object = node;
	else
		error_set(&fields.error, ERR_BAD_REQUEST, "request body must be a JSON object, got %s",
			  json_read_kind_name(node));
	return fields;
}

const struct json *json_fields_get(struct json_fields *fields, const char *name)
{
	if (!fields->object)
		return NULL;
	const struct json *found = json_read_get(fields->object, name);
	if (!found && fields->rule == JSON_ANY_CASE) {
		const char *key;
		const struct json *value;
		void *at = NULL;
		while ((at = json_read_next(fields->object, at, &key, &value))) {
			if (strcasecmp(key, name) == 0)
				found = value; // the last spelling wins, as with duplicate keys
		}
	}
	return found && json_read_kind(found) != JSON_KIND_NULL ? found : NULL;
}

void json_fields_fail(struct json_fields *fields, enum error_code code, const char *format, ...)
{
	if (fields->error.code != ERR_NONE)
		return;
	va_list args;
	va_start(args, format);
	char message[sizeof(fields->error.message)];
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	error_set(&fields->error, code, "%s", message);
}

const char *json_fields_text(struct json_fields *fields, const char *name, enum json_need need)
{
	const struct json *node = json_fields_get(fields, name);
	if (node && json_read_kind(node) != JSON_KIND_TEXT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be a string, got %s", name,
				 json_read_kind_name(node));
		return NULL;
	}
	const char *text = node ? json_read_text(node, NULL) : NULL;
	if (text && text[0] == '\0')
		text = NULL;
	if (!text && need == JSON_REQUIRED)
		json_fields_fail(fields, ERR_MISSING_FIELD, "%s is required", name);
	return text;
}

bool json_fields_bool(struct json_fields *fields, const char *name, bool otherwise)
{
	const struct json *node = json_fields_get(fields, name);
	if (!node)
		return otherwise;
	if (json_read_kind(node) != JSON_KIND_BOOL)
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be true or false, got %s", name,
				 json_read_kind_name(node));
	return json_read_bool(node);
}

int64_t json_fields_integer(struct json_fields *fields, const char *name, int64_t min, int64_t max,
			    int64_t otherwise)
{
	const struct json *node = json_fields_get(fields, name);
	if (!node)
		return otherwise;
	int64_t value = json_read_integer(node);
	if (json_read_kind(node) != JSON_KIND_INTEGER || value < min || value > max) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be a whole number from %lld to %lld",
				 name, (long long)min, (long long)max);
		return otherwise;
	}
	return value;
}

int json_fields_choice(struct json_fields *fields, const char *name, const char *const *choices,
		       int otherwise)
{
	const struct json *node = json_fields_get(fields, name);
	if (node && json_read_kind(node) != JSON_KIND_TEXT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "invalid %s: must be a string, got %s", name,
				 json_read_kind_name(node));
		return otherwise;
	}
	const char *text = node ? json_read_text(node, NULL) : "";
	if (text[0] == '\0')
		return otherwise;
	for (int i = 0; choices[i]; i++) {
		if (strcmp(choices[i], text) == 0)
			return i;
	}
	json_fields_fail(fields, ERR_INVALID_FIELD, "invalid %s: %s", name, text);
	return otherwise;
}

bool json_fields_ok(const struct json_fields *fields, struct error *err)
{
	if (fields->error.code == ERR_NONE)
		return true;
	*err = fields->error;
	return false;
}
