#include "api/body.h"

#include <stdio.h>
#include <string.h>

#include "platform/group.h"

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
	if (need == BODY_NONE || need == BODY_FORM || need == BODY_STREAM || is_blank(bytes)) {
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

static bool add_extension(struct json_fields *fields, struct buffer *list, const char *name, size_t size)
{
	char text[32];
	snprintf(text, sizeof(text), "%.*s", (int)size, name);
	if (size >= sizeof(text) || !platform_knows_extension(text)) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "invalid extension: %.*s", (int)size, name);
		return false;
	}
	buffer_printf(list, "%s%s", list->size > 0 ? "," : "", text);
	return true;
}

static bool add_extensions_of(struct json_fields *fields, struct buffer *list, const struct json *array)
{
	for (size_t i = 0; i < json_read_size(array); i++) {
		size_t size = 0;
		const char *name = json_read_text(json_read_at(array, i), &size);
		if (!name) {
			json_fields_fail(fields, ERR_INVALID_FIELD, "extensions must hold strings");
			return false;
		}
		if (!add_extension(fields, list, name, size))
			return false;
	}
	return true;
}

const char *body_extensions(struct json_fields *fields, struct arena *arena)
{
	OWNED(buffer) struct buffer list = {0};
	const struct json *node = json_fields_get(fields, "extensions");
	if (!node)
		return NULL;
	size_t size = 0;
	const char *text = json_read_text(node, &size);
	if (!text && json_read_kind(node) != JSON_KIND_ARRAY) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "extensions must be \"all\" or an array");
		return NULL;
	}
	if (text && (size == 0 || strcmp(text, "all") == 0))
		return size > 0 ? "all" : NULL;
	bool ok = text ? add_extension(fields, &list, text, size) : add_extensions_of(fields, &list, node);
	return ok && list.size > 0 ? arena_copy(arena, list.data, list.size) : NULL;
}

void body_refuse_list(struct json_fields *fields, const struct json *list, const char *name)
{
	if (!list)
		return;
	if (json_read_kind(list) != JSON_KIND_ARRAY)
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be an array", name);
	else if (json_read_size(list) > 0)
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s is not supported by this server", name);
}

// The object at `name` of another one; absent when either is. `path` is its name in errors.
static struct json_fields object_in(struct json_fields *fields, const struct json_fields *outer,
				    const char *name, const char *path)
{
	struct json_fields at = *outer;
	const struct json *node = json_fields_get(&at, name);
	if (node && json_read_kind(node) != JSON_KIND_OBJECT) {
		json_fields_fail(fields, ERR_INVALID_FIELD, "%s must be an object", path);
		node = NULL;
	}
	return json_fields_of(node, fields->rule);
}

void body_permissions(struct json_fields *fields, struct arena *arena, const char *const **out_attach,
		      size_t *out_count)
{
	struct json_fields permissions = object_in(fields, fields, "permissions", "permissions");
	struct json_fields attach = object_in(fields, &permissions, "read_attach", "permissions.read_attach");
	const struct json *list = json_fields_get(&attach, "databases");
	body_refuse_list(fields, json_fields_get(fields, "fine_grained_permissions"),
			 "fine_grained_permissions");
	if (list && json_read_kind(list) != JSON_KIND_ARRAY) {
		json_fields_fail(fields, ERR_INVALID_FIELD,
				 "permissions.read_attach.databases must be an array");
		return;
	}
	size_t count = list ? json_read_size(list) : 0;
	const char **names = arena_alloc(arena, (count + 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++) {
		names[i] = json_read_text(json_read_at(list, i), NULL);
		if (!names[i])
			json_fields_fail(fields, ERR_INVALID_FIELD,
					 "permissions.read_attach.databases must hold strings");
	}
	*out_attach = names;
	*out_count = count;
}

const char *body_target(struct json_fields *fields, const char *first, const char *second)
{
	const char *other = body_text(fields, second, JSON_OPTIONAL);
	const char *target = body_text(fields, first, other ? JSON_OPTIONAL : JSON_REQUIRED);
	return target ? target : other;
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

enum role body_role(struct json_fields *fields, enum json_need need)
{
	// An organization has its one owner from the start.
	static const enum role roles[] = {ROLE_VIEWER, ROLE_MEMBER, ROLE_ADMIN};
	const char *name = body_text(fields, "role", need);
	for (size_t i = 0; name && i < ARRAY_LENGTH(roles); i++) {
		if (strcmp(role_name(roles[i]), name) == 0)
			return roles[i];
	}
	if (name)
		json_fields_fail(fields, ERR_INVALID_FIELD, "invalid role");
	return ROLE_MEMBER;
}
