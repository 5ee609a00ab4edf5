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

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

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

// What a request gets that is like a good one but in some lines: 101 or 400.
static int try_upgrade(const char *version, const char *lines)
{
	char text[1024];
	char head[2048] = "";
	int fd = dial_server(server);
	snprintf(text, sizeof(text), "GET /echo HTTP/%s\r\nHost: x\r\n%s\r\n", version, lines);
	send_text(fd, text);
	for (size_t at = 0; !strstr(head, "\r\n\r\n"); at++) {
		assert_true(at < sizeof(head) - 1);
		read_exactly(fd, head + at, 1);
	}
	close(fd);
	return atoi(head + strlen("HTTP/1.1 "));
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

static void takes_headers_as_lists_in_several_lines(void **state)
{
	(void)state;
#define REST "Sec-WebSocket-Version: 13\r\n" KEY
	assert_int_equal(try_upgrade("1.1", "Connection: keep-alive\r\nConnection: upgrade\r\n"
					    "Upgrade: websocket\r\n" REST),
			 101);
	assert_int_equal(
		try_upgrade("1.1", "connection: , TE ,\tUPGRADE ,\r\nupgrade: h2c, WebSocket\r\n" REST), 101);
	assert_int_equal(try_upgrade("1.1", "Connection: upgraded, x upgrade\r\nUpgrade: websocket\r\n" REST),
			 400);
	assert_int_equal(try_upgrade("1.1", "Connection: upgrade\r\nUpgrade: websockets\r\n" REST), 400);
	assert_int_equal(try_upgrade("1.1", "Connection: upgrade\r\n" REST), 400);
	assert_int_equal(try_upgrade("1.1", "Upgrade: websocket\r\n" REST), 400);
#undef REST
}

static void refuses_a_wrong_version_or_key_and_old_http(void **state)
{
	(void)state;
#define WANTS "Connection: Upgrade\r\nUpgrade: websocket\r\n"
	static const char *const keys[] = {
		"",                                                        // none
		"Sec-WebSocket-Key: \r\n",                                 // no letter
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",           // not padded
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=A\r\n",         // padded wrongly
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ===\r\n",         // 15 bytes and a bit
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTE=\r\n",         // 17 bytes
		"Sec-WebSocket-Key: dGhlIHNhb-BsZSBub2_jZQ==\r\n",         // another alphabet
		"Sec-WebSocket-Key: dGhlIHNhbXBs SBub25jZQ==\r\n",         // a blank inside
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==dGhlIH==\r\n", // too long
	};
	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		char lines[512];
		snprintf(lines, sizeof(lines), WANTS "Sec-WebSocket-Version: 13\r\n%s", keys[i]);
		assert_int_equal(try_upgrade("1.1", lines), 400);
	}
	// The example of RFC 6455 §4.1 sets bits that belong to no byte.
	assert_int_equal(try_upgrade("1.1", WANTS "Sec-WebSocket-Version: 13\r\n"
						  "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC==\r\n"),
			 101);
	assert_int_equal(try_upgrade("1.1", WANTS KEY), 400);
	assert_int_equal(try_upgrade("1.1", WANTS "Sec-WebSocket-Version: 8\r\n" KEY), 400);
	assert_int_equal(try_upgrade("1.0", WANTS "Sec-WebSocket-Version: 13\r\n" KEY), 400);
#undef WANTS
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

// The code of the close frame that answers these bytes. Nothing comes behind it.
static int code_after(const char *bytes, size_t size)
{
	unsigned char head[2];
	unsigned char payload[125];
	int fd = open_socket();
	send_bytes(fd, bytes, size);
	read_exactly(fd, head, sizeof(head));
	assert_int_equal(head[0], 0x88);
	assert_in_range(head[1], 2, sizeof(payload));
	read_exactly(fd, payload, head[1]);
	send_frame(fd, 0x88, "\x03\xEA");
	shutdown(fd, SHUT_WR);
	expect_end(fd);
	return payload[0] << 8 | payload[1];
}

#define CODE_AFTER(bytes) code_after(bytes, sizeof(bytes) - 1)
#define MASK              "\x00\x00\x00\x00"

static void closes_with_1002_what_breaks_the_framing(void **state)
{
	(void)state;
	assert_int_equal(CODE_AFTER("\xC1\x82" MASK "hi"), 1002); // reserved bits
	assert_int_equal(CODE_AFTER("\xA1\x82" MASK "hi"), 1002);
	assert_int_equal(CODE_AFTER("\x91\x82" MASK "hi"), 1002);
	assert_int_equal(CODE_AFTER("\x83\x82" MASK "hi"), 1002); // reserved opcodes
	assert_int_equal(CODE_AFTER("\x8B\x80" MASK), 1002);
	assert_int_equal(CODE_AFTER("\x81\x02hi"), 1002);                           // not masked
	assert_int_equal(CODE_AFTER("\x89\xFE\x00\x7E" MASK), 1002);                // a ping of 126 bytes
	assert_int_equal(CODE_AFTER("\x09\x80" MASK), 1002);                        // a ping in fragments
	assert_int_equal(CODE_AFTER("\x80\x82" MASK "hi"), 1002);                   // continues nothing
	assert_int_equal(CODE_AFTER("\x01\x82" MASK "hi\x81\x82" MASK "hi"), 1002); // begins inside another
	assert_int_equal(CODE_AFTER("\x81\xFE\x00\x02" MASK "hi"), 1002); // lengths in more bytes than needed
	assert_int_equal(CODE_AFTER("\x81\xFF\x00\x00\x00\x00\x00\x00\x00\x02" MASK "hi"), 1002);
	assert_int_equal(CODE_AFTER("\x81\xFF\x80\x00\x00\x00\x00\x00\x00\x02" MASK "hi"), 1002);
}

static void closes_with_1002_a_close_frame_of_no_form(void **state)
{
	(void)state;
	assert_int_equal(CODE_AFTER("\x88\x81" MASK "\x03"), 1002);         // half a code
	assert_int_equal(CODE_AFTER("\x88\x82" MASK "\x03\xE7"), 1002);     // 999
	assert_int_equal(CODE_AFTER("\x88\x82" MASK "\x03\xED"), 1002);     // 1005, of no frame
	assert_int_equal(CODE_AFTER("\x88\x83" MASK "\x03\xE8\xFF"), 1007); // a reason that is no UTF-8
	assert_int_equal(CODE_AFTER("\x88\x82" MASK "\x0F\xA0"), 4000);     // the client's own
}

static void closes_with_1007_text_that_is_no_utf8(void **state)
{
	(void)state;
	assert_int_equal(CODE_AFTER("\x81\x82" MASK "\xC0\x80"), 1007);     // overlong
	assert_int_equal(CODE_AFTER("\x81\x83" MASK "\xED\xA0\x80"), 1007); // half a pair
	assert_int_equal(CODE_AFTER("\x81\x82" MASK "h\xE2"), 1007);        // ends inside a character
	assert_int_equal(CODE_AFTER("\x01\x81" MASK "\xE2\x80\x81" MASK "h"), 1007); // in fragments
	int fd = open_socket();
	send_bytes(fd, "\x01\x81" MASK "\xC3\x80\x81" MASK "\xA9", 14); // a character over two fragments
	expect_frame(fd, 0x81, "\xC3\xA9", 2);
	send_bytes(fd, "\x82\x82" MASK "\xC0\x80", 8); // bytes may be any
	expect_frame(fd, 0x82, "\xC0\x80", 2);
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
		cmocka_unit_test_setup_teardown(takes_headers_as_lists_in_several_lines, start, stop),
		cmocka_unit_test_setup_teardown(refuses_a_wrong_version_or_key_and_old_http, start, stop),
		cmocka_unit_test_setup_teardown(puts_fragments_together_and_answers_pings_between, start,
						stop),
		cmocka_unit_test_setup_teardown(closes_with_the_code_that_fits, start, stop),
		cmocka_unit_test_setup_teardown(closes_with_1002_what_breaks_the_framing, start, stop),
		cmocka_unit_test_setup_teardown(closes_with_1002_a_close_frame_of_no_form, start, stop),
		cmocka_unit_test_setup_teardown(closes_with_1007_text_that_is_no_utf8, start, stop),
		cmocka_unit_test_setup_teardown(says_why_while_the_client_sends_on, start, stop),
		cmocka_unit_test_setup_teardown(an_idle_one_stays_open, start, stop),
		cmocka_unit_test_setup_teardown(a_server_may_stop_while_clients_come, start, stop),
	};
	return cmocka_run_group_tests(tests, start_all, stop_all);
}
