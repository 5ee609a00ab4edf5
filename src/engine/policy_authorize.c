#include <string.h>
#include <strings.h>

#include "engine/policy.h"
#include "engine/policy_tokens.h"

// -- authorizer ---------------------------------------------------------------------------------------

static bool is_forbidden_table(const char *name)
{
	static const char *const names[] = {"sqlite_dbpage", "dbstat", NULL};
	return name && in_list(names, name, strlen(name));
}

static bool is_forbidden_function(const char *name)
{
	static const char *const names[] = {"load_extension", "fts3_tokenizer", "sqlite_log", "writefile",
					    "readfile",       "edit",           NULL};
	return in_list(names, name, strlen(name));
}

static bool is_temporary(const char *database)
{
	return database && strcasecmp(database, "temp") == 0;
}

// A kind of statement that nobody may run, as the classifier would say it.
static int refuse(struct policy_seen *seen)
{
	seen->unsupported = true;
	return SQLITE_DENY;
}

static bool is_attached(const struct policy_seen *seen, const char *database)
{
	return database && !seen->vacuum && strcasecmp(database, "main") != 0 &&
	       strcasecmp(database, "temp") != 0;
}

// Reading a virtual table may compile what would write to the tables behind it; only the file's mode can stand in the
// way of that, and does.
static bool changes_attached(const struct policy_seen *seen, int action, const char *a, const char *b)
{
	switch (action) {
	case SQLITE_READ:
	case SQLITE_SELECT:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		return false;
	case SQLITE_PRAGMA:
		return pragma_class(a, strlen(a), b != NULL) != PRAGMA_READ;
	default:
		return seen->writing;
	}
}

int policy_authorize(void *context, int action, const char *a, const char *b, const char *database,
		     const char *trigger)
{
	static const char *const state_functions[] = {"changes", "total_changes", "last_insert_rowid", NULL};
	struct policy_seen *seen = context;
	(void)trigger;
	if (seen->engine)
		return SQLITE_OK;
	if (action == SQLITE_ALTER_TABLE)
		database = a; // what stands in its place is a column
	if (is_attached(seen, database) && changes_attached(seen, action, a, b))
		return SQLITE_DENY;
	switch (action) {
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		if (policy_is_reserved_table(a, strlen(a)))
			return refuse(seen);
		return is_forbidden_table(a) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_READ:
		return is_forbidden_table(a) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_FUNCTION:
		if (is_forbidden_function(b))
			return SQLITE_DENY;
		if (in_list(state_functions, b, strlen(b)))
			seen->uses_connection_state = true;
		return SQLITE_OK;
	case SQLITE_PRAGMA:
		return pragma_class(a, strlen(a), b != NULL) == PRAGMA_REFUSED && !seen->vacuum ? SQLITE_DENY
												: SQLITE_OK;
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		return seen->vacuum ? SQLITE_OK : refuse(seen);
	case SQLITE_CREATE_TEMP_INDEX:
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_TRIGGER:
	case SQLITE_CREATE_TEMP_VIEW:
	case SQLITE_DROP_TEMP_INDEX:
	case SQLITE_DROP_TEMP_TABLE:
	case SQLITE_DROP_TEMP_TRIGGER:
	case SQLITE_DROP_TEMP_VIEW:
		return refuse(seen);
	case SQLITE_CREATE_INDEX:
	case SQLITE_CREATE_TABLE:
	case SQLITE_CREATE_TRIGGER:
	case SQLITE_CREATE_VIEW:
		return is_temporary(database) ? refuse(seen) : SQLITE_OK;
	case SQLITE_CREATE_VTABLE:
		if (is_temporary(database))
			return refuse(seen);
		return is_forbidden_table(b) ? SQLITE_DENY : SQLITE_OK;
	default:
		return SQLITE_OK;
	}
}

// -- errors -------------------------------------------------------------------------------------------

static void line_and_column(const char *sql, int offset, int *out_line, int *out_column)
{
	int line = 1;
	int column = 1;
	for (int i = 0; i < offset && sql[i]; i++) {
		column = sql[i] == '\n' ? 1 : column + 1;
		line += sql[i] == '\n';
	}
	*out_line = line;
	*out_column = column;
}

// What SQLite says of a text that its parser does not know: near "TOKEN": syntax error; unrecognized token: "TOKEN";
// incomplete input. Gives the words before the token, and the token.
static bool is_syntax_error(const char *message, const char **out_words, const char **out_token,
			    size_t *out_size)
{
	static const struct {
		const char *before, *after, *words;
	} forms[] = {
		{"near \"", "\": syntax error", ""},
		{"unrecognized token: \"", "\"", "unrecognized token "},
	};
	size_t size = strlen(message);
	for (size_t i = 0; i < ARRAY_LENGTH(forms); i++) {
		size_t before = strlen(forms[i].before);
		size_t after = strlen(forms[i].after);
		if (size < before + after || strncmp(message, forms[i].before, before) != 0 ||
		    strcmp(message + size - after, forms[i].after) != 0)
			continue;
		*out_words = forms[i].words;
		*out_token = message + before;
		*out_size = size - before - after;
		return true;
	}
	*out_token = NULL;
	return strcmp(message, "incomplete input") == 0;
}

static bool syntax_error(const char *sql, int offset, const char *words, const char *token, size_t size,
			 struct error *err)
{
	int line;
	int column;
	line_and_column(sql, offset >= 0 ? offset : (int)strlen(sql), &line, &column);
	if (!token)
		return error_set(err, ERR_SQL_PARSE,
				 "SQL string could not be parsed: syntax error around L%d:%d: unexpected end "
				 "of input",
				 line, column);
	return error_set(err, ERR_SQL_PARSE,
			 "SQL string could not be parsed: syntax error around L%d:%d: %s`%.*s`", line, column,
			 words, (int)size, token);
}

bool policy_prepare_error(sqlite3 *db, const char *sql, struct error *err)
{
	const char *message = sqlite3_errmsg(db);
	int offset = sqlite3_error_offset(db);
	int code = sqlite3_errcode(db) & 0xff;
	const char *words;
	const char *token;
	size_t size;
	if (code == SQLITE_ERROR && is_syntax_error(message, &words, &token, &size))
		return syntax_error(sql, offset, words, token, size, err);
	if (code == SQLITE_ERROR && offset >= 0)
		return error_set(err, ERR_SQL_INPUT, "SQL input error: %s (at offset %d)", message, offset);
	return policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
}

bool policy_sqlite_error(sqlite3 *db, int rc, struct error *err)
{
	error_set(err, ERR_SQLITE, "SQLite error: %s", sqlite3_errmsg(db));
	err->sqlite_code = rc;
	return false;
}
