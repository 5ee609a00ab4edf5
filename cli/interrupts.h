/// interrupts: Ctrl-C and what else asks a program to end, read from a descriptor instead of ending it.
#ifndef ATOLL_CLI_INTERRUPTS_H
#define ATOLL_CLI_INTERRUPTS_H

#include <stdbool.h>

struct interrupts {
	int fd;       // -1 until they are caught; becomes readable with the next one
	bool ignored; // taken, but not told of
};

/// From now on SIGINT, with `endings` also SIGTERM and SIGHUP, come here.
void interrupts_catch(struct interrupts *interrupts, bool endings);
/// Whether one came since the last look.
bool interrupts_take(struct interrupts *interrupts);

#endif
