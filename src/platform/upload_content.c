// What was uploaded becomes the content of a database.

#include <stdlib.h>
#include <string.h>

#include "platform/upload_internal.h"

// -- claims -------------------------------------------------------------------------------------------

static struct upload_claim **find_claim_locked(struct uploads *uploads, const char *database)
{
	struct upload_claim **at = &uploads->claims;
	while (*at && strcmp((*at)->database, database) != 0)
		at = &(*at)->next;
	return at;
}

bool upload_claim(struct platform *platform, const char *database, bool alone, struct error *err)
{
	struct uploads *uploads = platform->uploads;
	pthread_mutex_lock(&uploads->mutex);
	struct upload_claim *claim = *find_claim_locked(uploads, database);
	bool free_ = !claim || (!alone && !claim->alone);
	if (!claim) {
		claim = calloc(1, sizeof(*claim));
		ASSERT(claim);
		snprintf(claim->database, sizeof(claim->database), "%s", database);
		claim->next = uploads->claims;
		uploads->claims = claim;
	}
	if (free_) {
		claim->alone = alone;
		claim->share_count += !alone;
	}
	pthread_mutex_unlock(&uploads->mutex);
	return free_ ||
	       error_set(err, ERR_UNAVAILABLE, "another upload of this database is under way; try again");
}

void upload_unclaim(struct platform *platform, const char *database, bool alone)
{
	struct uploads *uploads = platform->uploads;
	pthread_mutex_lock(&uploads->mutex);
	struct upload_claim **at = find_claim_locked(uploads, database);
	struct upload_claim *claim = *at;
	ASSERT(claim && (alone ? claim->alone : claim->share_count > 0));
	claim->alone = false;
	claim->share_count -= !alone;
	if (claim->share_count == 0) {
		*at = claim->next;
		free(claim);
	}
	pthread_mutex_unlock(&uploads->mutex);
}

bool upload_is_taken_over(struct platform *platform, const char *database)
{
	struct uploads *uploads = platform->uploads;
	pthread_mutex_lock(&uploads->mutex);
	struct upload_claim *claim = *find_claim_locked(uploads, database);
	bool taken_over = claim && claim->alone;
	pthread_mutex_unlock(&uploads->mutex);
	return taken_over;
}

// -- the database -------------------------------------------------------------------------------------

struct target {
	struct organization organization; // row only
	struct database database;         // row, name and draft only
	bool has_instances;
};

static bool find_target(struct store_txn *txn, const char *uuid, struct arena *arena, struct target *out,
			struct error *err)
{
	struct query *q = sql_query(txn, SQL_UPLOAD_TARGET);
	query_bind_text(q, ":uuid", uuid);
	if (!query_step(q))
		return !store_failed(txn, err) ? database_not_found(err, uuid) : false;
	*out = (struct target){.organization = {.row = query_integer(q, 1)},
			       .database = {.row = query_integer(q, 0),
					    .name = sql_text_in(arena, q, 2),
					    .draft = query_integer(q, 3) != 0},
			       .has_instances = query_integer(q, 4) != 0};
	query_run(q);
	return true;
}

static bool check_target(const struct target *target, bool wants_draft, struct error *err)
{
	if (wants_draft && !target->database.draft)
		return error_set(err, ERR_ALREADY_EXISTS, "database %s is not waiting for an upload",
				 target->database.name);
	return !target->has_instances ||
	       error_set(err, ERR_ALREADY_EXISTS,
			 "database %s has instances already: its content cannot be replaced",
			 target->database.name);
}

// In a transaction that writes, though it only reads: one that makes an instance comes before it and is seen, or after
// it and sees the claim.
static bool check(struct platform *platform, const char *uuid, bool wants_draft, bool *out_draft,
		  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	struct target target = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_target(txn, uuid, &arena, &target, err) || !check_target(&target, wants_draft, err))
		return false;
	*out_draft = target.database.draft;
	return store_commit(&txn, err);
}

static bool note(struct platform *platform, const struct caller *caller, const char *uuid, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	struct target target = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !find_target(txn, uuid, &arena, &target, err))
		return false;
	database_audit(txn, caller, &target.organization, "db-upload", "uploaded", target.database.name,
		       uuid);
	return store_commit(&txn, err);
}

static bool is_known(struct platform *platform, const char *uuid)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct error ignored;
	if (!store_begin(platform->store, STORE_READ, &txn, &ignored))
		return true;
	struct query *q = sql_query(txn, SQL_KNOWS_DATABASE);
	query_bind_text(q, ":uuid", uuid);
	bool known = sql_has_row(q);
	return !store_commit(&txn, &ignored) || known;
}

// For who has claimed the database alone. A database without instances needs no more than its seed; a draft that has one
// is finished by the next start, should this one end here.
static bool fill(struct platform *platform, const struct caller *caller, const char *uuid, bool wants_draft,
		 struct upload_file *file, struct error *err)
{
	bool draft = false;
	if (!check(platform, uuid, wants_draft, &draft, err) ||
	    !fleet_seed_file(platform->fleet, uuid, file->path, err))
		return false;
	if (draft ? platform_activate_draft(platform, uuid, err) : note(platform, caller, uuid, err))
		return true;
	// Destroyed meanwhile: its folder must not come back.
	if (!is_known(platform, uuid))
		fleet_seed_discard(platform->fleet, uuid);
	return false;
}

// -- doors --------------------------------------------------------------------------------------------

static bool check_early(struct platform *platform, const char *uuid, bool wants_draft, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(arena) struct arena arena = {0};
	struct target target = {0};
	return store_begin(platform->store, STORE_READ, &txn, err) &&
	       find_target(txn, uuid, &arena, &target, err) && check_target(&target, wants_draft, err) &&
	       store_commit(&txn, err);
}

bool platform_check_seed(struct platform *platform, const struct database *database, struct error *err)
{
	return check_early(platform, database->uuid, false, err);
}

bool platform_check_draft(struct platform *platform, const char *database, struct error *err)
{
	return check_early(platform, database, true, err);
}

bool platform_seed_database(struct platform *platform, const struct caller *caller,
			    const struct database *database, struct upload_file *file, struct error *err)
{
	if (!upload_claim(platform, database->uuid, true, err))
		return false;
	bool done = fill(platform, caller, database->uuid, false, file, err);
	upload_unclaim(platform, database->uuid, true);
	return done;
}

bool draft_fill(struct platform *platform, const char *database, struct upload_file *file, struct error *err)
{
	return fill(platform, NULL, database, true, file, err);
}

bool platform_fill_draft(struct platform *platform, const char *database, struct upload_file *file,
			 struct error *err)
{
	if (!upload_claim(platform, database, true, err))
		return false;
	bool done = draft_fill(platform, database, file, err);
	upload_unclaim(platform, database, true);
	return done;
}

bool draft_may_be(struct platform *platform, const char *database)
{
	struct error err;
	return platform_check_draft(platform, database, &err) ||
	       (err.code != ERR_DATABASE_NOT_FOUND && err.code != ERR_ALREADY_EXISTS);
}

bool platform_export_database(struct platform *platform, const struct database *database, int *out_fd,
			      uint64_t *out_size, struct error *err)
{
	return fleet_export(platform->fleet, database->uuid, out_fd, out_size, err);
}

// -- start --------------------------------------------------------------------------------------------

static bool list_drafts(struct platform *platform, struct buffer *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_DRAFTS);
	while (query_step(q)) {
		char uuid[CRYPT_UUID_TEXT_BYTES] = "";
		snprintf(uuid, sizeof(uuid), "%s", query_text(q, 0));
		buffer_append(out, uuid, sizeof(uuid));
	}
	return store_commit(&txn, err);
}

bool drafts_resume(struct platform *platform, struct error *err)
{
	OWNED(buffer) struct buffer uuids = {0};
	if (!list_drafts(platform, &uuids, err))
		return false;
	for (size_t at = 0; at < uuids.size; at += CRYPT_UUID_TEXT_BYTES) {
		if (fleet_seed_exists(platform->fleet, uuids.data + at) &&
		    !platform_activate_draft(platform, uuids.data + at, err))
			return false;
	}
	return true;
}
