#include "platform/store.h"

#include <string.h>

#include "base/trace.h"

static const struct statement_row {
	const char *name;
	const char *text;
	bool tenants;
} statements[] = {
#define SQL_ORG(name, text)    {#name, text, true},
#define SQL_GLOBAL(name, text) {#name, text, false},
#include "platform/sql.def"
#undef SQL_ORG
#undef SQL_GLOBAL
};

// Migration N+1 stands at place N. One that was released is never changed.
static const char *const foundations[] = {
#include "0001-foundations.sql.inc"
};
static const char *const organizations[] = {
#include "0002-organizations.sql.inc"
};
static const char *const usage[] = {
#include "0003-usage.sql.inc"
};
static const char *const offline_sync[] = {
#include "0004-offline-sync.sql.inc"
};
static const char *const backups[] = {
#include "0005-backups.sql.inc"
};
static const char *const history[] = {
#include "0006-history.sql.inc"
};
static const char *const group_migrations[] = {
#include "0007-group-migrations.sql.inc"
};
static const char *const damaged_backups[] = {
#include "0008-damaged-backups.sql.inc"
};
static const char *const *const migrations[] = {
	foundations, organizations, usage, offline_sync, backups, history, group_migrations, damaged_backups};

const char *sql_text(enum sql_id id)
{
	return statements[id].text;
}

const char *sql_name(enum sql_id id)
{
	return statements[id].name;
}

bool sql_is_tenants(enum sql_id id)
{
	return statements[id].tenants;
}

struct query *sql_query(struct store_txn *txn, enum sql_id id)
{
	return store_query(txn, statements[id].text);
}

struct query *sql_org_query(struct store_txn *txn, enum sql_id id, int64_t organization)
{
	struct query *q = sql_query(txn, id);
	query_bind_integer(q, ":org", organization);
	return q;
}

int64_t sql_single(struct query *q)
{
	int64_t value = 0;
	if (query_step(q)) {
		value = query_integer(q, 0);
		query_run(q);
	}
	return value;
}

bool sql_has_row(struct query *q)
{
	bool found = query_step(q);
	if (found)
		query_run(q);
	return found;
}

const char *sql_text_in(struct arena *arena, struct query *q, int column)
{
	const char *text = query_text(q, column);
	return arena_text(arena, text ? text : "");
}

void *rows_in(struct arena *arena, const struct buffer *rows)
{
	return rows->size > 0 ? (void *)arena_copy(arena, rows->data, rows->size) : NULL;
}

static bool migrate_step(struct engine_database *db, int64_t version, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(db, STORE_WRITE, &txn, err))
		return false;
	for (const char *const *part = migrations[version - 1]; *part; part++)
		store_run_script(txn, *part);
	struct query *q = sql_query(txn, SQL_ADD_SCHEMA_VERSION);
	query_bind_integer(q, ":version", version);
	query_run(q);
	if (!store_commit(&txn, err))
		return error_context(err, "migration %lld of the platform's store", (long long)version);
	trace_info("platform.migrated", "version", TRACE_INT(version));
	return true;
}

static bool schema_version(struct engine_database *db, int64_t *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(db, STORE_WRITE, &txn, err))
		return false;
	query_run(sql_query(txn, SQL_MAKE_SCHEMA_VERSION));
	int64_t version = sql_single(sql_query(txn, SQL_SCHEMA_VERSION));
	if (!store_commit(&txn, err))
		return false;
	*out = version;
	return true;
}

// A misspelt statement is found here and not by the first who needs it.
static bool prepare_all(struct engine_database *db, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(db, STORE_READ, &txn, err))
		return false;
	for (int id = 0; id < SQL_COUNT; id++) {
		sql_query(txn, (enum sql_id)id);
		if (store_failed(txn, err))
			return error_context(err, "%s", statements[id].name);
	}
	return store_commit(&txn, err);
}

bool store_migrate(struct engine_database *db, struct error *err)
{
	const int64_t newest = (int64_t)ARRAY_LENGTH(migrations);
	int64_t version = 0;
	if (!schema_version(db, &version, err))
		return false;
	if (version > newest)
		return error_set(
			err, ERR_STALE,
			"the data folder was written by a newer Atoll (schema %lld, this one knows %lld):"
			" start that version, or restore a backup",
			(long long)version, (long long)newest);
	while (version < newest) {
		if (!migrate_step(db, ++version, err))
			return false;
	}
	return prepare_all(db, err);
}
