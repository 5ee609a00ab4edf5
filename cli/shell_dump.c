// A database as SQL text, read through one transaction so that it is of one moment.
//
// Only what the SQL protocol offers is used. Rows are fetched in pages, since an answer has a largest size:
// a page that is too large is asked for again by halves.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "cli/json_copy.h"
#include "cli/shell.h"
#include "cli/sql_value.h"

enum { PAGE_ROWS = 1000 };

struct dump {
	struct session *session;
	FILE *out;
};

// A table on its way out.
struct dumped_table {
	const char *name;
	struct buffer columns; // "a","b": those that can be written
	bool all_columns;      // none is left out
	bool with_rowid;       // the rowid must be kept: full-text tables are addressed by it
	const char *key;       // name of the rowid to page by; NULL when there is none
};

static bool query(struct dump *dump, const char *sql, const char *argument, struct session_answer *out,
		  struct error *err)
{
	return session_execute(dump->session, sql, strlen(sql), &argument, argument ? 1 : 0, out, err);
}

static const struct json *cell(const struct json *row, size_t column)
{
	return json_read_at(row, column);
}

static const char *cell_text(const struct json *row, size_t column)
{
	return json_text_at(cell(row, column), "value");
}

static bool print_row(struct dump *dump, const struct dumped_table *table, const struct json *row,
		      struct error *err)
{
	OWNED(buffer) struct buffer line = {0};
	buffer_append_text(&line, "INSERT INTO ");
	sql_append_name(&line, table->name);
	if (table->with_rowid || !table->all_columns)
		buffer_printf(&line, "(%s%s)", table->with_rowid ? "rowid," : "",
			      buffer_text((struct buffer *)&table->columns));
	buffer_append_text(&line, " VALUES(");
	// The first value is the key of the page, or NULL.
	size_t first = table->with_rowid ? 0 : 1;
	for (size_t i = first; i < json_read_size(row); i++) {
		if (sql_value_is_infinite(cell(row, i)))
			return error_set(
				err, ERR_SQLITE,
				"table %s holds an infinite number, whose sign the protocol does not carry",
				table->name);
		if (i > first)
			buffer_append_byte(&line, ',');
		sql_value_append_literal(&line, cell(row, i));
	}
	buffer_append_text(&line, ");\n");
	fwrite(line.data, 1, line.size, dump->out);
	return true;
}

static void write_page_query(struct buffer *sql, const struct dumped_table *table, const char *after,
			     size_t offset, size_t limit)
{
	buffer_truncate(sql, 0);
	buffer_append_text(sql, "SELECT ");
	if (table->key)
		sql_append_name(sql, table->key);
	else
		buffer_append_text(sql, "NULL");
	buffer_append_byte(sql, ',');
	buffer_append(sql, table->columns.data, table->columns.size);
	buffer_append_text(sql, " FROM ");
	sql_append_name(sql, table->name);
	if (table->key && after) {
		buffer_append_text(sql, " WHERE ");
		sql_append_name(sql, table->key);
		buffer_printf(sql, " > %s", after);
	}
	if (table->key) {
		buffer_append_text(sql, " ORDER BY ");
		sql_append_name(sql, table->key);
		buffer_printf(sql, " LIMIT %zu", limit);
	} else {
		buffer_printf(sql, " LIMIT %zu OFFSET %zu", limit, offset);
	}
}

static bool dump_rows(struct dump *dump, const struct dumped_table *table, struct error *err)
{
	OWNED(buffer) struct buffer sql = {0};
	OWNED(text) char *after = NULL;
	size_t offset = 0, limit = PAGE_ROWS;
	for (;;) {
		OWNED(session_answer) struct session_answer answer = {0};
		write_page_query(&sql, table, after, offset, limit);
		if (!query(dump, buffer_text(&sql), NULL, &answer, err)) {
			if (err->code != ERR_LIMIT || limit == 1)
				return false;
			limit /= 2;
			continue;
		}
		const struct json *rows = json_read_get(answer.result, "rows");
		size_t count = json_read_size(rows);
		for (size_t i = 0; i < count; i++) {
			if (!print_row(dump, table, json_read_at(rows, i), err))
				return false;
		}
		if (count < limit)
			return true;
		offset += count;
		free(after);
		after = strdup(cell_text(json_read_at(rows, count - 1), 0));
		ASSERT(after != NULL);
	}
}

static bool has_column(const struct json *columns, const char *name)
{
	for (size_t i = 0; i < json_read_size(columns); i++) {
		if (strcasecmp(cell_text(json_read_at(columns, i), 0), name) == 0)
			return true;
	}
	return false;
}

// Any of the three names of the rowid, unless a column hides it.
static const char *rowid_name(const struct json *columns)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		if (!has_column(columns, names[i]))
			return names[i];
	}
	return NULL;
}

static bool dump_table(struct dump *dump, const char *name, const char *sql, bool is_virtual, bool has_rowid,
		       struct error *err)
{
	fprintf(dump->out, "%s;\n", sql);
	OWNED(session_answer) struct session_answer answer = {0};
	if (!query(dump, "SELECT name, hidden FROM pragma_table_xinfo(?1) ORDER BY cid", name, &answer, err))
		return false;
	const struct json *columns = json_read_get(answer.result, "rows");
	struct dumped_table table = {
		.name = name,
		.all_columns = true,
		.key = has_rowid ? rowid_name(columns) : NULL,
	};
	for (size_t i = 0; i < json_read_size(columns); i++) {
		const struct json *column = json_read_at(columns, i);
		if (strcmp(cell_text(column, 1), "0") != 0) { // generated, or a hidden one of a virtual table
			table.all_columns = false;
			continue;
		}
		if (table.columns.size > 0)
			buffer_append_byte(&table.columns, ',');
		sql_append_name(&table.columns, cell_text(column, 0));
	}
	table.with_rowid = is_virtual && table.key && strcasestr(sql, "using fts");
	bool ok = table.columns.size == 0 || dump_rows(dump, &table, err);
	buffer_cleanup(&table.columns);
	return ok;
}

static bool dump_tables(struct dump *dump, struct error *err)
{
	// Shadow tables come into being with their virtual table and are filled through it.
	static const char sql[] = "SELECT s.name, s.sql, l.type, l.wr FROM sqlite_schema AS s"
				  " JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name"
				  " WHERE s.type = 'table' AND l.type IN ('table', 'virtual')"
				  " AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY s.rowid";
	OWNED(session_answer) struct session_answer answer = {0};
	if (!query(dump, sql, NULL, &answer, err))
		return false;
	const struct json *rows = json_read_get(answer.result, "rows");
	for (size_t i = 0; i < json_read_size(rows); i++) {
		const struct json *row = json_read_at(rows, i);
		bool is_virtual = strcmp(cell_text(row, 2), "virtual") == 0;
		bool has_rowid = strcmp(cell_text(row, 3), "0") == 0;
		if (!dump_table(dump, cell_text(row, 0), cell_text(row, 1), is_virtual, has_rowid, err))
			return error_context(err, "table %s", cell_text(row, 0));
	}
	return true;
}

static bool dump_sequences(struct dump *dump, struct error *err)
{
	OWNED(session_answer) struct session_answer found = {0};
	if (!query(dump, "SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence'", NULL, &found, err))
		return false;
	if (json_read_size(json_read_get(found.result, "rows")) == 0)
		return true;
	fputs("DELETE FROM sqlite_sequence;\n", dump->out);
	struct dumped_table table = {.name = "sqlite_sequence", .all_columns = true, .key = "rowid"};
	buffer_append_text(&table.columns, "\"name\",\"seq\"");
	bool ok = dump_rows(dump, &table, err);
	buffer_cleanup(&table.columns);
	return ok;
}

static bool dump_the_rest(struct dump *dump, struct error *err)
{
	static const char sql[] = "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view')"
				  " AND sql IS NOT NULL ORDER BY rowid";
	OWNED(session_answer) struct session_answer answer = {0};
	if (!query(dump, sql, NULL, &answer, err))
		return false;
	const struct json *rows = json_read_get(answer.result, "rows");
	for (size_t i = 0; i < json_read_size(rows); i++)
		fprintf(dump->out, "%s;\n", cell_text(json_read_at(rows, i), 0));
	return true;
}

static bool run(struct dump *dump, const char *sql, struct error *err)
{
	OWNED(session_answer) struct session_answer answer = {0};
	return query(dump, sql, NULL, &answer, err);
}

bool shell_dump(struct session *session, FILE *out, struct error *err)
{
	struct dump dump = {session, out};
	bool own_transaction = !session_in_transaction(session);
	if (own_transaction && !run(&dump, "BEGIN", err))
		return false;
	fputs("PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", out);
	bool ok = dump_tables(&dump, err) && dump_sequences(&dump, err) && dump_the_rest(&dump, err);
	// Whoever feeds a broken dump somewhere must not get half a database.
	fputs(ok ? "COMMIT;\n" : "ROLLBACK; -- due to errors\n", out);
	struct error ignored;
	if (own_transaction && session_in_transaction(session) && !run(&dump, "ROLLBACK", &ignored) && ok) {
		*err = ignored;
		return false;
	}
	return ok;
}
