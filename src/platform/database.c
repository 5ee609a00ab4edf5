#include "platform/database.h"

#include <string.h>

#include "platform/internal.h"

enum { LIST_LIMIT_MAX = 1000 };

const char *hostname_of(const struct platform *platform, struct arena *arena, const char *label)
{
	return arena_printf(arena, "%s.%s", label, platform->domain);
}

bool database_not_found(struct error *err, const char *ref)
{
	return error_set(err, ERR_DATABASE_NOT_FOUND,
			 "could not find database with name [%s]: record not found", ref);
}

void database_label(const char *name, const char *slug, char label[LABEL_BYTES])
{
	char text[LABEL_BYTES];
	snprintf(text, sizeof(text), "%s-%s", name, slug);
	bool fits = name_make_label(text, label);
	ASSERT(fits);
}

void database_audit(struct store_txn *txn, const struct caller *caller,
		    const struct organization *organization, const char *code, const char *done,
		    const char *name, const char *uuid)
{
	char message[160];
	snprintf(message, sizeof(message), "%s database %s", done, name);
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){{"database", name}, {"uuid", uuid}, {NULL, NULL}});
}

// -- reading a row ------------------------------------------------------------------------------------

// "*ord,nrt": the primary's region has the star.
static void read_regions(struct arena *arena, const char *text, struct database *out)
{
	OWNED(buffer) struct buffer regions = {0};
	while (text && *text) {
		bool leads = *text == '*';
		text += leads;
		size_t size = strcspn(text, ",");
		const char *code = arena_copy(arena, text, size);
		if (leads)
			out->primary_region = code;
		buffer_append(&regions, &code, sizeof(code));
		text += size + (text[size] == ',');
	}
	out->regions = rows_in(arena, &regions);
	out->region_count = regions.size / sizeof(const char *);
}

// Columns: DATABASE_COLUMNS of sql_database.def.
static struct database database_in(const struct platform *platform, const struct organization *organization,
				   struct arena *arena, struct query *q)
{
	char label[LABEL_BYTES];
	database_label(query_text(q, 2), organization->slug, label);
	struct database database = {
		.row = query_integer(q, 0),
		.uuid = sql_text_in(arena, q, 1),
		.name = sql_text_in(arena, q, 2),
		.hostname = hostname_of(platform, arena, label),
		.primary_region = "",
		.group_row = query_integer(q, 3),
		.group = sql_text_in(arena, q, 4),
		.configuration = {.size_limit_bytes = (uint64_t)query_integer(q, 5),
				  .allow_attach = query_integer(q, 6) != 0,
				  .block_reads = query_integer(q, 7) != 0,
				  .block_writes = query_integer(q, 8) != 0,
				  .delete_protection = query_integer(q, 9) != 0,
				  .offline_sync = query_integer(q, 17) != 0,
				  .history_seconds = query_integer(q, 18),
				  .history_bytes = (uint64_t)query_integer(q, 19)},
		.archived = query_integer(q, 10) != 0,
		.draft = query_integer(q, 11) != 0,
		.is_schema = query_integer(q, 12) != 0,
		.schema = sql_text_in(arena, q, 13),
	};
	if (!query_is_null(q, 14)) {
		database.parent_uuid = sql_text_in(arena, q, 14);
		database.parent_name = sql_text_in(arena, q, 15);
		database.branched_ms = query_integer(q, 16);
	}
	read_regions(arena, query_text(q, 20), &database);
	return database;
}

// -- finding ------------------------------------------------------------------------------------------

static bool read_cursor(const struct database_filter *filter, struct buffer *after, struct error *err)
{
	if (filter->limit < 0 || filter->limit > LIST_LIMIT_MAX)
		return error_set(err, ERR_BAD_REQUEST, "limit must be a whole number from 1 to %d",
				 LIST_LIMIT_MAX);
	if (filter->cursor && (!crypt_base64_decode(after, filter->cursor, strlen(filter->cursor), true) ||
			       !name_is_plain(buffer_text(after))))
		return error_set(err, ERR_BAD_REQUEST, "cursor is not one that was given out here");
	return true;
}

static const char *write_cursor(struct arena *arena, const char *last_name)
{
	OWNED(buffer) struct buffer cursor = {0};
	crypt_base64_encode(&cursor, last_name, strlen(last_name), true);
	return arena_copy(arena, cursor.data, cursor.size);
}

static const char *given(const char *text)
{
	return text && *text ? text : NULL;
}

static struct query *query_list(struct store_txn *txn, const struct organization *organization,
				const struct database_filter *filter, const char *after)
{
	struct query *q = sql_org_query(txn, SQL_LIST_DATABASES, organization->row);
	query_bind_text(q, ":after", after);
	query_bind_integer(q, ":only", organization->only_group);
	query_bind_text(q, ":group", given(filter->group));
	query_bind_text(q, ":schema", given(filter->schema));
	query_bind_integer(q, ":schemas", filter->schema_parents);
	query_bind_text(q, ":parent", given(filter->parent));
	// One more than asked for tells whether there is a next page.
	query_bind_integer(q, ":limit", filter->limit ? filter->limit + 1 : -1);
	return q;
}

bool platform_list_databases(struct platform *platform, const struct organization *organization,
			     const struct database_filter *filter, struct arena *arena, struct database **out,
			     size_t *out_count, const char **out_next, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	OWNED(buffer) struct buffer after = {0};
	if (!read_cursor(filter, &after, err) || !store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = query_list(txn, organization, filter, buffer_text(&after));
	while (query_step(q)) {
		struct database database = database_in(platform, organization, arena, q);
		buffer_append(&rows, &database, sizeof(database));
	}
	if (!store_commit(&txn, err))
		return false;
	size_t count = rows.size / sizeof(struct database);
	struct database *databases = rows_in(arena, &rows);
	bool more = filter->limit && count > (size_t)filter->limit;
	count -= more;
	*out = databases;
	*out_count = count;
	*out_next = more ? write_cursor(arena, databases[count - 1].name) : NULL;
	return true;
}

bool database_find(struct platform *platform, struct store_txn *txn, const struct organization *organization,
		   const char *ref, struct arena *arena, struct database *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_DATABASE, organization->row);
	query_bind_text(q, ":ref", ref);
	query_bind_integer(q, ":only", organization->only_group);
	if (!query_step(q))
		return false;
	*out = database_in(platform, organization, arena, q);
	query_run(q);
	return true;
}

bool platform_find_database(struct platform *platform, const struct organization *organization,
			    const char *ref, struct arena *arena, struct database *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct database found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = database_find(platform, txn, organization, ref, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return database_not_found(err, ref);
	*out = found;
	return true;
}
