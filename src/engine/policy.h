/// policy: what SQL a client may run, and what kind of statement a text is (spec/hrana.md §10).
///
/// Two walls: a classifier that reads the text's tokens (kind, refused kinds, statement boundaries), and
/// SQLite's authorizer, which sees what a statement really does when it is compiled. The classifier alone is
/// no boundary.
#ifndef ATOLL_ENGINE_POLICY_H
#define ATOLL_ENGINE_POLICY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum statement_kind {
	STATEMENT_READ,   // SELECT, VALUES, EXPLAIN, PRAGMAs that only show
	STATEMENT_WRITE,  // INSERT, REPLACE, UPDATE, DELETE
	STATEMENT_DDL,    // CREATE, DROP, ALTER, REINDEX, ANALYZE, VACUUM
	STATEMENT_PRAGMA, // PRAGMA that sets something: runs on the primary
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	STATEMENT_SAVEPOINT,
	STATEMENT_RELEASE,
};

/// ATTACH [DATABASE] name AS alias, DETACH [DATABASE] alias: run by whoever knows what a name means, never by SQLite on a
/// client's behalf.
enum { ATTACH_NAME_BYTES = 128 };
enum attach_verb { VERB_NEITHER, VERB_ATTACH, VERB_DETACH };
struct policy_attachment {
	enum attach_verb verb;
	char name[ATTACH_NAME_BYTES]; // without quotes; of VERB_ATTACH
	char alias[ATTACH_NAME_BYTES];
};

/// Fails, when the text attaches or detaches: ERR_SQL_PARSE (a string, an expression, anything but identifiers),
/// ERR_SQL_MANY_STATEMENTS.
MUST_USE bool policy_attachment(const char *sql, size_t size, struct policy_attachment *out,
				struct error *err);

struct policy_statement {
	enum statement_kind kind;
	bool is_insert;    // INSERT or REPLACE: has a last_insert_rowid
	bool is_read_only; // BEGIN TRANSACTION READONLY
	bool is_immediate; // BEGIN IMMEDIATE or EXCLUSIVE
	bool is_vacuum;
	bool is_pragma;
	bool asks_state;     // tells of the connection: foreign_keys, defer_foreign_keys
	const char *run_sql; // text to prepare instead of the client's (BEGIN READONLY), or NULL
	bool many;           // with run_sql: another statement follows
};

/// The kind of the one statement that starts at `sql`.
/// Fails: ERR_SQL_NO_STATEMENT, ERR_SQL_PARSE "… unsupported statement: …".
MUST_USE bool policy_classify(const char *sql, size_t size, struct policy_statement *out, struct error *err);

/// ERR_SQL_PARSE, with the text's beginning. Returns false.
bool policy_unsupported(const char *sql, size_t size, struct error *err);

/// Length of the first statement of a text, with its ';' (a CREATE TRIGGER ends at "; END;"). 0: nothing but
/// blanks, comments and semicolons is left.
size_t policy_first_statement(const char *sql, size_t size);

/// True when nothing but blanks, comments and semicolons stands there.
bool policy_is_blank(const char *sql, size_t size);

/// Bytes of blanks, comments and semicolons before the first statement.
size_t policy_blank_prefix(const char *sql, size_t size);

/// Whether the text's first tokens are those of `words`, in any letter case.
bool policy_begins_with(const char *sql, size_t size, const char *words);

/// Whether the word (a keyword or function name, lower-case) stands as a token in the text, in any letter
/// case.
bool policy_mentions(const char *sql, size_t size, const char *word);

/// What the authorizer learned while a statement was compiled.
struct policy_seen {
	bool uses_connection_state; // changes(), total_changes(), last_insert_rowid()
	bool unsupported;           // it is of a kind that nobody may run
	bool vacuum;                // set by the caller: lets VACUUM attach its temporary copy
	bool engine;                // set by the caller: a command of the engine's own
	bool writing;               // set by the caller: the statement is none that only reads
};

/// sqlite3_set_authorizer callback for clients' connections; context is a struct policy_seen.
int policy_authorize(void *context, int action, const char *a, const char *b, const char *database,
		     const char *trigger);

/// Turns the failure of sqlite3_prepare into an error (spec/hrana.md §6): ERR_SQL_PARSE with line and column,
/// ERR_SQL_INPUT with the offset, else ERR_SQLITE.
bool policy_prepare_error(sqlite3 *db, const char *sql, struct error *err);
/// Any other SQLite failure: ERR_SQLITE "SQLite error: …".
bool policy_sqlite_error(sqlite3 *db, int rc, struct error *err);

#endif
