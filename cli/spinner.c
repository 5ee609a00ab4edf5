#include "cli/spinner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attributes.h"
#include "base/clock.h"

enum { SHOWN_AFTER_MS = 150 }; // what is done at once needs no show

void spinner_start(struct spinner *spinner, const char *what)
{
	const char *kind = getenv("TERM");
	*spinner = (struct spinner){
		.visible = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0,
		.started_ms = clock_monotonic_ms(),
	};
	snprintf(spinner->what, sizeof(spinner->what), "%s", what);
}

void spinner_tick(void *context)
{
	struct spinner *spinner = context;
	if (!spinner->visible)
		return;
	static const char *const frames[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
	int64_t elapsed_ms = clock_monotonic_ms() - spinner->started_ms;
	if (elapsed_ms < SHOWN_AFTER_MS)
		return;
	const char *frame = frames[elapsed_ms / SPINNER_TICK_MS % (int64_t)ARRAY_LENGTH(frames)];
	fprintf(stderr, "\r\033[K%s %s… %.1f s", frame, spinner->what, (double)elapsed_ms / 1000);
	fflush(stderr);
	spinner->drawn = true;
}

void spinner_stop(struct spinner *spinner)
{
	if (spinner->drawn) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	spinner->visible = false;
	spinner->drawn = false;
}

void spinner_format_elapsed(int64_t elapsed_ms, char *text, unsigned size)
{
	if (elapsed_ms < 1000)
		snprintf(text, size, "%" PRId64 " ms", elapsed_ms);
	else if (elapsed_ms < 60 * 1000)
		snprintf(text, size, "%.1f s", (double)elapsed_ms / 1000);
	else
		snprintf(text, size, "%" PRId64 " min %02" PRId64 " s", elapsed_ms / 60000,
			 elapsed_ms / 1000 % 60);
}
