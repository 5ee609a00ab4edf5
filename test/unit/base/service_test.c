#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/service.h"

// A manager's socket with a name beside the file system.
static int bind_manager(const char *name)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t size = strlen(name);
	assert_true(fd >= 0);
	memcpy(address.sun_path + 1, name, size);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + size)),
			 0);
	return fd;
}

static void set_pid(const char *variable, int pid)
{
	char text[24];
	snprintf(text, sizeof(text), "%d", pid);
	setenv(variable, text, 1);
}

static void without_a_manager_nothing_happens(void **state)
{
	OWNED(service) struct service service;
	struct error err;
	assert_true(service_open(&service, &err));
	assert_int_equal(service.notify_fd, -1);
	assert_int_equal(service.inherited, -1);
	assert_int_equal(service.watchdog_ms, 0);
	assert_false(service.has_journal);
	service_tell(&service, "READY=1");
}

static void messages_arrive_and_the_variables_go(void **state)
{
	char name[64];
	snprintf(name, sizeof(name), "@atoll-service-test-%d", (int)getpid());
	OWNED(fd) int manager = bind_manager(name + 1);
	setenv("NOTIFY_SOCKET", name, 1);
	setenv("WATCHDOG_USEC", "20000000", 1);
	set_pid("WATCHDOG_PID", getpid());
	OWNED(service) struct service service;
	struct error err;
	assert_true(service_open(&service, &err));
	assert_int_equal(service.watchdog_ms, 20000);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	service_tell(&service, "READY=1\nSTATUS=Serving %s", "here");
	char message[200];
	ssize_t size = recv(manager, message, sizeof(message), MSG_DONTWAIT);
	assert_int_equal(size, strlen("READY=1\nSTATUS=Serving here"));
	assert_memory_equal(message, "READY=1\nSTATUS=Serving here", (size_t)size);
}

static void what_is_meant_for_another_process_is_left_alone(void **state)
{
	set_pid("LISTEN_PID", getpid() + 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("WATCHDOG_USEC", "20000000", 1);
	set_pid("WATCHDOG_PID", getpid() + 1);
	OWNED(service) struct service service;
	struct error err;
	assert_true(service_open(&service, &err));
	assert_int_equal(service.inherited, -1);
	assert_int_equal(service.watchdog_ms, 0);
}

static void one_socket_is_taken_and_two_are_refused(void **state)
{
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "1", 1);
	struct service service;
	struct error err;
	assert_true(service_open(&service, &err));
	assert_int_equal(service.inherited, 3);
	set_pid("LISTEN_PID", getpid());
	setenv("LISTEN_FDS", "2", 1);
	assert_false(service_open(&service, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.message, "LISTEN_FDS"));
}

static void an_address_that_is_none_is_refused(void **state)
{
	char long_path[300];
	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	const char *paths[] = {"relative", long_path};
	for (size_t i = 0; i < ARRAY_LENGTH(paths); i++) {
		setenv("NOTIFY_SOCKET", paths[i], 1);
		OWNED(service) struct service service;
		struct error err;
		assert_false(service_open(&service, &err));
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void the_journal_is_known_by_its_inode(void **state)
{
	struct stat status;
	char text[64];
	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	snprintf(text, sizeof(text), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	for (int same = 0; same < 2; same++) {
		setenv("JOURNAL_STREAM", same ? text : "1:2", 1);
		OWNED(service) struct service service;
		struct error err;
		assert_true(service_open(&service, &err));
		assert_int_equal(service.has_journal, same);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(messages_arrive_and_the_variables_go),
		cmocka_unit_test(what_is_meant_for_another_process_is_left_alone),
		cmocka_unit_test(one_socket_is_taken_and_two_are_refused),
		cmocka_unit_test(an_address_that_is_none_is_refused),
		cmocka_unit_test(the_journal_is_known_by_its_inode),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
