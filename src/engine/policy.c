#include "engine/policy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

// -- tokens -------------------------------------------------------------------------------------------

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_QUOTED,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_OTHER
};

struct tokens {
	const char *at;
	const char *end;
	const char *token; // the last one
	size_t size;
};

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void skip_blank(struct tokens *t)
{
	while (t->at < t->end) {
		if (isspace((unsigned char)*t->at)) {
			t->at++;
		} else if (t->end - t->at >= 3 && memcmp(t->at, "\xEF\xBB\xBF", 3) == 0) {
			t->at += 3; // SQLite takes a byte order mark for a blank
		} else if (t->at + 1 < t->end && t->at[0] == '-' && t->at[1] == '-') {
			const char *line = memchr(t->at, '\n', (size_t)(t->end - t->at));
			t->at = line ? line + 1 : t->end;
		} else if (t->at + 1 < t->end && t->at[0] == '/' && t->at[1] == '*') {
			t->at += 2;
			while (t->at < t->end && !(t->at + 1 < t->end && t->at[0] == '*' && t->at[1] == '/'))
				t->at++;
			t->at = t->at < t->end ? t->at + 2 : t->end;
		} else {
			return;
		}
	}
}

static void skip_quoted(struct tokens *t, char close)
{
	t->at++;
	while (t->at < t->end) {
		if (*t->at++ != close)
			continue;
		if (close == ']' || t->at == t->end || *t->at != close)
			return;
		t->at++; // a doubled quote stands for itself
	}
}

static enum token_kind next_token(struct tokens *t)
{
	skip_blank(t);
	t->token = t->at;
	enum token_kind kind = TOKEN_OTHER;
	if (t->at == t->end) {
		kind = TOKEN_END;
	} else if (is_word(*t->at)) {
		while (t->at < t->end && is_word(*t->at))
			t->at++;
		kind = TOKEN_WORD;
	} else if (*t->at == '\'' || *t->at == '"' || *t->at == '`') {
		skip_quoted(t, *t->at);
		kind = TOKEN_QUOTED;
	} else if (*t->at == '[') {
		skip_quoted(t, ']');
		kind = TOKEN_QUOTED;
	} else {
		char c = *t->at++;
		kind = c == ';'   ? TOKEN_SEMICOLON
		       : c == '(' ? TOKEN_OPEN
		       : c == ')' ? TOKEN_CLOSE
				  : TOKEN_OTHER;
	}
	t->size = (size_t)(t->at - t->token);
	return kind;
}

static bool token_is(const struct tokens *t, const char *word)
{
	return strlen(word) == t->size && strncasecmp(t->token, word, t->size) == 0;
}

static struct tokens tokens_of(const char *sql, size_t size)
{
	return (struct tokens){.at = sql, .end = sql + size};
}

bool policy_is_blank(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	return kind == TOKEN_END;
}

size_t policy_blank_prefix(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	while (next_token(&t) == TOKEN_SEMICOLON)
		;
	return (size_t)(t.token - sql);
}

bool policy_begins_with(const char *sql, size_t size, const char *words)
{
	struct tokens t = tokens_of(sql, size);
	struct tokens wanted = tokens_of(words, strlen(words));
	enum token_kind kind;
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	for (; next_token(&wanted) != TOKEN_END; kind = next_token(&t)) {
		if (kind == TOKEN_END || t.size != wanted.size ||
		    strncasecmp(t.token, wanted.token, t.size) != 0)
			return false;
	}
	return true;
}

bool policy_mentions(const char *sql, size_t size, const char *word)
{
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	while ((kind = next_token(&t)) != TOKEN_END) {
		if (kind == TOKEN_WORD && token_is(&t, word))
			return true;
	}
	return false;
}

size_t policy_first_statement(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	int words = 0;
	bool creates = false;
	bool trigger = false;
	bool after_semicolon = false;
	bool after_end = false;
	bool any = false;
	for (;;) {
		enum token_kind kind = next_token(&t);
		if (kind == TOKEN_END)
			return any ? size : 0;
		if (kind == TOKEN_SEMICOLON) {
			if (any && (!trigger || after_end))
				return (size_t)(t.at - sql);
			after_semicolon = true;
			after_end = false;
			continue;
		}
		any = true;
		if (kind == TOKEN_WORD && ++words <= 4) {
			creates = creates || (words <= 1 && token_is(&t, "create"));
			trigger = trigger || (creates && token_is(&t, "trigger"));
		}
		after_end = trigger && after_semicolon && kind == TOKEN_WORD && token_is(&t, "end");
		after_semicolon = false;
	}
}

// -- kinds --------------------------------------------------------------------------------------------

static bool unsupported(const char *sql, size_t size, struct error *err)
{
	int shown = (int)(size < 80 ? size : 80);
	return error_set(err, ERR_SQL_PARSE, "SQL string could not be parsed: unsupported statement: %.*s",
			 shown, sql);
}

static bool in_list(const char *const *list, const char *word, size_t size)
{
	for (; *list; list++) {
		if (strlen(*list) == size && strncasecmp(*list, word, size) == 0)
			return true;
	}
	return false;
}

enum pragma_class { PRAGMA_REFUSED, PRAGMA_READ, PRAGMA_WRITE };

static enum pragma_class pragma_class(const char *name, size_t size, bool has_argument)
{
	static const char *const read[] = {"table_list",
					   "index_list",
					   "table_info",
					   "table_xinfo",
					   "index_info",
					   "index_xinfo",
					   "pragma_list",
					   "compile_options",
					   "database_list",
					   "function_list",
					   "module_list",
					   "encoding",
					   NULL};
	static const char *const write[] = {"foreign_keys",     "defer_foreign_keys",
					    "foreign_key_list", "foreign_key_check",
					    "collation_list",   "data_version",
					    "freelist_count",   "integrity_check",
					    "quick_check",      "legacy_file_format",
					    "page_count",       "stats",
					    "user_version",     NULL};
	static const char *const shown[] = {"analysis_limit",
					    "application_id",
					    "auto_vacuum",
					    "automatic_index",
					    "busy_timeout",
					    "cache_size",
					    "cache_spill",
					    "cell_size_check",
					    "checkpoint_fullfsync",
					    "fullfsync",
					    "hard_heap_limit",
					    "journal_mode",
					    "journal_size_limit",
					    "legacy_alter_table",
					    "locking_mode",
					    "max_page_count",
					    "mmap_size",
					    "page_size",
					    "query_only",
					    "read_uncommitted",
					    "recursive_triggers",
					    "reverse_unordered_selects",
					    "secure_delete",
					    "soft_heap_limit",
					    "synchronous",
					    "temp_store",
					    "threads",
					    "trusted_schema",
					    "wal_autocheckpoint",
					    NULL};
	// These look only at the database file: a replica answers them as well as the primary.
	static const char *const harmless[] = {
		"foreign_key_list", "foreign_key_check", "collation_list", "freelist_count",
		"integrity_check",  "quick_check",       "page_count",     NULL};
	static const char *const state[] = {"data_version", "user_version", "foreign_keys", NULL};
	if (in_list(read, name, size) || in_list(harmless, name, size))
		return PRAGMA_READ;
	if (!has_argument && (in_list(shown, name, size) || in_list(state, name, size) ||
			      in_list((const char *[]){"schema_version", NULL}, name, size)))
		return PRAGMA_READ;
	return in_list(write, name, size) ? PRAGMA_WRITE : PRAGMA_REFUSED;
}

static bool classify_pragma(struct tokens *t, const char *sql, size_t size, struct policy_statement *out,
			    struct error *err)
{
	enum token_kind kind = next_token(t);
	const char *name = t->token;
	size_t name_size = t->size;
	if (kind != TOKEN_WORD)
		return unsupported(sql, size, err);
	kind = next_token(t);
	if (kind == TOKEN_OTHER && t->token[0] == '.') {
		if (next_token(t) != TOKEN_WORD)
			return unsupported(sql, size, err);
		name = t->token;
		name_size = t->size;
		kind = next_token(t);
	}
	bool has_argument = kind != TOKEN_END && kind != TOKEN_SEMICOLON;
	enum pragma_class class = pragma_class(name, name_size, has_argument);
	if (class == PRAGMA_REFUSED)
		return unsupported(sql, size, err);
	out->kind = class == PRAGMA_READ ? STATEMENT_READ : STATEMENT_PRAGMA;
	return true;
}

static void classify_begin(struct tokens *t, struct policy_statement *out)
{
	out->kind = STATEMENT_BEGIN;
	while (next_token(t) == TOKEN_WORD) {
		if (token_is(t, "readonly"))
			out->is_read_only = true;
		if (token_is(t, "immediate") || token_is(t, "exclusive"))
			out->is_immediate = true;
	}
	// libSQL's spelling; the transaction's right to write is taken away by us instead.
	if (out->is_read_only)
		out->run_sql = "BEGIN";
}

static bool classify_create_or_drop(struct tokens *t, const char *sql, size_t size,
				    struct policy_statement *out, struct error *err)
{
	next_token(t);
	if (token_is(t, "temp") || token_is(t, "temporary"))
		return unsupported(sql, size, err);
	out->kind = STATEMENT_DDL;
	return true;
}

// The verb of a statement that starts with WITH stands outside all parentheses.
static void classify_with(struct tokens *t, struct policy_statement *out)
{
	int depth = 0;
	enum token_kind kind;
	out->kind = STATEMENT_READ;
	while ((kind = next_token(t)) != TOKEN_END && kind != TOKEN_SEMICOLON) {
		depth += kind == TOKEN_OPEN ? 1 : kind == TOKEN_CLOSE ? -1 : 0;
		if (depth != 0 || kind != TOKEN_WORD)
			continue;
		if (token_is(t, "select") || token_is(t, "values"))
			return;
		out->is_insert = token_is(t, "insert") || token_is(t, "replace");
		if (out->is_insert || token_is(t, "update") || token_is(t, "delete")) {
			out->kind = STATEMENT_WRITE;
			return;
		}
	}
}

// SQLite obeys a pragma that it is only asked to explain.
static void skip_explain_of_pragma(struct tokens *t)
{
	if (!token_is(t, "explain"))
		return;
	struct tokens ahead = *t;
	next_token(&ahead);
	if (token_is(&ahead, "query")) {
		next_token(&ahead);
		next_token(&ahead);
	}
	if (token_is(&ahead, "pragma"))
		*t = ahead;
}

bool policy_classify(const char *sql, size_t size, struct policy_statement *out, struct error *err)
{
	static const struct {
		const char *word;
		enum statement_kind kind;
	} verbs[] = {
		{"select", STATEMENT_READ},         {"insert", STATEMENT_WRITE},
		{"update", STATEMENT_WRITE},        {"delete", STATEMENT_WRITE},
		{"replace", STATEMENT_WRITE},       {"values", STATEMENT_READ},
		{"explain", STATEMENT_READ},        {"commit", STATEMENT_COMMIT},
		{"end", STATEMENT_COMMIT},          {"rollback", STATEMENT_ROLLBACK},
		{"savepoint", STATEMENT_SAVEPOINT}, {"release", STATEMENT_RELEASE},
		{"alter", STATEMENT_DDL},           {"reindex", STATEMENT_DDL},
		{"analyze", STATEMENT_DDL},         {"vacuum", STATEMENT_DDL},
	};
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	*out = (struct policy_statement){.kind = STATEMENT_READ};
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	if (kind == TOKEN_END)
		return error_set(err, ERR_SQL_NO_STATEMENT, "SQL string does not contain any statement");
	skip_explain_of_pragma(&t);
	if (token_is(&t, "pragma"))
		return classify_pragma(&t, sql, size, out, err);
	if (token_is(&t, "begin")) {
		classify_begin(&t, out);
		return true;
	}
	if (token_is(&t, "with")) {
		classify_with(&t, out);
		return true;
	}
	if (token_is(&t, "create") || token_is(&t, "drop"))
		return classify_create_or_drop(&t, sql, size, out, err);
	if (token_is(&t, "attach") || token_is(&t, "detach"))
		return unsupported(sql, size, err);
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
		if (!token_is(&t, verbs[i].word))
			continue;
		out->kind = verbs[i].kind;
		out->is_insert = token_is(&t, "insert") || token_is(&t, "replace");
		out->is_vacuum = token_is(&t, "vacuum");
		// VACUUM INTO writes a file of the client's choosing.
		if (out->is_vacuum && policy_mentions(sql, size, "into"))
			return unsupported(sql, size, err);
		return true;
	}
	// Not a statement that SQLite knows, either: its own parser words the error.
	return true;
}

// -- attaching ----------------------------------------------------------------------------------------

// The identifier without its quotes. A text in single quotes is none.
static bool take_identifier(struct tokens *t, char out[ATTACH_NAME_BYTES])
{
	enum token_kind kind = next_token(t);
	bool quoted = kind == TOKEN_QUOTED && t->token[0] != '\'';
	if (kind != TOKEN_WORD && !quoted)
		return false;
	const char *from = t->token + quoted;
	const char *end = t->token + t->size;
	char close = t->token[0] == '[' ? ']' : t->token[0];
	if (quoted && (t->size < 2 || *--end != close))
		return false;
	size_t size = 0;
	while (from < end) {
		if (size + 1 >= ATTACH_NAME_BYTES || *from == '\0')
			return false;
		// A doubled quote stands for itself.
		from += quoted && close != ']' && from[0] == close;
		out[size++] = *from++;
	}
	out[size] = '\0';
	return size > 0;
}

static void skip_word(struct tokens *t, const char *word, const char *unless_before)
{
	struct tokens ahead = *t;
	if (next_token(&ahead) != TOKEN_WORD || !token_is(&ahead, word))
		return;
	struct tokens after = ahead;
	enum token_kind kind = next_token(&after);
	bool is_name = kind == TOKEN_END || kind == TOKEN_SEMICOLON ||
		       (unless_before && kind == TOKEN_WORD && token_is(&after, unless_before));
	if (!is_name)
		*t = ahead;
}

bool policy_attachment(const char *sql, size_t size, struct policy_attachment *out, struct error *err)
{
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	*out = (struct policy_attachment){.verb = VERB_NEITHER};
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	if (kind != TOKEN_WORD || (!token_is(&t, "attach") && !token_is(&t, "detach")))
		return true;
	bool attaches = token_is(&t, "attach");
	out->verb = attaches ? VERB_ATTACH : VERB_DETACH;
	skip_word(&t, "database", attaches ? "as" : NULL);
	bool ok = true;
	if (attaches)
		ok = take_identifier(&t, out->name) && next_token(&t) == TOKEN_WORD && token_is(&t, "as");
	ok = ok && take_identifier(&t, out->alias);
	kind = ok ? next_token(&t) : TOKEN_OTHER;
	if (kind != TOKEN_END && kind != TOKEN_SEMICOLON)
		return unsupported(sql, size, err);
	if (!policy_is_blank(t.at, (size_t)(t.end - t.at)))
		return error_set(err, ERR_SQL_MANY_STATEMENTS, "SQL string contains more than one statement");
	return true;
}

// -- authorizer ---------------------------------------------------------------------------------------

static bool is_forbidden_table(const char *name)
{
	static const char *const names[] = {"sqlite_dbpage", NULL};
	return name && in_list(names, name, strlen(name));
}

static bool is_forbidden_function(const char *name)
{
	static const char *const names[] = {"load_extension", "fts3_tokenizer", "writefile",
					    "readfile",       "edit",           NULL};
	return in_list(names, name, strlen(name));
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
	if (is_attached(seen, database) && changes_attached(seen, action, a, b))
		return SQLITE_DENY;
	switch (action) {
	case SQLITE_READ:
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
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
		return seen->vacuum ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_CREATE_TEMP_INDEX:
	case SQLITE_CREATE_TEMP_TABLE:
	case SQLITE_CREATE_TEMP_TRIGGER:
	case SQLITE_CREATE_TEMP_VIEW:
	case SQLITE_DROP_TEMP_INDEX:
	case SQLITE_DROP_TEMP_TABLE:
	case SQLITE_DROP_TEMP_TRIGGER:
	case SQLITE_DROP_TEMP_VIEW:
		return SQLITE_DENY;
	case SQLITE_CREATE_VTABLE:
		return b && in_list((const char *[]){"sqlite_dbpage", "dbstat", NULL}, b, strlen(b))
			       ? SQLITE_DENY
			       : SQLITE_OK;
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

static bool is_syntax_error(const char *message)
{
	size_t size = strlen(message);
	const char *tail = "syntax error";
	size_t tail_size = strlen(tail);
	return strcmp(message, "incomplete input") == 0 || strncmp(message, "unrecognized token", 18) == 0 ||
	       (size >= tail_size && strcmp(message + size - tail_size, tail) == 0);
}

bool policy_prepare_error(sqlite3 *db, const char *sql, struct error *err)
{
	const char *message = sqlite3_errmsg(db);
	int offset = sqlite3_error_offset(db);
	int code = sqlite3_errcode(db) & 0xff;
	if (code == SQLITE_ERROR && is_syntax_error(message)) {
		int line;
		int column;
		line_and_column(sql, offset >= 0 ? offset : (int)strlen(sql), &line, &column);
		return error_set(err, ERR_SQL_PARSE,
				 "SQL string could not be parsed: syntax error around L%d:%d: %s", line,
				 column, message);
	}
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
