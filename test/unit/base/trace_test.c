#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "base/json_read.h"
#include "base/trace.h"

// Standard error goes to a file while a test looks at it.
struct capture {
	char path[32];
	int saved;
	int file;
};

static void capture_begin(struct capture *capture)
{
	*capture = (struct capture){.path = "/tmp/trace-test-XXXXXX"};
	capture->file = mkstemp(capture->path);
	assert_true(capture->file >= 0);
	fflush(stderr);
	capture->saved = dup(STDERR_FILENO);
	dup2(capture->file, STDERR_FILENO);
	// Lines of several threads are appended, as to a pipe.
	fcntl(STDERR_FILENO, F_SETFL, O_APPEND);
}

static void capture_end(struct capture *capture, struct buffer *out)
{
	struct error err;
	dup2(capture->saved, STDERR_FILENO);
	close(capture->saved);
	close(capture->file);
	bool read = disk_read_file(capture->path, 1 << 24, out, &err);
	unlink(capture->path);
	assert_true(read);
}

static void a_line_has_time_level_event_and_pairs(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	trace_configure(TRACE_INFO, false);
	capture_begin(&capture);
	trace_info("instance.ready", "db", "shop", "why", "two words", "took_ms", TRACE_INT(-7), "nothing",
		   NULL);
	capture_end(&capture, &out);
	const char *text = buffer_text(&out);
	assert_non_null(
		strstr(text, "Z info instance.ready db=shop why=\"two words\" took_ms=-7 nothing=-\n"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void a_value_cannot_forge_a_line(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	capture_begin(&capture);
	trace_warn("x", "value", "a\n2026-01-01 error forged", "empty", "", "quote", "a\"b");
	capture_end(&capture, &out);
	const char *text = buffer_text(&out);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	assert_non_null(strstr(text, "empty=\"\" quote=\"a\\\"b\""));
}

static void json_lines_are_json(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	trace_configure(TRACE_INFO, true);
	capture_begin(&capture);
	trace_error("x", "value", "a\nb \xff", "n", TRACE_INT(3));
	capture_end(&capture, &out);
	trace_configure(TRACE_INFO, false);
	OWNED(json_root) struct json *root = NULL;
	struct error err;
	assert_true(json_read_parse(out.data, out.size, 0, 4, &root, &err));
	assert_string_equal(json_read_text(json_read_get(root, "level"), NULL), "error");
	assert_string_equal(json_read_text(json_read_get(root, "event"), NULL), "x");
	assert_string_equal(json_read_text(json_read_get(root, "n"), NULL), "3");
}

static void the_level_decides_what_is_written(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	enum trace_level level;
	assert_true(trace_level_of("warn", &level));
	assert_false(trace_level_of("loud", &level));
	trace_configure(level, false);
	capture_begin(&capture);
	trace_debug("no");
	trace_info("no");
	trace_warn("yes");
	trace_error("yes");
	capture_end(&capture, &out);
	trace_configure(TRACE_INFO, false);
	assert_null(strstr(buffer_text(&out), " no"));
	assert_non_null(strstr(buffer_text(&out), "warn yes\n"));
	assert_non_null(strstr(buffer_text(&out), "error yes\n"));
}

enum { WRITERS = 4, LINES = 200 };

static void *write_lines(void *argument)
{
	for (int i = 0; i < LINES; i++)
		trace_info("line", "writer", argument, "text", "0123456789012345678901234567890123456789");
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	pthread_t threads[WRITERS];
	static char names[WRITERS][2] = {"a", "b", "c", "d"};
	capture_begin(&capture);
	for (int i = 0; i < WRITERS; i++)
		pthread_create(&threads[i], NULL, write_lines, names[i]);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	capture_end(&capture, &out);
	int lines = 0;
	for (const char *at = buffer_text(&out); *at; lines++) {
		const char *end = strchr(at, '\n');
		assert_non_null(end);
		assert_non_null(strstr(at, " info line writer="));
		assert_memory_equal(end - 41, "=0123456789012345678901234567890123456789", 41);
		at = end + 1;
	}
	assert_int_equal(lines, WRITERS * LINES);
}

static void lines_begin_with_their_priority_when_they_shall(void **state)
{
	OWNED(buffer) struct buffer out = {0};
	struct capture capture;
	trace_configure(TRACE_DEBUG, true);
	trace_mark_priorities(true);
	capture_begin(&capture);
	trace_error("a");
	trace_debug("b");
	trace_mark_priorities(false);
	trace_warn("c");
	capture_end(&capture, &out);
	const char *text = buffer_text(&out);
	assert_memory_equal(text, "<3>{", 4);
	assert_non_null(strstr(text, "\n<7>{"));
	assert_non_null(strstr(text, "\n{"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_time_level_event_and_pairs),
		cmocka_unit_test(a_value_cannot_forge_a_line),
		cmocka_unit_test(json_lines_are_json),
		cmocka_unit_test(the_level_decides_what_is_written),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(lines_begin_with_their_priority_when_they_shall),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
