/// query: prepared statements for Atoll's own SQL (the platform's store), in the lane and behind the
/// durability barrier like everybody's. No policy, no statement limits: the text is ours.
///
///     struct store_txn *txn;
///     if (!store_begin(db, STORE_WRITE, &txn, err)) return false;
///     struct query *q = store_query(txn, "SELECT name FROM database WHERE org = :org");
///     query_bind_text(q, ":org", org);
///     while (query_step(q)) … query_text(q, 0) …
///     bool ok = store_commit(&txn, err);        // first error of any query sticks and fails the commit
///
/// Life:    store_begin → store_query* → store_commit or store_rollback. One thread at a time for a
/// transaction. Errors:  queries need no checks of their own: the first failure is kept in the transaction;
/// query_step then
///          returns false, and store_commit rolls back and returns false with it. store_failed tells it
///          earlier. A constraint violation is ERR_SQLITE with sqlite_code SQLITE_CONSTRAINT_… (see
///          query_is_unique).
#ifndef ATOLL_ENGINE_QUERY_H
#define ATOLL_ENGINE_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct engine_database;
struct store_txn;
struct query;

enum store_mode { STORE_READ, STORE_WRITE };

/// A READ transaction sees one snapshot. A WRITE transaction waits in the lane (at most 10 s: ERR_TIMEOUT).
MUST_USE bool store_begin(struct engine_database *db, enum store_mode mode, struct store_txn **out,
			  struct error *err);

/// Ends the transaction and returns its connection. A WRITE commit returns only after its frames are durable;
/// a READ commit after everything it saw is durable. *held becomes NULL in either case.
MUST_USE bool store_commit(struct store_txn **held, struct error *err);
/// Undoes everything. NULL is fine. For OWNED(store_txn).
void store_rollback(struct store_txn **held);
static inline void store_txn_cleanup(struct store_txn **txn)
{
	store_rollback(txn);
}

/// True when a query of the transaction failed; fills err.
bool store_failed(struct store_txn *txn, struct error *err);
/// Makes the transaction fail with an error of the caller's own, unless it has failed already.
void store_fail(struct store_txn *txn, enum error_code code, const char *message);
/// True when `err` says that a UNIQUE or PRIMARY KEY constraint was broken.
bool query_is_unique_violation(const struct error *err);

/// A cached prepared statement, reset and unbound; valid until the next store_query of the same text or the
/// end of the transaction. Never NULL: a failed prepare is kept in the transaction.
struct query *store_query(struct store_txn *txn, const char *sql);
/// Several statements separated by ';' (migrations).
void store_run_script(struct store_txn *txn, const char *sql);

/// Parameters by name with prefix (":org"). Texts and blobs are copied. A NULL text binds NULL.
/// A name that the statement does not have is a bug of ours: ASSERT.
void query_bind_text(struct query *q, const char *name, const char *text);
void query_bind_integer(struct query *q, const char *name, int64_t value);
void query_bind_blob(struct query *q, const char *name, const void *bytes, size_t size);
void query_bind_null(struct query *q, const char *name);

/// True while there is a row. After false the statement is reset by itself.
bool query_step(struct query *q);
/// Steps once for a statement without rows; returns the number of rows changed.
int query_run(struct query *q);

/// Columns of the current row, by number from 0. Texts are NULL for SQL NULL; borrowed until the next step.
const char *query_text(struct query *q, int column);
int64_t query_integer(struct query *q, int column);
const void *query_blob(struct query *q, int column, size_t *out_size);
bool query_is_null(struct query *q, int column);

#endif
