// A disk that loses what was not synced, for tests that end a server as a loss of power does. Preloaded into it:
//
//     LD_PRELOAD=power.so POWER_FOLDER=/tmp/kept POWER_DELAY_US=5000 atolld …
//
// A sync puts a copy of the file as it was when the sync began into POWER_FOLDER, under the file's number and birth, once
// the sync has taken up to POWER_DELAY_US. After a SIGKILL the test puts these copies in the place of the files: of what
// was written later nothing is left.
// For statx.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *variable(const char *name)
{
	const char *value = getenv(name);
	if (!value)
		abort();
	return value;
}

static void copy(int from, int to)
{
	static char bytes[1 << 16];
	ssize_t size;
	while ((size = read(from, bytes, sizeof(bytes))) > 0) {
		if (write(to, bytes, (size_t)size) != size)
			abort();
	}
	if (size < 0)
		abort();
}

// The descriptor may be one for writing only.
static void copy_file(int fd, const char *target)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int from = open(name, O_RDONLY | O_CLOEXEC);
	int to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from < 0 || to < 0)
		abort();
	copy(from, to);
	close(from);
	close(to);
}

static void take_time(void)
{
	static unsigned int chance = 1;
	long most_us = atol(variable("POWER_DELAY_US"));
	if (most_us > 0)
		usleep((useconds_t)(rand_r(&chance) % most_us));
}

// One at a time: an older copy must not replace a newer one.
static void keep(int fd, const struct statx *about)
{
	char draft[512], target[512];
	const char *folder = variable("POWER_FOLDER");
	snprintf(draft, sizeof(draft), "%s/draft", folder);
	snprintf(target, sizeof(target), "%s/%llu-%lld.%09u", folder, (unsigned long long)about->stx_ino,
		 (long long)about->stx_btime.tv_sec, about->stx_btime.tv_nsec);
	pthread_mutex_lock(&mutex);
	copy_file(fd, draft);
	take_time();
	if (rename(draft, target) != 0)
		abort();
	pthread_mutex_unlock(&mutex);
}

int fdatasync(int fd)
{
	struct statx about;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_BTIME, &about) != 0)
		return -1;
	if (S_ISREG(about.stx_mode))
		keep(fd, &about);
	return 0;
}

int fsync(int fd)
{
	return fdatasync(fd);
}
