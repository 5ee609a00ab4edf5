#include "platform/audit.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "platform/store.h"

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
	query_run(q);
}
