#include "base/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"

enum { LOOK_MS = 100, TERM_MS = 2000, PIECE_BYTES = 4096 };

// The parent's blocked and ignored signals are its own affair.
static bool prepare(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int says)
{
	sigset_t none;
	sigset_t all;
	sigemptyset(&none);
	sigfillset(&all);
	return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
							    POSIX_SPAWN_SETSIGDEF) == 0 &&
	       posix_spawnattr_setpgroup(attributes, 0) == 0 &&
	       posix_spawnattr_setsigmask(attributes, &none) == 0 &&
	       posix_spawnattr_setsigdefault(attributes, &all) == 0 &&
	       posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
	       posix_spawn_file_actions_adddup2(actions, says, STDOUT_FILENO) == 0 &&
	       posix_spawn_file_actions_adddup2(actions, says, STDERR_FILENO) == 0 &&
	       posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1) == 0;
}

static bool start(const char *const *argv, int says, pid_t *out, struct error *err)
{
	posix_spawnattr_t attributes;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_init(&actions);
	int reason = EINVAL;
	if (prepare(&attributes, &actions, says))
		reason = posix_spawnp(out, argv[0], &actions, &attributes, (char *const *)(uintptr_t)argv,
				      environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	if (reason == ENOENT)
		return error_set(err, ERR_NOT_FOUND, "the program %s is not installed", argv[0]);
	return reason == 0 || error_errno(err, reason, argv[0], "the program %s cannot be started", argv[0]);
}

// Of much that is said the last tells most.
static void keep(struct buffer *says, size_t begin, const char *bytes, size_t size)
{
	buffer_append(says, bytes, size);
	size_t kept = says->size - begin;
	if (kept <= PROGRAM_SAYS_BYTES_MAX)
		return;
	memmove(says->data + begin, says->data + says->size - PROGRAM_SAYS_BYTES_MAX, PROGRAM_SAYS_BYTES_MAX);
	buffer_truncate(says, begin + PROGRAM_SAYS_BYTES_MAX);
}

// False at the end of what it says.
static bool listen_for_a_while(int fd, struct buffer *says, size_t begin)
{
	char piece[PIECE_BYTES];
	struct pollfd waits = {.fd = fd, .events = POLLIN};
	if (poll(&waits, 1, LOOK_MS) <= 0)
		return true;
	ssize_t got = read(fd, piece, sizeof(piece));
	if (got > 0)
		keep(says, begin, piece, (size_t)got);
	return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

static bool has_ended(pid_t child, int *out_status)
{
	int status;
	pid_t found = waitpid(child, &status, WNOHANG);
	// Who started us may have had children forgotten by themselves (SIGCHLD ignored): nobody can tell what became of it.
	if (found < 0 && errno == ECHILD) {
		*out_status = PROGRAM_STATUS_UNKNOWN;
		return true;
	}
	if (found != child)
		return false;
	*out_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return true;
}

// Its own children may hold the pipe when it is gone: its end is what counts.
static bool await(pid_t child, int fd, const struct job *job, int *out_status, struct buffer *says)
{
	size_t begin = says->size;
	int64_t kill_at_ms = INT64_MAX;
	bool stopped = false;
	bool talks = true;
	while (!has_ended(child, out_status)) {
		if (!stopped && job_is_stopping(job)) {
			stopped = true;
			kill_at_ms = clock_monotonic_ms() + TERM_MS;
			kill(-child, SIGTERM);
		}
		if (clock_monotonic_ms() > kill_at_ms)
			kill(-child, SIGKILL);
		if (talks)
			talks = listen_for_a_while(fd, says, begin);
		else
			poll(NULL, 0, LOOK_MS / 10);
	}
	while (talks && poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0)
		talks = listen_for_a_while(fd, says, begin);
	return !stopped;
}

bool program_run(const char *const *argv, const struct job *job, int *out_status, struct buffer *says,
		 struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_errno(err, errno, "pipe", "the program %s cannot be started", argv[0]);
	OWNED(fd) int from = ends[0];
	OWNED(fd) int to = ends[1];
	pid_t child = -1;
	if (!start(argv, to, &child, err))
		return false;
	fd_cleanup(&to);
	int status = 0;
	if (!await(child, from, job, &status, says))
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	*out_status = status;
	return true;
}
