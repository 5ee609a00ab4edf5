#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/json_read.h"
#include "base/workers.h"
#include "net/server.h"
#include "unit/net/http_client.h"

// A real server with two sites, spoken to over raw sockets.

enum { BODY_MAX = 1000, HEAD_MAX = 12 * 1024 };

struct held {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct net_request *request; // guarded by mutex
	int entered;
	bool hang_ends;
};

static struct held held = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static struct workers *workers;
static struct net_server *server;

// -- sites --------------------------------------------------------------------------------------------

static void echo(void *context, struct net_request *request)
{
	struct buffer *reply = net_reply_body(request);
	buffer_printf(reply, "%s %s|%s|", (const char *)context, net_request_method(request),
		      net_request_path(request));
	const char *name = net_request_param(request, "name");
	const char *query = net_request_query(request, "q");
	const char *header = net_request_header(request, "x-probe");
	const char *label = net_request_label(request);
	buffer_printf(reply, "%s|%s|%s|%s|", name ? name : "-", query ? query : "-", header ? header : "-",
		      label ? label : "-");
	const struct buffer *body = net_request_body(request);
	if (body->size > 0)
		buffer_append(reply, body->data, body->size);
	net_reply_type(request, "text/plain");
	net_request_finish(request);
}

static void empty(void *context, struct net_request *request)
{
	net_request_finish(request);
}

// Keeps the request until release_held.
static void hold(void *context, struct net_request *request)
{
	pthread_mutex_lock(&held.mutex);
	held.request = request;
	held.entered++;
	pthread_cond_broadcast(&held.changed);
	pthread_mutex_unlock(&held.mutex);
}

// Does what no handler on a network thread may: blocks until hang_ends.
static void hang(void *context, struct net_request *request)
{
	hold(context, request);
	pthread_mutex_lock(&held.mutex);
	while (!held.hang_ends)
		clock_cond_wait(&held.changed, &held.mutex, INT64_MAX);
	pthread_mutex_unlock(&held.mutex);
	net_request_finish(request);
}

static void finish_on_worker(void *context, struct net_request *request)
{
	echo(context, request);
}

static void run_again(void *context, struct net_request *request)
{
	net_request_run(request, finish_on_worker, context, true);
}

static void refuse_as_data(void *context, struct net_request *request, const struct error *err)
{
	net_reply_status(request, err->code == ERR_BODY_TOO_LARGE ? 413 : 404);
	buffer_printf(net_reply_body(request), "{\"message\":\"%s\",\"code\":\"%s\"}", err->message,
		      error_code_name(err->code));
}

static bool claims_data(void *context, struct net_request *request)
{
	const char *path = net_request_path(request);
	if (strncmp(path, "/db/", 4) != 0)
		return false;
	const char *slash = strchr(path + 4, '/');
	char label[64];
	snprintf(label, sizeof(label), "%.*s", slash ? (int)(slash - path - 4) : 60, path + 4);
	net_request_set_target(request, label, slash ? slash : "/");
	return true;
}

static const struct net_route data_routes[] = {
	{"POST", "/v2/pipeline", echo, NET_INLINE, BODY_MAX, NULL},
	{"GET", "/", echo, NET_INLINE, 0, NULL},
};

static const struct net_route api_routes[] = {
	{"GET", "/things/{name}", echo, NET_INLINE, 0, NULL},
	{"POST", "/things/{name}", echo, NET_INLINE, BODY_MAX, NULL},
	{"POST", "/worker", echo, NET_WORKER, BODY_MAX, NULL},
	{"POST", "/again", run_again, NET_INLINE, BODY_MAX, NULL},
	{"GET", "/hang", hang, NET_INLINE, 0, NULL},
	{"GET", "/hold", hold, NET_INLINE, 0, NULL},
	{"GET", "/empty", empty, NET_INLINE, 0, NULL},
};

static int dial(void)
{
	return dial_server(server);
}

// One connection, one request.
static bool ask(const char *bytes, size_t size, struct answer *out)
{
	int fd = dial();
	send_bytes(fd, bytes, size);
	bool answered = receive(fd, strncmp(bytes, "HEAD", 4) == 0, out);
	close(fd);
	return answered;
}

static bool is_json_error(struct answer *answer)
{
	struct error err;
	OWNED(json_root) struct json *root = NULL;
	if (!json_read_parse(body_of(answer), answer->body.size, 0, 8, &root, &err))
		return false;
	return strcasestr(answer->head, "\r\nContent-Type: application/json\r\n") &&
	       json_read_get(root, "error");
}

// -- requests that are well formed --------------------------------------------------------------------

struct good {
	const char *request;
	int status;
	const char *body;
};

#define HOST "Host: localhost\r\n"

static const struct good good_requests[] = {
	{"GET /things/a?q=1 HTTP/1.1\r\n" HOST "X-Probe: yes\r\n\r\n", 200, "api GET|/things/a|a|1|yes|-|"},
	{"GET /things/a/ HTTP/1.1\r\n" HOST "\r\n", 200, "api GET|/things/a/|a|-|-|-|"},
	{"GET /things/a%20b?q=x%26y+z&r HTTP/1.1\r\n" HOST "\r\n", 200,
	 "api GET|/things/a%20b|a b|x&y z|-|-|"},
	{"GET /things/a?q HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
	{"GET /things/a? HTTP/1.1\r\n" HOST "\r\n", 200, NULL},
	{"GET http://localhost/things/a HTTP/1.1\r\n" HOST "\r\n", 200, "api GET|/things/a|a|-|-|-|"},
	{"GET /things/a HTTP/1.0\r\n\r\n", 200, "api GET|/things/a|a|-|-|-|"},
	{"GET /things/a HTTP/1.1\r\nhOsT:localhost\r\nx-PROBE: \t v w \t\r\n\r\n", 200,
	 "api GET|/things/a|a|-|v w|-|"},
	{"GET /things/a HTTP/1.1\r\n" HOST "X-Empty:\r\n\r\n", 200, "api GET|/things/a|a|-|-|-|"},
	{"GET /things/a HTTP/1.1\r\n" HOST "Cookie: a=b; c=\"d\"\r\n\r\n", 200, "api GET|/things/a|a|-|-|-|"},
	{"GET /things/a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz", 200, "api GET|/things/a|a|-|-|-|"},
	{"POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz", 200,
	 "api POST|/things/a|a|-|-|-|xyz"},
	{"POST /things/a HTTP/1.1\r\n" HOST
	 "Transfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n",
	 200, "api POST|/things/a|a|-|-|-|xyz"},
	{"POST /worker HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz", 200,
	 "api POST|/worker|-|-|-|-|xyz"},
	{"POST /again HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz", 200, "api POST|/again|-|-|-|-|xyz"},
	{"POST /db/my-db/v2/pipeline HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nxyz", 200,
	 "data POST|/v2/pipeline|-|-|-|my-db|xyz"},
	{"GET /db/my-db HTTP/1.1\r\n" HOST "\r\n", 200, "data GET|/|-|-|-|my-db|"},
	{"GET /empty HTTP/1.1\r\n" HOST "\r\n", 200, ""},
	{"HEAD /things/a HTTP/1.1\r\n" HOST "\r\n", 200, ""},
	{"GET /nowhere HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
	{"GET //things/a HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
	{"GET /things/a%2Fb HTTP/1.1\r\n" HOST "\r\n", 400, NULL},
	{"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 404, NULL},
	{"BREW /things/a HTTP/1.1\r\n" HOST "\r\n", 405, NULL},
	{"GET /db/x/nowhere HTTP/1.1\r\n" HOST "\r\n", 404,
	 "{\"message\":\"not found\",\"code\":\"ROUTE_NOT_FOUND\"}"},
};

static void answers_requests(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(good_requests); i++) {
		const struct good *good = &good_requests[i];
		print_message("%.60s\n", good->request);
		OWNED(answer) struct answer answer = {0};
		assert_true(ask(good->request, strlen(good->request), &answer));
		assert_int_equal(answer.status, good->status);
		if (good->body)
			assert_string_equal(body_of(&answer), good->body);
		if (good->status >= 400 && !good->body)
			assert_true(is_json_error(&answer));
		assert_non_null(strcasestr(answer.head, "\r\nX-Request-Id: "));
	}
}

static void a_refused_method_is_told_the_allowed_ones(void **state)
{
	OWNED(answer) struct answer answer = {0};
	const char *request = "PUT /things/a HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nxx";
	assert_true(ask(request, strlen(request), &answer));
	assert_int_equal(answer.status, 405);
	assert_non_null(strstr(answer.head, "\r\nAllow: GET, HEAD, POST\r\n"));
	assert_true(is_json_error(&answer));
}

static void echoes_a_request_id_and_makes_one(void **state)
{
	OWNED(answer) struct answer given = {0};
	const char *with = "GET /things/a HTTP/1.1\r\n" HOST "X-Request-Id: abc-123\r\n\r\n";
	assert_true(ask(with, strlen(with), &given));
	assert_non_null(strstr(given.head, "\r\nX-Request-Id: abc-123\r\n"));
	OWNED(answer) struct answer odd = {0};
	const char *bad = "GET /things/a HTTP/1.1\r\n" HOST "X-Request-Id: a b\r\n\r\n";
	assert_true(ask(bad, strlen(bad), &odd));
	assert_null(strstr(odd.head, "X-Request-Id: a b"));
	assert_non_null(strstr(odd.head, "X-Request-Id: "));
}

static void one_connection_serves_many_requests(void **state)
{
	int fd = dial();
	for (int i = 0; i < 50; i++) {
		char request[200];
		snprintf(request, sizeof(request),
			 "POST %s HTTP/1.1\r\n" HOST "X-Probe: %d\r\nContent-Length: 2\r\n\r\n%02d",
			 i % 3 == 0 ? "/worker" : "/things/a", i, i);
		send_text(fd, request);
		OWNED(answer) struct answer answer = {0};
		assert_true(receive(fd, false, &answer));
		char expected[100];
		snprintf(expected, sizeof(expected), "api POST|%s|%s|-|%d|-|%02d",
			 i % 3 == 0 ? "/worker" : "/things/a", i % 3 == 0 ? "-" : "a", i, i);
		assert_string_equal(body_of(&answer), expected);
		assert_false(answer.closes);
	}
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	int fd = dial();
	send_text(fd, "GET /things/1 HTTP/1.1\r\n" HOST "\r\nPOST /worker HTTP/1.1\r\n" HOST
		      "Content-Length: 1\r\n\r\n2GET /things/3 HTTP/1.1\r\n" HOST "\r\n");
	const char *expected[] = {"api GET|/things/1|1|-|-|-|", "api POST|/worker|-|-|-|-|2",
				  "api GET|/things/3|3|-|-|-|"};
	for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
		OWNED(answer) struct answer answer = {0};
		assert_true(receive(fd, false, &answer));
		assert_string_equal(body_of(&answer), expected[i]);
	}
	close(fd);
}

static void many_requests_may_come_before_the_first_answer(void **state)
{
	enum { REQUESTS = 1000 };
	OWNED(buffer) struct buffer all = {0};
	for (int i = 0; i < REQUESTS; i++)
		buffer_printf(&all, "POST /things/%d HTTP/1.1\r\n" HOST "Content-Length: 40\r\n\r\n%040d", i,
			      i);
	int fd = dial();
	send_bytes(fd, all.data, all.size);
	for (int i = 0; i < REQUESTS; i++) {
		OWNED(answer) struct answer answer = {0};
		char expected[100];
		assert_true(receive(fd, false, &answer));
		snprintf(expected, sizeof(expected), "api POST|/things/%d|%d|-|-|-|%040d", i, i, i);
		assert_string_equal(body_of(&answer), expected);
	}
	close(fd);
}

static void a_head_may_come_byte_by_byte(void **state)
{
	int fd = dial();
	const char *request =
		"POST /things/a HTTP/1.1\r\n" HOST "X-Probe: slow\r\nContent-Length: 3\r\n\r\nxyz";
	for (const char *at = request; *at; at++)
		send_bytes(fd, at, 1);
	OWNED(answer) struct answer answer = {0};
	assert_true(receive(fd, false, &answer));
	assert_string_equal(body_of(&answer), "api POST|/things/a|a|-|slow|-|xyz");
	close(fd);
}

static void expect_continue_is_answered_before_the_body(void **state)
{
	int fd = dial();
	send_text(fd, "POST /things/a HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	OWNED(answer) struct answer first = {0};
	assert_true(receive(fd, false, &first));
	assert_int_equal(first.status, 100);
	send_text(fd, "xyz");
	OWNED(answer) struct answer second = {0};
	assert_true(receive(fd, false, &second));
	assert_string_equal(body_of(&second), "api POST|/things/a|a|-|-|-|xyz");
	close(fd);
}

static void a_refused_expectation_gets_no_continue(void **state)
{
	int fd = dial();
	send_text(fd, "POST /nowhere HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
	OWNED(answer) struct answer answer = {0};
	assert_true(receive(fd, false, &answer));
	assert_int_equal(answer.status, 404);
	assert_true(answer.closes);
	close(fd);
}

// -- requests that are malformed ----------------------------------------------------------------------

struct bad {
	const char *name;
	const char *bytes;
	size_t size;
	int status;
	bool by_library; // refused by the HTTP library in its own words
};

#define BYTES(text) text, sizeof(text) - 1

static const struct bad bad_requests[] = {
	{"NUL in a value", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), 400, false},
	{"NUL at a value's begin", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: \0b\r\n\r\n"), 400, false},
	{"NUL in the last value", BYTES("GET /things/a HTTP/1.1\r\nHost: x\0y\r\n\r\n"), 400, false},
	{"NUL in a name", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n"), 400, true},
	{"NUL in the path", BYTES("GET /things/\0a HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"NUL in the query", BYTES("GET /things/a?q=\0x HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"NUL in the method", BYTES("GE\0T /things/a HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"two equal lengths",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400,
	 false},
	{"two lengths",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"), 400,
	 false},
	{"length and chunks",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST
	       "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	 400, false},
	{"two encodings",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST
	       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	 400, false},
	{"unknown encoding", BYTES("POST /things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\nx"),
	 400, false},
	{"encoding list",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400,
	 false},
	{"chunks in HTTP/1.0",
	 BYTES("POST /things/a HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400, false},
	{"length with a sign", BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx"), 400,
	 true},
	{"negative length", BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n"), 400,
	 true},
	{"length list", BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx"), 400, true},
	{"huge length",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n"), 413, true},
	{"blank before the colon", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X : a\r\n\r\n"), 400, false},
	{"tab before the colon", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n"), 400, false},
	{"blank before the length's colon",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\nx"), 400, false},
	{"no name", BYTES("GET /things/a HTTP/1.1\r\n" HOST ": a\r\n\r\n"), 400, false},
	{"no colon", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X\r\n\r\n"), 400, true},
	{"folded line", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n"), 400, false},
	{"folded first line", BYTES("GET /things/a HTTP/1.1\r\n X: a\r\n" HOST "\r\n"), 400, false},
	{"bare LF", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n"), 400, false},
	{"bare LF at the end", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\r\n\n"), 400, false},
	{"bare LF after the request line", BYTES("GET /things/a HTTP/1.1\n" HOST "\r\n"), 400, false},
	{"bare CR in a value", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n"), 400, false},
	{"control character", BYTES("GET /things/a HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n"), 400, false},
	{"no host", BYTES("GET /things/a HTTP/1.1\r\nX: a\r\n\r\n"), 400, false},
	{"no header at all", BYTES("GET /things/a HTTP/1.1\r\n\r\n"), 400, false},
	{"two hosts", BYTES("GET /things/a HTTP/1.1\r\n" HOST HOST "\r\n"), 400, false},
	{"host with a blank", BYTES("GET /things/a HTTP/1.1\r\nHost: a b\r\n\r\n"), 400, false},
	{"host with a slash", BYTES("GET /things/a HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400, false},
	{"blank in the path", BYTES("GET /things/a b HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"two blanks", BYTES("GET  /things/a HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"blank after the version", BYTES("GET /things/a HTTP/1.1 \r\n" HOST "\r\n"), 400, true},
	{"control character in the path", BYTES("GET /things/\x7f HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"bad method", BYTES("G(T /things/a HTTP/1.1\r\n" HOST "\r\n"), 400, false},
	{"bad version", BYTES("GET /things/a HTTX/1.1\r\n" HOST "\r\n"), 400, true},
	{"HTTP/2.0", BYTES("GET /things/a HTTP/2.0\r\n" HOST "\r\n"), 505, true},
	{"HTTP/0.9", BYTES("GET /things/a HTTP/0.9\r\n" HOST "\r\n"), 505, true},
	{"bad chunk", BYTES("POST /things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
	 400, true},
	{"chunk without its end",
	 BYTES("POST /things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n"),
	 400, true},
};

static void refuses_what_is_malformed_and_closes(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(bad_requests); i++) {
		const struct bad *bad = &bad_requests[i];
		print_message("%s\n", bad->name);
		OWNED(answer) struct answer answer = {0};
		assert_true(ask(bad->bytes, bad->size, &answer));
		if (answer.status != bad->status)
			print_message("got %s\n", answer.head);
		assert_int_equal(answer.status, bad->status);
		assert_true(answer.closes);
		if (!bad->by_library)
			assert_true(is_json_error(&answer));
	}
}

static void what_is_no_http_is_not_answered_with_success(void **state)
{
	const char *garbage[] = {"\x16\x03\x01\x02\x01\x01\r\n\r\n", "hello\r\n\r\n", "GET\r\n\r\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(garbage); i++) {
		OWNED(answer) struct answer answer = {0};
		bool answered = ask(garbage[i], strlen(garbage[i]), &answer);
		assert_true(!answered || answer.status == 400);
	}
	OWNED(answer) struct answer after = {0};
	const char *good = "GET /things/a HTTP/1.1\r\n" HOST "\r\n";
	assert_true(ask(good, strlen(good), &after));
	assert_int_equal(after.status, 200);
}

static void head_of(struct buffer *out, size_t value_size)
{
	buffer_append_text(out, "GET /things/a HTTP/1.1\r\n" HOST "X: ");
	for (size_t i = 0; i < value_size; i++)
		buffer_append_byte(out, 'x');
	buffer_append_text(out, "\r\n\r\n");
}

static void a_head_is_limited(void **state)
{
	const struct {
		size_t value_size;
		int status;
	} rows[] = {{HEAD_MAX - 100, 200}, {HEAD_MAX, 431}, {HEAD_MAX * 10, 431}};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		OWNED(buffer) struct buffer head = {0};
		OWNED(answer) struct answer answer = {0};
		head_of(&head, rows[i].value_size);
		assert_true(ask(head.data, head.size, &answer));
		assert_int_equal(answer.status, rows[i].status);
	}
	OWNED(buffer) struct buffer many = {0};
	OWNED(answer) struct answer answer = {0};
	buffer_append_text(&many, "GET /things/a HTTP/1.1\r\n" HOST);
	for (int i = 0; i < 120; i++)
		buffer_printf(&many, "X-%d: y\r\n", i);
	buffer_append_text(&many, "\r\n");
	assert_true(ask(many.data, many.size, &answer));
	assert_int_equal(answer.status, 431);
	assert_true(is_json_error(&answer));
}

// -- bodies -------------------------------------------------------------------------------------------

static void post_of(struct buffer *out, const char *path, size_t size, bool chunked)
{
	buffer_printf(out, "POST %s HTTP/1.1\r\n" HOST, path);
	if (chunked)
		buffer_printf(out, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
	else
		buffer_printf(out, "Content-Length: %zu\r\n\r\n", size);
	for (size_t i = 0; i < size; i++)
		buffer_append_byte(out, 'b');
	if (chunked)
		buffer_append_text(out, "\r\n0\r\n\r\n");
}

static void a_body_is_limited_by_its_route(void **state)
{
	const size_t sizes[] = {BODY_MAX, BODY_MAX + 1, 100 * BODY_MAX, 1024 * 1024};
	for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
		for (int chunked = 0; chunked < 2; chunked++) {
			OWNED(buffer) struct buffer request = {0};
			OWNED(answer) struct answer answer = {0};
			OWNED(answer) struct answer next = {0};
			post_of(&request, "/things/a", sizes[i], chunked);
			buffer_append_text(&request, "GET /things/next HTTP/1.1\r\n" HOST "\r\n");
			int fd = dial();
			send_bytes(fd, request.data, request.size);
			assert_true(receive(fd, false, &answer));
			assert_int_equal(answer.status, sizes[i] <= BODY_MAX ? 200 : 413);
			if (sizes[i] > BODY_MAX)
				assert_true(is_json_error(&answer));
			// The body was read to its end, so the connection goes on.
			assert_true(receive(fd, false, &next));
			assert_string_equal(body_of(&next), "api GET|/things/next|next|-|-|-|");
			close(fd);
		}
	}
}

static void the_site_forms_its_own_refusals(void **state)
{
	OWNED(buffer) struct buffer request = {0};
	OWNED(answer) struct answer answer = {0};
	post_of(&request, "/db/x/v2/pipeline", BODY_MAX + 1, false);
	assert_true(ask(request.data, request.size, &answer));
	assert_int_equal(answer.status, 413);
	assert_non_null(strstr(body_of(&answer), "\"code\":\"BODY_TOO_LARGE\""));
}

static void an_endless_body_is_not_read_to_its_end(void **state)
{
	int fd = dial();
	send_text(fd, "POST /things/a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
	char chunk[65536];
	memset(chunk, 'x', sizeof(chunk));
	char size[16];
	snprintf(size, sizeof(size), "%zx\r\n", sizeof(chunk));
	int sent = 0;
	bool open = true;
	for (; open && sent < 1000; sent++) {
		send_text(fd, size);
		send_bytes(fd, chunk, sizeof(chunk));
		open = send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2;
	}
	assert_true(sent < 1000);
	close(fd);
}

static void a_huge_declared_body_is_refused_at_once(void **state)
{
	OWNED(answer) struct answer answer = {0};
	const char *request = "POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 100000000000\r\n\r\n";
	assert_true(ask(request, strlen(request), &answer));
	assert_int_equal(answer.status, 413);
	assert_true(answer.closes);
	assert_true(is_json_error(&answer));
}

// -- requests that are held ---------------------------------------------------------------------------

static struct net_request *wait_for_held(void)
{
	pthread_mutex_lock(&held.mutex);
	int64_t deadline = clock_monotonic_ms() + 20000;
	while (!held.request && clock_cond_wait(&held.changed, &held.mutex, deadline)) {
	}
	struct net_request *request = held.request;
	held.request = NULL;
	pthread_mutex_unlock(&held.mutex);
	assert_non_null(request);
	return request;
}

static void a_held_request_is_answered_from_another_thread(void **state)
{
	int fd = dial();
	send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct net_request *request = wait_for_held();
	assert_false(net_request_is_abandoned(request));
	buffer_append_text(net_reply_body(request), "\"later\"");
	net_request_finish(request);
	OWNED(answer) struct answer answer = {0};
	assert_true(receive(fd, false, &answer));
	assert_string_equal(body_of(&answer), "\"later\"");
	close(fd);
}

static bool becomes_alive(bool wanted)
{
	int64_t deadline = clock_monotonic_ms() + 20000;
	while (net_server_is_alive(server) != wanted && clock_monotonic_ms() < deadline)
		usleep(20000);
	return net_server_is_alive(server) == wanted;
}

static void a_network_thread_that_hangs_is_noticed(void **state)
{
	// A request that is under way elsewhere is none.
	int held_fd = dial();
	send_text(held_fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct net_request *request = wait_for_held();
	for (int i = 0; i < 150; i++) {
		assert_true(net_server_is_alive(server));
		usleep(20000);
	}
	net_request_finish(request);
	close(held_fd);
	int fd = dial();
	send_text(fd, "GET /hang HTTP/1.1\r\n" HOST "\r\n");
	request = wait_for_held();
	assert_true(becomes_alive(false));
	pthread_mutex_lock(&held.mutex);
	held.hang_ends = true;
	pthread_cond_broadcast(&held.changed);
	pthread_mutex_unlock(&held.mutex);
	OWNED(answer) struct answer answer = {0};
	assert_true(receive(fd, false, &answer));
	assert_true(becomes_alive(true));
	close(fd);
}

static void a_request_outlives_its_client(void **state)
{
	int fd = dial();
	send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct net_request *request = wait_for_held();
	close(fd);
	int64_t deadline = clock_monotonic_ms() + 20000;
	while (!net_request_is_abandoned(request) && clock_monotonic_ms() < deadline) {
	}
	assert_true(net_request_is_abandoned(request));
	buffer_append_text(net_reply_body(request), "\"nobody reads this\"");
	net_request_finish(request);
}

struct racer {
	pthread_t thread;
	int fd;
	int answers;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	for (int i = 0; i < 300; i++) {
		send_text(racer->fd, "POST /again HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");
		struct answer answer;
		if (receive(racer->fd, false, &answer) && answer.status == 200 && answer.body.size > 0)
			racer->answers++;
		answer_cleanup(&answer);
	}
	return NULL;
}

// Workers finish while the network thread suspends: each order of the two must come out right.
static void finishing_and_suspending_may_race(void **state)
{
	struct racer racers[8];
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		racers[i] = (struct racer){.fd = dial()};
		pthread_create(&racers[i].thread, NULL, race, &racers[i]);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		pthread_join(racers[i].thread, NULL);
		close(racers[i].fd);
		assert_int_equal(racers[i].answers, 300);
	}
}

// -- life ---------------------------------------------------------------------------------------------

static void start_with(int idle_timeout_s)
{
	static const struct net_site sites[] = {
		{.name = "data",
		 .routes = data_routes,
		 .route_count = ARRAY_LENGTH(data_routes),
		 .context = (void *)(uintptr_t) "data",
		 .claims = claims_data,
		 .refuse = refuse_as_data},
		{.name = "api",
		 .routes = api_routes,
		 .route_count = ARRAY_LENGTH(api_routes),
		 .context = (void *)(uintptr_t) "api"},
	};
	const struct net_options options = {
		.listen = "127.0.0.1:0",
		.thread_count = 2,
		.workers = workers,
		.sites = sites,
		.site_count = ARRAY_LENGTH(sites),
		.connections_max = 100,
		.head_bytes_max = HEAD_MAX,
		.idle_timeout_s = idle_timeout_s,
	};
	struct error err;
	if (!net_server_start(&options, &server, &err))
		fail_msg("%s", err.message);
}

static void start(void)
{
	start_with(30);
}

// Sends a byte now and then, never silent and never done.
static bool is_cut_off_while_it_drips(const char *begin, char drop)
{
	int fd = dial();
	struct timeval pause = {.tv_usec = 100000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
	send_text(fd, begin);
	int64_t deadline = clock_monotonic_ms() + 20000;
	bool open = true;
	while (open && clock_monotonic_ms() < deadline) {
		char byte;
		ssize_t got = recv(fd, &byte, 1, 0);
		open = got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
		send_bytes(fd, &drop, 1);
	}
	close(fd);
	return !open;
}

static void who_only_drips_is_cut_off(void **state)
{
	net_server_stop(server);
	start_with(1);
	assert_true(is_cut_off_while_it_drips("GET /things/a HTTP/1.1\r\nX: ", 'x'));
	assert_true(is_cut_off_while_it_drips(
		"POST /things/a HTTP/1.1\r\n" HOST "Content-Length: 900\r\n\r\n", 'x'));
	net_server_stop(server);
	start();
}

static void *drain(void *argument)
{
	net_server_drain(server, clock_monotonic_ms() + 20000);
	return NULL;
}

static void a_drain_lets_requests_under_way_finish(void **state)
{
	int fd = dial();
	int idle = dial();
	send_text(idle, "GET /things/a HTTP/1.1\r\n" HOST "\r\n");
	OWNED(answer) struct answer first = {0};
	assert_true(receive(idle, false, &first));
	send_text(fd, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
	struct net_request *request = wait_for_held();
	pthread_t thread;
	pthread_create(&thread, NULL, drain, NULL);

	OWNED(answer) struct answer refused = {0};
	do {
		answer_cleanup(&refused);
		send_text(idle, "GET /things/a HTTP/1.1\r\n" HOST "\r\n");
		assert_true(receive(idle, false, &refused));
	} while (refused.status == 200 && !refused.closes);
	if (refused.status != 200) {
		assert_int_equal(refused.status, 503);
		assert_true(is_json_error(&refused));
	}
	assert_true(refused.closes);

	buffer_append_text(net_reply_body(request), "\"finished\"");
	net_request_finish(request);
	OWNED(answer) struct answer answer = {0};
	assert_true(receive(fd, false, &answer));
	assert_int_equal(answer.status, 200);
	assert_true(answer.closes);
	assert_string_equal(body_of(&answer), "\"finished\"");
	pthread_join(thread, NULL);
	net_server_stop(server);
	close(fd);
	close(idle);
	start();
}

static void a_taken_address_is_named(void **state)
{
	struct net_options options = {
		.listen = net_server_address(server),
		.workers = workers,
		.connections_max = 1,
		.head_bytes_max = HEAD_MAX,
		.idle_timeout_s = 1,
	};
	struct net_server *other;
	struct error err;
	assert_false(net_server_start(&options, &other, &err));
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.message, net_server_address(server)));
	options.listen = "nonsense";
	assert_false(net_server_start(&options, &other, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

static int set_up(void **state)
{
	struct error err;
	signal(SIGPIPE, SIG_IGN);
	clock_cond_init(&held.changed);
	if (!crypt_start(&err) || !workers_start(8, 4, &workers, &err))
		return -1;
	start();
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
		cmocka_unit_test(answers_requests),
		cmocka_unit_test(a_refused_method_is_told_the_allowed_ones),
		cmocka_unit_test(echoes_a_request_id_and_makes_one),
		cmocka_unit_test(one_connection_serves_many_requests),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(many_requests_may_come_before_the_first_answer),
		cmocka_unit_test(a_head_may_come_byte_by_byte),
		cmocka_unit_test(expect_continue_is_answered_before_the_body),
		cmocka_unit_test(a_refused_expectation_gets_no_continue),
		cmocka_unit_test(refuses_what_is_malformed_and_closes),
		cmocka_unit_test(what_is_no_http_is_not_answered_with_success),
		cmocka_unit_test(a_head_is_limited),
		cmocka_unit_test(a_body_is_limited_by_its_route),
		cmocka_unit_test(the_site_forms_its_own_refusals),
		cmocka_unit_test(an_endless_body_is_not_read_to_its_end),
		cmocka_unit_test(a_huge_declared_body_is_refused_at_once),
		cmocka_unit_test(a_held_request_is_answered_from_another_thread),
		cmocka_unit_test(a_network_thread_that_hangs_is_noticed),
		cmocka_unit_test(a_request_outlives_its_client),
		cmocka_unit_test(finishing_and_suspending_may_race),
		cmocka_unit_test(who_only_drips_is_cut_off),
		cmocka_unit_test(a_drain_lets_requests_under_way_finish),
		cmocka_unit_test(a_taken_address_is_named),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
