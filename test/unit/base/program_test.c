#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/program.h"

static void tells_status_and_what_was_said(void **state)
{
	(void)state;
	const char *const argv[] = {"sh", "-c", "echo out; echo err >&2; exit 7", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status = 0;
	assert_true(program_run(argv, NULL, &status, &says, &err));
	assert_int_equal(status, 7);
	assert_string_equal(buffer_text(&says), "out\nerr\n");
}

static void arguments_pass_through_no_shell(void **state)
{
	(void)state;
	const char *const argv[] = {"echo", "$HOME; `id` 'x", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status = 1;
	assert_true(program_run(argv, NULL, &status, &says, &err));
	assert_int_equal(status, 0);
	assert_string_equal(buffer_text(&says), "$HOME; `id` 'x\n");
}

static void a_signal_is_128_and_its_number(void **state)
{
	(void)state;
	const char *const argv[] = {"sh", "-c", "kill -KILL $$", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status = 0;
	assert_true(program_run(argv, NULL, &status, &says, &err));
	assert_int_equal(status, 128 + SIGKILL);
}

static void a_program_that_there_is_not(void **state)
{
	(void)state;
	const char *const argv[] = {"no-such-program-of-atoll", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status;
	assert_false(program_run(argv, NULL, &status, &says, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.message, "the program no-such-program-of-atoll is not installed");
}

static void keeps_the_end_of_much_that_is_said(void **state)
{
	(void)state;
	const char *const argv[] = {"sh", "-c", "yes | head -n 100000; echo the end", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status = 1;
	buffer_append_text(&says, "before: ");
	assert_true(program_run(argv, NULL, &status, &says, &err));
	assert_int_equal(says.size, 8 + PROGRAM_SAYS_BYTES_MAX);
	assert_int_equal(strncmp(buffer_text(&says), "before: ", 8), 0);
	assert_string_equal(buffer_text(&says) + says.size - 8, "the end\n");
}

static void inherits_no_descriptors_and_no_input(void **state)
{
	(void)state;
	const char *const argv[] = {"sh", "-c", "cat; ls /proc/self/fd | wc -l", NULL};
	OWNED(buffer) struct buffer says = {0};
	OWNED(fd) int fd = -1;
	struct error err;
	int status = 1;
	assert_true(disk_open("/dev/null", O_RDONLY, &fd, &err));
	assert_true(program_run(argv, NULL, &status, &says, &err));
	assert_string_equal(buffer_text(&says), "4\n"); // and the folder that ls reads
}

static bool stops_soon(void *context)
{
	int64_t *at_ms = context;
	return clock_monotonic_ms() >= *at_ms;
}

// The child ignores what asks it to end.
static void a_stop_ends_it_with_its_children(void **state)
{
	(void)state;
	const char *const argv[] = {"sh", "-c", "trap '' TERM; sleep 60; sleep 60", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status;
	int64_t begun_ms = clock_monotonic_ms();
	int64_t at_ms = begun_ms + 100;
	struct job job = {.is_stopping = stops_soon, .context = &at_ms};
	assert_false(program_run(argv, &job, &status, &says, &err));
	assert_int_equal(err.code, ERR_SHUTDOWN);
	assert_true(clock_monotonic_ms() - begun_ms < 30000);
}

// As a parent that ignores SIGCHLD leaves it to what it starts.
static void an_end_that_nobody_can_tell_is_an_end(void **state)
{
	(void)state;
	const char *const argv[] = {"true", NULL};
	OWNED(buffer) struct buffer says = {0};
	struct error err;
	int status = 0;
	signal(SIGCHLD, SIG_IGN);
	assert_true(program_run(argv, NULL, &status, &says, &err));
	signal(SIGCHLD, SIG_DFL);
	assert_int_equal(status, PROGRAM_STATUS_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_status_and_what_was_said),
		cmocka_unit_test(arguments_pass_through_no_shell),
		cmocka_unit_test(a_signal_is_128_and_its_number),
		cmocka_unit_test(a_program_that_there_is_not),
		cmocka_unit_test(keeps_the_end_of_much_that_is_said),
		cmocka_unit_test(inherits_no_descriptors_and_no_input),
		cmocka_unit_test(an_end_that_nobody_can_tell_is_an_end),
		cmocka_unit_test(a_stop_ends_it_with_its_children),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
