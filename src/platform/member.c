#include "platform/member.h"

#include "base/clock.h"
#include "platform/internal.h"

// Columns: username, email, role, user.
static struct member member_in(struct arena *arena, struct query *q)
{
	return (struct member){
		.username = sql_text_in(arena, q, 0),
		.email = sql_text_in(arena, q, 1),
		.role = role_of(query_text(q, 2)),
		.user = query_integer(q, 3),
	};
}

static bool find_member(struct store_txn *txn, const struct organization *organization, const char *username,
			struct arena *arena, struct member *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_MEMBER, organization->row);
	query_bind_text(q, ":username", username);
	if (!query_step(q))
		return false;
	*out = member_in(arena, q);
	query_run(q);
	return true;
}

static void audit_member(struct store_txn *txn, const struct caller *caller, int64_t organization,
			 const char *code, const char *done, const char *username, const char *role)
{
	char message[128];
	snprintf(message, sizeof(message), "%s %s", done, username);
	audit_add(txn, caller, organization, code, message,
		  (struct audit_datum[]){{"username", username}, {role ? "role" : NULL, role}, {NULL, NULL}});
}

// -- finding ------------------------------------------------------------------------------------------

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
	bool exists = find_member(txn, organization, username, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return error_set(err, ERR_MEMBER_NOT_FOUND, "could not find member");
	*out = found;
	return true;
}

// -- changing -----------------------------------------------------------------------------------------

bool member_may_join(const struct organization *organization, struct error *err)
{
	return strcmp(organization->type, "personal") != 0 ||
	       error_set(err, ERR_BAD_REQUEST, "cannot add members to a personal organization");
}

bool member_is_new(struct store_txn *txn, const struct organization *organization, const struct user *user,
		   struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_MEMBER_ROLE, organization->row);
	query_bind_integer(q, ":user", user->row);
	return !sql_has_row(q) ||
	       error_set(err, ERR_ALREADY_EXISTS, "user %s is already a member of organization %s",
			 user->username, organization->slug);
}

void member_add(struct store_txn *txn, const struct caller *caller, int64_t organization,
		const struct user *user, enum role role)
{
	struct query *q = sql_org_query(txn, SQL_ADD_MEMBER, organization);
	query_bind_integer(q, ":user", user->row);
	query_bind_text(q, ":role", role_name(role));
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	q = sql_org_query(txn, SQL_REMOVE_INVITES_OF_USER, organization);
	query_bind_integer(q, ":user", user->row);
	query_run(q);
	audit_member(txn, caller, organization, "org-member-add", "added member", user->username,
		     role_name(role));
}

bool platform_add_member(struct platform *platform, const struct caller *caller,
			 const struct organization *organization, const char *username, enum role role,
			 struct arena *arena, struct member *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct user user = {0};
	if (!member_may_join(organization, err) || !store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find(txn, username, arena, &user, err) || !member_is_new(txn, organization, &user, err))
		return false;
	member_add(txn, caller, organization->row, &user, role);
	if (!store_commit(&txn, err))
		return false;
	*out = (struct member){
		.username = user.username, .email = user.email, .role = role, .user = user.row};
	return true;
}

bool platform_set_role(struct platform *platform, const struct caller *caller,
		       const struct organization *organization, const char *username, enum role role,
		       struct arena *arena, struct member *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct member member;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (!find_member(txn, organization, username, arena, &member))
		return !store_failed(txn, err) &&
		       error_set(err, ERR_USER_NOT_FOUND, "could not find user %s", username);
	if (member.role == ROLE_OWNER)
		return error_set(err, ERR_BAD_REQUEST,
				 "cannot change the role of the owner of organization %s",
				 organization->slug);
	struct query *q = sql_org_query(txn, SQL_SET_ROLE, organization->row);
	query_bind_integer(q, ":user", member.user);
	query_bind_text(q, ":role", role_name(role));
	query_run(q);
	audit_member(txn, caller, organization->row, "org-member-update", "changed the role of member",
		     member.username, role_name(role));
	if (!store_commit(&txn, err))
		return false;
	member.role = role;
	*out = member;
	return true;
}

bool platform_remove_member(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const char *username,
			    struct arena *arena, struct member *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct member member;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (!find_member(txn, organization, username, arena, &member))
		return !store_failed(txn, err) &&
		       error_set(err, ERR_MEMBER_NOT_FOUND, "user %s is not a member of org %s", username,
				 organization->slug);
	if (member.role == ROLE_OWNER)
		return error_set(err, ERR_BAD_REQUEST, "cannot remove the owner of organization %s",
				 organization->slug);
	struct query *q = sql_org_query(txn, SQL_REMOVE_MEMBER, organization->row);
	query_bind_integer(q, ":user", member.user);
	query_run(q);
	// Whoever comes back later starts anew.
	q = sql_org_query(txn, SQL_REVOKE_MEMBER_TOKENS, organization->row);
	query_bind_integer(q, ":user", member.user);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	bool leaves = member.user == caller->user;
	audit_member(txn, caller, organization->row, leaves ? "org-member-leave" : "org-member-rm",
		     leaves ? "left:" : "removed member", member.username, NULL);
	if (!store_commit(&txn, err))
		return false;
	*out = member;
	return true;
}
