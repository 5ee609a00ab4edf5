#include "platform/group.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"

bool group_not_found(struct error *err)
{
	return error_set(err, ERR_GROUP_NOT_FOUND, "group not found");
}

void group_audit(struct store_txn *txn, const struct caller *caller, const struct organization *organization,
		 const char *code, const char *done, const struct group *group, const char *key,
		 const char *value)
{
	char message[256];
	snprintf(message, sizeof(message), "%s group %s", done, group->name);
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){{"group", group->name},
					 {"uuid", group->uuid},
					 {value ? key : NULL, value},
					 {NULL, NULL}});
}

// -- finding ------------------------------------------------------------------------------------------

// "ord,nrt" → an array of texts; returns how many.
static size_t split_codes(struct arena *arena, const char *codes, const char *const **out)
{
	OWNED(buffer) struct buffer list = {0};
	while (*codes) {
		size_t size = strcspn(codes, ",");
		const char *code = arena_copy(arena, codes, size);
		buffer_append(&list, &code, sizeof(code));
		codes += size + (codes[size] == ',');
	}
	*out = rows_in(arena, &list);
	return list.size / sizeof(const char *);
}

static bool names_code(const char *const *codes, size_t count, const char *code)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(codes[i], code) == 0)
			return true;
	}
	return false;
}

bool group_has_location(const struct group *group, const char *code)
{
	return names_code(group->locations, group->location_count, code);
}

// Columns: GROUP_COLUMNS of sql_group.def.
static struct group group_in(struct arena *arena, struct query *q)
{
	struct group group = {
		.row = query_integer(q, 0),
		.uuid = sql_text_in(arena, q, 1),
		.name = sql_text_in(arena, q, 2),
		.primary = sql_text_in(arena, q, 3),
		.archived = query_integer(q, 4) != 0,
		.delete_protection = query_integer(q, 5) != 0,
	};
	const char *const *failed;
	size_t failed_count = split_codes(arena, sql_text_in(arena, q, 7), &failed);
	group.location_count = split_codes(arena, sql_text_in(arena, q, 6), &group.locations);
	bool *down = arena_alloc(arena, group.location_count * sizeof(bool));
	for (size_t i = 0; i < group.location_count; i++)
		down[i] = names_code(failed, failed_count, group.locations[i]);
	group.down = down;
	return group;
}

bool group_find(struct store_txn *txn, const struct organization *organization, const char *ref,
		struct arena *arena, struct group *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_GROUP, organization->row);
	query_bind_integer(q, ":only", organization->only_group);
	query_bind_text(q, ":ref", ref);
	if (!query_step(q))
		return false;
	*out = group_in(arena, q);
	query_run(q);
	return true;
}

bool group_find_only(struct store_txn *txn, const struct organization *organization, struct arena *arena,
		     struct group *out)
{
	struct query *q = sql_org_query(txn, SQL_LIST_GROUPS, organization->row);
	query_bind_integer(q, ":only", organization->only_group);
	if (!query_step(q))
		return false;
	*out = group_in(arena, q);
	query_run(q);
	return true;
}

bool platform_find_group(struct platform *platform, const struct organization *organization, const char *ref,
			 struct arena *arena, struct group *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct group found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = group_find(txn, organization, ref, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return group_not_found(err);
	*out = found;
	return true;
}

bool platform_list_groups(struct platform *platform, const struct organization *organization,
			  struct arena *arena, struct group **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_GROUPS, organization->row);
	query_bind_integer(q, ":only", organization->only_group);
	while (query_step(q)) {
		struct group group = group_in(arena, q);
		buffer_append(&rows, &group, sizeof(group));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct group);
	return true;
}

// -- creating -----------------------------------------------------------------------------------------

bool platform_knows_extension(const char *name)
{
	static const char *const names[] = {"vector", "vec",  "crypto",  "fuzzy", "math",
					    "stats",  "text", "unicode", "uuid",  "regexp"};
	return names_code(names, ARRAY_LENGTH(names), name);
}

static bool check_name(const char *name, struct error *err)
{
	if (!name || !*name)
		return error_set(err, ERR_MISSING_FIELD, "name is required");
	return name_is_plain(name) || error_set(err, ERR_INVALID_NAME,
						"invalid group name: use 1 to 64 of a-z, 0-9 and \"-\","
						" with \"-\" neither first nor last");
}

static bool check_wish(struct platform *platform, const struct group_wish *wish, struct error *err)
{
	if (!check_name(wish->name, err))
		return false;
	if (!wish->location || !*wish->location)
		return error_set(err, ERR_MISSING_FIELD, "location is required");
	return platform_find_location(platform, wish->location) ||
	       error_set(err, ERR_INVALID_LOCATION, "invalid location: %s", wish->location);
}

static bool check_is_free(struct store_txn *txn, int64_t organization, const char *name, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_GROUP_NAME_IS_TAKEN, organization);
	query_bind_text(q, ":name", name);
	return !sql_has_row(q) || error_set(err, ERR_ALREADY_EXISTS, "group already exists");
}

void group_add_location(struct store_txn *txn, const struct organization *organization, int64_t group,
			const char *code)
{
	struct query *q = sql_org_query(txn, SQL_ADD_GROUP_LOCATION, organization->row);
	query_bind_integer(q, ":group", group);
	query_bind_text(q, ":location", code);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
}

static void add_group(struct store_txn *txn, const struct organization *organization,
		      const struct group_wish *wish, const char *uuid)
{
	uint8_t seed[CRYPT_SEED_BYTES];
	crypt_random(seed, sizeof(seed));
	struct query *q = sql_org_query(txn, SQL_ADD_GROUP, organization->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", wish->name);
	query_bind_text(q, ":location", wish->location);
	query_bind_text(q, ":extensions", wish->extensions ? wish->extensions : "");
	query_bind_blob(q, ":seed", seed, sizeof(seed));
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t row = sql_single(q);
	explicit_bzero(seed, sizeof(seed));
	group_add_location(txn, organization, row, wish->location);
}

bool platform_create_group(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct group_wish *wish,
			   struct arena *arena, struct group *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct group made = {0};
	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	if (!check_wish(platform, wish, err) || !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_is_free(txn, organization->row, wish->name, err))
		return false;
	add_group(txn, organization, wish, uuid);
	if (group_find(txn, organization, uuid, arena, &made))
		group_audit(txn, caller, organization, "group-create", "created", &made, "location",
			    wish->location);
	if (!store_commit(&txn, err))
		return false;
	trace_info("group.created", "group", uuid, "name", wish->name, "organization", organization->slug);
	*out = made;
	return true;
}

// -- changing -----------------------------------------------------------------------------------------

// Rows that the statement changed; it has :group and nothing else but :org.
static int change(struct store_txn *txn, enum sql_id statement, const struct organization *organization,
		  const struct group *group)
{
	struct query *q = sql_org_query(txn, statement, organization->row);
	query_bind_integer(q, ":group", group->row);
	return query_run(q);
}

bool platform_protect_group(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const struct group *group,
			    bool delete_protection, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_PROTECT_GROUP, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_integer(q, ":on", delete_protection);
	if (query_run(q) > 0)
		group_audit(txn, caller, organization,
			    delete_protection ? "group-protect" : "group-unprotect",
			    delete_protection ? "protected" : "unprotected", group, NULL, NULL);
	return store_commit(&txn, err);
}

bool platform_unarchive_group(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct group *group,
			      struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	int woken = change(txn, SQL_UNARCHIVE_GROUP, organization, group);
	woken += change(txn, SQL_UNARCHIVE_GROUP_DATABASES, organization, group);
	if (woken > 0)
		group_audit(txn, caller, organization, "group-unarchive", "unarchived", group, NULL, NULL);
	return store_commit(&txn, err);
}

bool platform_rename_group(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct group *group,
			   const char *name, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!check_name(name, err))
		return false;
	if (strcmp(name, group->name) == 0)
		return true;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_is_free(txn, organization->row, name, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_RENAME_GROUP, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_text(q, ":name", name);
	bool renamed = query_run(q) > 0;
	if (renamed)
		group_audit(txn, caller, organization, "group-rename", "renamed", group, "name", name);
	return store_commit(&txn, err) && (renamed || group_not_found(err));
}

// -- destroying ---------------------------------------------------------------------------------------

static bool check_protection(struct store_txn *txn, const struct organization *organization,
			     const struct group *group, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_GROUP_PROTECTION, organization->row);
	query_bind_integer(q, ":group", group->row);
	if (!query_step(q))
		return !store_failed(txn, err) && group_not_found(err);
	const char *database = query_text(q, 1);
	bool ok = query_integer(q, 0)
			  ? error_set(err, ERR_DELETE_PROTECTED, "group is protected against deletion")
		  : database ? error_set(err, ERR_DELETE_PROTECTED,
					 "database %s is protected against deletion", database)
			     : true;
	query_run(q);
	return ok;
}

void group_revoke_tokens(struct store_txn *txn, const struct group *group)
{
	struct query *q = sql_query(txn, SQL_REVOKE_GROUP_TOKENS);
	query_bind_text(q, ":uuid", group->uuid);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
}

static void remove_group(struct store_txn *txn, const struct organization *organization,
			 const struct group *group, struct buffer *out_uuids)
{
	databases_remove(txn, organization->row, group->row, out_uuids);
	change(txn, SQL_REMOVE_MIGRATION_DATABASES, organization, group);
	change(txn, SQL_REMOVE_MIGRATIONS, organization, group);
	change(txn, SQL_REMOVE_GROUP_LOCATIONS, organization, group);
	change(txn, SQL_REMOVE_GROUPS, organization, group);
	group_revoke_tokens(txn, group);
}

bool platform_destroy_group(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const struct group *group,
			    struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer uuids = {0};
	char count[24];
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_protection(txn, organization, group, err))
		return false;
	remove_group(txn, organization, group, &uuids);
	snprintf(count, sizeof(count), "%zu", uuids.size / CRYPT_UUID_TEXT_BYTES);
	group_audit(txn, caller, organization, "group-delete", "destroyed", group, "databases", count);
	if (!store_commit(&txn, err))
		return false;
	databases_removed(platform, &uuids);
	trace_info("group.destroyed", "group", group->uuid, "name", group->name, "databases", count);
	return true;
}
