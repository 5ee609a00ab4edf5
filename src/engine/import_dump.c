// A dump is run as one transaction in a new file. Some of its statements are understood rather than run:
//
//   BEGIN, COMMIT          the whole is one transaction already
//   PRAGMA writable_schema  nothing is ever written to the schema by the text
//   INSERT INTO sqlite_schema(…) VALUES('table', NAME, NAME, 0, 'CREATE VIRTUAL TABLE …')
//                          as `.dump` writes virtual tables, whose shadow tables follow as ordinary ones with all
//                          their rows. The row is read in a scratch database, checked, and written by us at the
//                          end, when the shadow tables are there.

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "engine/functions.h"
#include "engine/import_internal.h"
#include "engine/policy.h"
#include "engine/sql_text.h"
#include "log/log.h"

enum { CACHE_KIB = 32 * 1024, PROGRESS_OPS = 4000, SHOWN_BYTES = 80, LIKE_PATTERN_BYTES_MAX = 1000 };

struct loader {
	const struct engine_import *import;
	sqlite3 *db;
	struct sql_text *text;
	struct policy_seen seen;
	int64_t deadline_ms; // of the running statement
	bool too_slow;
	struct buffer virtuals; // char *, CREATE VIRTUAL TABLE texts
};

// -- errors -------------------------------------------------------------------------------------------

// At a place of the present statement: the words, then what stands there.
static bool fail_at(struct loader *loader, const struct sql_text_statement *statement, size_t offset,
		    const char *words, struct error *err)
{
	size_t begin = policy_blank_prefix(statement->sql, statement->size);
	size_t shown = strcspn(statement->sql + begin, "\r\n");
	shown = shown < SHOWN_BYTES ? shown : SHOWN_BYTES;
	while (shown > 0 && ((unsigned char)statement->sql[begin + shown] & 0xc0) == 0x80)
		shown--;
	return error_set(err, ERR_BAD_REQUEST, "line %llu: %s: %.*s",
			 (unsigned long long)sql_text_line(loader->text, offset > begin ? offset : begin),
			 words, (int)shown, statement->sql + begin);
}

static bool sqlite_failed(struct loader *loader, const struct sql_text_statement *statement,
			  struct error *err)
{
	char words[200];
	int offset = sqlite3_error_offset(loader->db);
	snprintf(words, sizeof(words), "%s", sqlite3_errmsg(loader->db));
	if (loader->too_slow)
		return fail_at(loader, statement, 0, "the statement runs longer than its limit of 10 minutes",
			       err);
	import_error(loader->db, "the dump cannot be loaded", err);
	return err->code == ERR_BAD_REQUEST
		       ? fail_at(loader, statement, offset > 0 ? (size_t)offset : 0, words, err)
		       : false;
}

static int on_progress(void *context)
{
	struct loader *loader = context;
	loader->too_slow = clock_monotonic_ms() > loader->deadline_ms;
	return loader->too_slow || job_is_stopping(loader->import->job);
}

// -- virtual tables -----------------------------------------------------------------------------------

static int allow_one_insert(void *context, int action, const char *a, const char *b, const char *database,
			    const char *trigger)
{
	static const char *const functions[] = {"replace", "char", "unistr"};
	(void)context;
	(void)database;
	(void)trigger;
	if (action == SQLITE_INSERT)
		return a && strcmp(a, "sqlite_master") == 0 ? SQLITE_OK : SQLITE_DENY;
	for (size_t i = 0; action == SQLITE_FUNCTION && i < ARRAY_LENGTH(functions); i++) {
		if (strcmp(b, functions[i]) == 0)
			return SQLITE_OK;
	}
	return SQLITE_DENY;
}

static const char *column(sqlite3_stmt *row, int at)
{
	const char *text = (const char *)sqlite3_column_text(row, at);
	return text ? text : "";
}

// The row that the text would have put into the schema, checked.
static bool keep_row(struct loader *loader, const struct sql_text_statement *statement, sqlite3_stmt *row,
		     struct error *err)
{
	struct virtual_table table;
	const char *sql = column(row, 4);
	if (!import_read_virtual(sql, &table, err))
		return false;
	if (strcmp(column(row, 0), "table") != 0 || sqlite3_column_int(row, 3) != 0 || !table.module[0] ||
	    strcmp(column(row, 1), table.name) != 0 || strcmp(column(row, 2), table.name) != 0)
		return fail_at(loader, statement, 0, "only virtual tables can be written to the schema", err);
	if (!import_serves_module(loader->db, &table)) {
		char words[200];
		snprintf(words, sizeof(words), "no such module: %s", table.module);
		return fail_at(loader, statement, 0, words, err);
	}
	char *copy = strdup(sql);
	ASSERT(copy != NULL);
	buffer_append(&loader->virtuals, &copy, sizeof(copy));
	return true;
}

static bool read_row(struct loader *loader, const struct sql_text_statement *statement, sqlite3 *scratch,
		     struct error *err)
{
	sqlite3_stmt *row = NULL;
	sqlite3_db_config(scratch, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	sqlite3_limit(scratch, SQLITE_LIMIT_LENGTH, (int)loader->import->limits->row_bytes_max);
	bool ok = functions_register(scratch) &&
		  sqlite3_exec(scratch, "PRAGMA writable_schema=ON", NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_set_authorizer(scratch, allow_one_insert, NULL);
	ok = ok && sqlite3_exec(scratch, statement->sql, NULL, NULL, NULL) == SQLITE_OK;
	sqlite3_set_authorizer(scratch, NULL, NULL);
	ok = ok &&
	     sqlite3_prepare_v2(scratch, "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema", -1,
				&row, NULL) == SQLITE_OK &&
	     sqlite3_step(row) == SQLITE_ROW;
	char words[200];
	snprintf(words, sizeof(words), "%s", sqlite3_errmsg(scratch));
	ok = ok ? keep_row(loader, statement, row, err) : fail_at(loader, statement, 0, words, err);
	if (ok && sqlite3_step(row) == SQLITE_ROW)
		ok = fail_at(loader, statement, 0, "one row at a time can be written to the schema", err);
	sqlite3_finalize(row);
	return ok;
}

static bool note_virtual_table(struct loader *loader, const struct sql_text_statement *statement,
			       struct error *err)
{
	sqlite3 *scratch = NULL;
	bool ok = sqlite3_open_v2(":memory:", &scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
		  SQLITE_OK;
	ok = ok ? read_row(loader, statement, scratch, err) : error_set(err, ERR_MEMORY, "out of memory");
	sqlite3_close(scratch);
	return ok;
}

static bool bad_virtual(struct loader *loader, const struct virtual_table *table, struct error *err)
{
	char what[300];
	snprintf(what, sizeof(what), "the virtual table %s cannot be opened", table->name);
	return import_error(loader->db, what, err);
}

static bool write_virtual_row(struct loader *loader, const char *sql, struct error *err)
{
	struct virtual_table table;
	sqlite3_stmt *stmt = NULL;
	if (!import_read_virtual(sql, &table, err))
		return false;
	bool ok = sqlite3_prepare_v2(loader->db,
				     "INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) "
				     "VALUES('table', ?1, ?1, 0, ?2)",
				     -1, &stmt, NULL) == SQLITE_OK;
	if (ok) {
		sqlite3_bind_text(stmt, 1, table.name, -1, SQLITE_STATIC);
		sqlite3_bind_text(stmt, 2, sql, -1, SQLITE_STATIC);
		ok = sqlite3_step(stmt) == SQLITE_DONE;
	}
	ok = ok || bad_virtual(loader, &table, err);
	sqlite3_finalize(stmt);
	return ok;
}

// Opens it as a client would.
static bool try_virtual_table(struct loader *loader, const char *sql, struct error *err)
{
	struct virtual_table table;
	sqlite3_stmt *stmt = NULL;
	if (!import_read_virtual(sql, &table, err))
		return false;
	char *query = sqlite3_mprintf("SELECT * FROM \"%w\" LIMIT 1", table.name);
	bool ok = query && sqlite3_prepare_v2(loader->db, query, -1, &stmt, NULL) == SQLITE_OK;
	ok = ok || bad_virtual(loader, &table, err);
	sqlite3_finalize(stmt);
	sqlite3_free(query);
	return ok;
}

// Only here, and with texts that were checked, is the schema written.
static bool write_virtual_tables(struct loader *loader, struct error *err)
{
	char **virtuals = (void *)loader->virtuals.data;
	size_t count = loader->virtuals.size / sizeof(char *);
	if (count == 0)
		return true;
	sqlite3_set_authorizer(loader->db, NULL, NULL);
	sqlite3_db_config(loader->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
	bool ok = sqlite3_exec(loader->db, "PRAGMA writable_schema=ON", NULL, NULL, NULL) == SQLITE_OK ||
		  import_error(loader->db, "the schema cannot be written", err);
	for (size_t i = 0; ok && i < count; i++)
		ok = write_virtual_row(loader, virtuals[i], err);
	// The schema is read anew.
	if (sqlite3_exec(loader->db, "PRAGMA writable_schema=RESET", NULL, NULL, NULL) != SQLITE_OK && ok)
		ok = import_error(loader->db, "the schema cannot be read", err);
	sqlite3_db_config(loader->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	for (size_t i = 0; ok && i < count; i++)
		ok = try_virtual_table(loader, virtuals[i], err);
	return ok;
}

// -- statements ---------------------------------------------------------------------------------------

static bool run(struct loader *loader, const struct sql_text_statement *statement, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(loader->db, statement->sql, (int)statement->size + 1, &stmt, NULL);
	if (rc != SQLITE_OK || !stmt)
		return sqlite_failed(loader, statement, err);
	if (sqlite3_bind_parameter_count(stmt) > 0) {
		sqlite3_finalize(stmt);
		return fail_at(loader, statement, 0, "parameters have no value in a dump", err);
	}
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		;
	bool ok = rc == SQLITE_DONE || sqlite_failed(loader, statement, err);
	sqlite3_finalize(stmt);
	if (ok && sqlite3_get_autocommit(loader->db))
		return fail_at(loader, statement, 0, "the statement ended the dump's transaction", err);
	return ok;
}

static bool load_statement(struct loader *loader, const struct sql_text_statement *statement,
			   struct error *err)
{
	struct policy_statement policy;
	const char *sql = statement->sql;
	size_t size = statement->size;
	loader->deadline_ms = clock_monotonic_ms() + IMPORT_STATEMENT_MS_MAX;
	if (policy_begins_with(sql, size, "pragma writable_schema"))
		return true;
	if (policy_begins_with(sql, size, "insert into sqlite_schema") ||
	    policy_begins_with(sql, size, "insert into sqlite_master"))
		return note_virtual_table(loader, statement, err);
	struct error why;
	if (!policy_classify(sql, size, &policy, &why))
		return fail_at(loader, statement, 0, "unsupported statement", err);
	switch (policy.kind) {
	case STATEMENT_BEGIN:
	case STATEMENT_COMMIT:
		return true;
	case STATEMENT_ROLLBACK:
		if (!policy_mentions(sql, size, "to"))
			return fail_at(loader, statement, 0,
				       "the dump takes itself back: it was not written to its end", err);
		return run(loader, statement, err);
	default:
		return run(loader, statement, err);
	}
}

static bool load_statements(struct loader *loader, struct error *err)
{
	struct sql_text_statement statement;
	bool found = true;
	while (found) {
		if (!job_goes_on(loader->import->job, err) ||
		    !sql_text_next(loader->text, &statement, &found, err) ||
		    (found && !load_statement(loader, &statement, err)))
			return false;
	}
	return true;
}

// -- the file -----------------------------------------------------------------------------------------

// Nothing of it needs to survive a crash before its end.
static bool prepare(struct loader *loader, struct error *err)
{
	struct buffer text = {0};
	buffer_printf(&text,
		      "PRAGMA page_size=%d; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
		      "PRAGMA cache_size=-%d; BEGIN IMMEDIATE",
		      LOG_PAGE_BYTES, CACHE_KIB);
	OWNED(text) char *sql = buffer_take(&text, NULL);
	if (sqlite3_exec(loader->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return import_error(loader->db, "the file cannot be made", err);
	const struct engine_limits *limits = loader->import->limits;
	sqlite3_limit(loader->db, SQLITE_LIMIT_LENGTH, (int)limits->row_bytes_max);
	sqlite3_limit(loader->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(loader->db, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, LIKE_PATTERN_BYTES_MAX);
	sqlite3_set_authorizer(loader->db, policy_authorize, &loader->seen);
	sqlite3_progress_handler(loader->db, PROGRESS_OPS, on_progress, loader);
	return true;
}

static bool finish(struct loader *loader, struct error *err)
{
	int64_t page_count;
	sqlite3_set_authorizer(loader->db, NULL, NULL);
	loader->deadline_ms = INT64_MAX;
	// A file with a write-ahead log has a first page, also when the dump was empty.
	if (sqlite3_exec(loader->db, "COMMIT; PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK)
		return import_error(loader->db, "the dump cannot be loaded", err);
	if (!import_pragma(loader->db, "PRAGMA page_count", &page_count, err))
		return false;
	int rc = sqlite3_close(loader->db);
	loader->db = NULL;
	if (rc != SQLITE_OK)
		return error_set(err, ERR_INTERNAL, "a database file could not be closed");
	return import_finish_file(loader->import->path, (uint32_t)page_count, err);
}

// A row of `.dump` holds a blob in hexadecimal digits.
static size_t statement_bytes_max(const struct engine_limits *limits)
{
	size_t size = 2 * limits->row_bytes_max + limits->sql_bytes_max;
	return size > IMPORT_STATEMENT_BYTES_MIN ? size : IMPORT_STATEMENT_BYTES_MIN;
}

static void forget_virtuals(struct loader *loader)
{
	char **virtuals = (void *)loader->virtuals.data;
	for (size_t i = 0; i < loader->virtuals.size / sizeof(char *); i++)
		free(virtuals[i]);
	buffer_cleanup(&loader->virtuals);
}

bool engine_import_dump(const struct engine_import *import, const char *sql_path, struct error *err)
{
	struct loader loader = {.import = import, .deadline_ms = INT64_MAX};
	bool ok = sql_text_open(sql_path, statement_bytes_max(import->limits), &loader.text, err) &&
		  import_open(import->path, true, import->job, &loader.db, err) && prepare(&loader, err) &&
		  load_statements(&loader, err) && write_virtual_tables(&loader, err) && finish(&loader, err);
	sqlite3_close(loader.db);
	sql_text_close(loader.text);
	forget_virtuals(&loader);
	return ok;
}
