/// sqlite_core: the few things that Atoll needs from SQLite's inside.
///
/// SQLite is compiled through sqlite_core.c, which includes the amalgamation, so that a replica can take the
/// frames of a transaction exactly as the primary wrote them. Through SQL (sqlite_dbpage) the pager would
/// stamp its own change counter into page 1 of each copy; this way copies are equal to the byte.
#ifndef ATOLL_ENGINE_SQLITE_CORE_H
#define ATOLL_ENGINE_SQLITE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

/// Appends page images as frames to the WAL of `main`, and commits them when size_after is not 0. The
/// connection must be inside BEGIN IMMEDIATE with nothing written; the caller then ends it with ROLLBACK
/// (which takes nothing back, the frames being committed) and calls sqlite_core_forget. Page size must be the
/// database's. Returns an SQLite result code.
int sqlite_core_append(sqlite3 *db, const uint32_t *page_nos, const char *pages, uint32_t count,
		       uint32_t size_after);

/// Empties the connection's page cache: it would not notice what sqlite_core_append wrote.
void sqlite_core_forget(sqlite3 *db);

/// Lays page images over those of `main`, inside BEGIN IMMEDIATE, to look at what they make; the caller ends it with
/// ROLLBACK. Returns an SQLite result code: SQLITE_MISMATCH when page 1 has another text encoding or auto_vacuum.
int sqlite_core_lay(sqlite3 *db, const uint32_t *page_nos, const char *pages, uint32_t count,
		    uint32_t size_after);
/// The connection reads the schema anew when it needs it.
void sqlite_core_forget_schema(sqlite3 *db);

/// Attaches the file of a URI, which no client's SQL could: the connection takes no URIs otherwise. Returns an SQLite
/// result code.
int sqlite_core_attach(sqlite3 *db, const char *uri, const char *alias);

/// Makes the statement's next run undoable alone when the database may not grow: SQLite would else roll back its whole
/// transaction for want of a journal that most single-row writes do without.
void sqlite_core_keep_statement_journal(sqlite3_stmt *stmt);

/// Whether any parameter is more than "?" or "?N". sqlite3_bind_parameter_name looks through all of them for each.
bool sqlite_core_has_named_params(sqlite3_stmt *stmt);
/// The name of each parameter with its prefix, NULL without one; valid until the statement is compiled anew.
void sqlite_core_param_names(sqlite3_stmt *stmt, const char **out_names, size_t count);

/// changes() and total_changes() are 0 again, as on a fresh connection.
void sqlite_core_forget_changes(sqlite3 *db);

#endif
