#include "platform/organization.h"

#include <string.h>

#include "platform/internal.h"

static const char *const role_names[] = {
	[ROLE_VIEWER] = "viewer",
	[ROLE_MEMBER] = "member",
	[ROLE_ADMIN] = "admin",
	[ROLE_OWNER] = "owner",
};

const char *role_name(enum role role)
{
	return role_names[role];
}

static enum role role_of(const char *name)
{
	enum role role = ROLE_VIEWER;
	while (strcmp(role_names[role], name) != 0) {
		ASSERT(role < ROLE_OWNER);
		role++;
	}
	return role;
}

// Columns: id, uuid, slug, name, type, role, overages, require_mfa.
static struct organization organization_in(struct arena *arena, struct query *q)
{
	return (struct organization){
		.row = query_integer(q, 0),
		.uuid = sql_text_in(arena, q, 1),
		.slug = sql_text_in(arena, q, 2),
		.name = sql_text_in(arena, q, 3),
		.type = sql_text_in(arena, q, 4),
		.role = role_of(query_text(q, 5)),
		.overages = query_integer(q, 6) != 0,
		.require_mfa = query_integer(q, 7) != 0,
	};
}

// The statement that finds the organization; without a `ref` it is the token's own, or else the personal one.
static struct query *entrance(struct store_txn *txn, const struct caller *caller, const char *ref)
{
	struct query *q;
	int64_t row = caller->organization;
	if (ref) {
		q = sql_query(txn, SQL_ENTER_ORGANIZATION);
		query_bind_text(q, ":ref", ref);
		query_bind_integer(q, ":user", caller->user);
		return q;
	}
	if (!row) {
		q = sql_query(txn, SQL_PERSONAL_ORGANIZATION);
		query_bind_integer(q, ":user", caller->user);
		row = sql_single(q);
	}
	q = sql_org_query(txn, SQL_ENTER_KNOWN_ORGANIZATION, row);
	query_bind_integer(q, ":user", caller->user);
	return q;
}

bool platform_enter_organization(struct platform *platform, const struct caller *caller, const char *ref,
				 struct arena *arena, struct organization *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct organization found = {0};
	bool member = false;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = entrance(txn, caller, ref);
	bool exists = query_step(q);
	if (exists) {
		member = !query_is_null(q, 5) &&
			 (!caller->organization || caller->organization == query_integer(q, 0));
		if (member)
			found = organization_in(arena, q);
		query_run(q);
	}
	// Asked last: a store that cannot answer is no reason to say that the organization does not exist.
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return error_set(err, ERR_ORG_NOT_FOUND, "organization not found");
	if (!member)
		return error_set(err, ERR_NOT_A_MEMBER, "not a member of organization %s",
				 ref ? ref : caller->username);
	found.only_group = caller->group;
	*out = found;
	return true;
}

bool platform_list_organizations(struct platform *platform, const struct caller *caller, struct arena *arena,
				 struct organization **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_ORGANIZATIONS);
	query_bind_integer(q, ":user", caller->user);
	query_bind_integer(q, ":only", caller->organization);
	while (query_step(q)) {
		struct organization organization = organization_in(arena, q);
		organization.only_group = caller->group;
		buffer_append(&rows, &organization, sizeof(organization));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct organization);
	return true;
}

// Columns: username, email, role.
static struct member member_in(struct arena *arena, struct query *q)
{
	return (struct member){
		.username = sql_text_in(arena, q, 0),
		.email = sql_text_in(arena, q, 1),
		.role = role_of(query_text(q, 2)),
	};
}

bool platform_list_members(struct platform *platform, const struct organization *organization,
			   struct arena *arena, struct member **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_MEMBERS, organization->row);
	while (query_step(q)) {
		struct member member = member_in(arena, q);
		buffer_append(&rows, &member, sizeof(member));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct member);
	return true;
}

bool platform_find_member(struct platform *platform, const struct organization *organization,
			  const char *username, struct arena *arena, struct member *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct member found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_FIND_MEMBER, organization->row);
	query_bind_text(q, ":username", username);
	bool exists = query_step(q);
	if (exists) {
		found = member_in(arena, q);
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return error_set(err, ERR_MEMBER_NOT_FOUND, "could not find member");
	*out = found;
	return true;
}
