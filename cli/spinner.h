/// spinner: says on a terminal that something is being waited for, and for how long already.
///
/// It draws when it is ticked; whoever waits ticks it a few times a second. Elsewhere than on a terminal it
/// is silent.
#ifndef ATOLL_CLI_SPINNER_H
#define ATOLL_CLI_SPINNER_H

#include <stdbool.h>
#include <stdint.h>

struct spinner {
	bool visible;
	bool drawn;
	int64_t started_ms;
	char what[160];
};

enum { SPINNER_TICK_MS = 100 };

void spinner_start(struct spinner *spinner, const char *what);
void spinner_tick(void *context); // context: the spinner, for http_on_tick
/// Takes the line away. Safe to call again, and on a zeroed struct.
void spinner_stop(struct spinner *spinner);

/// Milliseconds as people read them: "12 ms", "3.4 s", "2 min 05 s".
void spinner_format_elapsed(int64_t elapsed_ms, char *text, unsigned size);

static inline void spinner_cleanup(struct spinner *spinner) // OWNED(spinner)
{
	spinner_stop(spinner);
}

#endif
