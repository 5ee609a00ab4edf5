#include "api/views.h"
#include "base/clock.h"
#include "platform/migration.h"

static void write_moment(struct json_writer *w, const char *key, int64_t wall_ms)
{
	char text[CLOCK_TEXT_BYTES];
	clock_format(wall_ms, text);
	json_write_member_text(w, key, wall_ms ? text : NULL);
}

static void write_counts(struct json_writer *w, const struct migration *migration)
{
	int64_t total = 0;
	for (int i = 0; i < MIGRATION_STATE_COUNT; i++)
		total += migration->counts[i];
	json_write_key(w, "databases");
	json_write_object(w);
	json_write_member_integer(w, "total", total);
	for (int i = 0; i < MIGRATION_STATE_COUNT; i++)
		json_write_member_integer(w, migration_states[i], migration->counts[i]);
	json_write_end_object(w);
}

static void write_migration(struct json_writer *w, const struct migration *migration, const char *group,
			    const char *sql)
{
	json_write_object(w);
	json_write_member_text(w, "id", migration->uuid);
	json_write_member_text(w, "name", migration->name);
	json_write_member_text(w, "group", group);
	json_write_member_text(w, "status", migration->state);
	json_write_member_text(w, "failure", migration->failure);
	json_write_member_text(w, "dry_run", migration->dry_run);
	json_write_member_bool(w, "apply", migration->applies);
	json_write_member_integer(w, "concurrency", migration->concurrency);
	json_write_member_integer(w, "pause_ms", migration->pause_ms);
	json_write_member_integer(w, "max_failures", migration->failures_max);
	if (sql)
		json_write_member_text(w, "sql", sql);
	json_write_member_text(w, "sql_hash", migration->hash);
	json_write_member_text(w, "author", migration->author);
	write_moment(w, "created_at", migration->created_ms);
	write_moment(w, "ended_at", migration->ended_ms);
	write_counts(w, migration);
	json_write_end_object(w);
}

void view_migration(struct json_writer *w, const struct migration *migration, const char *group,
		    const char *sql)
{
	json_write_object(w);
	json_write_key(w, "migration");
	write_migration(w, migration, group, sql);
	json_write_end_object(w);
}

void view_migrations(struct json_writer *w, const struct migration *migrations, size_t count, int64_t total,
		     const char *group)
{
	json_write_object(w);
	json_write_key(w, "migrations");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_migration(w, &migrations[i], group, NULL);
	json_write_end_array(w);
	json_write_member_integer(w, "total", total);
	json_write_end_object(w);
}

static void write_database(struct json_writer *w, const struct migration_database *database)
{
	json_write_object(w);
	json_write_member_text(w, "id", database->uuid);
	json_write_member_text(w, "name", database->name);
	json_write_member_text(w, "status", database->state);
	json_write_member_text(w, "error", database->reason);
	json_write_member_text(w, "code", database->code);
	json_write_member_integer(w, "statement", database->statement);
	json_write_member_integer(w, "attempts", database->attempts);
	write_moment(w, "ended_at", database->ended_ms);
	json_write_end_object(w);
}

void view_migration_databases(struct json_writer *w, const struct migration_database *databases, size_t count,
			      int64_t total)
{
	json_write_object(w);
	json_write_key(w, "databases");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_database(w, &databases[i]);
	json_write_end_array(w);
	json_write_member_integer(w, "total", total);
	json_write_end_object(w);
}
