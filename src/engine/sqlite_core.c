// Compiled with SQLite's flags and without our warnings: everything above the functions is SQLite's.
#include "sqlite3.c"

#include "engine/sqlite_core.h"

int sqlite_core_append(sqlite3 *db, const uint32_t *page_nos, const char *pages, uint32_t count,
		       uint32_t size_after)
{
	sqlite3_mutex_enter(db->mutex);
	Btree *btree = db->aDb[0].pBt;
	sqlite3BtreeEnter(btree);
	Pager *pager = sqlite3BtreePager(btree);
	PgHdr *list = sqlite3_malloc64((sqlite3_uint64)count * sizeof(PgHdr));
	int rc = list ? SQLITE_OK : SQLITE_NOMEM;
	if (rc == SQLITE_OK && (!pagerUseWal(pager) || pager->eState < PAGER_WRITER_LOCKED))
		rc = SQLITE_MISUSE;
	if (rc == SQLITE_OK) {
		memset(list, 0, (size_t)count * sizeof(PgHdr));
		for (uint32_t i = 0; i < count; i++) {
			list[i].pgno = page_nos[i];
			list[i].pData = (void *)(pages + (size_t)i * (size_t)pager->pageSize);
			list[i].pPager = pager;
			list[i].flags = PGHDR_DIRTY;
			list[i].pDirty = i + 1 < count ? &list[i + 1] : 0;
		}
		// With the flags of an ordinary commit: the header of a WAL that begins anew is synced before frames
		// follow it, or a power loss could leave old frames where new ones were counted on.
		rc = sqlite3WalFrames(pager->pWal, (int)pager->pageSize, list, size_after, size_after != 0,
				      pager->walSyncFlags);
	}
	sqlite3_free(list);
	sqlite3BtreeLeave(btree);
	sqlite3_mutex_leave(db->mutex);
	return rc;
}

static int lay_page(Pager *pager, uint32_t page_no, const char *bytes)
{
	DbPage *page;
	int rc = sqlite3PagerGet(pager, page_no, &page, 0);
	if (rc != SQLITE_OK)
		return rc;
	rc = sqlite3PagerWrite(page);
	if (rc == SQLITE_OK) {
		memcpy(sqlite3PagerGetData(page), bytes, (size_t)pager->pageSize);
		((MemPage *)sqlite3PagerGetExtra(page))->isInit = 0; // what was read of the old bytes
	}
	sqlite3PagerUnref(page);
	return rc;
}

// Text encoding and auto_vacuum are read once by each connection, and never again.
static int keeps_format(const char *old, const char *new)
{
	enum { LARGEST_ROOT = 52, ENCODING = 56 };
	uint32_t before = sqlite3Get4byte((const u8 *)old + ENCODING);
	uint32_t after = sqlite3Get4byte((const u8 *)new + ENCODING);
	int vacuums = sqlite3Get4byte((const u8 *)old + LARGEST_ROOT) != 0;
	int will_vacuum = sqlite3Get4byte((const u8 *)new + LARGEST_ROOT) != 0;
	return (before == 0 || after == before) && vacuums == will_vacuum;
}

int sqlite_core_lay(sqlite3 *db, const uint32_t *page_nos, const char *pages, uint32_t count,
		    uint32_t size_after)
{
	sqlite3_mutex_enter(db->mutex);
	Btree *btree = db->aDb[0].pBt;
	sqlite3BtreeEnter(btree);
	Pager *pager = sqlite3BtreePager(btree);
	Pgno page_max = pager->mxPgno; // the caller's limit is by size_after
	int rc = pager->eState < PAGER_WRITER_LOCKED ? SQLITE_MISUSE : SQLITE_OK;
	pager->mxPgno = 0xfffffffe;
	for (uint32_t i = 0; i < count && rc == SQLITE_OK; i++) {
		const char *bytes = pages + (size_t)i * (size_t)pager->pageSize;
		if (page_nos[i] == 1 && !keeps_format((const char *)btree->pBt->pPage1->aData, bytes))
			rc = SQLITE_MISMATCH;
		else
			rc = lay_page(pager, page_nos[i], bytes);
	}
	pager->mxPgno = page_max;
	if (rc == SQLITE_OK)
		btree->pBt->nPage = size_after;
	sqlite3BtreeLeave(btree);
	sqlite3_mutex_leave(db->mutex);
	return rc;
}

void sqlite_core_forget_schema(sqlite3 *db)
{
	sqlite3_mutex_enter(db->mutex);
	sqlite3ResetAllSchemasOfConnection(db);
	sqlite3_mutex_leave(db->mutex);
}

int sqlite_core_attach(sqlite3 *db, const char *uri, const char *alias)
{
	sqlite3_stmt *stmt = 0;
	int rc = sqlite3_prepare_v2(db, "ATTACH ?1 AS ?2", -1, &stmt, 0);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, uri, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, alias, -1, SQLITE_STATIC);
		unsigned flags = db->openFlags;
		db->openFlags |= SQLITE_OPEN_URI;
		sqlite3_step(stmt);
		db->openFlags = flags;
		rc = sqlite3_reset(stmt);
	}
	sqlite3_finalize(stmt);
	return rc;
}

void sqlite_core_keep_statement_journal(sqlite3_stmt *stmt)
{
	Vdbe *program = (Vdbe *)stmt;
	program->usesStmtJournal = !program->readOnly;
}

void sqlite_core_forget(sqlite3 *db)
{
	sqlite3_mutex_enter(db->mutex);
	Btree *btree = db->aDb[0].pBt;
	sqlite3BtreeEnter(btree);
	pager_reset(sqlite3BtreePager(btree));
	sqlite3BtreeLeave(btree);
	sqlite3_mutex_leave(db->mutex);
}

void sqlite_core_forget_changes(sqlite3 *db)
{
	db->nChange = 0;
	db->nTotalChange = 0;
}

// SQLite's list of names: a word of capacity and one of use, then for each its parameter, its own size in words, and its text.
enum { NAMES_USED = 1, NAMES_BEGIN = 2 };

bool sqlite_core_has_named_params(sqlite3_stmt *stmt)
{
	const VList *names = ((Vdbe *)stmt)->pVList;
	for (int at = NAMES_BEGIN; names && at < names[NAMES_USED]; at += names[at + 1]) {
		if (*(const char *)&names[at + 2] != '?')
			return true;
	}
	return false;
}

void sqlite_core_param_names(sqlite3_stmt *stmt, const char **out_names, size_t count)
{
	const VList *names = ((Vdbe *)stmt)->pVList;
	memset(out_names, 0, count * sizeof(*out_names));
	for (int at = NAMES_BEGIN; names && at < names[NAMES_USED]; at += names[at + 1]) {
		size_t param = (size_t)names[at];
		if (param >= 1 && param <= count && !out_names[param - 1])
			out_names[param - 1] = (const char *)&names[at + 2];
	}
}
