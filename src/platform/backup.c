#include "platform/backup.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/backup_internal.h"

// A target that does not answer must not take all the workers.
enum { RESTORES_MAX = 4 };

// -- rows ---------------------------------------------------------------------------------------------

static enum backup_state state_of(const char *text)
{
	return strcmp(text, "queued") == 0     ? BACKUP_QUEUED
	       : strcmp(text, "running") == 0  ? BACKUP_RUNNING
	       : strcmp(text, "complete") == 0 ? BACKUP_COMPLETE
					       : BACKUP_FAILED;
}

static enum backup_verdict verdict_of(const char *text)
{
	return strcmp(text, "ok") == 0       ? BACKUP_VERIFIED
	       : strcmp(text, "failed") == 0 ? BACKUP_DAMAGED
					     : BACKUP_UNVERIFIED;
}

static void read_text(struct query *q, int column, char *out, size_t size)
{
	const char *text = query_text(q, column);
	snprintf(out, size, "%s", text ? text : "");
}

// In the order of BACKUP_COLUMNS.
struct backup backup_of_row(struct query *q, struct arena *arena)
{
	struct backup backup = {
		.id = sql_text_in(arena, q, 0),
		.organization = query_integer(q, 1),
		.database = sql_text_in(arena, q, 2),
		.name = sql_text_in(arena, q, 3),
		.place = sql_text_in(arena, q, 4),
		.automatic = query_integer(q, 5) != 0,
		.state = state_of(query_text(q, 6)),
		.created_ms = query_integer(q, 7),
		.attempts = query_integer(q, 8),
		.error = sql_text_in(arena, q, 9),
		.completed_ms = query_integer(q, 10),
		.facts = {.frame_no = (uint64_t)query_integer(q, 12),
			  .at_ms = query_integer(q, 13),
			  .page_count = (uint32_t)query_integer(q, 14),
			  .content_bytes = (uint64_t)query_integer(q, 15),
			  .stored_bytes = (uint64_t)query_integer(q, 16)},
		.verdict = verdict_of(query_text(q, 18)),
		.verify_error = sql_text_in(arena, q, 19),
		.verified_ms = query_integer(q, 20),
		.verification_due = !query_is_null(q, 21) && query_integer(q, 21) <= clock_wall_ms(),
	};
	read_text(q, 11, backup.facts.log_id, sizeof(backup.facts.log_id));
	read_text(q, 17, backup.facts.sha256, sizeof(backup.facts.sha256));
	return backup;
}

static void add_progress(struct platform *platform, struct backup *backup)
{
	struct backups *backups = platform->backups;
	if (!backups)
		return;
	pthread_mutex_lock(&backups->mutex);
	if (strcmp(backups->current, backup->id) == 0) {
		backup->progress_done = backups->done;
		backup->progress_all = backups->all;
	}
	pthread_mutex_unlock(&backups->mutex);
}

static bool not_found(const char *id, struct error *err)
{
	return error_set(err, ERR_BACKUP_NOT_FOUND, "could not find backup %s", id);
}

static bool find(struct store_txn *txn, const struct organization *organization, const char *id,
		 struct arena *arena, struct backup *out)
{
	struct query *q = sql_org_query(txn, SQL_FIND_BACKUP, organization->row);
	query_bind_text(q, ":id", id);
	if (!query_step(q))
		return false;
	*out = backup_of_row(q, arena);
	query_run(q);
	return true;
}

bool platform_find_backup(struct platform *platform, const struct organization *organization, const char *id,
			  struct arena *arena, struct backup *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct backup found;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = find(txn, organization, id, arena, &found);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return not_found(id, err);
	add_progress(platform, &found);
	*out = found;
	return true;
}

bool platform_list_backups(struct platform *platform, const struct organization *organization,
			   const char *database, int64_t limit, struct arena *arena, struct backup **out,
			   size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_BACKUPS, organization->row);
	query_bind_text(q, ":database", database);
	query_bind_integer(q, ":limit", limit);
	while (query_step(q)) {
		struct backup backup = backup_of_row(q, arena);
		add_progress(platform, &backup);
		buffer_append(&rows, &backup, sizeof(backup));
	}
	if (!store_commit(&txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct backup);
	return true;
}

// -- asking for them ----------------------------------------------------------------------------------

// Begins with the time, so that names sort: 20261124T100000123Z-0123456789ab.
static const char *new_id(struct arena *arena)
{
	char at[CLOCK_TEXT_BYTES];
	char random[2 * 6 + 1];
	int64_t now_ms = clock_wall_ms();
	clock_format(now_ms, at);
	crypt_random_hex(6, random);
	return arena_printf(arena, "%.4s%.2s%.2sT%.2s%.2s%.2s%03dZ-%s", at, at + 5, at + 8, at + 11, at + 14,
			    at + 17, (int)(now_ms % 1000), random);
}

const char *backup_add(struct store_txn *txn, int64_t organization, const char *database, bool automatic,
		       struct arena *arena)
{
	const char *id = new_id(arena);
	struct query *q = sql_org_query(txn, SQL_ADD_BACKUP, organization);
	query_bind_text(q, ":id", id);
	query_bind_text(q, ":database", database);
	query_bind_integer(q, ":automatic", automatic);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	return id;
}

void backup_add_platform(struct store_txn *txn, struct arena *arena)
{
	struct query *q = sql_query(txn, SQL_ADD_PLATFORM_BACKUP);
	query_bind_text(q, ":id", new_id(arena));
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
}

// One that waits already, or a new one.
static const char *ask_for(struct store_txn *txn, const struct organization *organization,
			   const char *database, struct arena *arena)
{
	struct query *q = sql_org_query(txn, SQL_HAS_WAITING_BACKUP, organization->row);
	query_bind_text(q, ":database", database);
	if (query_step(q)) {
		const char *id = sql_text_in(arena, q, 0);
		query_run(q);
		return id;
	}
	return backup_add(txn, organization->row, database, false, arena);
}

static void list_databases(struct store_txn *txn, const struct organization *organization,
			   struct arena *arena, struct buffer *out)
{
	struct query *q = sql_org_query(txn, SQL_LIST_BACKED_UP_DATABASES, organization->row);
	while (query_step(q)) {
		const char *uuid = sql_text_in(arena, q, 0);
		buffer_append(out, &uuid, sizeof(uuid));
	}
}

static bool choose(struct platform *platform, struct store_txn *txn, const struct organization *organization,
		   const char *ref, struct arena *arena, struct buffer *out, struct error *err)
{
	struct database database;
	list_databases(txn, organization, arena, out);
	if (!ref)
		return true;
	if (!database_find(platform, txn, organization, ref, arena, &database))
		return error_set(err, ERR_DATABASE_NOT_FOUND,
				 "could not find database with name [%s]: record not found", ref);
	const char *const *uuids = (const void *)out->data;
	bool lives = false;
	for (size_t i = 0; i < out->size / sizeof(*uuids) && !lives; i++)
		lives = strcmp(uuids[i], database.uuid) == 0;
	if (!lives)
		return error_set(err, ERR_NOT_READY, "database %s has no primary instance that is ready",
				 database.name);
	buffer_truncate(out, 0);
	buffer_append(out, &database.uuid, sizeof(database.uuid));
	return true;
}

static void audit(struct store_txn *txn, const struct caller *caller, int64_t organization, const char *code,
		  const char *message, const char *key, const char *value)
{
	const struct audit_datum data[] = {{key, value}, {NULL, NULL}};
	audit_add(txn, caller, organization, code, message, data);
}

static bool has_target(const struct platform *platform, struct error *err)
{
	return platform->backups ||
	       error_set(err, ERR_BAD_REQUEST,
			 "this server makes no backups: its setting backup-target is not set");
}

static bool store_wishes(struct platform *platform, const struct caller *caller,
			 const struct organization *organization, const char *ref, struct arena *arena,
			 struct buffer *rows, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer databases = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !choose(platform, txn, organization, ref, arena, &databases, err))
		return false;
	const char *const *uuids = (const void *)databases.data;
	for (size_t i = 0; i < databases.size / sizeof(*uuids); i++) {
		struct backup backup;
		const char *id = ask_for(txn, organization, uuids[i], arena);
		audit(txn, caller, organization->row, "backup-create", "asked for a backup", "database",
		      uuids[i]);
		if (find(txn, organization, id, arena, &backup))
			buffer_append(rows, &backup, sizeof(backup));
	}
	return store_commit(&txn, err);
}

bool platform_create_backups(struct platform *platform, const struct caller *caller,
			     const struct organization *organization, const char *ref, struct arena *arena,
			     struct backup **out, size_t *out_count, struct error *err)
{
	OWNED(buffer) struct buffer rows = {0};
	if (!has_target(platform, err) ||
	    !store_wishes(platform, caller, organization, ref, arena, &rows, err))
		return false;
	backups_poke(platform->backups);
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct backup);
	return true;
}

bool platform_verify_backup(struct platform *platform, const struct organization *organization,
			    const char *id, struct arena *arena, struct backup *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!has_target(platform, err) ||
	    !platform_find_backup(platform, organization, id, arena, out, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_ASK_VERIFICATION, organization->row);
	query_bind_text(q, ":id", id);
	query_bind_integer(q, ":now", clock_wall_ms());
	bool asked = sql_has_row(q);
	if (!store_commit(&txn, err))
		return false;
	if (!asked)
		return error_set(err, ERR_NOT_READY, "backup %s is not complete", id);
	backups_poke(platform->backups);
	return platform_find_backup(platform, organization, id, arena, out, err);
}

// The record goes last: what is left of files is found again by it.
static bool remove_backup(struct platform *platform, const struct caller *caller,
			  const struct organization *organization, const struct backup *backup,
			  struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!backup_remove(platform->backups, backup->place, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_FORGET_BACKUP, organization->row);
	query_bind_text(q, ":id", backup->id);
	query_run(q);
	audit(txn, caller, organization->row, "backup-delete", "removed a backup", "backup", backup->id);
	return store_commit(&txn, err);
}

bool platform_destroy_backup(struct platform *platform, const struct caller *caller,
			     const struct organization *organization, const char *id, struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	struct backup backup = {0};
	if (!has_target(platform, err) ||
	    !platform_find_backup(platform, organization, id, &arena, &backup, err))
		return false;
	if (backup.state == BACKUP_QUEUED || backup.state == BACKUP_RUNNING)
		return error_set(err, ERR_NOT_READY, "backup %s is still being made", id);
	struct backups *backups = platform->backups;
	pthread_mutex_lock(&backups->removing);
	bool ok = remove_backup(platform, caller, organization, &backup, err);
	pthread_mutex_unlock(&backups->removing);
	return ok;
}

bool backup_seed(struct platform *platform, const struct organization *organization, const char *id,
		 const char *uuid, struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	struct backup backup = {0};
	if (!has_target(platform, err) ||
	    !platform_find_backup(platform, organization, id, &arena, &backup, err))
		return false;
	if (backup.state != BACKUP_COMPLETE)
		return error_set(err, ERR_NOT_READY, "backup %s is not complete", id);
	struct backups *backups = platform->backups;
	bool ok = atomic_fetch_add(&backups->restoring, 1) < RESTORES_MAX
			  ? backup_restore(backups, &backup, uuid, err)
			  : error_set(err, ERR_UNAVAILABLE,
				      "%d backups are being restored already; try again (limit RESTORES_MAX)",
				      RESTORES_MAX);
	atomic_fetch_sub(&backups->restoring, 1);
	return ok;
}

// -- life ---------------------------------------------------------------------------------------------

static bool is_stopping(void *context)
{
	struct backups *backups = context;
	return atomic_load(&backups->stopping);
}

static void free_backups(struct backups *backups)
{
	backup_target_close(backups->target);
	pthread_mutex_destroy(&backups->mutex);
	pthread_mutex_destroy(&backups->removing);
	pthread_cond_destroy(&backups->changed);
	free(backups);
}

bool platform_check_backups(const struct backup_options *options, struct error *err)
{
	struct backup_target *target = NULL;
	bool good = !options->target || backup_target_open(options->target, &target, err);
	backup_target_close(target);
	return good;
}

bool platform_start_backups(struct platform *platform, const struct backup_options *options,
			    struct error *err)
{
	struct backup_target *target;
	if (!options->target)
		return true;
	if (!backup_target_open(options->target, &target, err))
		return false;
	struct backups *backups = calloc(1, sizeof(*backups));
	ASSERT(backups);
	backups->platform = platform;
	backups->options = *options;
	backups->target = target;
	backups->job = (struct job){.is_stopping = is_stopping, .context = backups};
	pthread_mutex_init(&backups->mutex, NULL);
	pthread_mutex_init(&backups->removing, NULL);
	clock_cond_init(&backups->changed);
	if (!backups_start(backups, err)) {
		free_backups(backups);
		return false;
	}
	platform->backups = backups;
	return true;
}

void backups_finish(struct platform *platform)
{
	if (platform->backups)
		backups_stop(platform->backups);
}

void backups_close(struct platform *platform)
{
	struct backups *backups = TAKE(platform->backups);
	if (!backups)
		return;
	backups_stop(backups);
	free_backups(backups);
}
