#include "net/connection.h"

#include <string.h>
#include <strings.h>

// The library splits a head in place: it writes NUL over the blanks of the request line, each colon and each
// line end, and tells no more. It lets pass what a proxy in front may read otherwise (NUL, bare LF, folded
// lines, blanks before a colon, doubled lengths), and requests that two parties read differently are how
// requests are smuggled. So the parts are laid over the bytes again: each must begin where the one before it
// ends, nothing may be left over.

struct scan {
	struct net_request *request;
	const char *expected; // where the next name must begin
	const char *complaint;
	int host_count;
	int length_count;
	int encoding_count;
	bool is_chunked;
};

// RFC 9110 §5.6.2: tchar is a letter, a digit or one of !#$%&'*+-.^_`|~ — a bit for each of the ASCII
// characters.
static const uint64_t token_bits[4] = {0x03ff6cfa00000000, 0x57ffffffc7fffffe, 0, 0};

static bool is_token(char character)
{
	unsigned char byte = (unsigned char)character;
	return token_bits[byte >> 6] >> (byte & 63) & 1;
}

static bool is_token_text(const char *text, size_t size)
{
	bool good = size > 0;
	for (size_t i = 0; i < size; i++)
		good &= is_token(text[i]);
	return good;
}

static bool is_value_text(const char *text, size_t size)
{
	bool bad = false;
	for (size_t i = 0; i < size; i++) {
		unsigned char byte = (unsigned char)text[i];
		bad |= (byte < 0x20 && byte != '\t') || byte == 0x7f;
	}
	return !bad;
}

static bool is_digits(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
	}
	return size > 0;
}

static bool is_host(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (text[i] <= ' ' || text[i] == 0x7f || strchr("/\\?#@\"<>,", text[i]))
			return false;
	}
	return true;
}

static bool name_is(const struct text *name, const char *wanted, size_t size)
{
	return name->size == size && strncasecmp(name->at, wanted, size) == 0;
}

static bool complain(struct scan *scan, const char *complaint)
{
	scan->complaint = complaint;
	return false;
}

static bool weigh(struct scan *scan, const struct header *header)
{
	const struct text *value = &header->value;
	switch (header->name.size) {
	case 4:
		if (name_is(&header->name, "Host", 4)) {
			scan->host_count++;
			if (!is_host(value->at, value->size))
				return complain(scan, "Host header is malformed");
		}
		return true;
	case 14:
		if (name_is(&header->name, "Content-Length", 14)) {
			scan->length_count++;
			if (!is_digits(value->at, value->size))
				return complain(scan, "Content-Length is not a number");
		}
		return true;
	case 17:
		if (name_is(&header->name, "Transfer-Encoding", 17)) {
			scan->encoding_count++;
			scan->is_chunked = strcasecmp(value->at, "chunked") == 0;
		}
		return true;
	default:
		return true;
	}
}

static bool take(struct scan *scan, const char *name, size_t name_size, const char *value, size_t value_size)
{
	struct net_request *request = scan->request;
	if (name != scan->expected || !is_token_text(name, name_size))
		return complain(scan, "header line is malformed");
	for (const char *at = name + name_size + 1; at < value; at++) {
		if (*at != ' ' && *at != '\t')
			return complain(scan, "header line is malformed");
	}
	const char *end = value + value_size;
	if (!is_value_text(value, value_size) || end[0] != '\0' || end[1] != '\0')
		return complain(scan, "header value holds a character that is not allowed");
	scan->expected = end + 2;
	if (request->header_count == HEADERS_MAX)
		return complain(scan, NULL);
	struct header *header = &request->headers[request->header_count++];
	header->name = (struct text){.at = name, .size = name_size};
	if (value_size > 0 && (end[-1] == ' ' || end[-1] == '\t')) {
		while (value_size > 0 && (value[value_size - 1] == ' ' || value[value_size - 1] == '\t'))
			value_size--;
		value = arena_copy(&request->arena, value, value_size);
	}
	header->value = (struct text){.at = value, .size = value_size};
	return weigh(scan, header);
}

static enum MHD_Result each_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
				   const char *value, size_t value_size)
{
	(void)kind;
	struct scan *scan = cls;
	return take(scan, name, name_size, value ? value : "", value_size) ? MHD_YES : MHD_NO;
}

static bool line_is_whole(const struct net_request *request, const char *url, const char *version)
{
	size_t method_size = strlen(request->method);
	return is_token_text(request->method, method_size) && request->method + method_size + 1 == url &&
	       request->target_ok && url + request->target_size + 1 == version;
}

static bool too_large(struct error *err)
{
	return error_set(err, ERR_LIMIT, "request head is too large");
}

bool head_check(struct net_request *request, const char *url, const char *version, struct error *err)
{
	struct MHD_Connection *mhd = request->connection->mhd;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	ASSERT(info != NULL);
	size_t head_size = info->header_size;
	request->is_old = strcmp(version, "HTTP/1.0") == 0;
	if (head_size > request->connection->server->head_bytes_max)
		return too_large(err);
	if (!line_is_whole(request, url, version))
		return error_set(err, ERR_BAD_REQUEST, "request line is malformed");

	struct scan scan = {.request = request, .expected = version + strlen(version) + 2};
	int seen = MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, each_header, &scan);
	if (request->header_count == HEADERS_MAX && seen > HEADERS_MAX)
		return too_large(err);
	if (!scan.complaint && scan.expected + 2 != request->method + head_size)
		scan.complaint = "header line is malformed";
	if (!scan.complaint && (scan.host_count > 1 || (scan.host_count == 0 && !request->is_old)))
		scan.complaint = "request needs exactly one Host header";
	if (!scan.complaint &&
	    (scan.length_count > 1 || scan.encoding_count > 1 ||
	     (scan.encoding_count == 1 && (scan.length_count == 1 || !scan.is_chunked || request->is_old))))
		scan.complaint = "length of the body is ambiguous: send one Content-Length or "
				 "\"Transfer-Encoding: chunked\"";
	if (scan.complaint)
		return error_set(err, ERR_BAD_REQUEST, "%s", scan.complaint);
	return true;
}
