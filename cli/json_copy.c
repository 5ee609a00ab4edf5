#include "cli/json_copy.h"

void json_copy(struct json_writer *w, const struct json *node)
{
	if (!node) {
		json_write_null(w);
		return;
	}
	switch (json_read_kind(node)) {
	case JSON_KIND_NULL:
		json_write_null(w);
		return;
	case JSON_KIND_BOOL:
		json_write_bool(w, json_read_bool(node));
		return;
	case JSON_KIND_INTEGER:
		json_write_integer(w, json_read_integer(node));
		return;
	case JSON_KIND_REAL:
		json_write_real(w, json_read_number(node));
		return;
	case JSON_KIND_TEXT: {
		size_t size;
		const char *text = json_read_text(node, &size);
		json_write_text_sized(w, text, size);
		return;
	}
	case JSON_KIND_ARRAY:
		json_write_array(w);
		for (size_t i = 0; i < json_read_size(node); i++)
			json_copy(w, json_read_at(node, i));
		json_write_end_array(w);
		return;
	case JSON_KIND_OBJECT: {
		const char *key;
		const struct json *value;
		void *at = NULL;
		json_write_object(w);
		while ((at = json_read_next(node, at, &key, &value))) {
			json_write_key_escaped(w, key);
			json_copy(w, value);
		}
		json_write_end_object(w);
		return;
	}
	}
}

void json_copy_member(struct json_writer *w, const char *key, const struct json *node)
{
	json_write_key(w, key);
	json_copy(w, node);
}

const char *json_text_at(const struct json *object, const char *key)
{
	const struct json *node = json_read_get(object, key);
	const char *text = node ? json_read_text(node, NULL) : NULL;
	return text ? text : "";
}
