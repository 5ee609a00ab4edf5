/// trace: log lines for the operator, on stderr, one line an event. (The word "log" belongs to replication.)
///
///     trace_info("instance.ready", "db", db, "took_ms", TRACE_INT(ms));
///
/// Event names are listed in docs/operations.md. No secrets: tokens, passwords and SQL text never go here.
/// Threads: any. One line is one write, so lines do not mix.
#ifndef ATOLL_BASE_TRACE_H
#define ATOLL_BASE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum trace_level { TRACE_ERROR, TRACE_WARN, TRACE_INFO, TRACE_DEBUG, TRACE_LEVEL_COUNT };

/// Process-wide settings of the tracer; made once by main, level may be changed at any time.
void trace_configure(enum trace_level level, bool json);
/// Whether each line begins with its priority, "<3>" to "<7>", as systemd's journal reads it.
void trace_mark_priorities(bool marks);
bool trace_level_of(const char *name, enum trace_level *out); // "error", "warn", "info", "debug"
bool trace_enabled(enum trace_level level);

/// Pairs of texts, ended by NULL; a NULL value is written as "-". Use the macros.
void trace_event(enum trace_level level, const char *event, ...) __attribute__((sentinel));

struct trace_number {
	char text[24];
};
struct trace_number trace_number(int64_t value);
#define TRACE_INT(value) (trace_number((int64_t)(value)).text)

#define trace_error(...) trace_event(TRACE_ERROR, __VA_ARGS__, (char *)NULL)
#define trace_warn(...)  trace_event(TRACE_WARN, __VA_ARGS__, (char *)NULL)
#define trace_info(...)  trace_event(TRACE_INFO, __VA_ARGS__, (char *)NULL)
#define trace_debug(...)                                                                                     \
	do {                                                                                                 \
		if (trace_enabled(TRACE_DEBUG))                                                              \
			trace_event(TRACE_DEBUG, __VA_ARGS__, (char *)NULL);                                 \
	} while (0)

#endif
