// Threads of their own go from database to database, so that no client waits for a worker because of them.
//
// What is to be done next is decided in one transaction of the store together with what became of the last one: a crash
// leaves a database `running`, the next start takes it up again, and the database itself tells whether it was done.

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/job.h"
#include "base/trace.h"
#include "fleet/script.h"
#include "platform/internal.h"
#include "platform/migration.h"

enum { RETRY_MS = 300, SKIPS_MAX = 100 };

// As workers have it (base/workers.c): SQLite's compiler recurses with what a text nests.
enum { STACK_BYTES = 32 * 1024 * 1024 };

struct migrations {
	struct platform *platform;
	struct job job; // until the platform finishes
	atomic_bool stopping;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	uint64_t pokes; // guarded by mutex
	pthread_t threads[MIGRATION_CONCURRENCY_MAX];
	int thread_count; // guarded by mutex
};

// A database's turn.
struct turn {
	int64_t migration; // row; 0 = none
	int64_t row;
	bool tries; // on a copy
	char run[CRYPT_UUID_TEXT_BYTES];
	char database[CRYPT_UUID_TEXT_BYTES];
	// what became of it
	const char *state;
	const char *code;
	char reason[480];
	size_t statement;
};

// The text of the migration at hand, read once.
struct text {
	char migration[CRYPT_UUID_TEXT_BYTES]; // "": none. A row may be used again, by another organization
	char *name;
	char *sql;
	char *hash;
	struct engine_script script;
};

struct active {
	int64_t row;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	int64_t group;
	bool checking;
	bool tries_one;
	bool applies;
	int64_t concurrency;
	int64_t pause_ms;
	int64_t failures_max;
	int64_t next_ms;
	int64_t running;
	int64_t failed;
	bool passed;
};

// -- the end of a phase -------------------------------------------------------------------------------

static void end_migration(struct store_txn *txn, const struct active *active, const char *state,
			  const char *failure)
{
	struct query *q = sql_query(txn, SQL_END_MIGRATION);
	query_bind_integer(q, ":migration", active->row);
	query_bind_text(q, ":state", state);
	query_bind_text(q, ":failure", failure);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	trace_info("migration.ended", "migration", active->uuid, "state", state);
}

static int add_databases(struct store_txn *txn, const struct active *active)
{
	struct query *q = sql_query(txn, SQL_ADD_MIGRATION_DATABASES);
	query_bind_integer(q, ":migration", active->row);
	return query_run(q);
}

// Nothing is under way and nothing is left of the phase. True when it is another phase now, or there is more to do.
static bool end_phase(struct store_txn *txn, const struct active *active)
{
	if (active->checking && active->failed > 0) {
		end_migration(txn, active, "failed", "the dry run failed; nothing was applied");
	} else if (active->checking && active->applies) {
		struct query *q = sql_query(txn, SQL_MIGRATION_IS_CHECKED);
		query_bind_integer(q, ":migration", active->row);
		query_run(q);
		return true;
	} else if (!active->checking && add_databases(txn, active) > 0) {
		return true;
	} else if (!active->checking && active->failed > 0) {
		end_migration(txn, active, "failed", "some databases failed");
	} else {
		end_migration(txn, active, "done", "");
	}
	return false;
}

// -- choosing -----------------------------------------------------------------------------------------

static void set_row(struct store_txn *txn, const struct turn *turn)
{
	struct query *q = sql_query(txn, SQL_SET_MIGRATION_DATABASE);
	query_bind_integer(q, ":row", turn->row);
	query_bind_text(q, ":run", turn->run);
	query_bind_text(q, ":state", turn->state);
	query_bind_text(q, ":reason", turn->reason);
	query_bind_text(q, ":code", turn->code ? turn->code : "");
	query_bind_integer(q, ":statement", (int64_t)turn->statement);
	query_bind_integer(q, ":attempts", strcmp(turn->state, "running") == 0);
	if (strcmp(turn->state, "running") == 0)
		query_bind_null(q, ":now");
	else
		query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
}

static void skip(struct turn *turn, const char *code, const char *reason)
{
	turn->state = "skipped";
	turn->code = code;
	snprintf(turn->reason, sizeof(turn->reason), "%s", reason);
}

static bool next_row(struct store_txn *txn, const struct active *active, const char *state, struct turn *out)
{
	struct query *q = sql_query(txn, SQL_NEXT_MIGRATION_DATABASE);
	query_bind_integer(q, ":migration", active->row);
	query_bind_integer(q, ":group", active->group);
	query_bind_text(q, ":state", state);
	if (!query_step(q))
		return false;
	*out = (struct turn){.migration = active->row,
			     .row = query_integer(q, 0),
			     .tries = active->checking,
			     .state = "running"};
	snprintf(out->run, sizeof(out->run), "%s", active->uuid);
	snprintf(out->database, sizeof(out->database), "%s", query_text(q, 1));
	if (query_integer(q, 2))
		skip(out, "destroyed", "the database is no more in the group");
	else if (query_integer(q, 3))
		skip(out, "archived", "the database is archived");
	else if (query_integer(q, 4))
		skip(out, "blocked", "writes to the database are blocked");
	query_run(q);
	return true;
}

enum choice { CHOSE_NONE, CHOSE_TURN, CHOSE_LATER, CHOSE_AGAIN };

// The next database of a migration that may be begun now. Those that cannot be migrated are passed by.
static enum choice choose_of(struct store_txn *txn, const struct active *active, struct turn *out)
{
	bool over = active->checking && active->tries_one && (active->passed || active->failed > 0);
	int64_t limit = active->checking && active->tries_one ? 1 : active->concurrency;
	int64_t now_ms = clock_wall_ms();
	if (!active->checking && active->failures_max > 0 && active->failed >= active->failures_max) {
		end_migration(txn, active, "failed", "stopped: as many databases failed as may");
		return CHOSE_NONE;
	}
	if (!over && active->running >= limit)
		return CHOSE_NONE;
	// A clock that was set back holds nothing up.
	if (active->next_ms > now_ms && active->next_ms <= now_ms + active->pause_ms + RETRY_MS)
		return CHOSE_LATER;
	for (int skips = 0; !over; skips++) {
		if (!(!active->checking && next_row(txn, active, "passed", out)) &&
		    !next_row(txn, active, "pending", out))
			break;
		set_row(txn, out);
		if (strcmp(out->state, "running") == 0)
			return CHOSE_TURN;
		if (skips >= SKIPS_MAX)
			return CHOSE_AGAIN;
	}
	if (active->running > 0)
		return CHOSE_NONE;
	return end_phase(txn, active) ? CHOSE_AGAIN : CHOSE_NONE;
}

static void delay(struct store_txn *txn, int64_t migration, int64_t next_ms)
{
	struct query *q = sql_query(txn, SQL_DELAY_MIGRATION);
	query_bind_integer(q, ":migration", migration);
	query_bind_integer(q, ":next", next_ms);
	query_run(q);
}

static void list_active(struct store_txn *txn, struct buffer *out)
{
	struct query *q = sql_query(txn, SQL_LIST_ACTIVE_MIGRATIONS);
	while (query_step(q)) {
		struct active active = {
			.row = query_integer(q, 0),
			.group = query_integer(q, 2),
			.checking = strcmp(query_text(q, 3), "checking") == 0,
			.tries_one = strcmp(query_text(q, 4), migration_dry_runs[DRY_RUN_ONE]) == 0,
			.applies = query_integer(q, 5) != 0,
			.concurrency = query_integer(q, 6),
			.pause_ms = query_integer(q, 7),
			.failures_max = query_integer(q, 8),
			.next_ms = query_integer(q, 9),
			.running = query_integer(q, 10),
			.failed = query_integer(q, 11),
			.passed = query_integer(q, 12) != 0,
		};
		snprintf(active.uuid, sizeof(active.uuid), "%s", query_text(q, 1));
		buffer_append(out, &active, sizeof(active));
	}
}

// *out_wake_ms: when there may be something to do, if nothing is now.
static enum choice choose(struct store_txn *txn, struct turn *out, int64_t *out_wake_ms)
{
	OWNED(buffer) struct buffer list = {0};
	list_active(txn, &list);
	const struct active *active = (const void *)list.data;
	*out_wake_ms = INT64_MAX;
	for (size_t i = 0; i < list.size / sizeof(struct active); i++) {
		enum choice choice = choose_of(txn, &active[i], out);
		if (choice == CHOSE_TURN && active[i].pause_ms > 0)
			delay(txn, active[i].row, clock_wall_ms() + active[i].pause_ms);
		if (choice == CHOSE_TURN || choice == CHOSE_AGAIN)
			return choice;
		int64_t wake_ms = clock_monotonic_ms() + active[i].next_ms - clock_wall_ms();
		if (choice == CHOSE_LATER && wake_ms < *out_wake_ms)
			*out_wake_ms = wake_ms;
	}
	return CHOSE_NONE;
}

// Stores what became of a turn, and finds the next one.
static enum choice go_on(struct migrations *migrations, const struct turn *last, struct turn *out,
			 int64_t *out_wake_ms, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	*out = (struct turn){0};
	*out_wake_ms = clock_monotonic_ms() + RETRY_MS;
	if (!store_begin(migrations->platform->store, STORE_WRITE, &txn, err))
		return CHOSE_LATER;
	if (last->migration)
		set_row(txn, last);
	enum choice choice = choose(txn, out, out_wake_ms);
	if (store_commit(&txn, err))
		return choice;
	*out_wake_ms = clock_monotonic_ms() + RETRY_MS;
	return CHOSE_LATER;
}

// -- a database's turn --------------------------------------------------------------------------------

static void forget_text(struct text *text)
{
	engine_script_cleanup(&text->script);
	text_cleanup(&text->name);
	text_cleanup(&text->sql);
	text_cleanup(&text->hash);
	text->migration[0] = '\0';
}

static char *copy_of(struct query *q, int column)
{
	char *text = strdup(query_text(q, column));
	ASSERT(text);
	return text;
}

static bool has_text(const struct text *text, const struct turn *turn)
{
	return strcmp(text->migration, turn->run) == 0;
}

static bool read_text(struct migrations *migrations, const struct turn *turn, struct text *text,
		      struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (has_text(text, turn))
		return true;
	forget_text(text);
	if (!store_begin(migrations->platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_MIGRATION_SCRIPT);
	query_bind_text(q, ":uuid", turn->run);
	if (query_step(q)) {
		text->name = copy_of(q, 0);
		text->sql = copy_of(q, 1);
		text->hash = copy_of(q, 2);
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!text->sql)
		return error_set(err, ERR_MIGRATION_NOT_FOUND, "migration not found");
	if (!engine_script_read(text->sql, strlen(text->sql), &text->script, err))
		return false;
	snprintf(text->migration, sizeof(text->migration), "%s", turn->run);
	return true;
}

static bool passes_by_itself(enum error_code code)
{
	return code == ERR_NOT_READY || code == ERR_TIMEOUT || code == ERR_TRANSACTION_BUSY ||
	       code == ERR_TRANSACTION_TIMEOUT || code == ERR_UNAVAILABLE;
}

static void note_failure(struct turn *turn, const struct error *err)
{
	turn->state = "failed";
	const char *sqlite = err->code == ERR_SQLITE ? error_sqlite_name(err->sqlite_code) : NULL;
	turn->code = sqlite ? sqlite : error_code_name(err->code);
	snprintf(turn->reason, sizeof(turn->reason), "%s", err->message);
	if (err->code == ERR_NAMESPACE_NOT_FOUND)
		skip(turn, "destroyed", "the database is no more in the group");
	else if (err->code == ERR_BLOCKED)
		skip(turn, "blocked", "writes to the database are blocked");
}

static void note_success(struct turn *turn, enum script_outcome outcome)
{
	turn->state = turn->tries ? "passed" : "done";
	turn->reason[0] = '\0';
	if (outcome == SCRIPT_WAS_APPLIED)
		skip(turn, "applied", "it was applied before");
	else if (outcome == SCRIPT_OTHER_TEXT)
		skip(turn, "other_text", "a migration of this name was applied before, with another text");
}

// Until something happens, or the moment has come.
static void rest(struct migrations *migrations, uint64_t seen, int64_t wake_ms)
{
	pthread_mutex_lock(&migrations->mutex);
	while (migrations->pokes == seen && !atomic_load(&migrations->stopping) &&
	       clock_cond_wait(&migrations->changed, &migrations->mutex, wake_ms))
		;
	pthread_mutex_unlock(&migrations->mutex);
}

static void pause_for(struct migrations *migrations, int64_t ms)
{
	int64_t wake_ms = clock_monotonic_ms() + ms;
	pthread_mutex_lock(&migrations->mutex);
	while (!atomic_load(&migrations->stopping) &&
	       clock_cond_wait(&migrations->changed, &migrations->mutex, wake_ms))
		;
	pthread_mutex_unlock(&migrations->mutex);
}

static bool run_script(struct migrations *migrations, struct text *text, struct turn *turn,
		       enum script_outcome *out, struct error *err)
{
	struct fleet *fleet = migrations->platform->fleet;
	struct engine_script script = text->script;
	script.name = text->name;
	script.hash = text->hash;
	script.run = turn->run;
	script.job = &migrations->job;
	return turn->tries ? fleet_try_script(fleet, turn->database, &script, out, &turn->statement, err)
			   : fleet_apply_script(fleet, turn->database, &script, out, &turn->statement, err);
}

// False when the server stops: the turn is left as it was.
static bool take_turn(struct migrations *migrations, struct text *text, struct turn *turn)
{
	enum script_outcome outcome = SCRIPT_APPLIED;
	struct error err;
	int attempt = 0;
	bool ok = read_text(migrations, turn, text, &err);
	while (has_text(text, turn)) {
		ok = run_script(migrations, text, turn, &outcome, &err);
		if (ok || !passes_by_itself(err.code) || ++attempt >= MIGRATION_ATTEMPTS_MAX ||
		    atomic_load(&migrations->stopping))
			break;
		pause_for(migrations, RETRY_MS);
	}
	if (!ok && atomic_load(&migrations->stopping))
		return false;
	if (ok)
		note_success(turn, outcome);
	else
		note_failure(turn, &err);
	return true;
}

// -- threads ------------------------------------------------------------------------------------------

static uint64_t poke_count(struct migrations *migrations)
{
	pthread_mutex_lock(&migrations->mutex);
	uint64_t count = migrations->pokes;
	pthread_mutex_unlock(&migrations->mutex);
	return count;
}

static void poke(struct migrations *migrations)
{
	pthread_mutex_lock(&migrations->mutex);
	migrations->pokes++;
	pthread_cond_broadcast(&migrations->changed);
	pthread_mutex_unlock(&migrations->mutex);
}

static void *run(void *context)
{
	struct migrations *migrations = context;
	struct text text = {0};
	struct turn last = {0}, next = {0};
	while (!atomic_load(&migrations->stopping)) {
		struct error err;
		int64_t wake_ms;
		uint64_t seen = poke_count(migrations);
		enum choice choice = go_on(migrations, &last, &next, &wake_ms, &err);
		if (choice == CHOSE_LATER) { // the store did not take it
			trace_warn("migration.not_stored", "error", err.message);
			rest(migrations, seen, wake_ms);
			continue;
		}
		last = (struct turn){0};
		// This thread goes on with the same migration; others are wanted when more may be begun than before.
		if (choice == CHOSE_AGAIN)
			poke(migrations);
		else if (choice == CHOSE_NONE)
			rest(migrations, seen, wake_ms);
		else if (take_turn(migrations, &text, &next))
			last = next;
	}
	forget_text(&text);
	return NULL;
}

// They come with the first migration and stay.
static void start_threads_locked(struct migrations *migrations)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	while (migrations->thread_count < MIGRATION_CONCURRENCY_MAX &&
	       pthread_create(&migrations->threads[migrations->thread_count], &attributes, run, migrations) ==
		       0)
		migrations->thread_count++;
	pthread_attr_destroy(&attributes);
}

void migrations_poke(struct platform *platform)
{
	struct migrations *migrations = platform->migrations;
	pthread_mutex_lock(&migrations->mutex);
	if (!atomic_load(&migrations->stopping))
		start_threads_locked(migrations);
	migrations->pokes++;
	pthread_cond_broadcast(&migrations->changed);
	pthread_mutex_unlock(&migrations->mutex);
}

// -- life ---------------------------------------------------------------------------------------------

static bool is_stopping(void *context)
{
	struct migrations *migrations = context;
	return atomic_load(&migrations->stopping);
}

void migrations_open(struct platform *platform)
{
	struct migrations *migrations = calloc(1, sizeof(*migrations));
	ASSERT(migrations);
	migrations->platform = platform;
	migrations->job = (struct job){.is_stopping = is_stopping, .context = migrations};
	pthread_mutex_init(&migrations->mutex, NULL);
	clock_cond_init(&migrations->changed);
	platform->migrations = migrations;
}

bool migrations_resume(struct platform *platform, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer active = {0};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	list_active(txn, &active);
	query_run(sql_query(txn, SQL_RESTART_MIGRATIONS));
	if (!store_commit(&txn, err))
		return false;
	if (active.size > 0)
		migrations_poke(platform);
	return true;
}

void migrations_finish(struct platform *platform)
{
	struct migrations *migrations = platform->migrations;
	if (!migrations)
		return;
	atomic_store(&migrations->stopping, true);
	poke(migrations);
	for (int i = 0; i < migrations->thread_count; i++)
		pthread_join(migrations->threads[i], NULL);
	migrations->thread_count = 0;
}

void migrations_close(struct platform *platform)
{
	if (!platform->migrations)
		return;
	migrations_finish(platform);
	pthread_mutex_destroy(&platform->migrations->mutex);
	pthread_cond_destroy(&platform->migrations->changed);
	free(TAKE(platform->migrations));
}
