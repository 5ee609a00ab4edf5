// The load by which the two ways to the SQL protocol are compared: the same statements, one under way on each connection, over
// HTTP or WebSocket, by one thread that does as little as it can.
//
//     wire_load http|ws PORT PATH TOKEN CONNECTIONS SECONDS FILE   asks for the time; prints {"requests","us","bytes"}
//     wire_load idle    PORT PATH TOKEN CONNECTIONS                opens WebSockets, says "ready", waits for the end of stdin
//     wire_load follow  PORT PATH TOKEN CONNECTIONS SECONDS        replicas of as many clients, which ask for news each second;
//                                                                  prints {"requests","us","bytes","behind"}
//
// FILE holds the body of a request, or for `ws` the message; each `%KEY%` in it becomes a key of the table. PATH is that of
// the pipeline, or of the database. Any answer that is no result ends the program with 1.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	FIRST_KEY = 100000,
	KEY_COUNT = 100000,
	POOL = 4096,
	READ_BYTES = 1 << 18,
	EVENTS = 64,
	HEAD_BYTES = 4096
};

struct text {
	char *bytes;
	size_t size;
};

struct connection {
	int fd;
	char head[HEAD_BYTES]; // of the answer, until it is whole
	size_t head_size;
	size_t left;     // of the answer's content
	bool in_content; //
	bool chunked;    // HTTP
	bool last_chunk; //
	uint64_t wants;  // WebSocket: answers that do not count yet (hello_ok, open_stream)
	char first[256]; // of the content, to tell a result from a failure
	size_t first_size;
	// of one that follows
	bool greeted;   // the answer that comes is that of a batch
	uint64_t index; // what the server has
	uint64_t next;  // what the client has, and one
	double due_s;
};

static struct text pool[POOL];
static unsigned next_in_pool;
static uint64_t answers, bytes_read;
static bool over;
static bool is_ws;
static bool follows;
static const char *path_of_database, *token_of_database;
static char session[37] = "00000000-0000-0000-0000-000000000000";

static void fail(const char *what)
{
	fprintf(stderr, "wire_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_s(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct text read_file(const char *path)
{
	struct text text = {.bytes = malloc(1 << 20)};
	FILE *file = fopen(path, "r");
	if (!file || !text.bytes)
		fail(path);
	text.size = fread(text.bytes, 1, (1 << 20) - 1, file);
	text.bytes[text.size] = '\0';
	fclose(file);
	return text;
}

static struct text fill_in(const char *pattern, unsigned key)
{
	struct text out = {.bytes = malloc(strlen(pattern) + 64)};
	char *to = out.bytes;
	for (const char *from = pattern; *from;) {
		if (strncmp(from, "%KEY%", 5) == 0) {
			to += sprintf(to, "%u", key);
			from += 5;
		} else {
			*to++ = *from++;
		}
	}
	out.size = (size_t)(to - out.bytes);
	return out;
}

// A frame of a client, masked with zeros.
static struct text frame(const char *message, size_t size)
{
	struct text out = {.bytes = malloc(size + 14)};
	unsigned char *at = (unsigned char *)out.bytes;
	*at++ = 0x81;
	if (size < 126) {
		*at++ = (unsigned char)(0x80 | size);
	} else {
		*at++ = 0x80 | 126;
		*at++ = (unsigned char)(size >> 8);
		*at++ = (unsigned char)size;
	}
	memset(at, 0, 4);
	memcpy(at + 4, message, size);
	out.size = (size_t)(at + 4 - (unsigned char *)out.bytes) + size;
	return out;
}

static void make_pool(const char *file, const char *path, const char *token)
{
	struct text pattern = read_file(file);
	uint64_t state = 88172645463325252U;
	for (size_t i = 0; i < POOL; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		struct text body = fill_in(pattern.bytes, FIRST_KEY + (unsigned)(state % KEY_COUNT));
		if (is_ws) {
			pool[i] = frame(body.bytes, body.size);
		} else {
			pool[i].bytes = malloc(body.size + strlen(path) + strlen(token) + 256);
			pool[i].size = (size_t)sprintf(
				pool[i].bytes,
				"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
				"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
				path, token, body.size);
			memcpy(pool[i].bytes + pool[i].size, body.bytes, body.size);
			pool[i].size += body.size;
		}
		free(body.bytes);
	}
	free(pattern.bytes);
}

static void send_all(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			continue;
		if (sent < 0)
			fail("send");
		bytes += sent;
		size -= (size_t)sent;
	}
}

static void ask(struct connection *connection)
{
	const struct text *request = &pool[next_in_pool++ % POOL];
	send_all(connection->fd, request->bytes, request->size);
}

// -- following --------------------------------------------------------------------------------------------------

// A message of gRPC with at most one number in it, the field 1.
static void call_grpc(struct connection *connection, const char *method, uint64_t number)
{
	char text[2048];
	unsigned char message[5 + 11] = {0};
	size_t size = 5;
	message[size++] = 0x08;
	for (; number >= 0x80; number >>= 7)
		message[size++] = (unsigned char)(number | 0x80);
	message[size++] = (unsigned char)number;
	message[4] = (unsigned char)(size - 5);
	int head = snprintf(
		text, sizeof(text) - sizeof(message),
		"POST %swal_log.ReplicationLog/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nx-authorization: Bearer "
		"%s\r\n"
		"x-session-token: %.36s\r\nContent-Type: application/grpc-web\r\nContent-Length: %zu\r\n\r\n",
		path_of_database, method, token_of_database, session, size);
	memcpy(text + head, message, size);
	send_all(connection->fd, text, (size_t)head + size);
}

// Of the answer to Hello: field 4 is the session, field 5 the position.
static void read_hello(struct connection *connection)
{
	const unsigned char *at = (const unsigned char *)connection->first + 5;
	const unsigned char *end = (const unsigned char *)connection->first + connection->first_size;
	while (at + 2 < end && *at != 0x80) {
		unsigned field = *at++ >> 3;
		if (field == 5 || field == 2) {
			uint64_t value = 0;
			for (unsigned shift = 0; at < end; shift += 7) {
				value |= (uint64_t)(*at & 0x7F) << shift;
				if (*at++ < 0x80)
					break;
			}
			if (field == 5)
				connection->index = value;
			continue;
		}
		unsigned size = *at++;
		if (field == 4 && size == 36)
			memcpy(session, at, 36);
		at += size;
	}
}

static void follow(struct connection *connection)
{
	if (!connection->greeted) {
		read_hello(connection);
		if (connection->next == 0)
			connection->next = connection->index + 1; // a client that has all there was
		connection->greeted = true;
		call_grpc(connection, "BatchLogEntries", connection->next);
		return;
	}
	connection->greeted = false;
	if (connection->index + 1 > connection->next)
		connection->next = connection->index + 1;
	answers++;
}

static void ask_followers(struct connection *connections, int count)
{
	double now = now_s();
	for (int i = 0; i < count; i++) {
		if (connections[i].due_s > now)
			continue;
		connections[i].due_s += 1;
		if (!connections[i].greeted && !connections[i].in_content)
			call_grpc(&connections[i], "Hello", 1);
	}
}

static void answered(struct connection *connection)
{
	if (follows) {
		follow(connection);
		connection->first_size = 0;
		connection->head_size = 0;
		connection->in_content = false;
		return;
	}
	connection->first[connection->first_size] = '\0';
	const char *text = connection->first;
	bool good = is_ws ? strstr(text, "\"hello_ok\"") || strstr(text, "\"response_ok\"")
			  : (strstr(text, "\"type\":\"ok\"") || strstr(text, "\"step_begin\""));
	if (!good) {
		fprintf(stderr, "wire_load: no result: %s\n", text);
		exit(1);
	}
	connection->first_size = 0;
	connection->head_size = 0;
	connection->in_content = false;
	if (connection->wants > 0 && --connection->wants > 0)
		return;
	answers++;
	if (!over)
		ask(connection);
}

static void keep_first(struct connection *connection, const char *bytes, size_t size)
{
	size_t room = sizeof(connection->first) - 1 - connection->first_size;
	size_t taken = size < room ? size : room;
	memcpy(connection->first + connection->first_size, bytes, taken);
	connection->first_size += taken;
}

// Whether the head is whole; sets what follows.
static bool read_frame_head(struct connection *connection)
{
	const unsigned char *head = (const unsigned char *)connection->head;
	size_t needs = 2;
	if (connection->head_size >= 2)
		needs = head[1] == 126 ? 4 : head[1] == 127 ? 10 : 2;
	if (connection->head_size < needs || connection->head_size < 2)
		return false;
	if ((head[0] & 0x0F) != 1) {
		fprintf(stderr, "wire_load: frame of type %d\n", head[0] & 0x0F);
		exit(1);
	}
	connection->left = head[1];
	if (needs > 2) {
		connection->left = 0;
		for (size_t i = 2; i < needs; i++)
			connection->left = connection->left << 8 | head[i];
	}
	return true;
}

static bool read_http_head(struct connection *connection)
{
	connection->head[connection->head_size] = '\0';
	if (connection->head_size < 4 ||
	    memcmp(connection->head + connection->head_size - 4, "\r\n\r\n", 4) != 0)
		return false;
	if (strncmp(connection->head, "HTTP/1.1 200", 12) != 0) {
		fprintf(stderr, "wire_load: %s\n", connection->head);
		exit(1);
	}
	const char *length = strcasestr(connection->head, "content-length:");
	connection->chunked = length == NULL;
	connection->last_chunk = false;
	connection->left = length ? strtoull(length + 15, NULL, 10) : 0;
	return true;
}

// The line before a chunk, in `head` again; false until it is whole.
static bool read_chunk_head(struct connection *connection)
{
	size_t size = connection->head_size;
	if (size < 3 || memcmp(connection->head + size - 2, "\r\n", 2) != 0)
		return false;
	connection->head[size] = '\0';
	connection->left = strtoull(connection->head, NULL, 16) + 2; // and the line's end behind it
	connection->last_chunk = connection->left == 2;
	connection->head_size = 0;
	return true;
}

static void take(struct connection *connection, const char *bytes, size_t size)
{
	const char *end = bytes + size;
	bytes_read += size;
	while (bytes < end || (connection->in_content && connection->left == 0 && !connection->chunked)) {
		if (connection->in_content && connection->left > 0) {
			size_t some = (size_t)(end - bytes) < connection->left ? (size_t)(end - bytes)
									       : connection->left;
			keep_first(connection, bytes, some);
			connection->left -= some;
			bytes += some;
			if (connection->left == 0 && (!connection->chunked || connection->last_chunk))
				answered(connection);
			continue;
		}
		if (connection->in_content && !connection->chunked) {
			answered(connection);
			continue;
		}
		if (connection->head_size == HEAD_BYTES - 1)
			fail("a head that is too long");
		connection->head[connection->head_size++] = *bytes++;
		if (connection->in_content) {
			read_chunk_head(connection);
		} else if (is_ws ? read_frame_head(connection) : read_http_head(connection)) {
			connection->in_content = true;
			connection->head_size = 0;
		}
	}
}

static int dial(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void upgrade(int fd, const char *path, const char *token)
{
	char text[4096];
	int size =
		snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
			 "Sec-WebSocket-Protocol: hrana3\r\n\r\n",
			 path);
	send_all(fd, text, (size_t)size);
	size_t got = 0;
	while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
		if (got == sizeof(text) || recv(fd, text + got, 1, 0) != 1)
			fail("upgrade");
		got++;
	}
	if (strncmp(text, "HTTP/1.1 101", 12) != 0) {
		fprintf(stderr, "wire_load: %.*s\n", (int)got, text);
		exit(1);
	}
	size = snprintf(text, sizeof(text), "{\"type\":\"hello\",\"jwt\":\"%s\"}", token);
	struct text hello = frame(text, (size_t)size);
	send_all(fd, hello.bytes, hello.size);
	free(hello.bytes);
}

static void open_stream(int fd)
{
	static const char request[] = "{\"type\":\"request\",\"request_id\":1,\"request\":{\"type\":\"open_"
				      "stream\",\"stream_id\":1}}";
	struct text message = frame(request, sizeof(request) - 1);
	send_all(fd, message.bytes, message.size);
	free(message.bytes);
}

static void hold(int port, const char *path, const char *token, int count)
{
	struct rlimit files = {.rlim_cur = (rlim_t)count + 100, .rlim_max = (rlim_t)count + 100};
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		fail("setrlimit");
	for (int i = 0; i < count; i++) {
		int fd = dial(port);
		char answer[256];
		upgrade(fd, path, token);
		if (recv(fd, answer, sizeof(answer), 0) <= 0 ||
		    !memmem(answer, sizeof(answer), "hello_ok", 8))
			fail("hello");
	}
	printf("ready\n");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
}

static void run(struct connection *connections, int count, double seconds)
{
	static char bytes[READ_BYTES];
	int loop = epoll_create1(0);
	for (int i = 0; i < count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};
		fcntl(connections[i].fd, F_SETFL, O_NONBLOCK);
		epoll_ctl(loop, EPOLL_CTL_ADD, connections[i].fd, &event);
		if (!is_ws && !follows)
			ask(&connections[i]);
	}
	double begun = now_s();
	for (int i = 0; follows && i < count; i++)
		connections[i].due_s = begun + (double)i / count; // not all at once
	while (now_s() < begun + seconds) {
		struct epoll_event events[EVENTS];
		if (follows)
			ask_followers(connections, count);
		int found = epoll_wait(loop, events, EVENTS, follows ? 1 : 1000);
		for (int i = 0; i < found; i++) {
			struct connection *connection = events[i].data.ptr;
			ssize_t got = recv(connection->fd, bytes, sizeof(bytes), 0);
			if (got < 0 && errno == EAGAIN)
				continue;
			if (got <= 0)
				fail("the server closed a connection");
			take(connection, bytes, (size_t)got);
		}
	}
	uint64_t behind = 0;
	for (int i = 0; follows && i < count; i++)
		behind += connections[i].index + 1 - connections[i].next;
	printf("{\"requests\":%llu,\"us\":%.0f,\"bytes\":%llu,\"behind\":%llu}\n",
	       (unsigned long long)answers, (now_s() - begun) * 1e6, (unsigned long long)bytes_read,
	       (unsigned long long)behind);
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "idle") == 0) {
		hold(atoi(argv[2]), argv[3], argv[4], atoi(argv[5]));
		return 0;
	}
	follows = argc == 7 && strcmp(argv[1], "follow") == 0;
	if (!follows && (argc != 8 || (strcmp(argv[1], "http") != 0 && strcmp(argv[1], "ws") != 0))) {
		fprintf(stderr, "usage: wire_load http|ws PORT PATH TOKEN CONNECTIONS SECONDS FILE\n"
				"       wire_load idle PORT PATH TOKEN CONNECTIONS\n"
				"       wire_load follow PORT PATH TOKEN CONNECTIONS SECONDS\n");
		return 2;
	}
	is_ws = argv[1][0] == 'w';
	int count = atoi(argv[5]);
	struct connection *connections = calloc((size_t)count, sizeof(*connections));
	if (!connections)
		fail("memory");
	path_of_database = argv[3];
	token_of_database = argv[4];
	if (!follows)
		make_pool(argv[7], argv[3], argv[4]);
	for (int i = 0; i < count; i++) {
		connections[i].fd = dial(atoi(argv[2]));
		if (!is_ws)
			continue;
		upgrade(connections[i].fd, argv[3], argv[4]);
		open_stream(connections[i].fd);
		connections[i].wants = 2;
	}
	run(connections, count, atof(argv[6]));
	return 0;
}
