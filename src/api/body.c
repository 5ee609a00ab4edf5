#include "api/body.h"

#include <string.h>

static bool is_blank(const struct buffer *bytes)
{
	for (size_t i = 0; i < bytes->size; i++) {
		if (!memchr(" \t\r\n", bytes->data[i], 4))
			return false;
	}
	return true;
}

bool body_read(const struct buffer *bytes, enum body_need need, struct json **out, struct error *err)
{
	if (need == BODY_NONE || is_blank(bytes)) {
		if (need == BODY_REQUIRED)
			return error_set(err, ERR_MISSING_FIELD, "missing request body");
		*out = NULL;
		return true;
	}
	struct json *root;
	if (!json_read_parse(bytes->data, bytes->size, 0, BODY_DEPTH_MAX, &root, err))
		return error_context(err, "invalid JSON body");
	enum json_kind kind = json_read_kind(root);
	if (kind != JSON_KIND_OBJECT && kind != JSON_KIND_NULL) {
		json_read_free(root);
		return error_set(err, ERR_BAD_REQUEST, "request body must be a JSON object");
	}
	*out = root;
	return true;
}

const char *body_text(struct json_fields *fields, const char *name, enum json_need need)
{
	const struct json *node = json_fields_get(fields, name);
	if (node && json_read_kind(node) != JSON_KIND_TEXT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be a string", name);
		return NULL;
	}
	return json_fields_text(fields, name, need);
}

const char *body_image(struct json_fields *fields)
{
	static const char *const images[] = {"latest", "canary", NULL};
	return images[json_fields_choice(fields, "image", images, 0)];
}

const char *body_location(struct json_fields *fields)
{
	const char *location = body_text(fields, "location", JSON_OPTIONAL);
	const char *region = body_text(fields, "region", JSON_OPTIONAL);
	if (location && region && strcmp(location, region) != 0)
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "location and region name different places; send one of them");
	return location ? location : region;
}
