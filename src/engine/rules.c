// What the owner of one database allows: blocks and its size.
//
// The size is SQLite's own limit of pages, which each connection has for itself: one that is about to write brings its
// limit up to date first. A statement that outgrows it is undone alone, what its transaction did before stays.

#include "engine/internal.h"

static const uint64_t pages_max = 4294967294; // SQLite's

void engine_database_set_rules(struct engine_database *db, const struct engine_rules *rules)
{
	atomic_store(&db->rules.size_bytes_max, rules->size_bytes_max);
	atomic_store(&db->rules.blocks_reads, rules->block_reads);
	atomic_store(&db->rules.blocks_writes, rules->block_reads || rules->block_writes);
	atomic_store(&db->rules.allows_attach, rules->allow_attach);
	atomic_store(&db->rules.serves_offline, rules->offline_sync);
	atomic_store(&db->rules.history_bytes_max, rules->history_bytes_max);
	atomic_store(&db->rules.history_ms_max, rules->history_ms_max);
	if (db->log)
		past_limit(db);
	atomic_fetch_add(&db->rules.version, 1);
}

uint64_t engine_database_rules_version(struct engine_database *db)
{
	return atomic_load(&db->rules.version);
}

bool engine_database_allows_attach(struct engine_database *db)
{
	return atomic_load(&db->rules.allows_attach);
}

bool engine_database_serves_offline(struct engine_database *db)
{
	return atomic_load(&db->rules.serves_offline);
}

bool engine_database_blocks_reads(struct engine_database *db)
{
	return atomic_load(&db->rules.blocks_reads);
}

static bool is_blocked(struct rules *rules, const struct policy_statement *policy)
{
	switch (policy->kind) {
	case STATEMENT_READ:
		return atomic_load(&rules->blocks_reads);
	case STATEMENT_BEGIN:
		return atomic_load(policy->is_immediate ? &rules->blocks_writes : &rules->blocks_reads);
	case STATEMENT_WRITE:
	case STATEMENT_DDL:
	case STATEMENT_PRAGMA:
		return atomic_load(&rules->blocks_writes);
	case STATEMENT_COMMIT:
	case STATEMENT_ROLLBACK:
	case STATEMENT_SAVEPOINT:
	case STATEMENT_RELEASE:
		break;
	}
	return false;
}

bool rules_allow_kind(struct engine_database *db, const struct policy_statement *policy, struct error *err)
{
	return !is_blocked(&db->rules, policy) || error_set(err, ERR_BLOCKED, "Operation was blocked");
}

bool rules_allow(struct engine_database *db, const struct statement *statement, struct error *err)
{
	struct policy_statement policy;
	struct error ignored;
	if (!rules_block_any(db))
		return true;
	// What is no statement gets its own error when it is compiled.
	return !policy_classify(statement->sql, statement->sql_size, &policy, &ignored) ||
	       rules_allow_kind(db, &policy, err);
}

static bool limit_pages(struct connection *connection, uint64_t pages, struct error *err)
{
	char command[64];
	// SQLite takes no less than the pages there are: what is too large already may be read and made smaller.
	snprintf(command, sizeof(command), "PRAGMA max_page_count=%llu", (unsigned long long)pages);
	connection->seen.engine = true;
	int rc = sqlite3_exec(connection->db, command, NULL, NULL, NULL);
	connection->seen.engine = false;
	return rc == SQLITE_OK || policy_sqlite_error(connection->db, rc, err);
}

bool rules_bound_size(struct connection *connection, bool vacuum, struct error *err)
{
	struct rules *rules = &connection->database->rules;
	uint64_t version = atomic_load(&rules->version);
	if (connection->rules_version == version && !vacuum)
		return true;
	// VACUUM may need more for a moment, and leaves a smaller file.
	uint64_t bytes = vacuum ? 0 : atomic_load(&rules->size_bytes_max);
	uint64_t pages = bytes / LOG_PAGE_BYTES;
	if (bytes == 0 || pages > pages_max)
		pages = pages_max;
	bool changes = bytes > 0 || connection->size_bytes_max > 0;
	if (changes && !limit_pages(connection, pages > 0 ? pages : 1, err))
		return false;
	connection->size_bytes_max = bytes;
	connection->rules_version = version;
	return true;
}

void rules_vacuumed(struct engine_database *db)
{
	atomic_fetch_add(&db->rules.version, 1);
}
