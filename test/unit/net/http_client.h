// A client on a raw socket, for tests of net.
#ifndef ATOLL_TEST_UNIT_NET_HTTP_CLIENT_H
#define ATOLL_TEST_UNIT_NET_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "net/server.h"

static inline int dial_server(const struct net_server *server)
{
	const char *address = net_server_address(server);
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
	inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	struct timeval patience = {.tv_sec = 60};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void send_bytes(int fd, const char *bytes, size_t size)
{
	while (size > 0) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
		if (sent <= 0)
			return; // the server may close while it refuses
		bytes += sent;
		size -= (size_t)sent;
	}
}

static inline void send_text(int fd, const char *text)
{
	send_bytes(fd, text, strlen(text));
}

struct answer {
	int status;
	bool closes;
	char head[4096];
	struct buffer body;
};

static inline void answer_cleanup(struct answer *answer)
{
	buffer_cleanup(&answer->body);
}

static inline bool read_byte(int fd, char *out)
{
	return recv(fd, out, 1, 0) == 1;
}

// False when the connection ended instead of answering.
static inline bool receive(int fd, bool is_head, struct answer *out)
{
	size_t size = 0;
	memset(out, 0, sizeof(*out));
	while (size < sizeof(out->head) - 1 &&
	       !(size >= 4 && memcmp(out->head + size - 4, "\r\n\r\n", 4) == 0)) {
		if (!read_byte(fd, out->head + size))
			return false;
		size++;
	}
	assert_int_equal(sscanf(out->head, "HTTP/1.1 %d ", &out->status), 1);
	out->closes = strcasestr(out->head, "\r\nConnection: close") != NULL;
	const char *length = strcasestr(out->head, "\r\nContent-Length: ");
	long left = length && !is_head ? strtol(length + 18, NULL, 10) : 0;
	for (; left > 0; left--) {
		char byte;
		if (!read_byte(fd, &byte))
			return false;
		buffer_append_byte(&out->body, byte);
	}
	return true;
}

static inline const char *body_of(struct answer *answer)
{
	return buffer_text(&answer->body);
}

#endif
