/// exposition: numbers for Prometheus, in its text format 0.0.4.
///
///     exposition_family(out, "atoll_commits_total", "counter", "Transactions committed.");
///     exposition_count(out, "atoll_commits_total", LABELS("store", "databases"), commits);
///
/// The lines of a family stand together, below its head; whoever writes sees to it that no two of them have the same
/// labels. Label values may be any text: they are escaped, and bytes that are no UTF-8 are replaced.
#ifndef ATOLL_BASE_EXPOSITION_H
#define ATOLL_BASE_EXPOSITION_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/tally.h"

/// Content type of a whole.
#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/// Pairs of name and value, ended by NULL.
#define LABELS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define NO_LABELS   ((const char *const[]){NULL})

/// type: "counter", "gauge" or "histogram". help: one line without backslashes.
void exposition_family(struct buffer *out, const char *name, const char *type, const char *help);
void exposition_count(struct buffer *out, const char *name, const char *const *labels, uint64_t value);
void exposition_number(struct buffer *out, const char *name, const char *const *labels, double value);
/// The lines of one histogram: its buckets, sum and count.
void exposition_histogram(struct buffer *out, const char *name, const char *const *labels,
			  const struct tally_histogram *histogram, const struct tally_scale *scale);

/// A family of one line without labels.
void exposition_single(struct buffer *out, const char *name, const char *type, const char *help,
		       double value);

#endif
