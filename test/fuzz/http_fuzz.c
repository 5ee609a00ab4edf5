// The bytes of a connection, on a whole server: heads and bodies, routing, labels and credentials, the gate of the
// Platform API and the SQL protocol. What looks like a form is also given to the reader of forms in pieces of all sizes.
//
// Beyond memory: the server ends every connection soon after its client did, and never answers 500.

#include "base/clock.h"
#include "base/crypt.h"
#include "net/multipart.h"

#include "fuzz/fuzz.h"
#include "fuzz/server.h"

enum { QUIET_MS = 3 }; // after which the client ends its side; earlier, it would be thought gone

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	server_start();
	return 0;
}

static void answers_are_sound(const struct buffer *reply)
{
	if (reply->size == 0)
		return;
	ASSERT(reply->size > 12 && memcmp(reply->data, "HTTP/1.", 7) == 0);
	if (memcmp(reply->data + 9, "500", 3) == 0)
		fprintf(stderr, "%.*s\n", (int)reply->size, reply->data);
	ASSERT(memcmp(reply->data + 9, "500", 3) != 0);
}

static void converse(const uint8_t *data, size_t size)
{
	OWNED(buffer) struct buffer request = {0};
	OWNED(buffer) struct buffer reply = {0};
	server_expand(data, size, &request);
	int fd = server_dial();
	server_send(fd, request.data, request.size);
	while (server_hear(fd, QUIET_MS, &reply) == HEARD_BYTES)
		;
	server_hear_all(fd, &reply);
	answers_are_sound(&reply);
}

// -- forms --------------------------------------------------------------------------------------------

struct pieces {
	const char *at;
	size_t left;
	size_t piece;
};

static bool read_piece(void *context, char *out, size_t size, size_t *out_read, struct error *err)
{
	struct pieces *pieces = context;
	(void)err;
	size_t count = pieces->piece < size ? pieces->piece : size;
	count = count < pieces->left ? count : pieces->left;
	memcpy(out, pieces->at, count);
	pieces->at += count;
	pieces->left -= count;
	*out_read = count;
	return true;
}

// True with the part's bytes.
static bool read_form(const char *type, const char *body, size_t size, size_t piece, struct buffer *out)
{
	struct error err;
	struct pieces pieces = {.at = body, .left = size, .piece = piece};
	OWNED(multipart) struct multipart *form = NULL;
	if (!multipart_open(type, "file", (struct multipart_source){read_piece, &pieces}, &form, &err))
		return false;
	size_t got;
	do {
		char *room = buffer_reserve(out, piece + 1);
		if (!multipart_read(form, room, piece + 1, &got, &err))
			return false;
		ASSERT(got <= piece + 1);
		out->size += got;
	} while (got > 0);
	return true;
}

// A form says the same in whatever pieces it comes.
static void read_forms(const char *text, size_t size)
{
	static const char header[] = "Content-Type:";
	const char *type = strcasestr(text, header);
	const char *body = memmem(text, size, "\r\n\r\n", 4);
	if (!type || !body || type > body)
		return;
	type += strlen(header) + strspn(type + strlen(header), " ");
	OWNED(text) char *value = strndup(type, strcspn(type, "\r\n"));
	size_t body_size = size - (size_t)(body + 4 - text);
	static const size_t sizes[] = {1, 7, 100000};
	OWNED(buffer) struct buffer first = {0};
	bool ok = read_form(value, body + 4, body_size, sizes[0], &first);
	for (size_t i = 1; i < ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer again = {0};
		ASSERT(read_form(value, body + 4, body_size, sizes[i], &again) == ok);
		if (ok)
			ASSERT(again.size == first.size &&
			       (first.size == 0 || memcmp(again.data, first.data, first.size) == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	OWNED(text) char *text = malloc(size + 1);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	read_forms(text, size);
	converse(data, size);
	return 0;
}
