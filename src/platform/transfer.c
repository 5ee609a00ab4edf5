// Databases that go over to another organization, one alone or a group with all of its own. It is one transaction; files,
// tokens and instances stay as they are. Former host labels stay beside the new ones, so old addresses go on working.

#include <string.h>

#include "base/trace.h"
#include "platform/internal.h"

// What moves: a database that stands alone, or a group; the other row is 0.
struct move {
	const struct organization *from;
	const struct organization *to;
	int64_t database;
	int64_t group;
};

static struct query *query_move(struct store_txn *txn, enum sql_id statement, const struct move *move)
{
	struct query *q = sql_org_query(txn, statement, move->from->row);
	query_bind_integer(q, ":database", move->database);
	query_bind_integer(q, ":group", move->group);
	return q;
}

static bool find_target(struct platform *platform, const struct caller *caller,
			const struct organization *from, const char *ref, struct arena *arena,
			struct organization *out, struct error *err)
{
	if (!platform_enter_organization(platform, caller, ref, arena, out, err))
		return false;
	if (out->role < ROLE_ADMIN)
		return error_set(err, ERR_INSUFFICIENT_ROLE,
				 "this needs the role %s in organization %s, and yours is %s",
				 role_name(ROLE_ADMIN), out->slug, role_name(out->role));
	return out->row != from->row ||
	       error_set(err, ERR_BAD_REQUEST, "it belongs to organization %s already", from->slug);
}

static bool refuse_taken(struct query *q, const char *what, struct error *err)
{
	if (!query_step(q))
		return true;
	struct error taken;
	error_set(&taken, ERR_ALREADY_EXISTS, "%s [%s]", what, query_text(q, 0));
	query_run(q);
	*err = taken;
	return false;
}

static bool check_label_length(const struct platform *platform, struct store_txn *txn,
			       const struct move *move, struct error *err)
{
	if (!platform->domain_in_dns)
		return true;
	int64_t longest = sql_single(query_move(txn, SQL_MOVE_LONGEST_NAME, move));
	return longest + 1 + (int64_t)strlen(move->to->slug) <= LABEL_LENGTH_IN_DNS_MAX ||
	       error_set(err, ERR_INVALID_NAME,
			 "a database's name is too long for organization %s: a DNS label has at most %d "
			 "characters",
			 move->to->slug, LABEL_LENGTH_IN_DNS_MAX);
}

static bool check_move(const struct platform *platform, struct store_txn *txn, const struct move *move,
		       struct error *err)
{
	struct query *q = query_move(txn, SQL_MOVE_TAKEN_NAME, move);
	query_bind_integer(q, ":target", move->to->row);
	if (!refuse_taken(q, "the organization already has a database with name", err))
		return false;
	q = query_move(txn, SQL_MOVE_TAKEN_LABEL, move);
	query_bind_text(q, ":slug", move->to->slug);
	return refuse_taken(q, "hostname is already taken:", err) &&
	       check_label_length(platform, txn, move, err);
}

// Labels first: the statements find what moves by its present organization.
static bool run_move(struct store_txn *txn, const struct move *move)
{
	static const enum sql_id labels[] = {SQL_MOVE_ADD_HOSTS, SQL_MOVE_ADD_INSTANCE_HOSTS,
					     SQL_MOVE_INSTANCES};
	for (size_t i = 0; i < ARRAY_LENGTH(labels); i++) {
		struct query *q = query_move(txn, labels[i], move);
		query_bind_text(q, ":slug", move->to->slug);
		query_run(q);
	}
	struct query *q = query_move(txn, SQL_MOVE_DATABASES, move);
	query_bind_integer(q, ":target", move->to->row);
	return query_run(q) > 0;
}

// -- a group ------------------------------------------------------------------------------------------

static bool move_group(struct store_txn *txn, const struct caller *caller, const struct move *move,
		       const struct group *group, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_GROUP_NAME_IS_TAKEN, move->to->row);
	query_bind_text(q, ":name", group->name);
	if (sql_has_row(q))
		return error_set(err, ERR_ALREADY_EXISTS, "group already exists");
	run_move(txn, move);
	q = sql_org_query(txn, SQL_MOVE_GROUP, move->from->row);
	query_bind_integer(q, ":group", move->group);
	query_bind_integer(q, ":target", move->to->row);
	if (query_run(q) == 0)
		return !store_failed(txn, err) && group_not_found(err);
	group_revoke_tokens(txn, group);
	group_audit(txn, caller, move->from, "group-transfer", "transferred", group, "organization",
		    move->to->slug);
	group_audit(txn, caller, move->to, "group-transfer", "received", group, "organization",
		    move->from->slug);
	return true;
}

bool platform_transfer_group(struct platform *platform, const struct caller *caller,
			     const struct organization *organization, const struct group *group,
			     const char *target, struct arena *arena, struct group *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct organization to;
	struct move move = {.from = organization, .to = &to, .group = group->row};
	if (!find_target(platform, caller, organization, target, arena, &to, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err) || !check_move(platform, txn, &move, err) ||
	    !move_group(txn, caller, &move, group, err) || !store_commit(&txn, err))
		return false;
	access_label_added(platform->access);
	trace_info("group.transferred", "group", group->uuid, "organization", to.slug);
	return platform_find_group(platform, &to, group->uuid, arena, out, err);
}

// -- a database ---------------------------------------------------------------------------------------

static void audit_database(struct store_txn *txn, const struct caller *caller, const char *done,
			   const struct organization *at, const struct organization *other,
			   const struct database *database)
{
	char message[160];
	snprintf(message, sizeof(message), "%s database %s", done, database->name);
	audit_add(txn, caller, at->row, "db-transfer", message,
		  (struct audit_datum[]){{"database", database->name},
					 {"uuid", database->uuid},
					 {"organization", other->slug},
					 {NULL, NULL}});
}

bool platform_transfer_database(struct platform *platform, const struct caller *caller,
				const struct organization *organization, const struct database *database,
				const char *target, struct arena *arena, struct database *out,
				struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct organization to;
	struct move move = {.from = organization, .to = &to, .database = database->row};
	if (database->group_row)
		return error_set(err, ERR_GROUP_MEMBER,
				 "database %s is part of group %s; transfer the group instead",
				 database->name, database->group);
	if (!find_target(platform, caller, organization, target, arena, &to, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err) || !check_move(platform, txn, &move, err))
		return false;
	if (!run_move(txn, &move))
		return !store_failed(txn, err) && database_not_found(err, database->name);
	audit_database(txn, caller, "transferred", organization, &to, database);
	audit_database(txn, caller, "received", &to, organization, database);
	if (!store_commit(&txn, err))
		return false;
	access_label_added(platform->access);
	trace_info("database.transferred", "database", database->uuid, "organization", to.slug);
	return platform_find_database(platform, &to, database->uuid, arena, out, err);
}
