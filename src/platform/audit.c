#include "platform/audit.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "platform/internal.h"

void audit_add(struct store_txn *txn, const struct caller *caller, int64_t organization, const char *code,
	       const char *message, const struct audit_datum *data)
{
	OWNED(buffer) struct buffer json = {0};
	struct json_writer w = json_write_to(&json);
	json_write_object(&w);
	for (; data->key; data++)
		json_write_member_text(&w, data->key, data->value);
	json_write_end_object(&w);

	struct query *q = sql_org_query(txn, SQL_ADD_AUDIT, organization);
	query_bind_text(q, ":code", code);
	query_bind_text(q, ":message", message);
	query_bind_text(q, ":author", caller->username);
	query_bind_text(q, ":origin", caller->origin);
	query_bind_text(q, ":address", caller->address ? caller->address : "");
	query_bind_text(q, ":data", buffer_text(&json));
	query_bind_integer(q, ":now", clock_wall_ms());
	// The organization was found in an earlier transaction. Nothing may come into being in one that is gone since.
	if (query_run(q) == 0)
		store_fail(txn, ERR_ORG_NOT_FOUND, "organization not found");
}

static struct audit_entry entry_in(struct arena *arena, struct query *q)
{
	return (struct audit_entry){
		.code = sql_text_in(arena, q, 0),
		.message = sql_text_in(arena, q, 1),
		.author = sql_text_in(arena, q, 2),
		.origin = sql_text_in(arena, q, 3),
		.address = sql_text_in(arena, q, 4),
		.data = sql_text_in(arena, q, 5),
		.created_ms = query_integer(q, 6),
	};
}

bool platform_list_audit(struct platform *platform, const struct organization *organization, int64_t page,
			 int64_t page_size, struct arena *arena, struct audit_entry **out, size_t *out_count,
			 int64_t *out_total, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	int64_t total = sql_single(sql_org_query(txn, SQL_COUNT_AUDIT, organization->row));
	struct query *q = sql_org_query(txn, SQL_LIST_AUDIT, organization->row);
	query_bind_integer(q, ":limit", page_size);
	query_bind_integer(q, ":offset", (page - 1) * page_size);
	while (query_step(q)) {
		struct audit_entry entry = entry_in(arena, q);
		buffer_append(&rows, &entry, sizeof(entry));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct audit_entry);
	*out_total = total;
	return true;
}
