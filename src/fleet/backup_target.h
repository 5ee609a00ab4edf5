/// backup_target: where backups are kept: a folder, or anything that the program rclone can reach.
///
/// Names are relative, of letters, digits, '-', '.' and '/'. A file is there whole or not at all. What rclone needs to know
/// of its remote, secrets above all, stays in its own configuration (RCLONE_CONFIG).
///
/// Threads: any, one at a time for a name; all of it blocks.
#ifndef ATOLL_FLEET_BACKUP_TARGET_H
#define ATOLL_FLEET_BACKUP_TARGET_H

#include "base/error.h"
#include "base/job.h"

struct backup_target;

/// "/var/backups/atoll" or "rclone:REMOTE:PATH". Nothing is looked at yet. Fails: ERR_USAGE
MUST_USE bool backup_target_open(const char *text, struct backup_target **out, struct error *err);
void backup_target_close(struct backup_target *target); // NULL is fine

/// Copies the file `from` into the target, in the place of an older one; durable when this returns.
/// Fails: ERR_FULL, ERR_IO, ERR_SHUTDOWN, ERR_NOT_FOUND (the program rclone)
MUST_USE bool backup_target_put(const struct backup_target *target, const char *from, const char *name,
				const struct job *job, struct error *err);
/// Copies it to the file `to`, which there is not yet. Fails: ERR_CORRUPT when the target has none of that name; as above
MUST_USE bool backup_target_get(const struct backup_target *target, const char *name, const char *to,
				const struct job *job, struct error *err);
/// Absent is fine.
MUST_USE bool backup_target_remove(const struct backup_target *target, const char *name,
				   const struct job *job, struct error *err);

#endif
