// A draft is a database whose content is being uploaded: it has a name and tokens, and no instance.

#include "base/trace.h"
#include "platform/internal.h"

struct draft {
	struct database database;
	struct organization organization; // row and slug only
	const char *image;
};

static bool find_draft(struct store_txn *txn, const char *uuid, struct arena *arena, struct draft *out,
		       struct error *err)
{
	struct query *q = sql_query(txn, SQL_FIND_DRAFT);
	query_bind_text(q, ":uuid", uuid);
	if (!query_step(q))
		return !store_failed(txn, err) && database_not_found(err, uuid);
	*out = (struct draft){.database = {.row = query_integer(q, 0),
					   .uuid = arena_text(arena, uuid),
					   .name = sql_text_in(arena, q, 1),
					   .draft = query_integer(q, 3) != 0},
			      .image = sql_text_in(arena, q, 2),
			      .organization = {.row = query_integer(q, 4), .slug = sql_text_in(arena, q, 5)}};
	query_run(q);
	return out->database.draft ||
	       error_set(err, ERR_ALREADY_EXISTS, "database %s is not waiting for an upload",
			 out->database.name);
}

bool platform_activate_draft(struct platform *platform, const char *uuid, struct error *err)
{
	// Whoever uploaded has shown a token of the database, which names nobody.
	static const struct caller uploader = {.username = "database token", .email = "", .origin = "web"};
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(instance_changes) struct instance_changes changes = {0};
	OWNED(arena) struct arena arena = {0};
	struct instance_counts counts;
	struct draft draft = {0};
	struct error ignored;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_draft(txn, uuid, &arena, &draft, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_ACTIVATE_DRAFT, draft.organization.row);
	query_bind_integer(q, ":database", draft.database.row);
	query_run(q);
	instances_complete(txn, &draft.organization, &draft.database, draft.image, &changes);
	database_audit(txn, &uploader, &draft.organization, "db-upload", "uploaded", draft.database.name,
		       uuid);
	if (!store_commit(&txn, err))
		return false;
	instance_changes_apply(platform, &changes);
	trace_info("database.uploaded", "database", uuid, "name", draft.database.name);
	// It is stored: whatever the wait brings, it is done.
	if (changes.launches.size > 0)
		(void)!instances_wait_of_database(platform, &draft.organization, draft.database.row,
						  DATABASE_READY_WAIT_MS, &counts, &ignored);
	return true;
}
