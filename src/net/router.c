#include "net/router.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct segment {
	const char *text;
	size_t size;
	bool param;
};

struct pattern {
	const struct net_route *route;
	struct segment segments[ROUTER_SEGMENTS_MAX];
	size_t segment_count;
	uint32_t literals; // a bit for each literal segment, the first one highest: greater is more exact
	struct pattern *next_of_path; // literal patterns of the same path, other methods
};

struct slot {
	const char *path;
	struct pattern *first;
};

struct router {
	struct pattern *patterns;
	size_t count;
	struct slot *slots; // literal paths, open addressing
	size_t slot_mask;
};

struct path {
	struct segment segments[ROUTER_SEGMENTS_MAX];
	size_t count;
};

static size_t hash_of(const char *text, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325U;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3U;
	return (size_t)(hash ^ (hash >> 32));
}

// "/" has no segment. False when the path has too many for any pattern or does not begin with '/'.
static bool split(const char *text, size_t size, struct path *out)
{
	out->count = 0;
	if (size == 0 || text[0] != '/')
		return false;
	if (size == 1)
		return true;
	const char *end = text + size;
	const char *at = text + 1;
	for (;;) {
		if (out->count == ROUTER_SEGMENTS_MAX)
			return false;
		const char *slash = memchr(at, '/', (size_t)(end - at));
		const char *stop = slash ? slash : end;
		out->segments[out->count++] = (struct segment){.text = at, .size = (size_t)(stop - at)};
		if (!slash)
			return true;
		at = slash + 1;
	}
}

static void compile(struct pattern *pattern, const struct net_route *route)
{
	struct path path;
	ASSERT(split(route->path, strlen(route->path), &path));
	pattern->route = route;
	pattern->segment_count = path.count;
	size_t params = 0;
	for (size_t i = 0; i < path.count; i++) {
		struct segment segment = path.segments[i];
		if (segment.size > 2 && segment.text[0] == '{' && segment.text[segment.size - 1] == '}') {
			segment.param = true;
			segment.text++;
			segment.size -= 2;
			params++;
		} else {
			pattern->literals |= 1U << (31 - i);
		}
		pattern->segments[i] = segment;
	}
	ASSERT(params <= ROUTER_PARAMS_MAX);
}

static bool is_literal(const struct pattern *pattern)
{
	for (size_t i = 0; i < pattern->segment_count; i++) {
		if (pattern->segments[i].param)
			return false;
	}
	return true;
}

static struct slot *slot_of(const struct router *router, const char *path, size_t size)
{
	for (size_t at = hash_of(path, size);; at++) {
		struct slot *slot = &router->slots[at & router->slot_mask];
		if (!slot->path || (strncmp(slot->path, path, size) == 0 && slot->path[size] == '\0'))
			return slot;
	}
}

struct router *router_create(const struct net_route *routes, size_t count)
{
	struct router *router = calloc(1, sizeof(*router));
	size_t slots = 16;
	while (slots < count * 2)
		slots *= 2;
	ASSERT(router != NULL);
	router->count = count;
	router->patterns = calloc(count + 1, sizeof(struct pattern));
	router->slots = calloc(slots, sizeof(struct slot));
	router->slot_mask = slots - 1;
	ASSERT(router->patterns != NULL && router->slots != NULL);
	for (size_t i = 0; i < count; i++) {
		struct pattern *pattern = &router->patterns[i];
		compile(pattern, &routes[i]);
		if (!is_literal(pattern))
			continue;
		struct slot *slot = slot_of(router, routes[i].path, strlen(routes[i].path));
		slot->path = routes[i].path;
		pattern->next_of_path = slot->first;
		slot->first = pattern;
	}
	return router;
}

void router_destroy(struct router *router)
{
	if (!router)
		return;
	free(router->patterns);
	free(router->slots);
	free(router);
}

static int hex_of(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

bool router_decode(const char *text, size_t size, struct arena *arena, const char **out, size_t *out_size)
{
	char *to = arena_alloc(arena, size + 1);
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		char byte = text[i];
		if (byte == '%') {
			if (size - i < 3)
				return false;
			int upper = hex_of(text[i + 1]);
			int lower = hex_of(text[i + 2]);
			if (upper < 0 || lower < 0)
				return false;
			byte = (char)(upper * 16 + lower);
			if (byte == '\0')
				return false;
			i += 2;
		}
		to[length++] = byte;
	}
	to[length] = '\0';
	*out = to;
	*out_size = length;
	return true;
}

static bool decode_segments(struct path *path, struct arena *arena)
{
	for (size_t i = 0; i < path->count; i++) {
		struct segment *segment = &path->segments[i];
		if (!memchr(segment->text, '%', segment->size))
			continue;
		if (!router_decode(segment->text, segment->size, arena, &segment->text, &segment->size) ||
		    memchr(segment->text, '/', segment->size))
			return false;
	}
	return true;
}

static bool matches(const struct pattern *pattern, const struct path *path)
{
	if (pattern->segment_count != path->count)
		return false;
	for (size_t i = 0; i < path->count; i++) {
		const struct segment *wanted = &pattern->segments[i];
		const struct segment *found = &path->segments[i];
		if (wanted->param ? found->size == 0
				  : wanted->size != found->size ||
					    memcmp(wanted->text, found->text, found->size) != 0)
			return false;
	}
	return true;
}

static void fill_params(const struct pattern *pattern, const struct path *path, struct arena *arena,
			struct route_match *out)
{
	for (size_t i = 0; i < path->count; i++) {
		const struct segment *wanted = &pattern->segments[i];
		if (!wanted->param)
			continue;
		out->params[out->param_count++] = (struct route_param){
			.name = wanted->text,
			.name_size = wanted->size,
			.value = arena_copy(arena, path->segments[i].text, path->segments[i].size),
		};
	}
}

static size_t size_without_last_slash(const char *path)
{
	size_t size = strlen(path);
	return size > 1 && path[size - 1] == '/' && path[size - 2] != '/' ? size - 1 : size;
}

static const char *method_served_as(const char *method)
{
	return strcmp(method, "HEAD") == 0 ? "GET" : method;
}

bool router_match(const struct router *router, const char *method, const char *path, struct arena *arena,
		  struct route_match *out, struct error *err)
{
	method = method_served_as(method);
	size_t size = size_without_last_slash(path);
	out->route = NULL;
	out->param_count = 0;

	const struct slot *slot = slot_of(router, path, size);
	for (const struct pattern *at = slot->first; at; at = at->next_of_path) {
		if (strcmp(at->route->method, method) == 0) {
			out->route = at->route;
			return true;
		}
	}

	struct path parts;
	if (!split(path, size, &parts))
		return error_set(err, ERR_ROUTE_NOT_FOUND, "not found");
	if (memchr(path, '%', size) && !decode_segments(&parts, arena))
		return error_set(err, ERR_BAD_REQUEST, "path has an escape that is malformed or not allowed");
	const struct pattern *best = NULL;
	bool known = false;
	for (size_t i = 0; i < router->count; i++) {
		const struct pattern *pattern = &router->patterns[i];
		if (!matches(pattern, &parts))
			continue;
		known = true;
		if (strcmp(pattern->route->method, method) == 0 &&
		    (!best || pattern->literals > best->literals))
			best = pattern;
	}
	if (!best)
		return known ? error_set(err, ERR_METHOD_NOT_ALLOWED, "method %s is not allowed here", method)
			     : error_set(err, ERR_ROUTE_NOT_FOUND, "not found");
	fill_params(best, &parts, arena, out);
	out->route = best->route;
	return true;
}

static void add_method(struct buffer *out, const char *method)
{
	size_t size = strlen(method);
	for (size_t i = 0; i + size <= out->size; i++) {
		bool begins = i == 0 || out->data[i - 1] == ' ';
		bool ends = i + size == out->size || out->data[i + size] == ',';
		if (begins && ends && memcmp(out->data + i, method, size) == 0)
			return;
	}
	if (out->size > 0)
		buffer_append_text(out, ", ");
	buffer_append_text(out, method);
}

void router_allow(const struct router *router, const char *path, struct arena *arena, struct buffer *out)
{
	struct path parts;
	if (!split(path, size_without_last_slash(path), &parts) || !decode_segments(&parts, arena))
		return;
	for (size_t i = 0; i < router->count; i++) {
		if (!matches(&router->patterns[i], &parts))
			continue;
		add_method(out, router->patterns[i].route->method);
		if (strcmp(router->patterns[i].route->method, "GET") == 0)
			add_method(out, "HEAD");
	}
}
