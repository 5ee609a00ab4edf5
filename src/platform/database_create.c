#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"
#include "platform/upload.h"

static bool check_name(const struct platform *platform, const struct organization *organization,
		       const char *name, struct error *err)
{
	char label[LABEL_BYTES];
	if (!name || !*name)
		return error_set(err, ERR_MISSING_FIELD, "name is required");
	if (!name_is_plain(name))
		return error_set(err, ERR_INVALID_NAME,
				 "invalid database name: use 1 to 64 of a-z, 0-9 and \"-\","
				 " with \"-\" neither first nor last");
	database_label(name, organization->slug, label);
	if (platform->domain_in_dns && strlen(label) > LABEL_LENGTH_IN_DNS_MAX)
		return error_set(
			err, ERR_INVALID_NAME,
			"database name is too long: %s has %zu characters, and a DNS label at most %d", label,
			strlen(label), LABEL_LENGTH_IN_DNS_MAX);
	return true;
}

static bool check_wish(struct platform *platform, const struct organization *organization,
		       const struct database_wish *wish, struct error *err)
{
	if (!check_name(platform, organization, wish->name, err))
		return false;
	if (wish->image && strcmp(wish->image, "latest") != 0 && strcmp(wish->image, "canary") != 0)
		return error_set(err, ERR_INVALID_FIELD, "invalid image: %s", wish->image);
	if (wish->location && !platform_find_location(platform, wish->location))
		return error_set(err, ERR_INVALID_LOCATION, "invalid location: %s", wish->location);
	if (wish->schema && *wish->schema && !name_is_plain(wish->schema))
		return error_set(err, ERR_INVALID_FIELD, "invalid schema: %s", wish->schema);
	if (wish->schema && *wish->schema && wish->is_schema)
		return error_set(err, ERR_INVALID_FIELD, "schema and is_schema exclude each other");
	return true;
}

// -- what it finds ------------------------------------------------------------------------------------

// What the store knows of the wish. Looked up before the content is fetched, so that nobody waits for what will be
// refused, and all but the source once more in the transaction that stores the database.
struct site {
	struct group group; // row 0: it stands alone
	struct database
		source; // of CONTENT_DATABASE; its name may mean another one by the time the content is there
};

static bool check_is_free(struct store_txn *txn, const struct organization *organization, const char *name,
			  struct error *err)
{
	char label[LABEL_BYTES];
	struct query *q = sql_org_query(txn, SQL_DATABASE_NAME_IS_TAKEN, organization->row);
	query_bind_text(q, ":name", name);
	if (sql_has_row(q))
		return error_set(err, ERR_ALREADY_EXISTS, "database with name [%s] already exists", name);
	database_label(name, organization->slug, label);
	q = sql_query(txn, SQL_LABEL_IS_TAKEN);
	query_bind_text(q, ":label", label);
	if (sql_has_row(q))
		return error_set(err, ERR_ALREADY_EXISTS, "hostname is already taken");
	return true;
}

// A caller who sees one group only makes databases in it, whether he names it or not.
static bool find_group(const struct platform *platform, struct store_txn *txn,
		       const struct organization *organization, const struct database_wish *wish,
		       struct arena *arena, struct group *out, struct error *err)
{
	const char *ref = wish->group && *wish->group ? wish->group : platform->implicit_group;
	if (organization->only_group && !(wish->group && *wish->group)) {
		if (!group_find_only(txn, organization, arena, out))
			return group_not_found(err);
	} else if (ref && !group_find(txn, organization, ref, arena, out)) {
		return group_not_found(err);
	}
	return !out->archived ||
	       error_set(err, ERR_NOT_READY, "group %s is archived: unarchive it first", out->name);
}

static bool source_not_found(struct error *err, const struct database_wish *wish)
{
	return error_set(err, ERR_DATABASE_NOT_FOUND,
			 "could not find database with name %s: record not found", wish->source);
}

static bool find_source(struct platform *platform, struct store_txn *txn,
			const struct organization *organization, const struct database_wish *wish,
			struct arena *arena, struct database *out, struct error *err)
{
	if (!database_find(platform, txn, organization, wish->source, arena, out))
		return source_not_found(err, wish);
	return !out->draft ||
	       error_set(err, ERR_NOT_READY, "database %s is a draft: upload its content first", out->name);
}

static bool find_place(const struct platform *platform, struct store_txn *txn,
		       const struct organization *organization, const struct database_wish *wish,
		       struct arena *arena, struct group *out, struct error *err)
{
	*out = (struct group){0};
	return find_group(platform, txn, organization, wish, arena, out, err) &&
	       check_is_free(txn, organization, wish->name, err);
}

static bool look_at_site(struct platform *platform, const struct organization *organization,
			 const struct database_wish *wish, struct arena *arena, struct site *out,
			 struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	*out = (struct site){0};
	return store_begin(platform->store, STORE_READ, &txn, err) &&
	       find_place(platform, txn, organization, wish, arena, &out->group, err) &&
	       (wish->content != CONTENT_DATABASE ||
		find_source(platform, txn, organization, wish, arena, &out->source, err)) &&
	       store_commit(&txn, err);
}

// -- content ------------------------------------------------------------------------------------------

static bool fetch_dump(struct platform *platform, const struct organization *organization, const char *url,
		       const char *uuid, struct error *err)
{
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	return platform_take_dump(platform, organization, url, &file, err) &&
	       fleet_seed_dump(platform->fleet, uuid, file.path, err);
}

// True also when the store cannot tell.
static bool is_stored(struct platform *platform, const char *uuid)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct engine_rules rules;
	struct error ignored;
	if (!store_begin(platform->store, STORE_READ, &txn, &ignored))
		return true;
	bool known = database_rules(txn, uuid, &rules) != 0;
	return !store_commit(&txn, &ignored) || known;
}

// A source that is destroyed while it is copied fails in any way.
static bool copy_source(struct platform *platform, const struct database_wish *wish, const struct site *site,
			const char *uuid, struct error *err)
{
	if (fleet_seed_copy(platform->fleet, uuid, site->source.uuid,
			    wish->at_ms == DATABASE_NOW ? SEED_NOW : wish->at_ms, err))
		return true;
	return is_stored(platform, site->source.uuid) ? false : source_not_found(err, wish);
}

// Complete and durable under the UUID of a database that nobody knows yet. A crash before it is stored leaves a folder
// that the next start sweeps.
static bool fetch_content(struct platform *platform, const struct organization *organization,
			  const struct database_wish *wish, const struct site *site, const char *uuid,
			  struct error *err)
{
	switch (wish->content) {
	case CONTENT_DATABASE:
		return copy_source(platform, wish, site, uuid, err);
	case CONTENT_BACKUP:
		return backup_seed(platform, organization, wish->source, uuid, err);
	case CONTENT_DUMP:
		return fetch_dump(platform, organization, wish->source, uuid, err);
	case CONTENT_NONE:
	case CONTENT_UPLOAD:
		break;
	}
	return true;
}

// A commit that failed may have happened all the same: only what the store surely does not know is thrown away.
static void discard_content(struct platform *platform, const struct database_wish *wish, const char *uuid)
{
	if (wish->content != CONTENT_NONE && wish->content != CONTENT_UPLOAD && !is_stored(platform, uuid))
		fleet_seed_discard(platform->fleet, uuid);
}

// -- storing ------------------------------------------------------------------------------------------

static void bind_parent(struct query *q, const struct database_wish *wish, const struct database *source,
			int64_t now_ms)
{
	bool branch = wish->content == CONTENT_DATABASE;
	query_bind_text(q, ":parent_uuid", branch ? source->uuid : NULL);
	query_bind_text(q, ":parent_name", branch ? source->name : NULL);
	if (branch)
		query_bind_integer(q, ":branched", wish->at_ms == DATABASE_NOW ? now_ms : wish->at_ms);
	else
		query_bind_null(q, ":branched");
}

static int64_t add_database(struct store_txn *txn, const struct organization *organization, const char *uuid,
			    const struct database_wish *wish, const struct site *site)
{
	uint8_t seed[CRYPT_SEED_BYTES];
	char username[32] = "user-";
	char label[LABEL_BYTES];
	int64_t now_ms = clock_wall_ms();
	crypt_random(seed, sizeof(seed));
	crypt_random_hex(8, username + strlen(username));
	database_label(wish->name, organization->slug, label);

	struct query *q = sql_org_query(txn, SQL_ADD_DATABASE, organization->row);
	query_bind_text(q, ":uuid", uuid);
	query_bind_text(q, ":name", wish->name);
	query_bind_text(q, ":image", wish->image ? wish->image : "latest");
	query_bind_text(q, ":username", username);
	query_bind_blob(q, ":seed", seed, sizeof(seed));
	query_bind_integer(q, ":now", now_ms);
	query_bind_integer(q, ":group", site->group.row);
	query_bind_integer(q, ":size_limit", (int64_t)wish->size_limit_bytes);
	query_bind_integer(q, ":draft", wish->content == CONTENT_UPLOAD);
	query_bind_text(q, ":schema", wish->schema);
	query_bind_integer(q, ":is_schema", wish->is_schema);
	bind_parent(q, wish, &site->source, now_ms);
	int64_t row = sql_single(q);
	explicit_bzero(seed, sizeof(seed));

	q = sql_query(txn, SQL_ADD_HOST);
	query_bind_text(q, ":label", label);
	query_bind_integer(q, ":database", row);
	query_bind_integer(q, ":instance", 0);
	query_run(q);
	return row;
}

static bool store_database(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct database_wish *wish,
			   struct site *site, const char *uuid, struct arena *arena,
			   struct instance_changes *changes, int64_t *out_row, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_place(platform, txn, organization, wish, arena, &site->group, err))
		return false;
	int64_t row = add_database(txn, organization, uuid, wish, site);
	struct database database = {.row = row, .uuid = uuid, .name = wish->name};
	if (wish->content != CONTENT_UPLOAD)
		instances_complete(txn, organization, &database, wish->image ? wish->image : "latest",
				   changes);
	database_audit(txn, caller, organization, "db-create", "created", wish->name, uuid);
	if (!store_commit(&txn, err))
		return false;
	*out_row = row;
	return true;
}

bool platform_create_database(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct database_wish *wish,
			      struct arena *arena, struct database *out, struct error *err)
{
	OWNED(instance_changes) struct instance_changes changes = {0};
	struct instance_counts counts;
	struct error ignored;
	struct site site;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	int64_t row = 0;
	crypt_uuid(uuid);
	if (!check_wish(platform, organization, wish, err) ||
	    !look_at_site(platform, organization, wish, arena, &site, err))
		return false;
	if (!fetch_content(platform, organization, wish, &site, uuid, err))
		return false;
	if (!store_database(platform, caller, organization, wish, &site, uuid, arena, &changes, &row, err)) {
		discard_content(platform, wish, uuid);
		return false;
	}
	instance_changes_apply(platform, &changes);
	trace_info("database.created", "database", uuid, "name", wish->name, "organization",
		   organization->slug);
	// It is stored: whatever the wait brings, the answer stands.
	if (changes.launches.size > 0)
		(void)!instances_wait_of_database(platform, organization, row, DATABASE_READY_WAIT_MS,
						  &counts, &ignored);
	return platform_find_database(platform, organization, uuid, arena, out, err);
}
