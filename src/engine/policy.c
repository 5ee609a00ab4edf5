#include "engine/policy.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "engine/policy_tokens.h"

bool policy_unsupported(const char *sql, size_t size, struct error *err)
{
	size_t shown = size < 80 ? size : 80;
	while (shown < size && shown > 0 && ((unsigned char)sql[shown] & 0xC0) == 0x80)
		shown--; // not in the middle of a character
	return error_set(err, ERR_SQL_PARSE, "SQL string could not be parsed: unsupported statement: %.*s",
			 (int)shown, sql);
}

// -- pragmas ------------------------------------------------------------------------------------------

enum pragma_class pragma_class(const char *name, size_t size, bool has_argument)
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
	// With an argument they set what a primary keeps, for the database or for the stream.
	static const char *const set[] = {"foreign_keys", "defer_foreign_keys", "user_version", NULL};
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
					    "schema_version",
					    NULL};
	// Of the write class, and still they only look, whatever they are given.
	static const char *const look[] = {"foreign_key_list",
					   "foreign_key_check",
					   "collation_list",
					   "data_version",
					   "freelist_count",
					   "integrity_check",
					   "quick_check",
					   "legacy_file_format",
					   "page_count",
					   "stats",
					   NULL};
	if (in_list(read, name, size) || in_list(look, name, size))
		return PRAGMA_READ;
	if (in_list(set, name, size))
		return has_argument ? PRAGMA_WRITE : PRAGMA_READ;
	return !has_argument && in_list(shown, name, size) ? PRAGMA_READ : PRAGMA_REFUSED;
}

bool policy_is_reserved_table(const char *name, size_t size)
{
	return in_list(
		(const char *[]){"_litestream_seq", "_litestream_lock", "libsql_wasm_func_table", NULL}, name,
		size);
}

// -- kinds --------------------------------------------------------------------------------------------

static bool classify_pragma(struct tokens *t, const char *sql, size_t size, struct policy_statement *out,
			    struct error *err)
{
	enum token_kind kind = next_token(t);
	const char *name = t->token;
	size_t name_size = t->size;
	if (kind != TOKEN_WORD)
		return policy_unsupported(sql, size, err);
	kind = next_token(t);
	if (kind == TOKEN_OTHER && t->token[0] == '.') {
		if (next_token(t) != TOKEN_WORD)
			return policy_unsupported(sql, size, err);
		name = t->token;
		name_size = t->size;
		kind = next_token(t);
	}
	bool has_argument = kind != TOKEN_END && kind != TOKEN_SEMICOLON;
	enum pragma_class class = pragma_class(name, name_size, has_argument);
	if (class == PRAGMA_REFUSED)
		return policy_unsupported(sql, size, err);
	out->is_pragma = true;
	out->kind = class == PRAGMA_READ ? STATEMENT_READ : STATEMENT_PRAGMA;
	out->asks_state =
		in_list((const char *[]){"foreign_keys", "defer_foreign_keys", NULL}, name, name_size);
	// It would decide the encoding of a database that is still empty.
	if (has_argument && in_list((const char *[]){"encoding", NULL}, name, name_size)) {
		out->run_sql = "PRAGMA encoding";
		while (kind != TOKEN_END && kind != TOKEN_SEMICOLON)
			kind = next_token(t);
		out->many = !policy_is_blank(t->at, (size_t)(t->end - t->at));
	}
	return true;
}

// BEGIN READONLY [TRANSACTION], BEGIN TRANSACTION READONLY: to SQLite the latter is a transaction's name. What else stands
// there is left to SQLite's parser.
static void classify_begin(struct tokens *t, struct policy_statement *out)
{
	out->kind = STATEMENT_BEGIN;
	enum token_kind kind = next_token(t);
	out->is_immediate = token_is(t, "immediate") || token_is(t, "exclusive");
	bool first = token_is(t, "readonly");
	bool transaction = token_is(t, "transaction");
	if (kind != TOKEN_WORD || (!first && !transaction))
		return;
	kind = next_token(t);
	bool last = transaction && token_is(t, "readonly");
	if (last || (first && token_is(t, "transaction")))
		kind = next_token(t);
	if ((!first && !last) || (kind != TOKEN_END && kind != TOKEN_SEMICOLON))
		return;
	out->is_read_only = true;
	out->run_sql = "BEGIN";
	out->many = !policy_is_blank(t->at, (size_t)(t->end - t->at));
}

// CREATE|DROP [TEMP] [UNIQUE|VIRTUAL] TABLE|INDEX|VIEW|TRIGGER [IF [NOT] EXISTS] [schema.]name. SQLite's authorizer is not
// told of every object that "temp." makes temporary.
static bool classify_create_or_drop(struct tokens *t, const char *sql, size_t size,
				    struct policy_statement *out, struct error *err)
{
	static const char *const before_name[] = {"unique",  "virtual", "table", "index",  "view",
						  "trigger", "if",      "not",   "exists", NULL};
	out->kind = STATEMENT_DDL;
	enum token_kind kind = next_token(t);
	if (token_is(t, "temp") || token_is(t, "temporary"))
		return policy_unsupported(sql, size, err);
	while (kind == TOKEN_WORD && in_list(before_name, t->token, t->size))
		kind = next_token(t);
	bool is_temp = token_names(t, kind, "temp");
	if (is_temp && next_token(t) == TOKEN_OTHER && t->token[0] == '.')
		return policy_unsupported(sql, size, err);
	return true;
}

// INSERT|REPLACE [OR x] INTO, UPDATE [OR x], DELETE FROM, then [schema.]name: the last token was the verb.
static bool check_target(struct tokens *t, const char *sql, size_t size, struct error *err)
{
	static const char *const before_name[] = {"or",   "rollback", "abort", "replace", "fail",
						  "into", "ignore",   "from",  NULL};
	enum token_kind kind = next_token(t);
	while (kind == TOKEN_WORD && in_list(before_name, t->token, t->size))
		kind = next_token(t);
	struct tokens ahead = *t;
	if (next_token(&ahead) == TOKEN_OTHER && ahead.token[0] == '.') {
		kind = next_token(&ahead);
		*t = ahead;
	}
	size_t quotes = kind == TOKEN_QUOTED && t->size >= 2;
	if (policy_is_reserved_table(t->token + quotes, t->size - 2 * quotes))
		return policy_unsupported(sql, size, err);
	return true;
}

static bool is_write_verb(const struct tokens *t, struct policy_statement *out)
{
	out->is_insert = token_is(t, "insert") || token_is(t, "replace");
	return out->is_insert || token_is(t, "update") || token_is(t, "delete");
}

// The verb of a statement that starts with WITH stands outside all parentheses.
static bool classify_with(struct tokens *t, const char *sql, size_t size, struct policy_statement *out,
			  struct error *err)
{
	int depth = 0;
	enum token_kind kind;
	out->kind = STATEMENT_READ;
	while ((kind = next_token(t)) != TOKEN_END && kind != TOKEN_SEMICOLON) {
		depth += kind == TOKEN_OPEN ? 1 : kind == TOKEN_CLOSE ? -1 : 0;
		if (depth != 0 || kind != TOKEN_WORD)
			continue;
		if (token_is(t, "select") || token_is(t, "values"))
			return true;
		if (is_write_verb(t, out)) {
			out->kind = STATEMENT_WRITE;
			return check_target(t, sql, size, err);
		}
	}
	return true;
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
	if (token_is(&t, "with"))
		return classify_with(&t, sql, size, out, err);
	if (token_is(&t, "create") || token_is(&t, "drop"))
		return classify_create_or_drop(&t, sql, size, out, err);
	if (token_is(&t, "attach") || token_is(&t, "detach"))
		return policy_unsupported(sql, size, err);
	for (size_t i = 0; i < ARRAY_LENGTH(verbs); i++) {
		if (!token_is(&t, verbs[i].word))
			continue;
		out->kind = verbs[i].kind;
		if (is_write_verb(&t, out))
			return check_target(&t, sql, size, err);
		out->is_vacuum = token_is(&t, "vacuum");
		// VACUUM INTO writes a file of the client's choosing.
		if (out->is_vacuum && policy_mentions(sql, size, "into"))
			return policy_unsupported(sql, size, err);
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
	if ((kind != TOKEN_WORD && !quoted) || isdigit((unsigned char)t->token[0]))
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
		return policy_unsupported(sql, size, err);
	if (!policy_is_blank(t.at, (size_t)(t.end - t.at)))
		return error_set(err, ERR_SQL_MANY_STATEMENTS, "SQL string contains more than one statement");
	return true;
}
