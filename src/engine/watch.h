/// watch: who wants to know when rows of a table change.
///
/// A transaction tells with its commit how many rows of each watched table it deleted, inserted and updated, once that is
/// durable; what a statement or a transaction takes back is not told. Nobody pays for it while nobody watches: only then do
/// connections that write count rows, and does DELETE without WHERE go row by row. What was changed before a watch began in a
/// transaction that is open then, or between a savepoint and a return to it, is not known exactly.
///
/// Threads: any. Calls come from any, mostly the flusher's, and must not block.
#ifndef ATOLL_ENGINE_WATCH_H
#define ATOLL_ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_database;
struct engine_watch;

enum change_kind { CHANGE_UNKNOWN, CHANGE_DELETE, CHANGE_INSERT, CHANGE_UPDATE, CHANGE_KIND_COUNT };

struct change_counts {
	uint64_t of[CHANGE_KIND_COUNT];
};

/// counts NULL: something was committed of which the counts are lost.
typedef void engine_changed(void *context, const struct change_counts *counts);

/// Of a primary. The name of a table is compared as SQLite does; it need not exist. Every transaction that begins to write
/// afterwards is told.
struct engine_watch *engine_watch_begin(struct engine_database *db, const char *table,
					engine_changed *changed, void *context);
/// No call is under way afterwards, and none comes any more. Not from within a call.
void engine_watch_end(struct engine_watch *watch);

#endif
