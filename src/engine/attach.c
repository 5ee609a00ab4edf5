// Another database in a stream's SQL, to be read. Its own engine goes on as ever: to it the connection is one more
// reader, which takes part in its locks. What was read there holds the reply back until it is durable there.

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/internal.h"
#include "engine/sqlite_core.h"

int attached_find(const struct connection *connection, const char *alias)
{
	for (int i = 0; i < connection->attached_count; i++) {
		if (strcasecmp(connection->attached[i].alias, alias) == 0)
			return i;
	}
	return -1;
}

bool attached_add(struct connection *connection, struct engine_database *other, const char *alias,
		  struct error *err)
{
	OWNED(buffer) struct buffer uri = {0};
	if (connection->attached_count == ATTACHED_MAX)
		return error_set(err, ERR_SQLITE, "SQLite error: too many attached databases - max %d",
				 ATTACHED_MAX);
	capture_write_uri(other->capture, other->path, &uri);
	connection->stop = STOP_NONE;
	connection->deadline_ns = 0;
	connection->seen.engine = true;
	int rc = sqlite_core_attach(connection->db, buffer_text(&uri), alias);
	connection->seen.engine = false;
	if (rc != SQLITE_OK) {
		policy_sqlite_error(connection->db, rc, err);
		// SQLite names the file.
		if (strstr(err->message, "file:"))
			snprintf(err->message, sizeof(err->message),
				 "SQLite error: unable to open the attached database");
		return false;
	}
	struct attached *attached = &connection->attached[connection->attached_count++];
	*attached = (struct attached){.alias = strdup(alias), .database = other};
	ASSERT(attached->alias != NULL);
	database_count_files(connection->database, CONNECTION_FILES);
	return true;
}

static bool detach(struct connection *connection, const char *alias, struct error *err)
{
	sqlite3_stmt *stmt = NULL;
	connection->stop = STOP_NONE;
	connection->deadline_ns = 0;
	connection->seen.engine = true;
	int rc = sqlite3_prepare_v2(connection->db, "DETACH ?1", -1, &stmt, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, alias, -1, SQLITE_STATIC);
		sqlite3_step(stmt);
		rc = sqlite3_reset(stmt);
	}
	connection->seen.engine = false;
	bool ok = rc == SQLITE_OK || policy_sqlite_error(connection->db, rc, err);
	sqlite3_finalize(stmt);
	return ok;
}

bool attached_remove(struct connection *connection, int at, struct error *err)
{
	struct attached *attached = &connection->attached[at];
	if (!detach(connection, attached->alias, err))
		return false;
	free(attached->alias);
	*attached = connection->attached[--connection->attached_count];
	database_count_files(connection->database, -CONNECTION_FILES);
	return true;
}

void attached_remove_all(struct connection *connection)
{
	struct error err;
	while (connection->attached_count > 0) {
		// Without a transaction nothing can be in the way.
		if (!attached_remove(connection, connection->attached_count - 1, &err))
			ASSERT(!"an attached database cannot be detached");
	}
}

void attached_note_seen(struct connection *connection)
{
	for (int i = 0; i < connection->attached_count; i++)
		connection->attached[i].seen = database_seen(connection->attached[i].database);
}

bool attached_settle(struct connection *connection, int64_t deadline_ms, struct error *err)
{
	for (int i = 0; i < connection->attached_count; i++) {
		struct attached *attached = &connection->attached[i];
		if (!engine_database_settle(attached->database, attached->seen, deadline_ms, err))
			return false;
	}
	return true;
}
