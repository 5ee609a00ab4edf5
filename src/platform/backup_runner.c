// One thread does all that is done with backups, one after the other, behind everybody else: what was made is verified
// first, then what was asked for is made, then comes what time brings.

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/backup_internal.h"

enum {
	ATTEMPTS_MAX = 5,
	RETRY_FIRST_MS = 1000, // and five times as long after each failure
	SCHEDULE_MS_MAX = 60 * 1000,
	SCHEDULE_MS_MIN = 50,
	AGAIN_AFTER_FAILURE_MS = 5000, // of the store
	RUNNER_NICE = 15,
	STACK_BYTES = 8 * 1024 * 1024,
};

static int64_t retry_at_ms(int64_t attempts)
{
	int64_t wait_ms = RETRY_FIRST_MS;
	for (int64_t i = 1; i < attempts && i < ATTEMPTS_MAX; i++)
		wait_ms *= 5;
	return clock_wall_ms() + wait_ms;
}

static void set_current(struct backups *backups, const char *id)
{
	pthread_mutex_lock(&backups->mutex);
	snprintf(backups->current, sizeof(backups->current), "%s", id);
	backups->done = 0;
	backups->all = 0;
	pthread_mutex_unlock(&backups->mutex);
}

// -- the store ----------------------------------------------------------------------------------------

// A statement of its own transaction, of a backup: its first column, if it gives one.
static bool run_on(struct backups *backups, enum sql_id id, const struct backup *backup,
		   void (*bind)(struct query *q, const void *context), const void *context, int64_t *out,
		   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(backups->platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_query(txn, id);
	query_bind_text(q, ":id", backup->id);
	if (bind)
		bind(q, context);
	int64_t value = sql_single(q);
	if (!store_commit(&txn, err))
		return false;
	if (out)
		*out = value;
	return true;
}

static bool next_of(struct backups *backups, enum sql_id id, struct arena *arena, struct backup *out,
		    bool *out_found, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(backups->platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, id);
	query_bind_integer(q, ":now", clock_wall_ms());
	bool found = query_step(q);
	if (found) {
		*out = backup_of_row(q, arena);
		query_run(q);
	}
	*out_found = found;
	return store_commit(&txn, err);
}

// -- making one ---------------------------------------------------------------------------------------

static void bind_facts(struct query *q, const void *context)
{
	const struct backup_facts *facts = context;
	query_bind_integer(q, ":now", clock_wall_ms());
	query_bind_text(q, ":log_id", facts->log_id);
	query_bind_integer(q, ":frame_no", (int64_t)facts->frame_no);
	query_bind_integer(q, ":at", facts->at_ms);
	query_bind_integer(q, ":page_count", facts->page_count);
	query_bind_integer(q, ":content_bytes", (int64_t)facts->content_bytes);
	query_bind_integer(q, ":stored_bytes", (int64_t)facts->stored_bytes);
	query_bind_text(q, ":sha256", facts->sha256);
}

static void bind_database(struct query *q, const void *context)
{
	const struct backup *backup = context;
	query_bind_text(q, ":database", backup->database);
	query_bind_integer(q, ":now", clock_wall_ms());
}

struct failure {
	const struct error *err;
	const char *state;
	int64_t due_ms; // 0: never again
};

static void bind_failure(struct query *q, const void *context)
{
	const struct failure *failure = context;
	query_bind_text(q, ":state", failure->state);
	query_bind_integer(q, ":due", failure->due_ms);
	query_bind_text(q, ":error", failure->err->message);
}

// What a second attempt does not change.
static bool is_final(const struct error *err)
{
	return err->code == ERR_NAMESPACE_NOT_FOUND || err->code == ERR_DATABASE_NOT_FOUND;
}

// A stop is no failure: the next start goes on.
static bool note_failure(struct backups *backups, const struct backup *backup, int64_t attempts,
			 const struct error *why, struct error *err)
{
	if (why->code == ERR_SHUTDOWN)
		return true;
	bool over = is_final(why) || attempts >= ATTEMPTS_MAX;
	struct failure failure = {why, over ? "failed" : "queued", over ? 0 : retry_at_ms(attempts)};
	trace_warn("backup.failed", "backup", backup->id, "database", backup->database, "error", why->message,
		   "detail", why->detail, "again", over ? "no" : "yes");
	if (over)
		tally_add(&backups->not_made, 1);
	return run_on(backups, SQL_FAIL_BACKUP, backup, bind_failure, &failure, NULL, err);
}

static bool make(struct backups *backups, const struct backup *backup, struct error *err)
{
	struct backup_facts facts;
	struct error why;
	int64_t attempts = 0;
	if (!run_on(backups, SQL_BEGIN_BACKUP, backup, NULL, NULL, &attempts, err))
		return false;
	set_current(backups, backup->id);
	bool made = backup_make(backups, backup, &facts, &why);
	set_current(backups, "");
	if (!made)
		return note_failure(backups, backup, attempts, &why, err);
	if (!run_on(backups, SQL_COMPLETE_BACKUP, backup, bind_facts, &facts, NULL, err) ||
	    !run_on(backups, SQL_LEAVE_OLDER_BACKUPS, backup, bind_database, backup, NULL, err))
		return false;
	tally_add(&backups->made, 1);
	trace_info("backup.made", "backup", backup->id, "database", backup->database, "frame_no",
		   TRACE_INT(facts.frame_no), "bytes", TRACE_INT(facts.stored_bytes));
	return true;
}

// -- verifying one ------------------------------------------------------------------------------------

struct verdict {
	const char *verdict;
	const char *error; // NULL: it is good
	int64_t due_ms;    // 0: not by itself
};

static void bind_verdict(struct query *q, const void *context)
{
	const struct verdict *verdict = context;
	query_bind_text(q, ":verdict", verdict->verdict);
	query_bind_text(q, ":error", verdict->error);
	query_bind_integer(q, ":now", clock_wall_ms());
	if (verdict->due_ms > 0)
		query_bind_integer(q, ":due", verdict->due_ms);
	else
		query_bind_null(q, ":due");
}

static bool note_verdict(struct backups *backups, const struct backup *backup, const struct error *why,
			 struct error *err)
{
	int64_t interval_ms = backups->options.verify_interval_ms;
	struct verdict verdict = {
		.verdict = why ? "failed" : "ok",
		.error = why ? why->message : NULL,
		.due_ms = interval_ms > 0 ? clock_wall_ms() + interval_ms : 0,
	};
	int64_t stays = 0;
	pthread_mutex_lock(&backups->removing);
	bool noted = run_on(backups, SQL_END_VERIFICATION, backup, bind_verdict, &verdict, &stays, err);
	pthread_mutex_unlock(&backups->removing);
	if (!noted)
		return false;
	// Of one that was removed meanwhile there is nothing to be alarmed at.
	if (!stays)
		return true;
	tally_add(why ? &backups->not_verified : &backups->verified, 1);
	if (why)
		trace_error("backup.damaged", "backup", backup->id, "database", backup->database, "error",
			    why->message, "detail", why->detail);
	else
		trace_info("backup.verified", "backup", backup->id, "database", backup->database);
	return true;
}

static void bind_delay(struct query *q, const void *context)
{
	const struct failure *failure = context;
	query_bind_integer(q, ":due", failure->due_ms);
	query_bind_text(q, ":error", failure->err->message);
}

static bool delay(struct backups *backups, const struct backup *backup, int64_t attempts,
		  const struct error *why, struct error *err)
{
	struct failure failure = {.err = why, .due_ms = retry_at_ms(attempts)};
	trace_warn("backup.not_verified", "backup", backup->id, "error", why->message, "detail", why->detail);
	return run_on(backups, SQL_DELAY_VERIFICATION, backup, bind_delay, &failure, NULL, err);
}

static bool verify(struct backups *backups, const struct backup *backup, struct error *err)
{
	struct error why;
	int64_t attempts = 0;
	if (!run_on(backups, SQL_BEGIN_VERIFICATION, backup, NULL, NULL, &attempts, err))
		return false;
	set_current(backups, backup->id);
	bool good = backup_verify(backups, backup, &why);
	set_current(backups, "");
	if (!good && why.code == ERR_SHUTDOWN)
		return true;
	// A target that cannot be reached says nothing of the backup, at first.
	if (!good && why.code != ERR_CORRUPT && attempts < ATTEMPTS_MAX)
		return delay(backups, backup, attempts, &why, err);
	return note_verdict(backups, backup, good ? NULL : &why, err);
}

// -- what time brings ---------------------------------------------------------------------------------

struct due {
	const char *database;
	int64_t organization;
};

static bool schedule(struct backups *backups, struct arena *arena, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer list = {0};
	if (backups->options.interval_ms == 0)
		return true;
	if (!store_begin(backups->platform->store, STORE_WRITE, &txn, err))
		return false;
	int64_t before_ms = clock_wall_ms() - backups->options.interval_ms;
	struct query *q = sql_query(txn, SQL_IS_PLATFORM_BACKED_UP);
	query_bind_integer(q, ":before", before_ms);
	if (!sql_has_row(q))
		backup_add_platform(txn, arena);
	q = sql_query(txn, SQL_LIST_BACKUPS_DUE);
	query_bind_integer(q, ":before", before_ms);
	while (query_step(q)) {
		struct due due = {sql_text_in(arena, q, 0), query_integer(q, 1)};
		buffer_append(&list, &due, sizeof(due));
	}
	const struct due *due = (const void *)list.data;
	for (size_t i = 0; i < list.size / sizeof(*due); i++)
		backup_add(txn, due[i].organization, due[i].database, true, arena);
	return store_commit(&txn, err);
}

struct over {
	struct backup backup; // id alone
	const char *place;
};

static bool list_over(struct backups *backups, struct arena *arena, struct buffer *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	int64_t keep_ms = backups->options.keep_ms;
	if (!store_begin(backups->platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_BACKUPS_OVER);
	query_bind_integer(q, ":oldest", keep_ms > 0 ? clock_wall_ms() - keep_ms : 0);
	query_bind_integer(q, ":keep", backups->options.keep_count);
	while (query_step(q)) {
		struct over over = {.backup = {.id = sql_text_in(arena, q, 0)},
				    .place = sql_text_in(arena, q, 1)};
		buffer_append(out, &over, sizeof(over));
	}
	return store_commit(&txn, err);
}

// What cannot be removed stays on the list, and keeps nothing else from going.
static bool retain(struct backups *backups, struct arena *arena, struct error *err)
{
	OWNED(buffer) struct buffer list = {0};
	if (!list_over(backups, arena, &list, err))
		return false;
	const struct over *over = (const void *)list.data;
	for (size_t i = 0; i < list.size / sizeof(*over); i++) {
		struct error why;
		if (!job_goes_on(&backups->job, &why))
			return true;
		if (!backup_remove(backups, over[i].place, &why)) {
			trace_warn("backup.not_removed", "backup", over[i].backup.id, "error", why.message,
				   "detail", why.detail);
			continue;
		}
		trace_info("backup.removed", "backup", over[i].backup.id);
		if (!run_on(backups, SQL_REMOVE_BACKUP, &over[i].backup, NULL, NULL, NULL, err))
			return false;
	}
	return true;
}

// -- the thread ---------------------------------------------------------------------------------------

static bool do_one(struct backups *backups, struct arena *arena, bool *out_did, struct error *err)
{
	struct backup backup;
	if (!next_of(backups, SQL_NEXT_VERIFICATION, arena, &backup, out_did, err))
		return false;
	if (*out_did)
		return verify(backups, &backup, err);
	if (!next_of(backups, SQL_NEXT_BACKUP, arena, &backup, out_did, err))
		return false;
	return !*out_did || make(backups, &backup, err);
}

static int64_t schedule_ms(const struct backups *backups)
{
	int64_t ms = backups->options.interval_ms / 20;
	if (ms == 0 || ms > SCHEDULE_MS_MAX)
		return SCHEDULE_MS_MAX;
	return ms < SCHEDULE_MS_MIN ? SCHEDULE_MS_MIN : ms;
}

// When the store has the next work, as the monotonic clock will have it.
static int64_t next_ms(struct backups *backups, int64_t scheduled_ms)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct error ignored;
	int64_t now_ms = clock_monotonic_ms();
	if (!store_begin(backups->platform->store, STORE_READ, &txn, &ignored))
		return now_ms + AGAIN_AFTER_FAILURE_MS;
	int64_t due_ms = sql_single(sql_query(txn, SQL_NEXT_BACKUP_MS));
	if (!store_commit(&txn, &ignored))
		return now_ms + AGAIN_AFTER_FAILURE_MS;
	int64_t left_ms = due_ms - clock_wall_ms();
	int64_t next = scheduled_ms + schedule_ms(backups);
	if (due_ms > 0 && now_ms + left_ms < next)
		next = now_ms + (left_ms > 0 ? left_ms : 0);
	return next;
}

static void wait_until(struct backups *backups, int64_t deadline_ms)
{
	pthread_mutex_lock(&backups->mutex);
	while (!backups->poked && !atomic_load(&backups->stopping) &&
	       clock_cond_wait(&backups->changed, &backups->mutex, deadline_ms))
		;
	backups->poked = false;
	pthread_mutex_unlock(&backups->mutex);
}

static bool tend(struct backups *backups, int64_t *scheduled_ms, struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	bool did;
	do {
		if (clock_monotonic_ms() >= *scheduled_ms + schedule_ms(backups)) {
			*scheduled_ms = clock_monotonic_ms();
			if (!schedule(backups, &arena, err) || !retain(backups, &arena, err))
				return false;
		}
		if (!do_one(backups, &arena, &did, err))
			return false;
		arena_reset(&arena);
	} while (did && !atomic_load(&backups->stopping));
	return true;
}

static void *run(void *argument)
{
	struct backups *backups = argument;
	int64_t scheduled_ms = INT64_MIN / 2;
	// Linux: of this thread alone.
	setpriority(PRIO_PROCESS, 0, RUNNER_NICE);
	while (!atomic_load(&backups->stopping)) {
		struct error err;
		int64_t wake_ms;
		if (tend(backups, &scheduled_ms, &err)) {
			wake_ms = next_ms(backups, scheduled_ms);
		} else {
			trace_warn("backup.store_failed", "error", err.message, "detail", err.detail);
			wake_ms = clock_monotonic_ms() + AGAIN_AFTER_FAILURE_MS;
		}
		wait_until(backups, wake_ms);
	}
	return NULL;
}

void backups_poke(struct backups *backups)
{
	pthread_mutex_lock(&backups->mutex);
	backups->poked = true;
	pthread_cond_broadcast(&backups->changed);
	pthread_mutex_unlock(&backups->mutex);
}

// What an earlier process was making begins again.
static bool requeue(struct backups *backups, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(backups->platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_REQUEUE_BACKUPS);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	return store_commit(&txn, err);
}

bool backups_start(struct backups *backups, struct error *err)
{
	pthread_attr_t attributes;
	if (!requeue(backups, err))
		return false;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	int reason = pthread_create(&backups->thread, &attributes, run, backups);
	pthread_attr_destroy(&attributes);
	return reason == 0 || error_errno(err, reason, "thread", "the thread of backups cannot be started");
}

void backups_stop(struct backups *backups)
{
	if (atomic_exchange(&backups->stopping, true))
		return;
	backups_poke(backups);
	pthread_join(backups->thread, NULL);
}
