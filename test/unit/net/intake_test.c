#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <strings.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/workers.h"
#include "net/server.h"
#include "unit/net/http_client.h"

// Bodies that their handlers read as they come, and replies that are files.

enum { BODY_MAX = 20 * 1000 * 1000, STREAMS_MAX = 4, FILE_BYTES = 3 * 1000 * 1000 };
#define HOST "Host: localhost\r\n"

// What happened to the last handler, and a gate that some of them wait at.
struct scene {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	// guarded by mutex
	int entered;
	int left;
	bool open;
	enum error_code code;
	uint64_t bytes;
	char head[200];
};

static struct scene scene = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static struct workers *workers;
static struct net_server *server;

static void reset_scene(bool open)
{
	pthread_mutex_lock(&scene.mutex);
	scene.entered = 0;
	scene.left = 0;
	scene.open = open;
	scene.code = ERR_NONE;
	scene.bytes = 0;
	pthread_mutex_unlock(&scene.mutex);
}

static void open_gate(void)
{
	pthread_mutex_lock(&scene.mutex);
	scene.open = true;
	pthread_cond_broadcast(&scene.changed);
	pthread_mutex_unlock(&scene.mutex);
}

static void enter(void)
{
	pthread_mutex_lock(&scene.mutex);
	scene.entered++;
	pthread_cond_broadcast(&scene.changed);
	while (!scene.open)
		clock_cond_wait(&scene.changed, &scene.mutex, INT64_MAX);
	pthread_mutex_unlock(&scene.mutex);
}

static void leave(struct net_request *request, enum error_code code, uint64_t bytes)
{
	pthread_mutex_lock(&scene.mutex);
	scene.code = code;
	scene.bytes = bytes;
	snprintf(scene.head, sizeof(scene.head), "%s %s %s %s %s %s", net_request_method(request),
		 net_request_path(request),
		 net_request_query(request, "q") ? net_request_query(request, "q") : "-",
		 net_request_header(request, "x-probe") ? net_request_header(request, "X-Probe") : "-",
		 net_request_peer(request), net_request_id(request));
	scene.left++;
	pthread_cond_broadcast(&scene.changed);
	pthread_mutex_unlock(&scene.mutex);
}

static void wait_until(const int *counter, int wanted)
{
	int64_t deadline = clock_monotonic_ms() + 30000;
	pthread_mutex_lock(&scene.mutex);
	while (*counter < wanted && clock_cond_wait(&scene.changed, &scene.mutex, deadline)) {
	}
	assert_true(*counter >= wanted);
	pthread_mutex_unlock(&scene.mutex);
}

// -- handlers -----------------------------------------------------------------------------------------

static uint64_t mix(uint64_t hash, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3U;
	return hash;
}

static void answer(struct net_request *request, const struct error *err, uint64_t bytes, uint64_t hash)
{
	if (err)
		net_reply_status(request, err->code == ERR_BODY_TOO_LARGE ? 413 : 400);
	net_reply_type(request, "text/plain");
	if (err)
		buffer_printf(net_reply_body(request), "%s: %s", error_code_name(err->code), err->message);
	else
		buffer_printf(net_reply_body(request), "%llu %016llx", (unsigned long long)bytes,
			      (unsigned long long)hash);
	leave(request, err ? err->code : ERR_NONE, bytes);
	net_request_finish(request);
}

static void sum(void *context, struct net_request *request)
{
	static const size_t sizes[] = {1, 7, 100, 4096, 65536, 300000};
	enum { PIECE_MAX = 300000 };
	OWNED(text) char *piece = malloc(PIECE_MAX);
	uint64_t bytes = 0;
	uint64_t hash = 0xcbf29ce484222325U;
	struct error err;
	enter();
	for (size_t turn = 0;; turn++) {
		size_t got;
		if (!net_request_read(request, piece, sizes[turn % ARRAY_LENGTH(sizes)], &got, &err)) {
			answer(request, &err, bytes, hash);
			return;
		}
		if (got == 0)
			break;
		hash = mix(hash, piece, got);
		bytes += got;
	}
	answer(request, NULL, bytes, hash);
}

// Has enough after a hundred bytes, or none at all.
static void hasty(void *context, struct net_request *request)
{
	char piece[100];
	struct error err;
	size_t got = 0;
	enter();
	bool reads = net_request_query(request, "q") != NULL;
	if (reads && !net_request_read(request, piece, sizeof(piece), &got, &err)) {
		answer(request, &err, 0, 0);
		return;
	}
	net_reply_header(request, "X-Why", "enough");
	error_set(&err, ERR_INVALID_FIELD, "seen enough");
	answer(request, &err, got, 0);
}

static int file_of(size_t size)
{
	char path[] = "/tmp/atoll-intake-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	OWNED(text) char *bytes = malloc(size + 1);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 31 + i / 1000);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	return fd;
}

static void give_file(void *context, struct net_request *request)
{
	size_t size = (size_t)atol(net_request_query(request, "size"));
	net_reply_type(request, "application/octet-stream");
	net_reply_header(request, "Content-Disposition", "attachment");
	net_reply_file(request, file_of(size), size);
	net_request_finish(request);
}

static void echo(void *context, struct net_request *request)
{
	buffer_append_text(net_reply_body(request), "\"echo\"");
	net_request_finish(request);
}

static const struct net_route routes[] = {
	{"POST", "/sum", sum, NET_STREAM, BODY_MAX, NULL},
	{"PUT", "/sum", sum, NET_STREAM, BODY_MAX, NULL},
	{"POST", "/small", sum, NET_STREAM, 1000, NULL},
	{"POST", "/hasty", hasty, NET_STREAM, (size_t)8 << 30, NULL},
	{"GET", "/file", give_file, NET_WORKER, 0, NULL},
	{"GET", "/echo", echo, NET_INLINE, 0, NULL},
};

// -- client -------------------------------------------------------------------------------------------

static int dial(void)
{
	return dial_server(server);
}

static char byte_at(size_t i)
{
	return (char)(i * 7 + i / 4096);
}

static void body_into(struct buffer *out, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buffer_append_byte(out, byte_at(i));
}

static void chunks_into(struct buffer *out, size_t size)
{
	for (size_t done = 0, step = 1; done < size; done += step) {
		step = step * 3 + 1;
		if (step > size - done)
			step = size - done;
		buffer_printf(out, "%zx\r\n", step);
		for (size_t i = done; i < done + step; i++)
			buffer_append_byte(out, byte_at(i));
		buffer_append_text(out, "\r\n");
	}
	buffer_append_text(out, "0\r\n\r\n");
}

static void post_into(struct buffer *out, const char *path, size_t size, bool chunked)
{
	buffer_printf(out, "POST %s HTTP/1.1\r\n" HOST, path);
	if (chunked)
		buffer_append_text(out, "Transfer-Encoding: chunked\r\n\r\n");
	else
		buffer_printf(out, "Content-Length: %zu\r\n\r\n", size);
	if (chunked)
		chunks_into(out, size);
	else
		body_into(out, size);
}

static void expect_sum(struct answer *got, size_t size)
{
	OWNED(buffer) struct buffer body = {0};
	char expected[64];
	body_into(&body, size);
	snprintf(expected, sizeof(expected), "%zu %016llx", size,
		 (unsigned long long)mix(0xcbf29ce484222325U, body.data, body.size));
	assert_int_equal(got->status, 200);
	assert_string_equal(buffer_text(&got->body), expected);
}

static void expect_echo(int fd)
{
	OWNED(answer) struct answer next = {0};
	send_text(fd, "GET /echo HTTP/1.1\r\n" HOST "\r\n");
	assert_true(receive(fd, false, &next));
	assert_string_equal(buffer_text(&next.body), "\"echo\"");
}

// -- reading ------------------------------------------------------------------------------------------

static void reads_a_body_as_it_comes(void **state)
{
	const size_t sizes[] = {0, 1, 1000, 256 * 1024, 256 * 1024 + 1, 1000 * 1000, BODY_MAX};
	reset_scene(true);
	int fd = dial();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		for (int chunked = 0; chunked < 2; chunked++) {
			OWNED(buffer) struct buffer request = {0};
			OWNED(answer) struct answer got = {0};
			post_into(&request, "/sum", sizes[i], chunked);
			send_bytes(fd, request.data, request.size);
			assert_true(receive(fd, false, &got));
			expect_sum(&got, sizes[i]);
			assert_false(got.closes);
		}
	}
	expect_echo(fd);
	close(fd);
}

static void a_body_may_come_byte_by_byte(void **state)
{
	OWNED(buffer) struct buffer request = {0};
	OWNED(answer) struct answer got = {0};
	reset_scene(true);
	post_into(&request, "/sum", 300, true);
	int fd = dial();
	for (size_t i = 0; i < request.size; i++)
		send_bytes(fd, request.data + i, 1);
	assert_true(receive(fd, false, &got));
	expect_sum(&got, 300);
	close(fd);
}

static void requests_may_follow_each_other_without_pause(void **state)
{
	OWNED(buffer) struct buffer all = {0};
	reset_scene(true);
	for (int i = 0; i < 20; i++)
		post_into(&all, "/sum", (size_t)i * 1000, i % 2);
	int fd = dial();
	send_bytes(fd, all.data, all.size);
	for (int i = 0; i < 20; i++) {
		OWNED(answer) struct answer got = {0};
		assert_true(receive(fd, false, &got));
		expect_sum(&got, (size_t)i * 1000);
	}
	close(fd);
}

static void a_handler_that_does_not_read_holds_the_client_back(void **state)
{
	enum { SIZE = BODY_MAX };
	OWNED(buffer) struct buffer request = {0};
	OWNED(answer) struct answer got = {0};
	reset_scene(false);
	post_into(&request, "/sum", SIZE, false);
	int fd = dial();
	int small = 64 * 1024;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	size_t sent = 0;
	// Until nothing more goes: what the kernel keeps for both ends, and the server's bounded buffer.
	for (;;) {
		struct pollfd writable = {.fd = fd, .events = POLLOUT};
		if (poll(&writable, 1, 500) <= 0)
			break;
		ssize_t some =
			send(fd, request.data + sent, request.size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (some > 0)
			sent += (size_t)some;
		if (sent == request.size)
			break;
	}
	assert_true(sent < SIZE);
	open_gate();
	send_bytes(fd, request.data + sent, request.size - sent);
	assert_true(receive(fd, false, &got));
	expect_sum(&got, SIZE);
	close(fd);
}

static void expect_continue_waits_for_the_handler(void **state)
{
	OWNED(answer) struct answer first = {0};
	OWNED(answer) struct answer second = {0};
	reset_scene(true);
	int fd = dial();
	send_text(fd, "PUT /sum HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	assert_true(receive(fd, false, &first));
	assert_int_equal(first.status, 100);
	char body[] = {byte_at(0), byte_at(1), byte_at(2)};
	send_bytes(fd, body, sizeof(body));
	assert_true(receive(fd, false, &second));
	expect_sum(&second, 3);
	expect_echo(fd);
	close(fd);

	OWNED(answer) struct answer refused = {0};
	fd = dial();
	send_text(fd, "POST /hasty HTTP/1.1\r\n" HOST
		      "Expect: 100-continue\r\nContent-Length: 8000000000\r\n\r\n");
	assert_true(receive(fd, false, &refused));
	assert_int_equal(refused.status, 400);
	assert_true(refused.closes);
	close(fd);
}

// -- limits -------------------------------------------------------------------------------------------

static void a_length_over_the_limit_reaches_no_handler(void **state)
{
	const size_t sizes[] = {1001, 100000, BODY_MAX};
	reset_scene(true);
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer request = {0};
		OWNED(answer) struct answer got = {0};
		post_into(&request, "/small", sizes[i], false);
		int fd = dial();
		send_bytes(fd, request.data, request.size);
		assert_true(receive(fd, false, &got));
		assert_int_equal(got.status, 413);
		assert_non_null(strstr(buffer_text(&got.body), "body_too_large"));
		close(fd);
	}
	assert_int_equal(scene.entered, 0);
}

static void chunks_over_the_limit_fail_the_read(void **state)
{
	const size_t sizes[] = {1001, 100000, BODY_MAX};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		OWNED(buffer) struct buffer request = {0};
		OWNED(answer) struct answer got = {0};
		reset_scene(true);
		post_into(&request, "/small", sizes[i], true);
		int fd = dial();
		send_bytes(fd, request.data, request.size);
		assert_true(receive(fd, false, &got));
		assert_int_equal(got.status, 413);
		assert_non_null(strstr(buffer_text(&got.body), "BODY_TOO_LARGE"));
		assert_int_equal(got.closes, sizes[i] == BODY_MAX);
		if (!got.closes)
			expect_echo(fd);
		close(fd);
	}
}

static void too_many_at_a_time_are_refused(void **state)
{
	int fds[STREAMS_MAX];
	reset_scene(false);
	for (int i = 0; i < STREAMS_MAX; i++) {
		fds[i] = dial();
		send_text(fds[i], "POST /sum HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\n");
	}
	wait_until(&scene.entered, STREAMS_MAX);
	OWNED(buffer) struct buffer request = {0};
	OWNED(answer) struct answer refused = {0};
	post_into(&request, "/sum", 5000, false);
	int fd = dial();
	send_bytes(fd, request.data, request.size);
	assert_true(receive(fd, false, &refused));
	assert_int_equal(refused.status, 503);
	assert_non_null(strstr(buffer_text(&refused.body), "uploads-max"));
	open_gate();
	for (int i = 0; i < STREAMS_MAX; i++) {
		OWNED(answer) struct answer got = {0};
		char byte = byte_at(0);
		send_bytes(fds[i], &byte, 1);
		assert_true(receive(fds[i], false, &got));
		expect_sum(&got, 1);
		close(fds[i]);
	}
	// The connection that was refused is as good as new.
	OWNED(answer) struct answer again = {0};
	send_bytes(fd, request.data, request.size);
	assert_true(receive(fd, false, &again));
	expect_sum(&again, 5000);
	close(fd);
}

// -- handlers that do not read to the end ---------------------------------------------------------------

static void what_is_left_of_a_short_body_is_dropped(void **state)
{
	for (int reads = 0; reads < 2; reads++) {
		for (int chunked = 0; chunked < 2; chunked++) {
			OWNED(buffer) struct buffer request = {0};
			OWNED(answer) struct answer got = {0};
			reset_scene(true);
			post_into(&request, reads ? "/hasty?q=1" : "/hasty", 1000 * 1000, chunked);
			int fd = dial();
			send_bytes(fd, request.data, request.size);
			assert_true(receive(fd, false, &got));
			assert_int_equal(got.status, 400);
			assert_false(got.closes);
			expect_echo(fd);
			close(fd);
		}
	}
}

// The client learns of it while it is still sending, and gets to read it.
static void a_long_body_is_not_waited_for(void **state)
{
	static const char *const heads[] = {
		"POST /hasty HTTP/1.1\r\n" HOST "Content-Length: 8000000000\r\n\r\n",
		"POST /hasty?q=1 HTTP/1.1\r\n" HOST "Content-Length: 8000000000\r\n\r\n",
		"POST /hasty?q=1 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n70000000\r\n",
	};
	OWNED(buffer) struct buffer piece = {0};
	body_into(&piece, 4 * 1000 * 1000);
	for (size_t i = 0; i < ARRAY_LENGTH(heads); i++) {
		OWNED(answer) struct answer got = {0};
		reset_scene(true);
		int fd = dial();
		send_text(fd, heads[i]);
		for (int j = 0; j < 3; j++)
			send_bytes(fd, piece.data, piece.size);
		assert_true(receive(fd, false, &got));
		assert_int_equal(got.status, 400);
		assert_true(got.closes);
		assert_non_null(strstr(got.head, "\r\nX-Why: enough\r\n"));
		assert_string_equal(buffer_text(&got.body), "INVALID_FIELD: seen enough");
		// It is not read for ever.
		bool open = true;
		for (int j = 0; open && j < 100; j++)
			open = send(fd, piece.data, piece.size, MSG_NOSIGNAL) > 0;
		assert_false(open);
		close(fd);
	}
}

// -- clients that do not send to the end ----------------------------------------------------------------

static void a_cut_body_fails_the_read(void **state)
{
	static const char *const requests[] = {
		"POST /sum?q=a%20b HTTP/1.1\r\n" HOST "X-Probe: here\r\nContent-Length: 1000\r\n\r\nabc",
		"POST /sum?q=a%20b HTTP/1.1\r\n" HOST
		"X-Probe: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"POST /sum?q=a%20b HTTP/1.1\r\n" HOST
		"X-Probe: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(requests) * 2; i++) {
		reset_scene(i % 2);
		int fd = dial();
		send_text(fd, requests[i / 2]);
		wait_until(&scene.entered, 1);
		close(fd);
		open_gate();
		wait_until(&scene.left, 1);
		assert_int_equal(scene.code, ERR_BAD_REQUEST);
		// The head outlives the connection.
		assert_ptr_equal(strstr(scene.head, "POST /sum a b here 127.0.0.1 "), scene.head);
	}
}

static const struct net_site sites[] = {
	{.name = "only", .routes = routes, .route_count = ARRAY_LENGTH(routes)}};

static void start_with(int idle_timeout_s)
{
	const struct net_options options = {
		.listen = "127.0.0.1:0",
		.thread_count = 2,
		.workers = workers,
		.sites = sites,
		.site_count = ARRAY_LENGTH(sites),
		.connections_max = 100,
		.head_bytes_max = 12 * 1024,
		.streams_max = STREAMS_MAX,
		.idle_timeout_s = idle_timeout_s,
	};
	struct error err;
	if (!net_server_start(&options, &server, &err))
		fail_msg("%s", err.message);
}

static void a_silent_client_is_given_up(void **state)
{
	net_server_stop(server);
	start_with(1);
	for (int chunked = 0; chunked < 2; chunked++) {
		OWNED(answer) struct answer got = {0};
		reset_scene(true);
		int fd = dial();
		send_text(fd, chunked ? "POST /sum HTTP/1.1\r\n" HOST
					"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
				      : "POST /sum HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
		assert_false(receive(fd, false, &got));
		wait_until(&scene.left, 1);
		assert_int_equal(scene.code, ERR_TIMEOUT);
		close(fd);
	}
	net_server_stop(server);
	start_with(30);
}

static void who_only_drips_is_given_up(void **state)
{
	net_server_stop(server);
	start_with(1);
	reset_scene(true);
	int fd = dial();
	send_text(fd, "POST /sum HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
	int64_t deadline = clock_monotonic_ms() + 20000;
	bool open = true;
	while (open && clock_monotonic_ms() < deadline) {
		char byte;
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		open = poll(&readable, 1, 100) == 0 || recv(fd, &byte, 1, MSG_DONTWAIT) > 0;
		send_bytes(fd, "x", 1);
	}
	assert_false(open);
	wait_until(&scene.left, 1);
	assert_int_equal(scene.code, ERR_BAD_REQUEST);
	close(fd);
	net_server_stop(server);
	start_with(30);
}

static void a_stop_ends_the_read(void **state)
{
	reset_scene(true);
	int fd = dial();
	send_text(fd, "POST /sum HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\nabc");
	wait_until(&scene.entered, 1);
	net_server_drain(server, clock_monotonic_ms() + 50);
	net_server_stop(server);
	assert_int_equal(scene.left, 1);
	assert_int_equal(scene.code, ERR_SHUTDOWN);
	close(fd);
	start_with(30);
}

// -- files --------------------------------------------------------------------------------------------

static void a_reply_may_be_a_file(void **state)
{
	const size_t sizes[] = {0, 1, FILE_BYTES};
	int fd = dial();
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		char text[200];
		char length[64];
		OWNED(answer) struct answer got = {0};
		OWNED(answer) struct answer head = {0};
		snprintf(text, sizeof(text), "GET /file?size=%zu HTTP/1.1\r\n" HOST "\r\n", sizes[i]);
		snprintf(length, sizeof(length), "\r\nContent-Length: %zu\r\n", sizes[i]);
		send_text(fd, text);
		assert_true(receive(fd, false, &got));
		assert_int_equal(got.status, 200);
		assert_non_null(strstr(got.head, "\r\nContent-Disposition: attachment\r\n"));
		assert_non_null(strstr(got.head, "\r\nContent-Type: application/octet-stream\r\n"));
		assert_int_equal(got.body.size, sizes[i]);
		for (size_t j = 0; j < sizes[i]; j++) {
			if (got.body.data[j] != (char)(j * 31 + j / 1000))
				fail_msg("byte %zu differs", j);
		}
		snprintf(text, sizeof(text), "HEAD /file?size=%zu HTTP/1.1\r\n" HOST "\r\n", sizes[i]);
		send_text(fd, text);
		assert_true(receive(fd, true, &head));
		assert_non_null(strcasestr(head.head, length));
	}
	expect_echo(fd);
	close(fd);
}

// -- all at once --------------------------------------------------------------------------------------

struct racer {
	pthread_t thread;
	unsigned number;
	int answers;
	int refusals;
};

// Bodies of all sizes, read to the end, in part or not, sent whole or cut: each order of the threads must come out right.
static void *race(void *argument)
{
	struct racer *racer = argument;
	unsigned seed = racer->number;
	for (int i = 0; i < 60; i++) {
		OWNED(buffer) struct buffer request = {0};
		struct answer got = {0};
		size_t size = (size_t)rand_r(&seed) % (i % 10 == 0 ? 2000000 : 50000);
		static const char *const paths[] = {"/sum", "/hasty", "/hasty?q=1"};
		post_into(&request, paths[rand_r(&seed) % 3], size, rand_r(&seed) % 2);
		bool cut = rand_r(&seed) % 3 == 0;
		int fd = dial();
		send_bytes(fd, request.data, cut ? request.size / 2 : request.size);
		if (!cut && receive(fd, false, &got)) {
			racer->answers += got.status == 200 || got.status == 400;
			racer->refusals += got.status == 503;
			if (got.status != 200 && got.status != 400 && got.status != 503)
				fprintf(stderr, "%s\n", got.head);
		} else if (cut) {
			racer->answers++;
		} else {
			fprintf(stderr, "no answer: errno %d, size %zu, %.100s\n", errno, size, request.data);
		}
		answer_cleanup(&got);
		close(fd);
	}
	return NULL;
}

static void all_of_it_may_race(void **state)
{
	struct racer racers[8];
	reset_scene(true);
	for (unsigned i = 0; i < ARRAY_LENGTH(racers); i++) {
		racers[i] = (struct racer){.number = i + 1};
		pthread_create(&racers[i].thread, NULL, race, &racers[i]);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		pthread_join(racers[i].thread, NULL);
		assert_int_equal(racers[i].answers + racers[i].refusals, 60);
	}
}

static int set_up(void **state)
{
	struct error err;
	signal(SIGPIPE, SIG_IGN);
	clock_cond_init(&scene.changed);
	if (!crypt_start(&err) || !workers_start(8, 4, &workers, &err))
		return -1;
	start_with(30);
	return 0;
}

static int tear_down(void **state)
{
	net_server_stop(server);
	workers_stop(workers);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_body_as_it_comes),
		cmocka_unit_test(a_body_may_come_byte_by_byte),
		cmocka_unit_test(requests_may_follow_each_other_without_pause),
		cmocka_unit_test(a_handler_that_does_not_read_holds_the_client_back),
		cmocka_unit_test(expect_continue_waits_for_the_handler),
		cmocka_unit_test(a_length_over_the_limit_reaches_no_handler),
		cmocka_unit_test(chunks_over_the_limit_fail_the_read),
		cmocka_unit_test(too_many_at_a_time_are_refused),
		cmocka_unit_test(what_is_left_of_a_short_body_is_dropped),
		cmocka_unit_test(a_long_body_is_not_waited_for),
		cmocka_unit_test(a_cut_body_fails_the_read),
		cmocka_unit_test(a_silent_client_is_given_up),
		cmocka_unit_test(who_only_drips_is_given_up),
		cmocka_unit_test(a_stop_ends_the_read),
		cmocka_unit_test(a_reply_may_be_a_file),
		cmocka_unit_test(all_of_it_may_race),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
