/// push: a primary takes a transaction that a replica in a client's process has already made, page by page. It goes the way
/// of every commit: the lane, the write-ahead log, the history.
///
/// The pages are a client's word. What would harm others than the database itself is refused, and so is what could not be
/// opened again: a damaged header, a schema that SQLite cannot read. Whether the rest makes a sound database is the client's
/// own affair, as SQLite bears with any page.
#ifndef ATOLL_ENGINE_PUSH_H
#define ATOLL_ENGINE_PUSH_H

#include "base/error.h"
#include "log/log.h"

struct engine_database;

/// Pages behind the end of the database that a transaction may leave unwritten: of its own free ones none are sent.
enum { ENGINE_PUSH_GAP_MAX = 262144 };

/// Takes the transaction right behind frame_no of the history log_id; its frames stand there in their order. Blocks, until it
/// is durable.
/// Fails: ERR_STALE        the history goes on otherwise by now
///        ERR_BAD_REQUEST  the pages cannot be those of a transaction
///        ERR_FULL         beyond size_limit, or the disk is full
///        ERR_BLOCKED, ERR_TRANSACTION_BUSY, ERR_IO
MUST_USE bool engine_push(struct engine_database *primary, const char *log_id, uint64_t frame_no,
			  const struct log_txn *txn, struct error *err);

#endif
