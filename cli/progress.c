#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/format.h"

enum {
	REDRAW_MS = 100,
	MEASURE_MS = 500,
	PARTS = 10, // lines elsewhere than on a terminal
};
static const uint64_t first_told = 1U << 20; // of an unknown whole

void progress_start(struct progress *progress, const char *what, int64_t total, int64_t now_ms)
{
	const char *kind = getenv("TERM");
	*progress = (struct progress){
		.out = stderr,
		.rewrites = isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0,
		.total = total,
		.measured_ms = now_ms,
		.drawn_ms = now_ms - REDRAW_MS,
	};
	snprintf(progress->what, sizeof(progress->what), "%s", what);
}

// Half of what was and half of what is: steady enough to be read, quick enough to be true.
static void measure(struct progress *progress, int64_t now_ms)
{
	int64_t elapsed_ms = now_ms - progress->measured_ms;
	if (elapsed_ms < MEASURE_MS)
		return;
	double moved = progress->done > progress->measured_done
			       ? (double)(progress->done - progress->measured_done)
			       : 0;
	double now = moved * 1000 / (double)elapsed_ms;
	progress->rate = progress->rate > 0 ? (progress->rate + now) / 2 : now;
	progress->measured_ms = now_ms;
	progress->measured_done = progress->done;
}

void progress_line(const struct progress *progress, char *text, size_t size)
{
	char done[32], total[32], rate[32], left[64] = "";
	format_bytes(progress->done, done, sizeof(done));
	format_bytes((uint64_t)progress->rate, rate, sizeof(rate));
	if (progress->total < 0) {
		snprintf(text, size, "%s: %s%s%s%s", progress->what, done, progress->rate > 0 ? ", " : "",
			 progress->rate > 0 ? rate : "", progress->rate > 0 ? "/s" : "");
		return;
	}
	uint64_t whole = (uint64_t)progress->total;
	unsigned percent = whole > 0 ? (unsigned)((double)progress->done * 100 / (double)whole) : 100;
	format_bytes(whole, total, sizeof(total));
	if (progress->note)
		snprintf(left, sizeof(left), "%s", progress->note);
	else if (progress->rate >= 1 && progress->done < whole)
		format_seconds((int64_t)((double)(whole - progress->done) / progress->rate) + 1, left,
			       sizeof(left));
	snprintf(text, size, "%s: %3u %%, %s of %s%s%s%s%s%s%s", progress->what, percent, done, total,
		 progress->rate > 0 ? ", " : "", progress->rate > 0 ? rate : "",
		 progress->rate > 0 ? "/s" : "", *left ? ", " : "", left,
		 *left && !progress->note ? " left" : "");
}

static void draw(struct progress *progress)
{
	char line[320];
	progress_line(progress, line, sizeof(line));
	fprintf(progress->out, progress->rewrites ? "\r\033[K%s" : "%s\n", line);
	fflush(progress->out);
	progress->drawn = true;
}

static bool is_worth_a_line(const struct progress *progress)
{
	if (progress->done <= progress->told)
		return false;
	if (progress->total <= 0)
		return progress->done >= (progress->told ? 2 * progress->told : first_told);
	uint64_t whole = (uint64_t)progress->total;
	return progress->done * PARTS / whole > progress->told * PARTS / whole;
}

void progress_set(struct progress *progress, uint64_t done, int64_t now_ms)
{
	progress->done = done;
	measure(progress, now_ms);
	bool due = progress->rewrites ? now_ms - progress->drawn_ms >= REDRAW_MS : is_worth_a_line(progress);
	if (!due)
		return;
	draw(progress);
	progress->drawn_ms = now_ms;
	if (done > progress->told)
		progress->told = done;
}

void progress_stop(struct progress *progress, bool complete)
{
	if (!progress->rewrites || !progress->out)
		return;
	if (complete) {
		draw(progress);
		fputc('\n', progress->out);
	} else if (progress->drawn) {
		fputs("\r\033[K", progress->out);
	}
	fflush(progress->out);
	progress->rewrites = false;
}
