#include "net/target.h"

#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/crypt.h"
#include "net/server.h"

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

static enum target_source found_if(bool found, enum target_source source)
{
	return found ? source : TARGET_NONE;
}

enum target_source target_of_request(const struct net_request *request, const char *path, const char *domain,
				     char label[TARGET_LABEL_BYTES_MAX], const char **out_rest)
{
	*out_rest = path;
	if (target_of_path(path, label, out_rest))
		return TARGET_BY_PATH;
	const char *text = net_request_header(request, "x-namespace-bin");
	if (text)
		return found_if(target_of_binary(text, label), TARGET_BY_HEADER);
	text = net_request_header(request, "x-namespace");
	if (text)
		return found_if(target_of_text(text, label), TARGET_BY_HEADER);
	text = net_request_header(request, "host");
	return found_if(text && target_of_host(text, domain, label), TARGET_BY_HOST);
}
