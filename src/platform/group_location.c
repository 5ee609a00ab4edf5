// A group's locations: what is added or removed there happens to every database of the group in one transaction.

#include <string.h>

#include "base/trace.h"
#include "platform/internal.h"

enum { ADD_WAIT_MS = 500 }; // an answer is held so long for instances that are nearly there

bool group_holds(struct store_txn *txn, const struct organization *organization, int64_t group,
		 const char *location)
{
	struct query *q = sql_org_query(txn, SQL_GROUP_HOLDS, organization->row);
	query_bind_integer(q, ":group", group);
	query_bind_text(q, ":location", location);
	return sql_has_row(q);
}

bool group_is_alone(struct store_txn *txn, const struct organization *organization, int64_t group)
{
	struct query *q = sql_org_query(txn, SQL_COUNT_TO_TWO_DATABASES, organization->row);
	query_bind_integer(q, ":group", group);
	return sql_single(q) == 1;
}

struct member_row {
	struct database database; // row, uuid and name only
	const char *image;
};

static void list_members(struct store_txn *txn, const struct organization *organization,
			 const struct group *group, struct arena *arena, struct buffer *out)
{
	struct query *q = sql_org_query(txn, SQL_LIST_GROUP_DATABASES, organization->row);
	query_bind_integer(q, ":group", group->row);
	while (query_step(q)) {
		struct member_row member = {.database = {.row = query_integer(q, 0),
							 .uuid = sql_text_in(arena, q, 1),
							 .name = sql_text_in(arena, q, 2)},
					    .image = sql_text_in(arena, q, 3)};
		buffer_append(out, &member, sizeof(member));
	}
}

// Stores what is to be: the location, and an instance there for each database.
static bool store_location(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct group *group,
			   const char *code, struct instance_changes *changes, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	OWNED(buffer) struct buffer members = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (group_holds(txn, organization, group->row, code))
		return error_set(err, ERR_ALREADY_EXISTS, "group %s already has location %s", group->name,
				 code);
	group_add_location(txn, organization, group->row, code);
	list_members(txn, organization, group, &arena, &members);
	const struct member_row *list = (const void *)members.data;
	for (size_t i = 0; i < members.size / sizeof(*list); i++)
		instances_complete(txn, organization, &list[i].database, list[i].image, changes);
	group_audit(txn, caller, organization, "group-location-add", "added a location to", group, "location",
		    code);
	return store_commit(&txn, err);
}

bool platform_add_group_location(struct platform *platform, const struct caller *caller,
				 const struct organization *organization, const struct group *group,
				 const char *code, struct error *err)
{
	OWNED(instance_changes) struct instance_changes changes = {0};
	struct instance_counts counts;
	struct error ignored;
	if (!platform_find_location(platform, code))
		return error_set(err, ERR_INVALID_LOCATION, "invalid location: %s", code);
	if (!store_location(platform, caller, organization, group, code, &changes, err))
		return false;
	instance_changes_apply(platform, &changes);
	trace_info("group.location_added", "group", group->uuid, "location", code);
	// It is stored: whatever the wait brings, the answer stands.
	(void)!instances_wait_of_group(platform, organization, group->row, code, ADD_WAIT_MS, &counts,
				       &ignored);
	return true;
}

static void end_instances(struct store_txn *txn, const struct organization *organization,
			  const struct group *group, const char *code, struct instance_changes *changes)
{
	struct row {
		struct instance_row instance;
		char database[CRYPT_UUID_TEXT_BYTES];
	};
	OWNED(buffer) struct buffer rows = {0};
	struct query *q = sql_org_query(txn, SQL_LIST_GROUP_INSTANCES, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_text(q, ":location", code);
	while (query_step(q)) {
		struct row row = {.instance = {.row = query_integer(q, 0),
					       .state = instance_state_of(query_text(q, 2))}};
		snprintf(row.instance.uuid, sizeof(row.instance.uuid), "%s", query_text(q, 1));
		snprintf(row.database, sizeof(row.database), "%s", query_text(q, 3));
		buffer_append(&rows, &row, sizeof(row));
	}
	const struct row *list = (const void *)rows.data;
	for (size_t i = 0; i < rows.size / sizeof(*list); i++)
		instance_end(txn, organization, list[i].database, &list[i].instance, changes);
}

void group_drop_location(struct store_txn *txn, const struct caller *caller,
			 const struct organization *organization, const struct group *group, const char *code,
			 struct instance_changes *changes)
{
	struct query *q = sql_org_query(txn, SQL_REMOVE_GROUP_LOCATION, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_text(q, ":location", code);
	query_run(q);
	end_instances(txn, organization, group, code, changes);
	group_audit(txn, caller, organization, "group-location-rm", "removed a location of", group,
		    "location", code);
}

// What the group has may go even if it is served no longer.
static bool check_removal(struct platform *platform, struct store_txn *txn,
			  const struct organization *organization, const struct group *group,
			  const char *code, struct error *err)
{
	if (strcmp(code, group->primary) == 0)
		return error_set(err, ERR_PRIMARY_INSTANCE, "cannot remove primary location");
	if (group_holds(txn, organization, group->row, code))
		return true;
	if (!platform_find_location(platform, code))
		return error_set(err, ERR_INVALID_LOCATION, "Invalid location code");
	return error_set(err, ERR_LOCATION_NOT_FOUND, "group %s has no location %s", group->name, code);
}

bool platform_remove_group_location(struct platform *platform, const struct caller *caller,
				    const struct organization *organization, const struct group *group,
				    const char *code, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(instance_changes) struct instance_changes changes = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_removal(platform, txn, organization, group, code, err))
		return false;
	group_drop_location(txn, caller, organization, group, code, &changes);
	if (!store_commit(&txn, err))
		return false;
	instance_changes_apply(platform, &changes);
	trace_info("group.location_removed", "group", group->uuid, "location", code);
	return true;
}

bool platform_wait_group_location(struct platform *platform, const struct organization *organization,
				  const struct group *group, const char *code, int64_t timeout_ms,
				  struct error *err)
{
	struct instance_counts counts = {0};
	if (!group_has_location(group, code))
		return error_set(err, ERR_LOCATION_NOT_FOUND, "group %s has no location %s", group->name,
				 code);
	if (!instances_wait_of_group(platform, organization, group->row, code, timeout_ms, &counts, err))
		return false;
	if (counts.failed > 0)
		return error_set(err, ERR_BAD_REQUEST,
				 "%lld of the group's instances in %s could not be created",
				 (long long)counts.failed, code);
	return counts.creating == 0 ||
	       error_set(err, ERR_NOT_READY, "location %s of group %s is not ready", code, group->name);
}
