#include "fleet/history.h"

#include <stdlib.h>
#include <string.h>

#include "engine/push.h"
#include "engine/snapshot.h"
#include "fleet/internal.h"
#include "fleet/meter.h"

struct fleet_history {
	struct fleet_instance *primary;
};

struct fleet_snapshot {
	struct fleet_history *history;
	struct engine_snapshot *pages;
};

static bool is_usable(const struct fleet_instance *primary, struct error *err)
{
	if (atomic_load(&primary->gone))
		return error_set(err, ERR_NOT_READY,
				 "this instance is being replaced or destroyed: try again");
	return !engine_database_blocks_reads(primary->engine) ||
	       error_set(err, ERR_BLOCKED, "Operation was blocked");
}

static struct fleet_history *make(struct fleet_instance *primary)
{
	struct fleet_history *history = calloc(1, sizeof(*history));
	ASSERT(history != NULL);
	history->primary = primary;
	return history;
}

bool fleet_history_open(struct fleet *fleet, const char *database, struct fleet_history **out,
			struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	if (!fleet_acquire(fleet, database, NULL, &held, err))
		return false;
	if (!held->spec.primary)
		return error_set(err, ERR_NOT_READY,
				 "the primary instance cannot be reached: try again in a moment");
	if (!is_usable(held, err))
		return false;
	*out = make(TAKE(held));
	return true;
}

bool fleet_history_try_open(struct fleet *fleet, const char *database, struct fleet_history **out)
{
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	struct error ignored;
	if (!fleet_acquire_open(fleet, database, NULL, &held) || !held->spec.primary ||
	    !is_usable(held, &ignored))
		return false;
	*out = make(TAKE(held));
	return true;
}

void fleet_history_close(struct fleet_history *history)
{
	if (!history)
		return;
	fleet_release(history->primary);
	free(history);
}

bool fleet_history_position(struct fleet_history *history, struct fleet_position *out, struct error *err)
{
	struct engine_database *engine = history->primary->engine;
	struct log *log = engine_database_log(engine);
	if (!is_usable(history->primary, err))
		return false;
	struct fleet_position position = {.rules_version = engine_database_rules_version(engine),
					  .frame_no = log_durable(log)};
	log_copy_id(log, position.log_id);
	*out = position;
	return true;
}

bool fleet_history_read(struct fleet_history *history, uint64_t frame_no, struct log_cursor **out,
			struct error *err)
{
	return is_usable(history->primary, err) &&
	       log_cursor_open(engine_database_log(history->primary->engine), frame_no, out, err);
}

struct log *fleet_history_log(struct fleet_history *history)
{
	return engine_database_log(history->primary->engine);
}

bool fleet_history_page_count(struct fleet_history *history, uint64_t frame_no, uint32_t *out)
{
	return engine_database_page_count_at(history->primary->engine, frame_no, out);
}

static struct recent *recent_of(struct fleet_instance *primary)
{
	struct recent *recent = atomic_load(&primary->recent);
	if (recent)
		return recent;
	struct recent *made = recent_create(&primary->database->fleet->recent_budget);
	if (atomic_compare_exchange_strong(&primary->recent, &recent, made))
		return made;
	recent_free(made);
	return recent;
}

bool fleet_history_recent(struct fleet_history *history, uint64_t next, bool may_read, recent_visit *visit,
			  void *context)
{
	struct error ignored;
	return is_usable(history->primary, &ignored) &&
	       recent_changes(recent_of(history->primary), engine_database_log(history->primary->engine),
			      next, may_read, visit, context);
}

bool fleet_history_serves_offline(struct fleet_history *history)
{
	return engine_database_serves_offline(history->primary->engine);
}

static struct generations *generations_of(struct fleet_instance *primary)
{
	struct generations *generations = atomic_load(&primary->generations);
	if (generations)
		return generations;
	OWNED(text) char *folder = fleet_database_folder(primary->database->fleet, primary->database->uuid);
	OWNED(text) char *path = fleet_path_inside(folder, "generations");
	struct generations *made = generations_create(path);
	if (atomic_compare_exchange_strong(&primary->generations, &generations, made))
		return made;
	generations_free(made);
	return generations;
}

bool fleet_history_newest_generation(struct fleet_history *history, uint32_t frames_max,
				     struct generation *out, struct error *err)
{
	struct log *log = engine_database_log(history->primary->engine);
	return is_usable(history->primary, err) &&
	       generations_find(generations_of(history->primary), log, 0, frames_max, out, err);
}

bool fleet_history_generation(struct fleet_history *history, uint32_t number, uint32_t frames_max,
			      struct generation *out, struct error *err)
{
	struct log *log = engine_database_log(history->primary->engine);
	return is_usable(history->primary, err) &&
	       generations_find(generations_of(history->primary), log, number, frames_max, out, err);
}

bool fleet_history_push(struct fleet_history *history, const char *log_id, uint64_t frame_no,
			const struct log_txn *txn, struct error *err)
{
	return is_usable(history->primary, err) &&
	       engine_push(history->primary->engine, log_id, frame_no, txn, err);
}

void fleet_history_tend(struct fleet_history *history)
{
	engine_database_tend(history->primary->engine);
}

struct fleet_instance *fleet_history_instance(struct fleet_history *history)
{
	return history->primary;
}

void fleet_history_count(struct fleet_history *history, enum fleet_synced how, uint64_t bytes)
{
	struct fleet_database *database = history->primary->database;
	fleet_count_synced(database->fleet, database->uuid, history->primary->spec.uuid, how, bytes);
}

// Each holds a connection, and the write-ahead log from being shortened.
static bool count_snapshot(struct fleet_database *database, struct error *err)
{
	int max = database->fleet->snapshots_max;
	if (atomic_fetch_add(&database->snapshots, 1) < max || max == 0)
		return true;
	atomic_fetch_sub(&database->snapshots, 1);
	return error_set(err, ERR_RATE_LIMITED,
			 "%d replicas read the whole database already (limit snapshots-max): try again in a "
			 "moment",
			 max);
}

bool fleet_snapshot_begin(struct fleet_history *history, struct fleet_snapshot **out, struct error *err)
{
	struct engine_snapshot *pages;
	struct fleet_database *database = history->primary->database;
	if (!is_usable(history->primary, err) || !count_snapshot(database, err))
		return false;
	if (!engine_snapshot_begin(history->primary->engine, &pages, err)) {
		atomic_fetch_sub(&database->snapshots, 1);
		return false;
	}
	struct fleet_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	ASSERT(snapshot != NULL);
	snapshot->history = history;
	snapshot->pages = pages;
	*out = snapshot;
	return true;
}

const char *fleet_snapshot_log_id(const struct fleet_snapshot *snapshot)
{
	return engine_snapshot_log_id(snapshot->pages);
}

uint64_t fleet_snapshot_frame_no(const struct fleet_snapshot *snapshot)
{
	return engine_snapshot_frame_no(snapshot->pages);
}

uint32_t fleet_snapshot_page_count(const struct fleet_snapshot *snapshot)
{
	return engine_snapshot_page_count(snapshot->pages);
}

bool fleet_snapshot_next(struct fleet_snapshot *snapshot, uint32_t *out_page_no, const char **out_page,
			 struct error *err)
{
	return is_usable(snapshot->history->primary, err) &&
	       engine_snapshot_next(snapshot->pages, out_page_no, out_page, err);
}

bool fleet_snapshot_page(struct fleet_snapshot *snapshot, uint32_t page_no, const char **out_page,
			 struct error *err)
{
	return is_usable(snapshot->history->primary, err) &&
	       engine_snapshot_page(snapshot->pages, page_no, out_page, err);
}

void fleet_snapshot_end(struct fleet_snapshot *snapshot)
{
	if (!snapshot)
		return;
	engine_snapshot_end(snapshot->pages);
	atomic_fetch_sub(&snapshot->history->primary->database->snapshots, 1);
	free(snapshot);
}
