// What stands in the schema decides the order: tables as they were made, each with its rows; sqlite_sequence behind all that
// AUTOINCREMENT fills; then the rest. The statements are SQLite's own, compiled without the clients' policy, and run on a
// client's connection, inside one transaction.

#include "engine/dump.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/dump_text.h"
#include "engine/internal.h"
#include "engine/share.h"
#include "engine/stream.h"

enum { SQL_BYTES_MAX = 1000 * 1000 * 1000 }; // of our own: a table's columns may be many

enum phase { PHASE_TABLES, PHASE_OBJECTS, PHASE_DONE };

struct engine_dump {
	struct connection *connection;
	bool preserve_row_ids;
	enum phase phase;
	sqlite3_stmt *schema; // tables, then what stands on them
	sqlite3_stmt *rows;   // of the present table; NULL: none is open
	struct buffer insert; // what each of its lines begins with
	bool begun;           // its transaction is open
	bool started;         // the text is
	bool writes_schema;
	bool autoincrements; // a table before did
};

// -- statements ---------------------------------------------------------------------------------------

static bool failed(struct engine_dump *dump, struct error *err)
{
	sqlite3 *db = dump->connection->db;
	return policy_sqlite_error(db, sqlite3_extended_errcode(db), err);
}

static bool compile(struct engine_dump *dump, const char *sql, sqlite3_stmt **out, struct error *err)
{
	return sqlite3_prepare_v2(dump->connection->db, sql, -1, out, NULL) == SQLITE_OK || failed(dump, err);
}

static bool step(struct engine_dump *dump, sqlite3_stmt *stmt, bool *out_row, struct error *err)
{
	int rc = sqlite3_step(stmt);
	*out_row = rc == SQLITE_ROW;
	return rc == SQLITE_ROW || rc == SQLITE_DONE || failed(dump, err);
}

static const char *text_of(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	return text ? text : "";
}

// Between pieces nobody runs: who wants it to stop has only said so.
static bool is_wanted(struct engine_dump *dump, struct error *err)
{
	if (!atomic_load(&dump->connection->cancel))
		return true;
	error_set(err, ERR_SQLITE, "SQLite error: %s", sqlite3_errstr(SQLITE_INTERRUPT));
	err->sqlite_code = SQLITE_INTERRUPT;
	return false;
}

// -- one table ----------------------------------------------------------------------------------------

struct table {
	const char *name;
	struct buffer columns; // ",a,b": those that are stored
	bool has_integer_key;  // one column, declared as INTEGER PRIMARY KEY
	bool hides[3];         // a column has the name of the row's number
};

static const char *const row_id_names[] = {"rowid", "_rowid_", "oid"};

static void note_column(struct engine_dump *dump, struct table *table, const char *name)
{
	int increments = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(row_id_names); i++)
		table->hides[i] = table->hides[i] || sqlite3_stricmp(name, row_id_names[i]) == 0;
	buffer_append_byte(&table->columns, ',');
	dump_text_name(&table->columns, name);
	sqlite3_table_column_metadata(dump->connection->db, "main", table->name, name, NULL, NULL, NULL, NULL,
				      &increments);
	dump->autoincrements = dump->autoincrements || increments;
}

static bool read_columns(struct engine_dump *dump, struct table *table, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	bool row = false;
	int keys = 0;
	// What is generated is not listed.
	if (!compile(dump, "SELECT name, type, pk FROM pragma_table_info(?1, 'main')", &stmt, err))
		return false;
	sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
	bool ok = true;
	while ((ok = step(dump, stmt, &row, err)) && row) {
		if (sqlite3_column_int(stmt, 2) > 0)
			table->has_integer_key =
				++keys == 1 && sqlite3_stricmp(text_of(stmt, 1), "INTEGER") == 0;
		note_column(dump, table, text_of(stmt, 0));
	}
	sqlite3_finalize(stmt);
	return ok;
}

// INTEGER PRIMARY KEY is the row's number, unless an index was made for it (DESC, WITHOUT ROWID).
static bool has_key_index(struct engine_dump *dump, const struct table *table, bool *out, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	if (!compile(dump, "SELECT 1 FROM pragma_index_list(?1, 'main') WHERE origin='pk'", &stmt, err))
		return false;
	sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
	bool ok = step(dump, stmt, out, err);
	sqlite3_finalize(stmt);
	return ok;
}

// By which the row's number must be written: "" if it need not, or cannot.
static bool choose_row_id(struct engine_dump *dump, const struct table *table, const char **out,
			  struct error *err)
{
	bool preserves = dump->preserve_row_ids;
	*out = "";
	if (preserves && table->has_integer_key && !has_key_index(dump, table, &preserves, err))
		return false;
	for (size_t i = 0; preserves && i < ARRAY_LENGTH(row_id_names); i++) {
		if (table->hides[i] ||
		    sqlite3_table_column_metadata(dump->connection->db, "main", table->name, row_id_names[i],
						  NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
			continue;
		*out = row_id_names[i];
		preserves = false;
	}
	return true;
}

static bool open_rows(struct engine_dump *dump, struct table *table, struct error *err)
{
	const char *row_id;
	if (!read_columns(dump, table, err) || !choose_row_id(dump, table, &row_id, err))
		return false;
	const char *columns = buffer_text(&table->columns);
	buffer_truncate(&dump->insert, 0);
	buffer_append_text(&dump->insert, "INSERT INTO ");
	dump_text_name(&dump->insert, table->name);
	if (row_id[0])
		buffer_printf(&dump->insert, "(%s%s)", row_id, columns);
	buffer_append_text(&dump->insert, " VALUES(");
	OWNED(buffer) struct buffer select = {0};
	buffer_append_text(&select, "SELECT ");
	buffer_append_text(&select, row_id);
	buffer_append_text(&select, row_id[0] || !columns[0] ? columns : columns + 1);
	buffer_append_text(&select, " FROM main.");
	dump_text_name(&select, table->name);
	return compile(dump, buffer_text(&select), &dump->rows, err);
}

static bool write_row(struct engine_dump *dump, struct buffer *out, struct error *err)
{
	bool row;
	if (!step(dump, dump->rows, &row, err))
		return false;
	if (!row) {
		sqlite3_finalize(TAKE(dump->rows));
		return true;
	}
	buffer_append(out, dump->insert.data, dump->insert.size);
	int count = sqlite3_column_count(dump->rows);
	for (int i = 0; i < count; i++) {
		struct value value = connection_column_value(dump->rows, i);
		if (i > 0)
			buffer_append_byte(out, ',');
		dump_text_value(out, &value);
	}
	buffer_append_text(out, ");\n");
	return true;
}

// -- schema -------------------------------------------------------------------------------------------

static void write_virtual_table(struct engine_dump *dump, const char *name, const char *sql,
				struct buffer *out)
{
	struct value name_value = {.kind = VALUE_TEXT, .size = strlen(name), .bytes = name};
	struct value sql_value = {.kind = VALUE_TEXT, .size = strlen(sql), .bytes = sql};
	if (!dump->writes_schema)
		buffer_append_text(out, "PRAGMA writable_schema=ON;\n");
	dump->writes_schema = true;
	buffer_append_text(out, "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',");
	dump_text_value(out, &name_value);
	buffer_append_byte(out, ',');
	dump_text_value(out, &name_value);
	buffer_append_text(out, ",0,");
	dump_text_value(out, &sql_value);
	buffer_append_text(out, ");\n");
}

// False: the table is not written, or by this alone.
static bool write_table(struct engine_dump *dump, const char *name, const char *sql, struct buffer *out)
{
	static const char virtual_table[] = "CREATE VIRTUAL TABLE";
	if (strcmp(name, "sqlite_sequence") == 0) {
		// Without a table that needs it, nothing makes it where the dump is loaded.
		if (!dump->autoincrements)
			return false;
		buffer_append_text(out, "DELETE FROM sqlite_sequence;\n");
		return true;
	}
	// The other statistics are for builds that know them.
	if (strcmp(name, "sqlite_stat1") == 0) {
		buffer_append_text(out, "ANALYZE sqlite_schema;\n");
		return true;
	}
	if (strncmp(name, "sqlite_", 7) == 0)
		return false;
	if (strncmp(sql, virtual_table, sizeof(virtual_table) - 1) == 0) {
		write_virtual_table(dump, name, sql, out);
		return false;
	}
	dump_text_schema(out, sql);
	return true;
}

static bool next_phase(struct engine_dump *dump, struct buffer *out, struct error *err)
{
	sqlite3_finalize(TAKE(dump->schema));
	if (dump->phase == PHASE_TABLES) {
		dump->phase = PHASE_OBJECTS;
		return compile(
			dump,
			"SELECT name, sql FROM main.sqlite_schema WHERE type IN ('index', 'trigger', 'view')"
			" AND sql IS NOT NULL ORDER BY rowid",
			&dump->schema, err);
	}
	if (dump->writes_schema)
		buffer_append_text(out, "PRAGMA writable_schema=OFF;\n");
	buffer_append_text(out, "COMMIT;\n");
	dump->phase = PHASE_DONE;
	return true;
}

static bool write_next(struct engine_dump *dump, struct buffer *out, struct error *err)
{
	bool row;
	if (dump->rows)
		return write_row(dump, out, err);
	if (!step(dump, dump->schema, &row, err))
		return false;
	if (!row)
		return next_phase(dump, out, err);
	if (dump->phase == PHASE_OBJECTS) {
		dump_text_schema(out, text_of(dump->schema, 1));
		return true;
	}
	struct table table = {.name = text_of(dump->schema, 0)};
	bool ok =
		!write_table(dump, table.name, text_of(dump->schema, 1), out) || open_rows(dump, &table, err);
	buffer_cleanup(&table.columns);
	return ok;
}

// -- life ---------------------------------------------------------------------------------------------

// Around all that runs on the connection: a dump takes the time it takes, but of the processors no more than its share.
static void enter(struct engine_dump *dump)
{
	struct connection *connection = dump->connection;
	pthread_mutex_lock(&connection->mutex);
	connection->stop = STOP_NONE;
	connection->deadline_ns = INT64_MAX;
	share_begin(connection, clock_monotonic_ns());
	connection->seen.engine = true;
	sqlite3_limit(connection->db, SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX);
}

static void leave(struct engine_dump *dump)
{
	struct connection *connection = dump->connection;
	share_end(connection);
	sqlite3_limit(connection->db, SQLITE_LIMIT_SQL_LENGTH,
		      (int)connection->database->limits.sql_bytes_max + 1);
	connection->seen.engine = false;
	pthread_mutex_unlock(&connection->mutex);
}

// Its first step fixes the moment that all is of.
static bool begin(struct engine_dump *dump, struct error *err)
{
	static const struct statement reading = {.sql = "SELECT 1", .sql_size = 8};
	bool row;
	if (!rules_allow(dump->connection->database, &reading, err))
		return false;
	if (sqlite3_exec(dump->connection->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return failed(dump, err);
	dump->begun = true;
	if (!compile(dump,
		     "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
		     " ORDER BY tbl_name = 'sqlite_sequence', rowid",
		     &dump->schema, err) ||
	    !step(dump, dump->schema, &row, err))
		return false;
	return sqlite3_reset(dump->schema) == SQLITE_OK || failed(dump, err);
}

bool engine_dump_begin(struct engine_stream *stream, bool preserve_row_ids, struct engine_dump **out,
		       struct error *err)
{
	struct engine_dump *dump = calloc(1, sizeof(*dump));
	ASSERT(dump != NULL);
	dump->connection = engine_stream_connection(stream);
	dump->preserve_row_ids = preserve_row_ids;
	enter(dump);
	bool ok = begin(dump, err);
	leave(dump);
	if (!ok) {
		engine_dump_end(dump);
		return false;
	}
	engine_stream_note_rows(stream);
	*out = dump;
	return true;
}

bool engine_dump_write(struct engine_dump *dump, struct buffer *out, size_t bytes_max, bool *out_done,
		       struct error *err)
{
	size_t enough = out->size + bytes_max;
	if (!dump->started)
		buffer_append_text(out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
	dump->started = true;
	enter(dump);
	bool ok = is_wanted(dump, err);
	while (ok && dump->phase != PHASE_DONE && out->size < enough)
		ok = write_next(dump, out, err);
	leave(dump);
	*out_done = dump->phase == PHASE_DONE;
	return ok;
}

void engine_dump_end(struct engine_dump *dump)
{
	if (!dump)
		return;
	enter(dump);
	sqlite3_finalize(dump->rows);
	sqlite3_finalize(dump->schema);
	if (dump->begun)
		sqlite3_exec(dump->connection->db, "ROLLBACK", NULL, NULL, NULL);
	leave(dump);
	buffer_cleanup(&dump->insert);
	free(dump);
}
