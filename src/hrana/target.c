#include "hrana/target.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/crypt.h"

const char *target_collapse(struct arena *arena, const char *path)
{
	if (!strstr(path, "//"))
		return path;
	char *copy = arena_text(arena, path);
	char *to = copy;
	for (const char *from = path; *from; from++) {
		if (from[0] != '/' || from[1] != '/')
			*to++ = *from;
	}
	*to = '\0';
	return copy;
}

static bool take_label(const char *text, size_t size, char label[TARGET_LABEL_BYTES_MAX])
{
	if (size == 0 || size >= TARGET_LABEL_BYTES_MAX || memchr(text, '\0', size))
		return false;
	memcpy(label, text, size);
	label[size] = '\0';
	return true;
}

bool target_of_path(const char *path, char label[TARGET_LABEL_BYTES_MAX], const char **out_rest)
{
	bool development = strncmp(path, "/dev/", 5) == 0;
	if (!development && strncmp(path, "/db/", 4) != 0)
		return false;
	const char *begin = path + (development ? 5 : 4);
	size_t size = strcspn(begin, "/");
	const char *rest = begin + size;
	// Other paths below /dev keep their form, so that they can be answered as sqld does.
	if (development && strcmp(rest, "/v2/pipeline") != 0 && strcmp(rest, "/v3/pipeline") != 0)
		return false;
	*out_rest = rest[0] ? rest : "/";
	return take_label(begin, size, label);
}

bool target_of_host(const char *host, const char *domain, char label[TARGET_LABEL_BYTES_MAX])
{
	size_t size = strlen(host);
	const char *port = memrchr(host, ':', size);
	if (port)
		size = (size_t)(port - host);
	if (size > 0 && host[size - 1] == '.')
		size--;
	size_t domain_size = strlen(domain);
	if (size <= domain_size || strncasecmp(host + size - domain_size, domain, domain_size) != 0)
		return false;
	size -= domain_size;
	return !memchr(host, '.', size) && take_label(host, size, label);
}

bool target_of_text(const char *text, char label[TARGET_LABEL_BYTES_MAX])
{
	return take_label(text, strlen(text), label);
}

bool target_of_binary(const char *base64, char label[TARGET_LABEL_BYTES_MAX])
{
	OWNED(buffer) struct buffer text = {.limit_bytes = TARGET_LABEL_BYTES_MAX + 8};
	return crypt_base64_decode(&text, base64, strlen(base64), false) &&
	       take_label(text.data, text.size, label);
}

bool target_is_protocol_path(const char *path)
{
	static const char *const paths[] = {
		"/v1/execute",         "/v1/batch",  "/v2",      "/v2/pipeline", "/v3",
		"/v3/pipeline",        "/v3/cursor", "/version", "/v3-protobuf", "/v3-protobuf/pipeline",
		"/v3-protobuf/cursor",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		if (strcmp(path, paths[i]) == 0)
			return true;
	}
	return strncmp(path, "/dev/", 5) == 0;
}
