// A connection that writes has its own copy of the watched names, with its counts; `version` says when it is an old one. The
// hook is SQLite's for changes before they are made, since the other one misses tables without rowid and rows that are
// deleted all at once. SQLite decides when it compiles whether it may do that, so statements are compiled anew when the
// first watch begins, and when the last has ended.

#include "engine/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/internal.h"
#include "engine/quick.h"

struct engine_watch {
	struct engine_database *db;
	struct engine_watch *next;
	char *table;
	engine_changed *changed;
	void *context;
	int calls; // under way; guarded by the mutex of watches
};

// -- counting: by the connection's user ---------------------------------------------------------------------

static int find_watched(const struct watching *watching, const char *table)
{
	for (int i = 0; i < watching->count; i++) {
		if (sqlite3_stricmp(watching->tables[i].name, table) == 0)
			return i;
	}
	return -1;
}

static void on_row(void *context, sqlite3 *db, int operation, const char *database, const char *table,
		   sqlite3_int64 old_key, sqlite3_int64 new_key)
{
	struct watching *watching = &((struct connection *)context)->watching;
	(void)db;
	(void)old_key;
	(void)new_key;
	// VACUUM fills another one.
	if (strcmp(database, "main") != 0)
		return;
	// Rows of one table mostly come together.
	if (!watching->last_name || strcmp(watching->last_name, table) != 0) {
		free(watching->last_name);
		watching->last_name = strdup(table);
		ASSERT(watching->last_name != NULL);
		watching->last = find_watched(watching, table);
	}
	if (watching->last < 0)
		return;
	enum change_kind kind = operation == SQLITE_INSERT   ? CHANGE_INSERT
				: operation == SQLITE_DELETE ? CHANGE_DELETE
							     : CHANGE_UPDATE;
	watching->tables[watching->last].counts.of[kind]++;
}

static void forget_names(struct watching *watching)
{
	for (int i = 0; i < watching->count; i++)
		free(watching->tables[i].name);
	free(watching->tables);
	free(watching->last_name);
	watching->tables = NULL;
	watching->last_name = NULL;
	watching->count = 0;
}

static void add_name(struct watching *watching, const char *name, const struct watching *before, bool writing)
{
	if (find_watched(watching, name) >= 0)
		return;
	struct watched_table *tables =
		realloc(watching->tables, ((size_t)watching->count + 1) * sizeof(*tables));
	ASSERT(tables != NULL);
	struct watched_table *table = &tables[watching->count];
	*table = (struct watched_table){.name = strdup(name)};
	ASSERT(table->name != NULL);
	int old = find_watched(before, name);
	if (old >= 0)
		table->counts = before->tables[old].counts;
	else if (writing)
		table->counts.of[CHANGE_UNKNOWN] = 1;
	watching->tables = tables;
	watching->count++;
}

void watch_renew(struct connection *connection)
{
	struct watches *watches = &connection->database->watches;
	struct watching before = connection->watching;
	struct watching now = {0};
	bool writing = sqlite3_txn_state(connection->db, "main") == SQLITE_TXN_WRITE;
	pthread_mutex_lock(&watches->mutex);
	now.version = atomic_load(&watches->version);
	for (struct engine_watch *watch = watches->first; watch; watch = watch->next)
		add_name(&now, watch->table, &before, writing);
	pthread_mutex_unlock(&watches->mutex);
	connection->watching = now;
	if ((before.count > 0) != (now.count > 0)) {
		sqlite3_preupdate_hook(connection->db, now.count > 0 ? on_row : NULL, connection);
		connection_expire_statements(connection);
	}
	forget_names(&before);
}

void watch_forget(struct connection *connection)
{
	forget_names(&connection->watching);
}

void watch_mark(struct connection *connection)
{
	struct watching *watching = &connection->watching;
	for (int i = 0; i < watching->count; i++)
		watching->tables[i].before = watching->tables[i].counts;
}

static void undo(struct watching *watching)
{
	for (int i = 0; i < watching->count; i++)
		watching->tables[i].counts = watching->tables[i].before;
}

static bool is_zero(const struct change_counts *counts)
{
	static const struct change_counts zero;
	return memcmp(counts, &zero, sizeof(zero)) == 0;
}

// Something was changed, but it is not known what of it is left.
static void blur(struct watching *watching)
{
	for (int i = 0; i < watching->count; i++) {
		struct change_counts *counts = &watching->tables[i].counts;
		uint64_t sum = 0;
		for (int kind = 0; kind < CHANGE_KIND_COUNT; kind++)
			sum += counts->of[kind];
		*counts = (struct change_counts){.of = {[CHANGE_UNKNOWN] = sum}};
	}
}

void watch_statement_ended(struct connection *connection, const struct cached_statement *cached)
{
	sqlite3 *db = connection->db;
	bool undone = connection->last_rc != SQLITE_OK &&
		      sqlite3_total_changes64(db) == connection->run.changes_before;
	if (cached->writes && undone)
		undo(&connection->watching);
	else if (cached->policy.kind == STATEMENT_ROLLBACK && !sqlite3_get_autocommit(db))
		blur(&connection->watching);
}

void watch_clear(struct connection *connection)
{
	struct watching *watching = &connection->watching;
	for (int i = 0; i < watching->count; i++)
		watching->tables[i].counts = (struct change_counts){0};
}

// -- telling --------------------------------------------------------------------------------------------------

/// What one commit tells, until it is durable.
struct watch_event {
	struct quick_wait wait;
	struct engine_database *db;
	bool lost; // the counts are
	size_t count;
	struct watched_table tables[];
};

static void event_free(struct watch_event *event)
{
	for (size_t i = 0; i < event->count; i++)
		free(event->tables[i].name);
	free(event);
}

static const struct watched_table *find_in(const struct watch_event *event, const char *table)
{
	for (size_t i = 0; i < event->count; i++) {
		if (sqlite3_stricmp(event->tables[i].name, table) == 0)
			return &event->tables[i];
	}
	return NULL;
}

// The list may change during a call; whoever is called stays in it.
static void tell(struct watch_event *event)
{
	struct watches *watches = &event->db->watches;
	pthread_mutex_lock(&watches->mutex);
	for (struct engine_watch *watch = watches->first; watch; watch = watch->next) {
		const struct watched_table *table = find_in(event, watch->table);
		if (!table)
			continue;
		watch->calls++;
		pthread_mutex_unlock(&watches->mutex);
		watch->changed(watch->context, event->lost ? NULL : &table->counts);
		pthread_mutex_lock(&watches->mutex);
		if (--watch->calls == 0)
			pthread_cond_broadcast(&watches->idle);
	}
	pthread_mutex_unlock(&watches->mutex);
}

static void on_durable(struct quick_wait *wait, bool failed)
{
	struct watch_event *event = CONTAINER_OF(wait, struct watch_event, wait);
	if (!failed)
		tell(event);
	event_free(event);
}

static struct watch_event *take_event(struct connection *connection)
{
	struct watching *watching = &connection->watching;
	struct watch_event *event =
		calloc(1, sizeof(*event) + (size_t)watching->count * sizeof(event->tables[0]));
	ASSERT(event != NULL);
	event->db = connection->database;
	event->wait.settled = on_durable;
	for (int i = 0; i < watching->count; i++) {
		struct watched_table *table = &watching->tables[i];
		if (is_zero(&table->counts))
			continue;
		struct watched_table *told = &event->tables[event->count++];
		*told = (struct watched_table){.name = strdup(table->name), .counts = table->counts};
		ASSERT(told->name != NULL);
		table->counts = (struct change_counts){0};
	}
	return event;
}

void watch_publish(struct connection *connection, bool logged)
{
	struct engine_database *db = connection->database;
	struct watch_event *event = take_event(connection);
	event->lost = !logged;
	// Without a place in the history there is none to wait for: whoever acts on it reads what is there by then.
	if (event->count == 0)
		event_free(event);
	else if (!logged || !flush_wait_for(db, &event->wait, atomic_load(&db->committed)))
		on_durable(&event->wait, false);
}

// -- watches --------------------------------------------------------------------------------------------------

void watches_init(struct watches *watches)
{
	pthread_mutex_init(&watches->mutex, NULL);
	clock_cond_init(&watches->idle);
}

void watches_finish(struct watches *watches)
{
	ASSERT(!watches->first);
	pthread_mutex_destroy(&watches->mutex);
	pthread_cond_destroy(&watches->idle);
}

struct engine_watch *engine_watch_begin(struct engine_database *db, const char *table,
					engine_changed *changed, void *context)
{
	struct watches *watches = &db->watches;
	struct engine_watch *watch = calloc(1, sizeof(*watch));
	ASSERT(watch != NULL && db->role == ENGINE_PRIMARY);
	watch->db = db;
	watch->table = strdup(table);
	ASSERT(watch->table != NULL);
	watch->changed = changed;
	watch->context = context;
	pthread_mutex_lock(&watches->mutex);
	watch->next = watches->first;
	watches->first = watch;
	atomic_fetch_add(&watches->version, 1);
	pthread_mutex_unlock(&watches->mutex);
	return watch;
}

void engine_watch_end(struct engine_watch *watch)
{
	if (!watch)
		return;
	struct watches *watches = &watch->db->watches;
	pthread_mutex_lock(&watches->mutex);
	while (watch->calls > 0)
		clock_cond_wait(&watches->idle, &watches->mutex, INT64_MAX);
	struct engine_watch **at = &watches->first;
	while (*at != watch)
		at = &(*at)->next;
	*at = watch->next;
	atomic_fetch_add(&watches->version, 1);
	pthread_mutex_unlock(&watches->mutex);
	free(watch->table);
	free(watch);
}
