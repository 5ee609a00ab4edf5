#include "platform/database.h"

#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
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

// Both parts obey their naming rules, so the label fits.
static void label_of(const struct organization *organization, const char *name, char label[LABEL_BYTES])
{
	char text[LABEL_BYTES];
	snprintf(text, sizeof(text), "%s-%s", name, organization->slug);
	bool fits = name_make_label(text, label);
	ASSERT(fits);
}

static struct database make_view(const struct platform *platform, const struct organization *organization,
				 struct arena *arena, int64_t row, const char *uuid, const char *name)
{
	char label[LABEL_BYTES];
	label_of(organization, name, label);
	return (struct database){
		.row = row,
		.uuid = arena_text(arena, uuid),
		.name = arena_text(arena, name),
		.hostname = hostname_of(platform, arena, label),
		.primary_region = "",
	};
}

static void add_regions(struct store_txn *txn, const struct organization *organization,
			struct database *database, struct arena *arena)
{
	OWNED(buffer) struct buffer rows = {0};
	struct query *q = sql_org_query(txn, SQL_LIST_REGIONS, organization->row);
	query_bind_integer(q, ":database", database->row);
	while (query_step(q)) {
		const char *code = sql_text_in(arena, q, 0);
		if (query_integer(q, 1))
			database->primary_region = code;
		buffer_append(&rows, &code, sizeof(code));
	}
	database->regions = rows_in(arena, &rows);
	database->region_count = rows.size / sizeof(const char *);
}

// -- creating -----------------------------------------------------------------------------------------

static bool check_wish(struct platform *platform, const struct organization *organization,
		       const struct database_wish *wish, struct error *err)
{
	char label[LABEL_BYTES];
	if (!wish->name || !*wish->name)
		return error_set(err, ERR_MISSING_FIELD, "name is required");
	if (!name_is_plain(wish->name))
		return error_set(err, ERR_INVALID_NAME,
				 "invalid database name: use 1 to 64 of a-z, 0-9 and \"-\","
				 " with \"-\" neither first nor last");
	if (wish->image && strcmp(wish->image, "latest") != 0 && strcmp(wish->image, "canary") != 0)
		return error_set(err, ERR_INVALID_FIELD, "invalid image: %s", wish->image);
	if (wish->location && !platform_find_location(platform, wish->location))
		return error_set(err, ERR_INVALID_LOCATION, "invalid location: %s", wish->location);
	if (wish->group)
		return error_set(err, ERR_GROUP_NOT_FOUND, "group not found");
	label_of(organization, wish->name, label);
	if (platform->domain_in_dns && strlen(label) > LABEL_LENGTH_IN_DNS_MAX)
		return error_set(
			err, ERR_INVALID_NAME,
			"database name is too long: %s has %zu characters, and a DNS label at most %d", label,
			strlen(label), LABEL_LENGTH_IN_DNS_MAX);
	return true;
}

static bool check_is_free(struct store_txn *txn, const struct organization *organization, const char *name,
			  const char *label, struct error *err)
{
	struct query *q = sql_org_query(txn, SQL_DATABASE_NAME_IS_TAKEN, organization->row);
	query_bind_text(q, ":name", name);
	if (sql_has_row(q))
		return error_set(err, ERR_ALREADY_EXISTS, "database with name [%s] already exists", name);
	q = sql_query(txn, SQL_LABEL_IS_TAKEN);
	query_bind_text(q, ":label", label);
	if (sql_has_row(q))
		return error_set(err, ERR_ALREADY_EXISTS, "hostname is already taken");
	return true;
}

static int64_t add_database(struct store_txn *txn, const struct organization *organization, const char *uuid,
			    const struct database_wish *wish, const char *label)
{
	uint8_t seed[CRYPT_SEED_BYTES];
	char username[32] = "user-";
	crypt_random(seed, sizeof(seed));
	crypt_random_hex(8, username + strlen(username));

	struct query *q = sql_org_query(txn, SQL_ADD_DATABASE, organization->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", wish->name);
	query_bind_text(q, ":image", wish->image ? wish->image : "latest");
	query_bind_text(q, ":username", username);
	query_bind_blob(q, ":seed", seed, sizeof(seed));
	query_bind_integer(q, ":now", clock_wall_ms());
	int64_t row = sql_single(q);
	explicit_bzero(seed, sizeof(seed));

	q = sql_query(txn, SQL_ADD_HOST);
	query_bind_text(q, ":label", label);
	query_bind_integer(q, ":database", row);
	query_bind_integer(q, ":instance", 0);
	query_run(q);
	return row;
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

bool platform_create_database(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct database_wish *wish,
			      struct arena *arena, struct database *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char label[LABEL_BYTES];
	char uuid[CRYPT_UUID_TEXT_BYTES];
	if (!check_wish(platform, organization, wish, err))
		return false;
	label_of(organization, wish->name, label);
	crypt_uuid(uuid);
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !check_is_free(txn, organization, wish->name, label, err))
		return false;
	int64_t row = add_database(txn, organization, uuid, wish, label);
	database_audit(txn, caller, organization, "db-create", "created", wish->name, uuid);
	if (!store_commit(&txn, err))
		return false;
	access_label_added(platform->access);
	trace_info("database.created", "database", uuid, "name", wish->name, "organization",
		   organization->slug);
	*out = make_view(platform, organization, arena, row, uuid, wish->name);
	return true;
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

// Nothing belongs to a group, follows a schema or is a branch, so such a filter matches nothing.
static bool matches_nothing(const struct database_filter *filter)
{
	return (filter->group && *filter->group) || (filter->schema && *filter->schema) ||
	       filter->schema_parents || (filter->parent && *filter->parent);
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
	struct query *q = sql_org_query(txn, SQL_LIST_DATABASES, organization->row);
	query_bind_text(q, ":after", buffer_text(&after));
	// One more than asked for tells whether there is a next page.
	query_bind_integer(q, ":limit", matches_nothing(filter) ? 0 : filter->limit ? filter->limit + 1 : -1);
	while (query_step(q)) {
		struct database database = make_view(platform, organization, arena, query_integer(q, 0),
						     query_text(q, 1), query_text(q, 2));
		buffer_append(&rows, &database, sizeof(database));
	}
	size_t count = rows.size / sizeof(struct database);
	struct database *databases = rows_in(arena, &rows);
	bool more = filter->limit && count > (size_t)filter->limit;
	count -= more;
	for (size_t i = 0; i < count; i++)
		add_regions(txn, organization, &databases[i], arena);
	if (!store_commit(&txn, err))
		return false;
	*out = databases;
	*out_count = count;
	*out_next = more ? write_cursor(arena, databases[count - 1].name) : NULL;
	return true;
}

bool platform_find_database(struct platform *platform, const struct organization *organization,
			    const char *ref, struct arena *arena, struct database *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct database found = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_FIND_DATABASE, organization->row);
	query_bind_text(q, ":ref", ref);
	bool exists = query_step(q);
	if (exists) {
		found = make_view(platform, organization, arena, query_integer(q, 0), query_text(q, 1),
				  query_text(q, 2));
		query_run(q);
		add_regions(txn, organization, &found, arena);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return database_not_found(err, ref);
	*out = found;
	return true;
}

bool platform_database_configuration(struct platform *platform, const struct organization *organization,
				     const struct database *database, struct database_configuration *out,
				     struct error *err)
{
	// Nothing of it can be changed, so every database has what it was born with.
	(void)platform, (void)organization, (void)database, (void)err;
	*out = (struct database_configuration){0};
	return true;
}
