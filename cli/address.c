#include "cli/address.h"

#include <ctype.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <arpa/inet.h>

#include "base/buffer.h"

// A URL cut at its separators. Parts are copies; absent ones are NULL.
struct url_parts {
	const char *scheme;
	const char *user;
	const char *password;
	const char *host; // with brackets and port, as written
	const char *path; // from the first slash; "" when there is none
	const char *query;
};

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *percent_decoded(struct arena *arena, const char *text, size_t size)
{
	char *out = arena_alloc(arena, size + 1);
	size_t length = 0;
	for (size_t i = 0; i < size; i++) {
		bool escape = text[i] == '%' && i + 2 < size && hex_value(text[i + 1]) >= 0 &&
			      hex_value(text[i + 2]) >= 0;
		if (escape) {
			out[length++] = (char)(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
			i += 2;
		} else {
			out[length++] = text[i];
		}
	}
	return out;
}

static bool cut(struct arena *arena, const char *text, struct url_parts *out)
{
	*out = (struct url_parts){.path = ""};
	const char *colon = strstr(text, "://");
	if (!colon || colon == text)
		return false;
	char *scheme = arena_copy(arena, text, (size_t)(colon - text));
	for (char *c = scheme; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	out->scheme = scheme;

	const char *host = colon + 3;
	size_t authority = strcspn(host, "/?#");
	const char *rest = host + authority;
	const char *at = memrchr(host, '@', authority);
	if (at) {
		const char *middle = memchr(host, ':', (size_t)(at - host));
		const char *user_end = middle ? middle : at;
		out->user = percent_decoded(arena, host, (size_t)(user_end - host));
		out->password = middle ? percent_decoded(arena, middle + 1, (size_t)(at - middle - 1)) : "";
		host = at + 1;
	}
	out->host = arena_copy(arena, host, (size_t)(rest - host));
	size_t path = strcspn(rest, "?#");
	out->path = arena_copy(arena, rest, path);
	if (rest[path] == '?')
		out->query = arena_copy(arena, rest + path + 1, strcspn(rest + path + 1, "#"));
	return out->host[0] != '\0';
}

static const char *query_value(struct arena *arena, const char *query, const char *name)
{
	size_t name_size = strlen(name);
	while (query && *query) {
		size_t size = strcspn(query, "&");
		if (size > name_size && query[name_size] == '=' && strncmp(query, name, name_size) == 0)
			return percent_decoded(arena, query + name_size + 1, size - name_size - 1);
		query += size + (query[size] == '&');
	}
	return NULL;
}

static const char *without_end_slashes(struct arena *arena, const char *text)
{
	size_t size = strlen(text);
	while (size > 0 && text[size - 1] == '/')
		size--;
	return arena_copy(arena, text, size);
}

bool address_parse(struct arena *arena, const char *text, struct address *out, struct error *err)
{
	struct url_parts parts;
	if (!cut(arena, text, &parts))
		return error_set(err, ERR_USAGE, "%s is not a URL", text);
	const char *tls = query_value(arena, parts.query, "tls");
	const char *scheme = NULL;
	if (strcmp(parts.scheme, "https") == 0 || strcmp(parts.scheme, "wss") == 0)
		scheme = "https";
	else if (strcmp(parts.scheme, "http") == 0 || strcmp(parts.scheme, "ws") == 0)
		scheme = "http";
	else if (strcmp(parts.scheme, "libsql") == 0)
		scheme = tls && strcmp(tls, "0") == 0 ? "http" : "https";
	else
		return error_set(err, ERR_USAGE,
				 "%s:// is not a scheme of databases: use libsql, https, http, wss or ws",
				 parts.scheme);
	*out = (struct address){
		.base = arena_printf(arena, "%s://%s%s/", scheme, parts.host,
				     without_end_slashes(arena, parts.path)),
		.user = parts.user,
		.password = parts.password,
		.token = query_value(arena, parts.query, "authToken"),
	};
	return true;
}

bool address_of_server(struct arena *arena, const char *text, const char **out, struct error *err)
{
	struct url_parts parts;
	bool ok = cut(arena, text, &parts) &&
		  (strcmp(parts.scheme, "http") == 0 || strcmp(parts.scheme, "https") == 0);
	if (!ok)
		return error_set(err, ERR_USAGE,
				 "%s is not an address of a server: it must begin with http:// or https://",
				 text);
	if (parts.user || parts.query)
		return error_set(err, ERR_USAGE, "an address of a server has neither a user nor parameters");
	*out = arena_printf(arena, "%s://%s%s", parts.scheme, parts.host,
			    without_end_slashes(arena, parts.path));
	return true;
}

// Splits "host:port" and "[::1]:port". The port is "" when absent.
static void split_host(struct arena *arena, const char *authority, const char **out_host,
		       const char **out_port)
{
	const char *colon;
	if (authority[0] == '[') {
		size_t size = strcspn(authority + 1, "]");
		*out_host = arena_copy(arena, authority + 1, size);
		colon = strchr(authority + 1 + size, ':');
	} else {
		size_t size = strcspn(authority, ":");
		char *host = arena_copy(arena, authority, size);
		for (char *c = host; *c; c++)
			*c = (char)tolower((unsigned char)*c);
		*out_host = host;
		colon = strchr(authority, ':');
	}
	*out_port = colon ? colon + 1 : "";
}

const char *address_host(struct arena *arena, const char *url)
{
	struct url_parts parts;
	const char *host = "", *port;
	if (cut(arena, url, &parts))
		split_host(arena, parts.host, &host, &port);
	return host;
}

static bool is_below(const char *host, const char *domain)
{
	size_t host_size = strlen(host), size = strlen(domain);
	return host_size > size && host[host_size - size - 1] == '.' &&
	       strcasecmp(host + host_size - size, domain) == 0;
}

bool address_is_loopback(const char *host)
{
	struct in_addr four;
	return strcasecmp(host, "localhost") == 0 || is_below(host, "localhost") ||
	       strcmp(host, "::1") == 0 ||
	       (inet_pton(AF_INET, host, &four) == 1 && (ntohl(four.s_addr) >> 24) == 127);
}

bool address_is_local(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	return address_is_loopback(host) || inet_pton(AF_INET, host, &four) == 1 ||
	       inet_pton(AF_INET6, host, &six) == 1;
}

bool address_same_server(struct arena *arena, const char *a, const char *b)
{
	struct url_parts left, right;
	if (!cut(arena, a, &left) || !cut(arena, b, &right) || strcmp(left.scheme, right.scheme) != 0)
		return false;
	const char *usual = strcmp(left.scheme, "https") == 0 ? "443" : "80";
	const char *left_host, *left_port, *right_host, *right_port;
	split_host(arena, left.host, &left_host, &left_port);
	split_host(arena, right.host, &right_host, &right_port);
	if (strcmp(*left_port ? left_port : usual, *right_port ? right_port : usual) != 0)
		return false;
	return strcasecmp(left_host, right_host) == 0 ||
	       (address_is_loopback(left_host) && address_is_loopback(right_host));
}

bool address_can_resolve(const char *host)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	if (getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	freeaddrinfo(found);
	return true;
}

enum address_form address_choose_form(struct arena *arena, const char *server, const char *hostname,
				      bool (*can_resolve)(const char *host))
{
	if (address_is_local(address_host(arena, server)))
		return ADDRESS_BY_PATH;
	const char *host, *port;
	split_host(arena, hostname, &host, &port);
	// A server with a name of its own whose databases live below "localhost" was given no domain: those
	// names would lead to this machine instead.
	if (address_is_local(host) || !can_resolve(host))
		return ADDRESS_BY_PATH;
	return ADDRESS_BY_HOST;
}

const char *address_of_database(struct arena *arena, const char *server, const char *hostname,
				enum address_form form)
{
	if (form == ADDRESS_BY_HOST)
		return arena_printf(arena, "%s://%s/", strncmp(server, "https:", 6) == 0 ? "https" : "http",
				    hostname);
	const char *label = arena_copy(arena, hostname, strcspn(hostname, ".:"));
	return arena_printf(arena, "%s/db/%s/", server, address_segment(arena, label));
}

const char *address_for_clients(struct arena *arena, const char *address)
{
	// libsql:// stands for TLS at the root of a host; anything else is said in full.
	const char *host = address + strlen("https://");
	const char *slash = strncmp(address, "https://", 8) == 0 ? strchr(host, '/') : NULL;
	if (!slash || slash[1] != '\0')
		return address;
	return arena_printf(arena, "libsql://%s", arena_copy(arena, host, (size_t)(slash - host)));
}

const char *address_segment(struct arena *arena, const char *text)
{
	OWNED(buffer) struct buffer out = {0};
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		if (isalnum(*c) || strchr("-._~@", *c))
			buffer_append_byte(&out, (char)*c);
		else
			buffer_printf(&out, "%%%02X", *c);
	}
	return arena_text(arena, buffer_text(&out));
}
