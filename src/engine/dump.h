/// dump: the content of a database as SQL text, as the command line of SQLite writes it (`.dump`), in pieces.
///
/// One read transaction of a stream sees it all; writers go on. Tables come with their rows, then what stands on them:
/// indexes, views and triggers. A virtual table is a row of the schema, its content that of the tables behind it. Numbers read back
/// equal, texts and blobs byte by byte.
///
/// Life:    engine_dump_begin → engine_dump_write* until it is done → engine_dump_end, at any time. Nothing else runs on the
///          stream meanwhile; between two pieces no thread is held.
/// Barrier: engine_stream_seen covers the whole after engine_dump_begin: what was dumped may be shown once that is durable.
#ifndef ATOLL_ENGINE_DUMP_H
#define ATOLL_ENGINE_DUMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct engine_dump;
struct engine_stream;

/// preserve_row_ids: also those that no column stands for.
/// Fails: ERR_BLOCKED, ERR_SQLITE (a transaction is open)
MUST_USE bool engine_dump_begin(struct engine_stream *stream, bool preserve_row_ids, struct engine_dump **out,
				struct error *err);

/// Appends whole lines until at least `bytes_max` bytes were added, or all is written. A line has at most a row.
/// Fails: ERR_SQLITE, interrupts among them. The dump can then only be ended.
MUST_USE bool engine_dump_write(struct engine_dump *dump, struct buffer *out, size_t bytes_max,
				bool *out_done, struct error *err);

/// NULL is fine.
void engine_dump_end(struct engine_dump *dump);

#endif
