/// migration: SQL that is applied to every database of a group, each of them whole and once.
///
/// The server does it by itself: whoever asked may go, and a restart goes on where it was. What a database has is told by
/// the database itself (engine/script.h), so neither a crash nor a second order applies anything twice. The databases are
/// those that the group has when the migration ends: those made meanwhile are found before it does. Drafts are left alone.
///
/// Life:    a dry run on copies ("checking"), then "running", then "done", "failed" or "cancelled"; resumed from those.
/// Threads: any.
#ifndef ATOLL_PLATFORM_MIGRATION_H
#define ATOLL_PLATFORM_MIGRATION_H

#include "platform/group.h"

enum {
	MIGRATION_NAME_MAX = 128,
	MIGRATION_CONCURRENCY = 2,
	MIGRATION_CONCURRENCY_MAX = 16, // also of all migrations of the server together
	MIGRATION_PAUSE_MS_MAX = 60000,
	MIGRATION_ATTEMPTS_MAX = 5, // at a database that cannot be written just now
};

enum migration_dry_run { DRY_RUN_ONE, DRY_RUN_ALL, DRY_RUN_NONE };
extern const char *const migration_dry_runs[]; // their names; NULL-terminated

struct migration_wish {
	const char *name; // the databases know it by this name
	const char *sql;
	enum migration_dry_run dry_run;
	bool applies; // false: it ends after the dry run
	int64_t concurrency;
	int64_t pause_ms;     // from the beginning of a database to that of the next one, at least
	int64_t failures_max; // it stops after so many; 0: never
};

enum migration_state {
	MIGRATION_PENDING,
	MIGRATION_RUNNING,
	MIGRATION_PASSED, // the dry run on a copy of it went well
	MIGRATION_DONE,
	MIGRATION_FAILED,
	MIGRATION_SKIPPED,
	MIGRATION_STATE_COUNT
};
extern const char *const migration_states[]; // of a database; NULL-terminated

struct migration {
	int64_t row;
	const char *uuid;
	const char *name;
	const char *hash;
	const char *dry_run;
	bool applies;
	int64_t concurrency;
	int64_t pause_ms;
	int64_t failures_max;
	const char *state; // "checking", "running", "done", "failed", "cancelled"
	const char *failure;
	const char *author;
	int64_t created_ms;
	int64_t ended_ms; // 0 while it goes on
	int64_t counts[MIGRATION_STATE_COUNT];
};

struct migration_database {
	const char *uuid;
	const char *name;
	const char *state;
	const char *reason; // why it failed or was skipped; "" otherwise
	const char *code;   // of that failure: "SQLITE_CONSTRAINT", or what skipped it
	int64_t statement;  // that failed, from 1; 0 = none
	int64_t attempts;
	int64_t ended_ms; // 0 = not yet
};

/// Fails: ERR_MISSING_FIELD, ERR_INVALID_FIELD, ERR_BAD_REQUEST "statement N: …",
///        ERR_ALREADY_EXISTS another migration of the group is under way
MUST_USE bool platform_create_migration(struct platform *platform, const struct caller *caller,
					const struct organization *organization, const struct group *group,
					const struct migration_wish *wish, struct arena *arena,
					struct migration *out, struct error *err);
/// Newest first; page counts from 1.
MUST_USE bool platform_list_migrations(struct platform *platform, const struct organization *organization,
				       const struct group *group, int64_t page, int64_t page_size,
				       struct arena *arena, struct migration **out, size_t *out_count,
				       int64_t *out_total, struct error *err);
/// Fails: ERR_MIGRATION_NOT_FOUND
MUST_USE bool platform_find_migration(struct platform *platform, const struct organization *organization,
				      const struct group *group, const char *uuid, struct arena *arena,
				      struct migration *out, const char **out_sql, struct error *err);
/// Its databases, those in `state` only unless NULL; the counts of the migration tell how many there are.
MUST_USE bool platform_list_migration_databases(struct platform *platform,
						const struct organization *organization,
						const struct migration *migration, const char *state,
						int64_t page, int64_t page_size, struct arena *arena,
						struct migration_database **out, size_t *out_count,
						struct error *err);
/// Goes on with what is not done; what failed or was skipped is tried again.
/// Fails: ERR_MIGRATION_NOT_FOUND, ERR_ALREADY_EXISTS it is under way, or another one of the group
MUST_USE bool platform_resume_migration(struct platform *platform, const struct caller *caller,
					const struct organization *organization, const struct group *group,
					const char *uuid, struct arena *arena, struct migration *out,
					struct error *err);
/// No further database begins; those under way go to their end. Nothing happens to one that has ended.
MUST_USE bool platform_cancel_migration(struct platform *platform, const struct caller *caller,
					const struct organization *organization, const struct group *group,
					const char *uuid, struct arena *arena, struct migration *out,
					struct error *err);

#endif
