#include "cli/interrupts.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

void interrupts_catch(struct interrupts *interrupts, bool endings)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	if (endings) {
		sigaddset(&signals, SIGTERM);
		sigaddset(&signals, SIGHUP);
	}
	if (interrupts->fd >= 0 || sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
		return;
	interrupts->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupts->fd < 0)
		sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

bool interrupts_take(struct interrupts *interrupts)
{
	struct signalfd_siginfo signal;
	bool came = false;
	while (interrupts->fd >= 0 &&
	       read(interrupts->fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal))
		came = true;
	return came && !interrupts->ignored;
}
