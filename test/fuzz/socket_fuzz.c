// A WebSocket of the SQL protocol, on a whole server: frames (RFC 6455), messages, streams, cursors, stored texts.
//
// The first byte of an input says what the rest is: 1, 2 or 3, a line for each message of that version in JSON; p,
// messages in protobuf, each behind two bytes of its size; f, bare frames. p and f say hello by themselves.
//
// Beyond memory: what the server sends are frames as the RFC has them, with JSON in its texts; it ends the connection soon
// after its client did, and nothing of the socket outlives it.

#include <limits.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/json_read.h"
#include "base/protobuf_write.h"
#include "base/utf8.h"
#include "hrana/internal.h"

#include "fuzz/fuzz.h"
#include "fuzz/server.h"

enum {
	QUIET_MS = 5, // without an answer, after which the client ends its side
	FRAME_TEXT = 1,
	FRAME_BINARY = 2,
	FRAME_CLOSE = 8,
	FRAME_PING = 9,
	FRAME_PONG = 10,
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	server_start();
	return 0;
}

// -- client -------------------------------------------------------------------------------------------

static void open_socket(int fd, const char *protocol)
{
	OWNED(buffer) struct buffer reply = {0};
	char request[300];
	int size = snprintf(
		request, sizeof(request),
		"GET /db/db-my-org/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: %s\r\n\r\n",
		protocol);
	server_send(fd, request, (size_t)size);
	do {
		ASSERT(server_hear(fd, SERVER_PATIENCE_MS, &reply) == HEARD_BYTES);
	} while (!memmem(reply.data, reply.size, "\r\n\r\n", 4));
	ASSERT(memcmp(reply.data, "HTTP/1.1 101 ", 13) == 0);
}

// A frame under a mask of zeros.
static void put_frame(struct buffer *out, int kind, const void *bytes, size_t size)
{
	buffer_append_byte(out, (char)(0x80 | kind));
	if (size < 126) {
		buffer_append_byte(out, (char)(0x80 | size));
	} else {
		ASSERT(size < 65536);
		buffer_append_byte(out, (char)(0x80 | 126));
		buffer_append_byte(out, (char)(size >> 8));
		buffer_append_byte(out, (char)size);
	}
	buffer_append(out, "\0\0\0\0", 4);
	buffer_append(out, bytes, size);
}

static int put_lines(struct buffer *out, const char *text, size_t size)
{
	int count = 0;
	const char *end = size > 0 ? text + size : text;
	while (text < end) {
		const char *line_end = memchr(text, '\n', (size_t)(end - text));
		line_end = line_end ? line_end : end;
		put_frame(out, FRAME_TEXT, text, (size_t)(line_end - text));
		text = line_end + 1;
		count++;
	}
	return count;
}

static int put_protobuf(struct buffer *out, const uint8_t *data, size_t size)
{
	OWNED(buffer) struct buffer hello = {0};
	size_t begun = protobuf_begin(&hello, 1);
	protobuf_write_text(&hello, 1, server.token);
	protobuf_end(&hello, begun);
	put_frame(out, FRAME_BINARY, hello.data, hello.size);
	int count = 1;
	while (size >= 2) {
		size_t message = (size_t)data[0] << 8 | data[1];
		message = message < size - 2 ? message : size - 2;
		put_frame(out, FRAME_BINARY, data + 2, message);
		data += 2 + message;
		size -= 2 + message;
		count++;
	}
	return count;
}

static int put_frames(struct buffer *out, const uint8_t *data, size_t size)
{
	char hello[2048];
	int length = snprintf(hello, sizeof(hello), "{\"type\":\"hello\",\"jwt\":\"%s\"}", server.token);
	put_frame(out, FRAME_TEXT, hello, (size_t)length);
	buffer_append(out, data, size);
	return 2;
}

// -- what the server says -----------------------------------------------------------------------------

static void message_is_sound(int kind, const char *bytes, size_t size)
{
	struct error err;
	OWNED(json_root) struct json *root = NULL;
	switch (kind) {
	case FRAME_TEXT:
		ASSERT(utf8_is_valid(bytes, size));
		ASSERT(json_read_parse(bytes, size, JSON_READ_ALLOW_NUL | JSON_READ_BIG_REALS, 128, &root,
				       &err));
		break;
	case FRAME_CLOSE:
		ASSERT(size == 0 || (size >= 2 && size <= 125 && utf8_is_valid(bytes + 2, size - 2)));
		break;
	default:
		ASSERT(kind == FRAME_BINARY || kind == FRAME_PING || kind == FRAME_PONG);
	}
}

// Returns how many messages there are, any number once the server has closed; what is left at the end is the beginning of
// a frame.
static int look_at_frames(const struct buffer *heard)
{
	int count = 0;
	const unsigned char *at = (const unsigned char *)heard->data;
	size_t left = heard->size;
	while (left >= 2) {
		size_t head = 2;
		uint64_t size = at[1];
		ASSERT((at[0] & 0xF0) == 0x80 && at[1] <= 127);
		if (size >= 126) {
			head = size == 126 ? 4 : 10;
			if (left < head)
				break;
			size = 0;
			for (size_t i = 2; i < head; i++)
				size = size << 8 | at[i];
		}
		if (left - head < size)
			break;
		message_is_sound(at[0] & 15, (const char *)at + head, (size_t)size);
		count += (at[0] & 15) <= FRAME_BINARY;
		if ((at[0] & 15) == FRAME_CLOSE)
			return INT_MAX;
		at += head + size;
		left -= head + (size_t)size;
	}
	return count;
}

static void nothing_is_left(void)
{
	struct hrana *hrana = server.hrana;
	pthread_mutex_lock(&hrana->sockets_mutex);
	while (hrana->socket_count > 0)
		ASSERT(clock_cond_wait(&hrana->sockets_ended, &hrana->sockets_mutex,
				       clock_monotonic_ms() + SERVER_PATIENCE_MS));
	pthread_mutex_unlock(&hrana->sockets_mutex);
}

static void converse(const char *protocol, const struct buffer *frames, int expected)
{
	OWNED(buffer) struct buffer heard = {0};
	int fd = server_dial();
	open_socket(fd, protocol);
	server_send(fd, frames->data, frames->size);
	while (server_hear(fd, QUIET_MS, &heard) == HEARD_BYTES && look_at_frames(&heard) < expected)
		;
	server_hear_all(fd, &heard);
	look_at_frames(&heard);
	nothing_is_left();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const json[] = {"hrana1", "hrana2", "hrana3"};
	OWNED(buffer) struct buffer frames = {0};
	OWNED(buffer) struct buffer text = {0};
	if (size == 0)
		return 0;
	if (data[0] == 'p') {
		int count = put_protobuf(&frames, data + 1, size - 1);
		converse("hrana3-protobuf", &frames, count);
	} else if (data[0] == 'f') {
		int count = put_frames(&frames, data + 1, size - 1);
		converse("hrana3", &frames, count);
	} else if (data[0] >= '1' && data[0] <= '3') {
		server_expand(data + 1, size - 1, &text);
		int count = put_lines(&frames, text.data, text.size);
		converse(json[data[0] - '1'], &frames, count);
	}
	return 0;
}
