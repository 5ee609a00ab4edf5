/// backup: copies of databases elsewhere, made by time or when asked for, each of them restored aside and compared.
///
/// One thread makes, verifies and removes them, one at a time. A backup is two files in the target:
/// ORGANIZATION/DATABASE/ID.db.gz (fleet/backup.h) and, after it, ID.json, which tells what it holds. Backups outlive their
/// database, until they are too many or too old; nobody but their organization sees them.
///
/// Crash:   what was under way begins again at the next start; without ID.json the rest counts for nothing.
/// Life:    platform_start_backups once the platform is open → … → platform_finish.
/// Threads: any.
#ifndef ATOLL_PLATFORM_BACKUP_H
#define ATOLL_PLATFORM_BACKUP_H

#include "base/buffer.h"
#include "fleet/backup.h"
#include "platform/database.h"

enum backup_state { BACKUP_QUEUED, BACKUP_RUNNING, BACKUP_COMPLETE, BACKUP_FAILED };
enum backup_verdict { BACKUP_UNVERIFIED, BACKUP_VERIFIED, BACKUP_DAMAGED };

struct backup {
	const char *id;
	const char *database; // UUID
	const char *name;     // of the database, then
	const char *place;
	int64_t organization;
	bool automatic;
	enum backup_state state;
	int64_t created_ms;
	int64_t attempts;
	const char *error; // why the last attempt failed; "" if none did
	int64_t completed_ms;
	struct backup_facts facts; // once it is complete
	enum backup_verdict verdict;
	const char *verify_error;
	int64_t verified_ms;    // last, with success; 0 = never
	bool verification_due;  // now, or under way
	uint64_t progress_done; // of what is being done with it now, in bytes; all 0 = nothing is
	uint64_t progress_all;
};

struct backup_options {
	const char *target;         // fleet/backup_target.h; NULL: none can be made
	int64_t interval_ms;        // 0: only when asked for
	int64_t verify_interval_ms; // of the newest of each database, after the first time; 0: no second time
	int64_t keep_count;         // of each database; 0: any number
	int64_t keep_ms;            // 0: however old
};
/// Whether there could be backups in such a target; looks at nothing. Fails: ERR_USAGE
MUST_USE bool platform_check_backups(const struct backup_options *options, struct error *err);
/// Fails: ERR_USAGE, ERR_IO
MUST_USE bool platform_start_backups(struct platform *platform, const struct backup_options *options,
				     struct error *err);

/// Asks for a backup of one database (ref: name or UUID), or of all that have an instance (NULL). One that waits already is
/// told instead of another one.
/// Fails: ERR_BAD_REQUEST the server has no target; ERR_DATABASE_NOT_FOUND; ERR_NOT_READY it has no instance
MUST_USE bool platform_create_backups(struct platform *platform, const struct caller *caller,
				      const struct organization *organization, const char *ref,
				      struct arena *arena, struct backup **out, size_t *out_count,
				      struct error *err);
/// Newest first, of one database (name then or UUID; it may be gone) or of all (NULL).
MUST_USE bool platform_list_backups(struct platform *platform, const struct organization *organization,
				    const char *database, int64_t limit, struct arena *arena,
				    struct backup **out, size_t *out_count, struct error *err);
/// Fails: ERR_BACKUP_NOT_FOUND
MUST_USE bool platform_find_backup(struct platform *platform, const struct organization *organization,
				   const char *id, struct arena *arena, struct backup *out,
				   struct error *err);
/// Has it restored aside and compared soon. Fails: ERR_BACKUP_NOT_FOUND, ERR_NOT_READY it is not complete
MUST_USE bool platform_verify_backup(struct platform *platform, const struct organization *organization,
				     const char *id, struct arena *arena, struct backup *out,
				     struct error *err);
/// Removes its files and forgets it. Fails: ERR_BACKUP_NOT_FOUND, ERR_NOT_READY it is being made; ERR_IO
MUST_USE bool platform_destroy_backup(struct platform *platform, const struct caller *caller,
				      const struct organization *organization, const char *id,
				      struct error *err);

/// What is known of all backups, as metrics: databases by name, at most `top_max`.
void platform_write_backup_metrics(struct platform *platform, size_t top_max, struct buffer *out);
/// Fails when one could not be restored and compared.
MUST_USE bool platform_backups_are_sound(struct platform *platform, struct error *err);

#endif
