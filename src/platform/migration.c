#include "platform/migration.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "engine/script.h"
#include "platform/internal.h"

const char *const migration_dry_runs[] = {"one", "all", "none", NULL};
const char *const migration_states[] = {"pending", "running", "passed", "done", "failed", "skipped", NULL};

static bool migration_not_found(struct error *err)
{
	return error_set(err, ERR_MIGRATION_NOT_FOUND, "migration not found");
}

static void migration_audit(struct store_txn *txn, const struct caller *caller,
			    const struct organization *organization, const struct group *group,
			    const char *code, const char *done, const char *name, const char *uuid)
{
	char message[400];
	snprintf(message, sizeof(message), "%s migration %s of group %s", done, name, group->name);
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){
			  {"group", group->name}, {"migration", name}, {"uuid", uuid}, {NULL, NULL}});
}

// -- finding ------------------------------------------------------------------------------------------

// Columns: MIGRATION_COLUMNS of sql_migration.def.
static struct migration migration_in(struct arena *arena, struct query *q)
{
	return (struct migration){
		.row = query_integer(q, 0),
		.uuid = sql_text_in(arena, q, 1),
		.name = sql_text_in(arena, q, 2),
		.hash = sql_text_in(arena, q, 3),
		.dry_run = sql_text_in(arena, q, 4),
		.applies = query_integer(q, 5) != 0,
		.concurrency = query_integer(q, 6),
		.pause_ms = query_integer(q, 7),
		.failures_max = query_integer(q, 8),
		.state = sql_text_in(arena, q, 9),
		.failure = sql_text_in(arena, q, 10),
		.author = sql_text_in(arena, q, 11),
		.created_ms = query_integer(q, 12),
		.ended_ms = query_integer(q, 13),
	};
}

static enum migration_state state_of(const char *name)
{
	int state = 0;
	while (state < MIGRATION_STATE_COUNT - 1 && strcmp(name, migration_states[state]) != 0)
		state++;
	return (enum migration_state)state;
}

static void count_states(struct store_txn *txn, const struct organization *organization,
			 struct migration *migration)
{
	struct query *q = sql_org_query(txn, SQL_COUNT_MIGRATION_STATES, organization->row);
	query_bind_integer(q, ":migration", migration->row);
	while (query_step(q))
		migration->counts[state_of(query_text(q, 0))] = query_integer(q, 1);
}

static bool find(struct store_txn *txn, const struct organization *organization, const struct group *group,
		 const char *uuid, struct arena *arena, struct migration *out, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_FIND_MIGRATION, organization->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_integer(q, ":group", group->row);
	if (!query_step(q))
		return store_failed(txn, err) ? false : migration_not_found(err);
	*out = migration_in(arena, q);
	query_run(q);
	count_states(txn, organization, out);
	return true;
}

bool platform_find_migration(struct platform *platform, const struct organization *organization,
			     const struct group *group, const char *uuid, struct arena *arena,
			     struct migration *out, const char **out_sql, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct migration found;
	const char *sql = "";
	if (!store_begin(platform->store, STORE_READ, &txn, err) ||
	    !find(txn, organization, group, uuid, arena, &found, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_MIGRATION_SQL, organization->row);
	query_bind_integer(q, ":migration", found.row);
	while (query_step(q))
		sql = sql_text_in(arena, q, 0);
	if (!store_commit(&txn, err))
		return false;
	*out = found;
	*out_sql = sql;
	return true;
}

static int64_t count_migrations(struct store_txn *txn, const struct organization *organization,
				const struct group *group)
{
	struct query *q = sql_org_query(txn, SQL_COUNT_MIGRATIONS, organization->row);
	query_bind_integer(q, ":group", group->row);
	return sql_single(q);
}

bool platform_list_migrations(struct platform *platform, const struct organization *organization,
			      const struct group *group, int64_t page, int64_t page_size, struct arena *arena,
			      struct migration **out, size_t *out_count, int64_t *out_total,
			      struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	int64_t total = count_migrations(txn, organization, group);
	struct query *q = sql_org_query(txn, SQL_LIST_MIGRATIONS, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_integer(q, ":limit", page_size);
	query_bind_integer(q, ":offset", (page - 1) * page_size);
	while (query_step(q)) {
		struct migration migration = migration_in(arena, q);
		buffer_append(&rows, &migration, sizeof(migration));
	}
	struct migration *list = rows_in(arena, &rows);
	size_t count = rows.size / sizeof(struct migration);
	for (size_t i = 0; i < count; i++)
		count_states(txn, organization, &list[i]);
	if (!store_commit(&txn, err))
		return false;
	*out = list;
	*out_count = count;
	*out_total = total;
	return true;
}

bool platform_list_migration_databases(struct platform *platform, const struct organization *organization,
				       const struct migration *migration, const char *state, int64_t page,
				       int64_t page_size, struct arena *arena,
				       struct migration_database **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_MIGRATION_DATABASES, organization->row);
	query_bind_integer(q, ":migration", migration->row);
	query_bind_text(q, ":state", state);
	query_bind_integer(q, ":limit", page_size);
	query_bind_integer(q, ":offset", (page - 1) * page_size);
	while (query_step(q)) {
		struct migration_database row = {
			.uuid = sql_text_in(arena, q, 0),
			.name = sql_text_in(arena, q, 1),
			.state = sql_text_in(arena, q, 2),
			.reason = sql_text_in(arena, q, 3),
			.code = sql_text_in(arena, q, 4),
			.statement = query_integer(q, 5),
			.attempts = query_integer(q, 6),
			.ended_ms = query_integer(q, 7),
		};
		buffer_append(&rows, &row, sizeof(row));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct migration_database);
	return true;
}

// -- creating -----------------------------------------------------------------------------------------

static bool is_printable(const char *name)
{
	for (; *name; name++) {
		if ((unsigned char)*name < ' ' || *name == 0x7f)
			return false;
	}
	return true;
}

static bool check_wish(const struct migration_wish *wish, struct error *err)
{
	struct engine_script script;
	if (!wish->name)
		return error_set(err, ERR_MISSING_FIELD, "name is required");
	if (strlen(wish->name) > MIGRATION_NAME_MAX || !is_printable(wish->name))
		return error_set(err, ERR_INVALID_FIELD,
				 "name must be 1 to %d bytes without control characters", MIGRATION_NAME_MAX);
	if (!wish->sql)
		return error_set(err, ERR_MISSING_FIELD, "sql is required");
	if (wish->dry_run == DRY_RUN_NONE && !wish->applies)
		return error_set(err, ERR_INVALID_FIELD,
				 "without a dry run and without apply nothing is left");
	if (!engine_script_read(wish->sql, strlen(wish->sql), &script, err))
		return false;
	engine_script_cleanup(&script);
	return true;
}

static bool check_is_alone(struct store_txn *txn, const struct organization *organization,
			   const struct group *group, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_FIND_ACTIVE_MIGRATION, organization->row);
	query_bind_integer(q, ":group", group->row);
	if (!query_step(q))
		return true;
	(void)error_set(err, ERR_ALREADY_EXISTS, "migration %s of this group is under way", query_text(q, 0));
	query_run(q);
	return false;
}

static int64_t add(struct store_txn *txn, const struct caller *caller,
		   const struct organization *organization, const struct group *group,
		   const struct migration_wish *wish, const char *uuid)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	char hex[2 * CRYPT_HASH_BYTES + 1];
	crypt_hash(wish->sql, strlen(wish->sql), hash);
	crypt_hex_encode(hash, sizeof(hash), hex);
	struct query *q = sql_org_query(txn, SQL_ADD_MIGRATION, organization->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_integer(q, ":group", group->row);
	query_bind_text(q, ":name", wish->name);
	query_bind_text(q, ":sql", wish->sql);
	query_bind_text(q, ":hash", hex);
	query_bind_text(q, ":dry_run", migration_dry_runs[wish->dry_run]);
	query_bind_integer(q, ":applies", wish->applies);
	query_bind_integer(q, ":concurrency", wish->concurrency);
	query_bind_integer(q, ":pause", wish->pause_ms);
	query_bind_integer(q, ":failures_max", wish->failures_max);
	query_bind_text(q, ":author", caller->username);
	query_bind_integer(q, ":now", clock_wall_ms());
	return sql_single(q);
}

bool platform_create_migration(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct group *group,
			       const struct migration_wish *wish, struct arena *arena, struct migration *out,
			       struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	if (!check_wish(wish, err) || !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_is_alone(txn, organization, group, err))
		return false;
	struct query *q = NULL;
	int64_t row = add(txn, caller, organization, group, wish, uuid);
	if (row == 0)
		return store_failed(txn, err) ? false : group_not_found(err);
	q = sql_query(txn, SQL_ADD_MIGRATION_DATABASES);
	query_bind_integer(q, ":migration", row);
	query_run(q);
	migration_audit(txn, caller, organization, group, "group-migrate", "started", wish->name, uuid);
	if (!find(txn, organization, group, uuid, arena, out, err) || !store_commit(&txn, err))
		return false;
	trace_info("migration.started", "migration", uuid, "group", group->uuid, "organization",
		   organization->slug);
	migrations_poke(platform);
	return true;
}

// -- going on and stopping ----------------------------------------------------------------------------

static int change(struct store_txn *txn, enum sql_id statement, const struct organization *organization,
		  const struct migration *migration)
{
	struct query *q = sql_org_query(txn, statement, organization->row);
	query_bind_integer(q, ":migration", migration->row);
	return query_run(q);
}

bool platform_resume_migration(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct group *group,
			       const char *uuid, struct arena *arena, struct migration *out,
			       struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct migration migration;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find(txn, organization, group, uuid, arena, &migration, err) ||
	    !check_is_alone(txn, organization, group, err))
		return false;
	change(txn, SQL_RETRY_MIGRATION_DATABASES, organization, &migration);
	change(txn, SQL_RESUME_MIGRATION, organization, &migration);
	migration_audit(txn, caller, organization, group, "group-migrate-resume", "resumed", migration.name,
			uuid);
	if (!find(txn, organization, group, uuid, arena, out, err) || !store_commit(&txn, err))
		return false;
	migrations_poke(platform);
	return true;
}

bool platform_cancel_migration(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct group *group,
			       const char *uuid, struct arena *arena, struct migration *out,
			       struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct migration migration;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find(txn, organization, group, uuid, arena, &migration, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_CANCEL_MIGRATION, organization->row);
	query_bind_integer(q, ":migration", migration.row);
	query_bind_integer(q, ":now", clock_wall_ms());
	if (query_run(q) > 0)
		migration_audit(txn, caller, organization, group, "group-migrate-cancel", "cancelled",
				migration.name, uuid);
	return find(txn, organization, group, uuid, arena, out, err) && store_commit(&txn, err);
}
