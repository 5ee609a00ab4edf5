/// store: the platform's own database: its schema and its statements.
#ifndef ATOLL_PLATFORM_STORE_H
#define ATOLL_PLATFORM_STORE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "engine/query.h"

/// Every statement there is; platform/sql.def.
enum sql_id {
#define SQL_ORG(name, text)    name,
#define SQL_GLOBAL(name, text) name,
#include "platform/sql.def"
#undef SQL_ORG
#undef SQL_GLOBAL
	SQL_COUNT
};

const char *sql_text(enum sql_id id);
const char *sql_name(enum sql_id id);
/// True for a statement on what belongs to one organization.
bool sql_is_tenants(enum sql_id id);

/// Brings the schema up to date and prepares every statement once.
/// Fails: ERR_STALE  the store was written by a newer version
MUST_USE bool store_migrate(struct engine_database *db, struct error *err);

/// The statement, ready to be bound.
struct query *sql_query(struct store_txn *txn, enum sql_id id);
/// The same with :org bound.
struct query *sql_org_query(struct store_txn *txn, enum sql_id id, int64_t organization);

/// Steps once; the first column of the first row, or 0 without a row. For "… RETURNING id".
int64_t sql_single(struct query *q);
/// Whether there is a row.
bool sql_has_row(struct query *q);

/// A column's text in the arena; "" for NULL.
const char *sql_text_in(struct arena *arena, struct query *q, int column);

/// Rows gathered by buffer_append, as an array in the arena; NULL when there are none.
void *rows_in(struct arena *arena, const struct buffer *rows);

#endif
