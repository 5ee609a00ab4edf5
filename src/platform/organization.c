#include "platform/organization.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
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

enum role role_of(const char *name)
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

void organization_find_row(struct store_txn *txn, int64_t row, struct arena *arena, struct organization *out)
{
	struct query *q = sql_org_query(txn, SQL_ORGANIZATION_OF_ROW, row);
	if (query_step(q)) {
		*out = organization_in(arena, q);
		query_run(q);
	}
}

// -- changing -----------------------------------------------------------------------------------------

bool organization_slug_is_free(struct store_txn *txn, const char *slug)
{
	struct query *q = sql_query(txn, SQL_SLUG_IS_TAKEN);
	query_bind_text(q, ":slug", slug);
	return !sql_has_row(q);
}

int64_t organization_add(struct store_txn *txn, const struct caller *owner, const char *uuid,
			 const char *slug, const char *name, const char *type)
{
	struct query *q = sql_query(txn, SQL_ADD_ORGANIZATION);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":slug", slug);
	query_bind_text(q, ":name", name);
	query_bind_text(q, ":type", type);
	query_bind_integer(q, ":creator", owner->user);
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t row = sql_single(q);

	q = sql_org_query(txn, SQL_ADD_MEMBER, row);
	query_bind_integer(q, ":user", owner->user);
	query_bind_text(q, ":role", role_name(ROLE_OWNER));
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	audit_add(txn, owner, row, "org-create", "created organization",
		  (struct audit_datum[]){{"name", name}, {"slug", slug}, {NULL, NULL}});
	return row;
}

int64_t organization_personal(struct store_txn *txn, int64_t user)
{
	struct query *q = sql_query(txn, SQL_PERSONAL_ORGANIZATION);
	query_bind_integer(q, ":user", user);
	return sql_single(q);
}

bool platform_create_organization(struct platform *platform, const struct caller *caller, const char *name,
				  bool dry_run, struct arena *arena, struct organization *out,
				  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char slug[NAME_BYTES];
	char uuid[CRYPT_UUID_TEXT_BYTES] = "";
	if (!name_is_for_organization(name) || !name_make_slug(name, slug))
		return error_set(err, ERR_INVALID_NAME,
				 "invalid organization name: use 1 to %d characters,"
				 " with a letter or a digit among them",
				 NAME_LENGTH_MAX);
	if (!store_begin(platform->store, dry_run ? STORE_READ : STORE_WRITE, &txn, err))
		return false;
	if (!organization_slug_is_free(txn, slug))
		return error_set(err, ERR_ALREADY_EXISTS, "organization with slug %s already exists", slug);
	struct organization made = {.role = ROLE_OWNER, .type = "team"};
	if (!dry_run) {
		crypt_uuid(uuid);
		made.row = organization_add(txn, caller, uuid, slug, name, made.type);
	}
	if (!store_commit(&txn, err))
		return false;
	made.uuid = arena_text(arena, uuid);
	made.slug = arena_text(arena, slug);
	made.name = arena_text(arena, name);
	if (!dry_run)
		trace_info("organization.created", "organization", slug, "username", caller->username);
	*out = made;
	return true;
}

static void audit_switch(struct store_txn *txn, const struct caller *caller,
			 const struct organization *organization, const char *code, const char *name,
			 bool was, bool on)
{
	char message[96];
	if (was == on)
		return;
	snprintf(message, sizeof(message), "turned %s %s", name, on ? "on" : "off");
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){{name, on ? "true" : "false"}, {NULL, NULL}});
}

bool platform_update_organization(struct platform *platform, const struct caller *caller,
				  const struct organization *organization, bool overages, bool require_mfa,
				  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_SET_ORGANIZATION, organization->row);
	query_bind_integer(q, ":overages", overages);
	query_bind_integer(q, ":require_mfa", require_mfa);
	query_run(q);
	audit_switch(txn, caller, organization, "org-set-overages", "overages", organization->overages,
		     overages);
	audit_switch(txn, caller, organization, "org-set-require-mfa", "require_mfa",
		     organization->require_mfa, require_mfa);
	return store_commit(&txn, err);
}

// -- removing -----------------------------------------------------------------------------------------

bool organization_is_removable(struct store_txn *txn, int64_t organization, struct arena *arena,
			       struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_ORGANIZATION_PROTECTED, organization);
	if (!query_step(q))
		return !store_failed(txn, err);
	const char *what = sql_text_in(arena, q, 0);
	query_run(q);
	return error_set(err, ERR_DELETE_PROTECTED, "%s is protected against deletion", what);
}

void organization_remove(struct store_txn *txn, int64_t organization, struct buffer *out_uuids)
{
	static const enum sql_id steps[] = {SQL_REMOVE_ORGANIZATION_TOKENS,
					    SQL_REMOVE_INVITES,
					    SQL_REMOVE_MEMBERS,
					    SQL_REMOVE_USAGE,
					    SQL_REMOVE_AUDIT,
					    SQL_REMOVE_ORGANIZATION};
	query_run(sql_org_query(txn, SQL_REMOVE_QUERY_USAGE, organization));
	databases_remove(txn, organization, 0, out_uuids);
	for (size_t i = 0; i < ARRAY_LENGTH(steps); i++)
		query_run(sql_org_query(txn, steps[i], organization));
}

bool platform_destroy_organization(struct platform *platform, const struct caller *caller,
				   const struct organization *organization, struct arena *arena,
				   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer uuids = {0};
	if (strcmp(organization->type, "personal") == 0)
		return error_set(err, ERR_BAD_REQUEST, "cannot delete personal organization");
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !organization_is_removable(txn, organization->row, arena, err))
		return false;
	organization_remove(txn, organization->row, &uuids);
	// Its own log goes with it; its owner's says what became of it.
	audit_add(txn, caller, organization_personal(txn, caller->user), "org-delete", "deleted organization",
		  (struct audit_datum[]){
			  {"name", organization->name}, {"slug", organization->slug}, {NULL, NULL}});
	if (!store_commit(&txn, err))
		return false;
	databases_removed(platform, &uuids);
	trace_info("organization.destroyed", "organization", organization->slug, "databases",
		   TRACE_INT(uuids.size / CRYPT_UUID_TEXT_BYTES));
	return true;
}
