/// A fleet in a temporary folder with a few databases, for tests of seeds and of moments of the past.
#ifndef ATOLL_TEST_UNIT_FLEET_SEED_WORLD_H
#define ATOLL_TEST_UNIT_FLEET_SEED_WORLD_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/seed.h"
#include "fleet/session.h"

enum { WORLD_DATABASES = 10, WORLD_ROW_BYTES_MAX = 5000000 };

struct world {
	char folder[128];
	struct fleet_options options;
	struct workers *workers;
	struct fleet *fleet;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	// guarded by mutex
	int instance_counts[WORLD_DATABASES]; // the first is the primary
	int generation[WORLD_DATABASES];      // another number, other instances
	int ready;
	int failed;
};

// UUIDs of database `number` and its instance `at`.
static inline const char *database_id(int number)
{
	static __thread char text[4][CRYPT_UUID_TEXT_BYTES];
	static __thread int turn;
	char *id = text[turn++ % 4];
	snprintf(id, CRYPT_UUID_TEXT_BYTES, "%08u-1111-4111-8111-111111111111", (unsigned)number % 10000);
	return id;
}

static inline const char *instance_id(int number, int generation, int at)
{
	static __thread char text[4][CRYPT_UUID_TEXT_BYTES];
	static __thread int turn;
	char *id = text[turn++ % 4];
	snprintf(id, CRYPT_UUID_TEXT_BYTES, "%08u-2222-4222-%04u-%012u", (unsigned)number % 10000,
		 (unsigned)generation % 1000, (unsigned)at % 1000);
	return id;
}

static inline bool world_describe(void *context, const char *database, struct fleet_instance_spec **out,
				  size_t *count, struct engine_rules *rules, struct error *err)
{
	struct world *world = context;
	int number = atoi(database);
	*rules = (struct engine_rules){0};
	if (number <= 0 || number >= WORLD_DATABASES)
		return error_set(err, ERR_DATABASE_NOT_FOUND, "no such database");
	pthread_mutex_lock(&world->mutex);
	*count = (size_t)world->instance_counts[number];
	int generation = world->generation[number];
	pthread_mutex_unlock(&world->mutex);
	struct fleet_instance_spec *specs = calloc(*count + 1, sizeof(*specs));
	for (size_t i = 0; i < *count; i++) {
		snprintf(specs[i].uuid, sizeof(specs[i].uuid), "%s", instance_id(number, generation, (int)i));
		snprintf(specs[i].location, sizeof(specs[i].location), "ord");
		specs[i].primary = i == 0;
	}
	*out = specs;
	return true;
}

static inline void world_event(void *context, const char *database, const char *instance,
			       const struct error *why)
{
	struct world *world = context;
	pthread_mutex_lock(&world->mutex);
	world->ready += why == NULL;
	world->failed += why != NULL;
	pthread_cond_broadcast(&world->changed);
	pthread_mutex_unlock(&world->mutex);
}

static inline void world_open(struct world *world)
{
	struct error err = {0};
	assert_true(workers_start(32, 8, &world->workers, &err));
	world->options.workers = world->workers;
	world->options.data_folder = world->folder;
	world->options.context = world;
	if (!fleet_open(&world->options, &world->fleet, &err))
		fail_msg("%s: %s", err.message, err.detail);
}

static inline void world_close(struct world *world)
{
	fleet_close(world->fleet);
	workers_stop(world->workers);
}

static inline struct fleet_options world_options(void)
{
	return (struct fleet_options){.limits = {.statement_ms_max = 20000,
						 .transaction_ms_max = 5000,
						 .lane_wait_ms_max = 10000,
						 .sql_bytes_max = 1000000,
						 .connections_per_instance_max = 16,
						 .row_bytes_max = WORLD_ROW_BYTES_MAX},
				      .log_bytes_max = 256 << 20,
				      .describe = world_describe,
				      .instance_event = world_event};
}

static inline struct world *world_make(void)
{
	struct world *world = calloc(1, sizeof(*world));
	struct error err;
	assert_true(crypt_start(&err));
	// On XFS or Btrfs, copies share blocks.
	const char *parent = getenv("TMPDIR");
	snprintf(world->folder, sizeof(world->folder), "%s/atoll-seed-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(world->folder));
	pthread_mutex_init(&world->mutex, NULL);
	clock_cond_init(&world->changed);
	world->options = world_options();
	return world;
}

static inline int world_setup(void **state)
{
	struct world *world = world_make();
	world_open(world);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *world = *state;
	struct error err;
	world_close(world);
	assert_true(disk_remove_tree(world->folder, &err));
	free(world);
	return 0;
}

// Creates the next instance of a database and waits for its fate; true when it became ready.
static inline bool world_create(struct world *world, int number)
{
	pthread_mutex_lock(&world->mutex);
	int at = world->instance_counts[number]++;
	int ended = world->ready + world->failed + 1;
	int ready = world->ready;
	pthread_mutex_unlock(&world->mutex);
	fleet_create_instance(world->fleet, database_id(number),
			      instance_id(number, world->generation[number], at));
	pthread_mutex_lock(&world->mutex);
	while (world->ready + world->failed < ended)
		assert_true(clock_cond_wait(&world->changed, &world->mutex, clock_monotonic_ms() + 60000));
	bool ok = world->ready > ready;
	pthread_mutex_unlock(&world->mutex);
	return ok;
}

static inline struct fleet_session *session_on(struct world *world, int number)
{
	struct error err;
	OWNED(fleet_instance) struct fleet_instance *held = NULL;
	struct fleet_session *session;
	if (!fleet_acquire(world->fleet, database_id(number), "", &held, &err))
		fail_msg("%s", err.message);
	assert_true(fleet_session_open(held, false, &session, &err));
	return session;
}

static inline bool no_columns(struct result_sink *sink, const struct column *columns, int count,
			      struct error *err)
{
	return true;
}

struct first_value {
	struct result_sink sink;
	char text[200];
};

static inline bool take_first(struct result_sink *sink, const struct value *values, int count,
			      struct error *err)
{
	struct first_value *first = (struct first_value *)sink;
	if (values[0].kind == VALUE_INTEGER)
		snprintf(first->text, sizeof(first->text), "%lld", (long long)values[0].integer);
	else
		snprintf(first->text, sizeof(first->text), "%.*s",
			 values[0].kind == VALUE_TEXT ? (int)values[0].size : 1,
			 values[0].kind == VALUE_TEXT ? values[0].bytes : "-");
	return true;
}

static inline void forget_first(struct result_sink *sink)
{
	((struct first_value *)sink)->text[0] = '\0';
}

static inline bool try_sql(struct fleet_session *session, const char *sql, struct first_value *first,
			   struct error *err)
{
	struct first_value own;
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	first = first ? first : &own;
	*first = (struct first_value){.sink = {no_columns, take_first, forget_first}};
	return fleet_session_execute(session, &statement, &first->sink, &result, err) &&
	       fleet_session_settle(session, err);
}

static inline void must(struct fleet_session *session, const char *sql)
{
	struct error err;
	if (!try_sql(session, sql, NULL, &err))
		fail_msg("%s: %s (%s)", sql, err.message, err.detail);
}

static inline void expect(struct fleet_session *session, const char *sql, const char *text)
{
	struct error err;
	struct first_value first;
	if (!try_sql(session, sql, &first, &err))
		fail_msg("%s: %s (%s)", sql, err.message, err.detail);
	assert_string_equal(first.text, text);
}

// -- content ------------------------------------------------------------------------------------------

static inline void add_row(XXH3_state_t *sum, sqlite3_stmt *stmt)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		int kind = sqlite3_column_type(stmt, i);
		const void *bytes = sqlite3_column_blob(stmt, i);
		int size = sqlite3_column_bytes(stmt, i);
		XXH3_64bits_update(sum, &kind, sizeof(kind));
		XXH3_64bits_update(sum, &size, sizeof(size));
		if (size > 0)
			XXH3_64bits_update(sum, bytes, (size_t)size);
	}
}

static inline void add_query(sqlite3 *db, XXH3_state_t *sum, const char *sql)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		add_row(sum, stmt);
	if (rc != SQLITE_DONE)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_finalize(stmt);
}

// Of schema and rows, whatever pages they lie on.
static inline uint64_t content_hash(sqlite3 *db)
{
	XXH3_state_t *sum = XXH3_createState();
	XXH3_64bits_reset(sum);
	add_query(db, sum, "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name");
	sqlite3_stmt *names;
	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT name FROM sqlite_schema WHERE type = 'table' AND "
					    "rootpage <> 0 ORDER BY name",
					    -1, &names, NULL),
			 SQLITE_OK);
	while (sqlite3_step(names) == SQLITE_ROW) {
		char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY 1",
					    (const char *)sqlite3_column_text(names, 0));
		add_query(db, sum, sql);
		sqlite3_free(sql);
	}
	sqlite3_finalize(names);
	uint64_t hash = XXH3_64bits_digest(sum);
	XXH3_freeState(sum);
	return hash;
}

static inline sqlite3 *open_file(const char *path)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
	return db;
}

static inline char *path_in(const struct world *world, const char *format, ...)
{
	struct buffer path = {0};
	va_list args;
	char text[256];
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	buffer_printf(&path, "%s/%s", world->folder, text);
	return buffer_take(&path, NULL);
}

static inline char *seed_file(const struct world *world, int number)
{
	return path_in(world, "databases/%s/seed.db", database_id(number));
}

static inline int files_in(const char *folder)
{
	struct buffer command = {0};
	buffer_printf(&command, "ls -A '%s' 2>/dev/null | wc -l", folder);
	FILE *pipe = popen(buffer_text(&command), "r");
	int count = -1;
	assert_int_equal(fscanf(pipe, "%d", &count), 1);
	pclose(pipe);
	buffer_cleanup(&command);
	return count;
}

#endif
