#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypt.h"
#include "base/workers.h"
#include "net/server.h"
#include "net/socket.h"
#include "unit/net/http_client.h"

#define UPGRADE                                                                                              \
	"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"         \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static struct workers *workers;
static struct net_server *server;
static atomic_int opened_count;
static atomic_int closed_count;
static atomic_int tick_count;

static void on_opened(void *context, struct net_socket *socket)
{
	(void)context;
	(void)socket;
	atomic_fetch_add(&opened_count, 1);
}

static void on_message(void *context, struct net_socket *socket, enum net_frame frame, const char *bytes,
		       size_t size)
{
	(void)context;
	if (size == 3 && memcmp(bytes, "end", 3) == 0)
		net_socket_close(socket, NET_CLOSE_POLICY, "as you like");
	else
		net_socket_send(socket, frame, bytes, size);
}

static void on_draining(void *context, struct net_socket *socket)
{
	(void)context;
	net_socket_close(socket, NET_CLOSE_GOING_AWAY, "the server is shutting down");
}

static void on_tick(void *context, struct net_socket *socket)
{
	(void)context;
	(void)socket;
	atomic_fetch_add(&tick_count, 1);
}

static void on_closed(void *context, struct net_socket *socket)
{
	(void)context;
	(void)socket;
	atomic_fetch_add(&closed_count, 1);
}

static void echo(void *context, struct net_request *request)
{
	static const struct net_socket_events events = {
		.opened = on_opened,
		.message = on_message,
		.draining = on_draining,
		.tick = on_tick,
		.closed = on_closed,
	};
	struct error err;
	if (net_request_wants_socket(request) && net_request_upgrade(request, NULL, &events, context, &err))
		return;
	net_reply_status(request, 400);
	net_request_finish(request);
}

static const struct net_route routes[] = {{"GET", "/echo", echo, NET_INLINE, 0, NULL}};
static const struct net_site sites[] = {
	{.name = "only", .routes = routes, .route_count = ARRAY_LENGTH(routes)}};

static int start(void **state)
{
	(void)state;
	const struct net_options options = {
		.listen = "127.0.0.1:0",
		.thread_count = 2,
		.workers = workers,
		.sites = sites,
		.site_count = ARRAY_LENGTH(sites),
		.connections_max = 300,
		.head_bytes_max = 12 * 1024,
		.streams_max = 4,
		.sockets_max = 250,
		.socket_message_bytes_max = 1000,
		.socket_queue_bytes_max = 4096,
		.idle_timeout_s = 1,
	};
	struct error err;
	atomic_store(&opened_count, 0);
	atomic_store(&closed_count, 0);
	assert_true(net_server_start(&options, &server, &err));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	net_server_stop(server);
	return 0;
}

static void read_exactly(int fd, void *out, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t got = recv(fd, (char *)out + at, size - at, 0);
		assert_true(got > 0);
		at += (size_t)got;
	}
}

// A client's frame, masked as it must be.
static void send_frame(int fd, unsigned first, const char *text)
{
	static const unsigned char mask[4] = {1, 2, 3, 4};
	unsigned char frame[6 + 125];
	size_t size = strlen(text);
	assert_true(size <= 125);
	frame[0] = (unsigned char)first;
	frame[1] = (unsigned char)(0x80 | size);
	memcpy(frame + 2, mask, sizeof(mask));
	for (size_t i = 0; i < size; i++)
		frame[6 + i] = (unsigned char)text[i] ^ mask[i % 4];
	send_bytes(fd, (const char *)frame, 6 + size);
}

static void expect_frame(int fd, unsigned first, const char *bytes, size_t size)
{
	unsigned char head[2];
	char payload[125];
	read_exactly(fd, head, sizeof(head));
	assert_int_equal(head[0], first);
	assert_int_equal(head[1], size);
	read_exactly(fd, payload, size);
	assert_memory_equal(payload, bytes, size);
}

static void expect_upgrade(int fd)
{
	char head[2048] = "";
	for (size_t at = 0; !strstr(head, "\r\n\r\n"); at++) {
		assert_true(at < sizeof(head) - 1);
		read_exactly(fd, head + at, 1);
	}
	assert_memory_equal(head, "HTTP/1.1 101 ", 13);
	// RFC 6455 §1.3 has this pair.
	assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

static int open_socket(void)
{
	int fd = dial_server(server);
	send_text(fd, UPGRADE);
	expect_upgrade(fd);
	return fd;
}

static void expect_end(int fd)
{
	char byte;
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void answers_what_came_with_the_head(void **state)
{
	(void)state;
	int fd = dial_server(server);
	// In one packet, mostly: the library reads all of it.
	static const char frame[] = "\x81\x82\x00\x00\x00\x00hi";
	char all[sizeof(UPGRADE) + sizeof(frame)];
	memcpy(all, UPGRADE, sizeof(UPGRADE) - 1);
	memcpy(all + sizeof(UPGRADE) - 1, frame, sizeof(frame) - 1);
	send_bytes(fd, all, sizeof(UPGRADE) - 1 + sizeof(frame) - 1);
	expect_upgrade(fd);
	expect_frame(fd, 0x81, "hi", 2);
	close(fd);
}

static void puts_fragments_together_and_answers_pings_between(void **state)
{
	(void)state;
	int fd = open_socket();
	send_frame(fd, 0x01, "frag");
	send_frame(fd, 0x89, "are you there");
	send_frame(fd, 0x80, "ments");
	expect_frame(fd, 0x8A, "are you there", 13);
	expect_frame(fd, 0x81, "fragments", 9);
	close(fd);
}

static void closes_with_the_code_that_fits(void **state)
{
	(void)state;
	int fd = open_socket();
	send_frame(fd, 0x81, "end");
	expect_frame(fd, 0x88,
		     "\x03\xF0"
		     "as you like",
		     13); // 1008
	send_frame(fd, 0x88, "\x03\xF0");
	expect_end(fd);
	fd = open_socket();
	send_frame(fd, 0x88, "\x03\xE8"); // 1000, and the same back
	expect_frame(fd, 0x88, "\x03\xE8", 2);
	expect_end(fd);
	fd = open_socket();
	send_frame(fd, 0x81, "\xff");          // no UTF-8
	expect_frame(fd, 0x88, "\x03\xEF", 2); // 1007
	close(fd);
}

// The close frame must reach a client that is still sending what was too much.
static void says_why_while_the_client_sends_on(void **state)
{
	(void)state;
	static const unsigned char head[] = {0x81, 0xFF, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0}; // 4 MB
	static char junk[64 * 1024];
	int fd = open_socket();
	send_bytes(fd, (const char *)head, sizeof(head));
	for (int i = 0; i < 8; i++)
		send_bytes(fd, junk, sizeof(junk));
	unsigned char close_head[2];
	char code[125];
	read_exactly(fd, close_head, sizeof(close_head));
	assert_int_equal(close_head[0], 0x88);
	read_exactly(fd, code, close_head[1]);
	assert_memory_equal(code, "\x03\xF1", 2); // 1009
	expect_end(fd);
}

static void an_idle_one_stays_open(void **state)
{
	(void)state;
	int fd = open_socket();
	int before = atomic_load(&tick_count);
	sleep(4); // more than the idle intervals after which an HTTP connection is ended
	assert_true(atomic_load(&tick_count) > before);
	send_frame(fd, 0x81, "still here");
	expect_frame(fd, 0x81, "still here", 10);
	close(fd);
}

static void a_server_may_stop_while_clients_come(void **state)
{
	(void)state;
	int fds[200];
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = dial_server(server);
		send_text(fds[i], UPGRADE);
	}
	net_server_stop(server);
	assert_int_equal(atomic_load(&closed_count) >= atomic_load(&opened_count), true);
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
	start(NULL);
}

static int start_all(void **state)
{
	(void)state;
	struct error err;
	assert_true(crypt_start(&err));
	assert_true(workers_start(4, 1, &workers, &err));
	return 0;
}

static int stop_all(void **state)
{
	(void)state;
	workers_stop(workers);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_what_came_with_the_head, start, stop),
		cmocka_unit_test_setup_teardown(puts_fragments_together_and_answers_pings_between, start,
						stop),
		cmocka_unit_test_setup_teardown(closes_with_the_code_that_fits, start, stop),
		cmocka_unit_test_setup_teardown(says_why_while_the_client_sends_on, start, stop),
		cmocka_unit_test_setup_teardown(an_idle_one_stays_open, start, stop),
		cmocka_unit_test_setup_teardown(a_server_may_stop_while_clients_come, start, stop),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
