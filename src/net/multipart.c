#include "net/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/server.h"

enum {
	BUFFER_BYTES = 64 * 1024,
	BOUNDARY_BYTES_MAX = 70, // RFC 2046 §5.1.1
	DELIMITER_BYTES = BOUNDARY_BYTES_MAX + 5,
	HEADERS_BYTES_MAX = 16 * 1024, // of a part
	LINE_BYTES_MAX = 256,          // what may follow a boundary in its line
	PARTS_MAX = 100,
	NAME_BYTES = 256,
};

struct multipart {
	struct multipart_source source;
	bool source_ended;
	char delimiter[DELIMITER_BYTES]; // "\r\n--boundary"
	size_t delimiter_size;
	int part_count;
	bool over;           // the wanted part was handed out
	bool delimiter_next; // after the plain bytes
	size_t plain;        // bytes at `begin` that are the part's and no boundary's beginning
	size_t begin;
	size_t end;
	char buffer[BUFFER_BYTES];
};

static bool broken(struct error *err, const char *how)
{
	return error_set(err, ERR_BAD_REQUEST, "the multipart form is broken: %s", how);
}

// -- parameters of a header's value ---------------------------------------------------------------------

// The value at `text`, a token or a quoted text, into `out` (cut to nothing where it does not fit). Returns what follows.
static const char *read_value(const char *text, char *out, size_t out_size)
{
	bool quoted = *text == '"';
	size_t size = 0;
	if (quoted)
		text++;
	while (*text && (quoted ? *text != '"' : !strchr("; \t", *text))) {
		if (quoted && text[0] == '\\' && text[1])
			text++;
		if (size < out_size)
			out[size] = *text;
		size++;
		text++;
	}
	out[size < out_size ? size : 0] = '\0';
	return quoted && *text ? text + 1 : text;
}

// `form-data; name="file"; filename=x`: the value of one parameter. False when there is none.
static bool read_parameter(const char *text, const char *name, char *out, size_t out_size)
{
	char other[NAME_BYTES];
	size_t name_size = strlen(name);
	text += strcspn(text, ";");
	while (*text == ';') {
		text += 1 + strspn(text + 1, " \t");
		size_t size = strcspn(text, "=; \t");
		bool wanted = size == name_size && strncasecmp(text, name, size) == 0;
		text += size;
		if (*text == '=')
			text = read_value(text + 1, wanted ? out : other, wanted ? out_size : sizeof(other));
		else
			wanted = false;
		if (wanted)
			return out[0] != '\0';
		text += strcspn(text, ";");
	}
	return false;
}

static bool is_word(const char *text, const char *word)
{
	size_t size = strlen(word);
	return strncasecmp(text, word, size) == 0 && strchr("; \t", text[size]);
}

static bool read_boundary(const char *content_type, char boundary[BOUNDARY_BYTES_MAX + 1])
{
	return content_type && is_word(content_type, "multipart/form-data") &&
	       read_parameter(content_type, "boundary", boundary, BOUNDARY_BYTES_MAX + 1);
}

// -- buffer -------------------------------------------------------------------------------------------

static size_t available(const struct multipart *multipart)
{
	return multipart->end - multipart->begin;
}

static char *at_begin(struct multipart *multipart)
{
	return multipart->buffer + multipart->begin;
}

// Reads more behind what is there; what was consumed goes.
static bool fill(struct multipart *multipart, struct error *err)
{
	if (multipart->source_ended)
		return broken(err, "it ends before its last boundary");
	if (multipart->begin > 0) {
		memmove(multipart->buffer, at_begin(multipart), available(multipart));
		multipart->end -= multipart->begin;
		multipart->begin = 0;
	}
	ASSERT(multipart->end < BUFFER_BYTES);
	size_t got;
	if (!multipart->source.read(multipart->source.context, multipart->buffer + multipart->end,
				    BUFFER_BYTES - multipart->end, &got, err))
		return false;
	multipart->end += got;
	multipart->source_ended = got == 0;
	return true;
}

// The next line with its CRLF cut off and a NUL behind it, at most `size_max` long; valid until the next call.
static bool read_line(struct multipart *multipart, size_t size_max, const char **out, struct error *err)
{
	for (;;) {
		char *line = at_begin(multipart);
		char *end = memmem(line, available(multipart), "\r\n", 2);
		if (end && (size_t)(end - line) <= size_max) {
			*end = '\0';
			if (strlen(line) != (size_t)(end - line))
				return broken(err, "a header holds a NUL");
			multipart->begin += (size_t)(end - line) + 2;
			*out = line;
			return true;
		}
		if (end || available(multipart) > size_max + 2)
			return broken(err, "a line is too long");
		if (!fill(multipart, err))
			return false;
	}
}

// -- parts --------------------------------------------------------------------------------------------

// Finds out how many bytes may be handed out or skipped: up to the delimiter, or all but what may be its beginning.
static bool measure(struct multipart *multipart, struct error *err)
{
	while (multipart->plain == 0 && !multipart->delimiter_next) {
		const char *begin = at_begin(multipart);
		size_t size = available(multipart);
		const char *found = memmem(begin, size, multipart->delimiter, multipart->delimiter_size);
		multipart->delimiter_next = found != NULL;
		if (found)
			multipart->plain = (size_t)(found - begin);
		else if (size >= multipart->delimiter_size)
			multipart->plain = size - (multipart->delimiter_size - 1);
		else if (!fill(multipart, err))
			return false;
	}
	return true;
}

static void take_plain(struct multipart *multipart, size_t size)
{
	multipart->begin += size;
	multipart->plain -= size;
}

// Skips to the next delimiter and over its line. *out_last: it closes the form.
static bool next_part(struct multipart *multipart, bool *out_last, struct error *err)
{
	do {
		if (!measure(multipart, err))
			return false;
		take_plain(multipart, multipart->plain);
	} while (!multipart->delimiter_next);
	multipart->begin += multipart->delimiter_size;
	multipart->delimiter_next = false;
	while (available(multipart) < 2) {
		if (!fill(multipart, err))
			return false;
	}
	*out_last = memcmp(at_begin(multipart), "--", 2) == 0;
	if (*out_last)
		return true;
	const char *rest = "";
	if (!read_line(multipart, LINE_BYTES_MAX, &rest, err))
		return false;
	if (rest[strspn(rest, " \t")] != '\0')
		return broken(err, "a boundary is followed by other text");
	return ++multipart->part_count <= PARTS_MAX || broken(err, "it has too many parts");
}

// Reads a part's headers. *out_name is what it is called, "" without a name.
static bool read_headers(struct multipart *multipart, char out_name[NAME_BYTES], struct error *err)
{
	static const char disposition[] = "Content-Disposition:";
	size_t left = HEADERS_BYTES_MAX;
	out_name[0] = '\0';
	for (;;) {
		const char *line = "";
		if (!read_line(multipart, left, &line, err))
			return false;
		size_t size = strlen(line);
		if (size == 0)
			break;
		left -= size;
		if (strncasecmp(line, disposition, strlen(disposition)) == 0)
			read_parameter(line + strlen(disposition), "name", out_name, NAME_BYTES);
	}
	return true;
}

// -- life ---------------------------------------------------------------------------------------------

static bool read_request(void *context, char *out, size_t size, size_t *out_read, struct error *err)
{
	return net_request_read(context, out, size, out_read, err);
}

struct multipart_source multipart_source_of(struct net_request *request)
{
	return (struct multipart_source){.read = read_request, .context = request};
}

static bool find_part(struct multipart *multipart, const char *name, struct error *err)
{
	for (;;) {
		bool last;
		char found[NAME_BYTES];
		if (!next_part(multipart, &last, err))
			return false;
		if (last)
			return error_set(err, ERR_BAD_REQUEST, "the form has no part named \"%s\"", name);
		if (!read_headers(multipart, found, err))
			return false;
		if (strcmp(found, name) == 0)
			return true;
	}
}

bool multipart_open(const char *content_type, const char *name, struct multipart_source source,
		    struct multipart **out, struct error *err)
{
	char boundary[BOUNDARY_BYTES_MAX + 1];
	if (!read_boundary(content_type, boundary))
		return error_set(err, ERR_UNSUPPORTED_MEDIA,
				 "send the file as multipart/form-data, in the part \"%s\"", name);
	OWNED(multipart) struct multipart *multipart = malloc(sizeof(*multipart));
	if (!multipart)
		return error_set(err, ERR_MEMORY, "out of memory");
	memset(multipart, 0, offsetof(struct multipart, buffer));
	multipart->source = source;
	multipart->delimiter_size =
		(size_t)snprintf(multipart->delimiter, sizeof(multipart->delimiter), "\r\n--%s", boundary);
	// The first boundary needs no line end before it.
	memcpy(multipart->buffer, "\r\n", 2);
	multipart->end = 2;
	if (!find_part(multipart, name, err))
		return false;
	*out = TAKE(multipart);
	return true;
}

static bool finish(struct multipart *multipart, struct error *err)
{
	bool last = false;
	while (!last) {
		char ignored[NAME_BYTES];
		if (!next_part(multipart, &last, err) || (!last && !read_headers(multipart, ignored, err)))
			return false;
	}
	multipart->over = true;
	return true;
}

bool multipart_read(struct multipart *multipart, char *out, size_t size, size_t *out_read, struct error *err)
{
	ASSERT(size > 0);
	*out_read = 0;
	if (multipart->over)
		return true;
	if (!measure(multipart, err))
		return false;
	if (multipart->plain == 0)
		return finish(multipart, err);
	size_t taken = size < multipart->plain ? size : multipart->plain;
	memcpy(out, at_begin(multipart), taken);
	take_plain(multipart, taken);
	*out_read = taken;
	return true;
}

void multipart_close(struct multipart *multipart)
{
	free(multipart);
}
