#include "base/service.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/disk.h"

enum { FIRST_INHERITED = 3, MESSAGE_BYTES_MAX = 4096 }; // SD_LISTEN_FDS_START

static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC",  "WATCHDOG_PID",  "LISTEN_PID",
					"LISTEN_FDS",    "LISTEN_FDNAMES", "JOURNAL_STREAM"};

// -1 when it is not there, or no number.
static long long number_in(const char *variable)
{
	const char *text = getenv(variable);
	if (!text || text[0] < '0' || text[0] > '9')
		return -1;
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	return *end == '\0' && errno == 0 ? number : -1;
}

static bool open_notify(struct service *service, struct error *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (!path || path[0] == '\0')
		return true;
	size_t size = strlen(path);
	struct sockaddr_un *address = &service->notify_address;
	if ((path[0] != '/' && path[0] != '@') || size >= sizeof(address->sun_path))
		return error_set(err, ERR_USAGE, "NOTIFY_SOCKET: \"%s\" is no address of a socket", path);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, size);
	if (path[0] == '@')
		address->sun_path[0] = '\0'; // a name beside the file system
	service->notify_address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
	service->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return service->notify_fd >= 0 || error_errno(err, errno, "socket", "NOTIFY_SOCKET cannot be used");
}

static bool find_inherited(struct service *service, struct error *err)
{
	// Meant for another process, which did not clear its environment.
	if (number_in("LISTEN_PID") != getpid())
		return true;
	long long count = number_in("LISTEN_FDS");
	if (count > 1)
		return error_set(
			err, ERR_USAGE,
			"%lld sockets were handed over (LISTEN_FDS), and atolld serves one: its socket unit"
			" may have one ListenStream=",
			count);
	if (count == 1)
		service->inherited = FIRST_INHERITED;
	return true;
}

static void find_watchdog(struct service *service)
{
	long long pid = number_in("WATCHDOG_PID");
	long long us = number_in("WATCHDOG_USEC");
	if (us > 0 && (pid < 0 || pid == getpid()))
		service->watchdog_ms = us < 1000 ? 1 : us / 1000;
}

// JOURNAL_STREAM is DEVICE:INODE of what the manager connected, which may have been redirected since.
static bool leads_to_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat status;
	if (!stream || fstat(fd, &status) != 0)
		return false;
	char mine[64];
	snprintf(mine, sizeof(mine), "%llu:%llu", (unsigned long long)status.st_dev,
		 (unsigned long long)status.st_ino);
	return strcmp(mine, stream) == 0;
}

bool service_open(struct service *out, struct error *err)
{
	*out = (struct service){.notify_fd = -1, .inherited = -1};
	find_watchdog(out);
	out->has_journal = leads_to_journal(STDERR_FILENO);
	bool good = find_inherited(out, err) && open_notify(out, err);
	for (size_t i = 0; i < ARRAY_LENGTH(variables); i++)
		unsetenv(variables[i]);
	return good;
}

void service_cleanup(struct service *service)
{
	fd_cleanup(&service->notify_fd);
	fd_cleanup(&service->inherited);
}

void service_tell(const struct service *service, const char *format, ...)
{
	if (service->notify_fd < 0)
		return;
	char message[MESSAGE_BYTES_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	ssize_t ignored UNUSED =
		sendto(service->notify_fd, message, strlen(message), MSG_NOSIGNAL | MSG_DONTWAIT,
		       (const struct sockaddr *)&service->notify_address, service->notify_address_size);
}
