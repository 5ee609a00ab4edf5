/// progress: tells on stderr how far a transfer has come.
///
/// On a terminal one line is written again and again: percent, bytes, rate, time left. Elsewhere a line is written
/// at every tenth of the whole, or each time the amount has doubled when the whole is not known. It draws when it is
/// told of a new amount; whoever transfers tells it a few times a second.
#ifndef ATOLL_CLI_PROGRESS_H
#define ATOLL_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct progress {
	FILE *out;
	bool rewrites; // one line again and again
	bool drawn;
	char what[160];
	const char *note; // why nothing moves; NULL otherwise
	int64_t total;    // -1 unknown
	uint64_t done;
	int64_t drawn_ms;       // monotonic
	int64_t measured_ms;    // when `rate` was last brought up to date
	uint64_t measured_done; // and how much was done then
	double rate;            // bytes a second, smoothed; 0 = not known yet
	uint64_t told;          // the amount that the last line told of
};

/// `what` as in "Uploading books.db".
void progress_start(struct progress *progress, const char *what, int64_t total, int64_t now_ms);
/// The amount may go back: a part that is sent again.
void progress_set(struct progress *progress, uint64_t done, int64_t now_ms);
/// The line as it would be drawn now.
void progress_line(const struct progress *progress, char *text, size_t size);
/// Draws the end and leaves the line standing; takes it away if the transfer failed.
void progress_stop(struct progress *progress, bool complete);

#endif
