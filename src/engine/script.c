#include "engine/script.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/job.h"
#include "engine/database.h"
#include "engine/policy.h"
#include "engine/stream.h"

enum { SETTLE_MS = 30000 };

struct part {
	const char *sql;
	size_t size;
};

// -- reading ------------------------------------------------------------------------------------------

// Why a statement cannot be part of a transaction that was begun for it; NULL when it can.
static const char *objection(const struct part *part, const struct policy_statement *policy)
{
	switch (policy->kind) {
	case STATEMENT_BEGIN:
	case STATEMENT_COMMIT:
	case STATEMENT_ROLLBACK:
		return "the file is one transaction already: leave BEGIN, COMMIT and ROLLBACK away";
	case STATEMENT_SAVEPOINT:
	case STATEMENT_RELEASE:
		return "savepoints cannot be used here";
	case STATEMENT_PRAGMA:
		if (policy_mentions(part->sql, part->size, "foreign_keys"))
			return "foreign_keys cannot be changed inside a transaction: use PRAGMA "
			       "defer_foreign_keys=ON";
		return policy_mentions(part->sql, part->size, "defer_foreign_keys") ||
				       policy_mentions(part->sql, part->size, "user_version") ||
				       policy_mentions(part->sql, part->size, "application_id")
			       ? NULL
			       : "this pragma cannot be set inside a transaction";
	default:
		return policy->is_vacuum ? "VACUUM cannot run inside a transaction" : NULL;
	}
}

// Where the policy's reader sees the end of a statement, SQLite has to see one, too.
static bool ends_for_sqlite(const struct part *part)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_append(&text, part->sql, part->size);
	return sqlite3_complete(buffer_text(&text)) != 0;
}

static bool check_part(const struct part *part, bool last, size_t number, struct error *err)
{
	struct policy_statement policy;
	struct policy_attachment attachment;
	if (!policy_attachment(part->sql, part->size, &attachment, err) || attachment.verb != VERB_NEITHER)
		return error_set(err, ERR_BAD_REQUEST,
				 "statement %zu: other databases cannot be attached here", number);
	if (!policy_classify(part->sql, part->size, &policy, err)) {
		err->code = ERR_BAD_REQUEST;
		return error_context(err, "statement %zu", number);
	}
	const char *why = objection(part, &policy);
	if (why)
		return error_set(err, ERR_BAD_REQUEST, "statement %zu: %s", number, why);
	return last || ends_for_sqlite(part) ||
	       error_set(err, ERR_BAD_REQUEST, "statement %zu: its end is not clear", number);
}

static bool read_parts(const char *sql, size_t size, struct engine_script *script, struct error *err)
{
	while (true) {
		size_t blank = policy_blank_prefix(sql, size);
		sql += blank;
		size -= blank;
		struct part part = {.sql = sql, .size = policy_first_statement(sql, size)};
		if (part.size == 0)
			return true;
		size_t number = engine_script_count(script) + 1;
		bool last = policy_is_blank(sql + part.size, size - part.size);
		if (number > SCRIPT_STATEMENTS_MAX)
			return error_set(err, ERR_BAD_REQUEST, "more than %d statements",
					 SCRIPT_STATEMENTS_MAX);
		if (!check_part(&part, last, number, err))
			return false;
		buffer_append(&script->statements, &part, sizeof(part));
		sql += part.size;
		size -= part.size;
	}
}

bool engine_script_read(const char *sql, size_t size, struct engine_script *out, struct error *err)
{
	struct engine_script script = {0};
	bool ok = memchr(sql, '\0', size) == NULL ||
		  error_set(err, ERR_BAD_REQUEST, "the SQL holds a NUL character");
	ok = ok && read_parts(sql, size, &script, err);
	if (ok && engine_script_count(&script) == 0)
		ok = error_set(err, ERR_BAD_REQUEST, "the SQL holds no statement");
	if (!ok) {
		engine_script_cleanup(&script);
		return false;
	}
	*out = script;
	return true;
}

size_t engine_script_count(const struct engine_script *script)
{
	return script->statements.size / sizeof(struct part);
}

void engine_script_cleanup(struct engine_script *script)
{
	buffer_cleanup(&script->statements);
}

// -- applying -----------------------------------------------------------------------------------------

static bool execute(struct engine_stream *stream, const char *sql, size_t size, const struct value *args,
		    size_t arg_count, struct result_sink *sink, struct error *err)
{
	struct statement statement = {.sql = sql, .sql_size = size, .args = args, .arg_count = arg_count};
	struct statement_result ignored;
	return engine_stream_execute(stream, &statement, sink, &ignored, err);
}

static bool execute_own(struct engine_stream *stream, const char *sql, struct error *err)
{
	return execute(stream, sql, strlen(sql), NULL, 0, NULL, err);
}

static struct value text_value(const char *text)
{
	return (struct value){.kind = VALUE_TEXT, .size = strlen(text), .bytes = text};
}

struct mark_sink {
	struct result_sink sink;
	const struct engine_script *script;
	bool found;
	enum script_outcome outcome;
};

static bool no_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	(void)sink;
	(void)columns;
	(void)count;
	(void)err;
	return true;
}

static bool is_text(const struct value *value, const char *text)
{
	return value->kind == VALUE_TEXT && value->size == strlen(text) &&
	       memcmp(value->bytes, text, value->size) == 0;
}

static bool read_mark(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct mark_sink *mark = (struct mark_sink *)(void *)sink;
	(void)count;
	(void)err;
	mark->found = true;
	mark->outcome = !is_text(&values[0], mark->script->hash) ? SCRIPT_OTHER_TEXT
			: is_text(&values[1], mark->script->run) ? SCRIPT_APPLIED
								 : SCRIPT_WAS_APPLIED;
	return true;
}

static void forget_mark(struct result_sink *sink)
{
	((struct mark_sink *)(void *)sink)->found = false;
}

static const char make_table[] = "CREATE TABLE IF NOT EXISTS _atoll_migrations (name TEXT PRIMARY KEY,"
				 " hash TEXT NOT NULL, run TEXT NOT NULL, applied_at TEXT NOT NULL)";

static bool look_for_mark(struct engine_stream *stream, const struct engine_script *script,
			  struct mark_sink *out, struct error *err)
{
	static const char find[] = "SELECT hash, run FROM main._atoll_migrations WHERE name = ?";
	struct value name = text_value(script->name);
	*out = (struct mark_sink){.sink = {.columns = no_columns, .row = read_mark, .restart = forget_mark},
				  .script = script};
	return execute(stream, find, strlen(find), &name, 1, &out->sink, err);
}

static bool set_mark(struct engine_stream *stream, const struct engine_script *script, struct error *err)
{
	static const char add[] = "INSERT INTO main._atoll_migrations (name, hash, run, applied_at)"
				  " VALUES (?, ?, ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))";
	struct value values[] = {text_value(script->name), text_value(script->hash), text_value(script->run)};
	return execute(stream, add, strlen(add), values, 3, NULL, err);
}

// What statements give is for nobody; while they work they are asked whether to go on.
struct run_sink {
	struct result_sink sink;
	const struct job *job;
};

static bool any_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	(void)values;
	(void)count;
	return job_goes_on(((struct run_sink *)(void *)sink)->job, err);
}

static bool any_tick(struct result_sink *sink, struct error *err)
{
	return job_goes_on(((struct run_sink *)(void *)sink)->job, err);
}

static void begin_anew(struct result_sink *sink)
{
	(void)sink;
}

static bool run_parts(struct engine_stream *stream, const struct engine_script *script, size_t *out_statement,
		      struct error *err)
{
	const struct part *parts = (const void *)script->statements.data;
	struct run_sink sink = {
		.sink = {.columns = no_columns, .row = any_row, .restart = begin_anew, .tick = any_tick},
		.job = script->job};
	for (size_t i = 0; i < engine_script_count(script); i++) {
		*out_statement = i + 1;
		if (!job_goes_on(script->job, err) ||
		    !execute(stream, parts[i].sql, parts[i].size, NULL, 0, &sink.sink, err))
			return false;
		// ON CONFLICT ROLLBACK and its like fail as well; this is for what nobody thought of.
		if (engine_stream_is_autocommit(stream))
			return error_set(err, ERR_BAD_REQUEST, "the statement ended the transaction");
	}
	*out_statement = 0;
	return true;
}

// Closing the stream rolls back what is still open.
static bool apply(struct engine_stream *stream, const struct engine_script *script, enum script_outcome *out,
		  size_t *out_statement, struct error *err)
{
	struct mark_sink mark;
	if (!execute_own(stream, "BEGIN IMMEDIATE", err) || !execute_own(stream, make_table, err) ||
	    !look_for_mark(stream, script, &mark, err))
		return false;
	if (mark.found) {
		*out = mark.outcome;
		return execute_own(stream, "ROLLBACK", err);
	}
	*out = SCRIPT_APPLIED;
	return run_parts(stream, script, out_statement, err) && set_mark(stream, script, err) &&
	       execute_own(stream, "COMMIT", err);
}

bool engine_script_apply(struct engine_database *db, const struct engine_script *script,
			 enum script_outcome *out, size_t *out_statement, struct error *err)
{
	struct engine_stream *stream = NULL;
	*out_statement = 0;
	if (!engine_stream_open(db, &stream, err))
		return false;
	bool ok = apply(stream, script, out, out_statement, err);
	// What is seen of it is told only when it cannot be lost any more.
	ok = ok &&
	     engine_database_settle(db, engine_stream_seen(stream), clock_monotonic_ms() + SETTLE_MS, err);
	engine_stream_close(stream);
	return ok;
}

bool engine_script_is_known(struct engine_database *db, const struct engine_script *script,
			    enum script_outcome *out)
{
	struct engine_stream *stream = NULL;
	struct mark_sink mark;
	struct error ignored;
	if (!engine_stream_open(db, &stream, &ignored))
		return false;
	// Without the table there is no mark.
	bool known = look_for_mark(stream, script, &mark, &ignored) && mark.found;
	engine_stream_close(stream);
	if (known)
		*out = mark.outcome;
	return known;
}
