#include "base/trace.h"
#include "platform/internal.h"

static void run_for_group(struct store_txn *txn, enum sql_id statement, int64_t organization, int64_t group)
{
	struct query *q = sql_org_query(txn, statement, organization);
	query_bind_integer(q, ":group", group);
	query_run(q);
}

void databases_remove(struct store_txn *txn, int64_t organization, int64_t group, struct buffer *out_uuids)
{
	static const enum sql_id steps[] = {SQL_REMOVE_HOSTS, SQL_REMOVE_INSTANCES, SQL_REMOVE_DATABASES};
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct query *q = sql_org_query(txn, SQL_LIST_DATABASE_UUIDS, organization);
	query_bind_integer(q, ":group", group);
	while (query_step(q)) {
		snprintf(uuid, sizeof(uuid), "%s", query_text(q, 0));
		buffer_append(out_uuids, uuid, sizeof(uuid));
	}
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		run_for_group(txn, steps[i], organization, group);
	if (group == 0) {
		run_for_group(txn, SQL_REMOVE_MIGRATION_DATABASES, organization, 0);
		run_for_group(txn, SQL_REMOVE_MIGRATIONS, organization, 0);
		run_for_group(txn, SQL_REMOVE_GROUP_LOCATIONS, organization, 0);
		run_for_group(txn, SQL_REMOVE_GROUPS, organization, 0);
	}
}

// They are gone for everybody already. Files that resist are swept at the next start.
static void remove_files(struct platform *platform, const char *uuid)
{
	uploads_forget(platform, uuid);
	struct error failure;
	if (!fleet_destroy_database(platform->fleet, uuid, &failure))
		trace_warn("database.files_left", "database", uuid, "error", failure.message, "detail",
			   failure.detail);
}

void databases_removed(struct platform *platform, const struct buffer *uuids)
{
	access_forget_databases(platform->access, uuids->data, uuids->size / CRYPT_UUID_TEXT_BYTES);
	instances_announce(platform);
	for (size_t at = 0; at < uuids->size; at += CRYPT_UUID_TEXT_BYTES)
		remove_files(platform, uuids->data + at);
}

static bool remove_rows(struct store_txn *txn, const struct organization *organization,
			const struct database *database)
{
	static const enum sql_id steps[] = {SQL_REMOVE_DATABASE_HOSTS, SQL_REMOVE_DATABASE_INSTANCES,
					    SQL_REMOVE_DATABASE};
	int removed = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
		struct query *q = sql_org_query(txn, steps[i], organization->row);
		query_bind_integer(q, ":database", database->row);
		removed = query_run(q);
	}
	return removed > 0;
}

bool database_is_protected(struct store_txn *txn, const struct organization *organization,
			   const struct database *database)
{
	struct query *q = sql_org_query(txn, SQL_DATABASE_PROTECTION, organization->row);
	query_bind_integer(q, ":database", database->row);
	return sql_single(q) != 0;
}

bool platform_destroy_database(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct database *database,
			       struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer uuids = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (database_is_protected(txn, organization, database))
		return error_set(err, ERR_DELETE_PROTECTED, "database %s is protected against deletion",
				 database->name);
	bool removed = remove_rows(txn, organization, database);
	if (removed)
		database_audit(txn, caller, organization, "db-delete", "destroyed", database->name,
			       database->uuid);
	if (!store_commit(&txn, err))
		return false;
	if (!removed)
		return database_not_found(err, database->name);
	buffer_append(&uuids, database->uuid, CRYPT_UUID_TEXT_BYTES);
	databases_removed(platform, &uuids);
	trace_info("database.destroyed", "database", database->uuid, "name", database->name);
	return true;
}
