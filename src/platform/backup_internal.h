/// backup_internal: what the files about backups share.
#ifndef ATOLL_PLATFORM_BACKUP_INTERNAL_H
#define ATOLL_PLATFORM_BACKUP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/tally.h"
#include "fleet/backup_target.h"
#include "platform/backup.h"
#include "platform/internal.h"

struct backups {
	struct platform *platform;
	struct backup_options options;
	struct backup_target *target;
	struct job job; // until the platform finishes
	atomic_bool stopping;
	atomic_int restoring; // clients that wait for it, each with a worker
	pthread_t thread;
	_Atomic(uint64_t) made;
	_Atomic(uint64_t) not_made;
	_Atomic(uint64_t) verified;
	_Atomic(uint64_t) not_verified;

	/// Held while a client's removal goes on, so that no verdict is given between the going of its files and of its row.
	pthread_mutex_t removing;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	// guarded by mutex
	bool poked;
	char current[48]; // the backup that is worked on; "" none
	uint64_t done;
	uint64_t all;
};

// -- backup.c
struct backup backup_of_row(struct query *q, struct arena *arena);
/// Adds one to those that wait and returns its id in the arena.
const char *backup_add(struct store_txn *txn, int64_t organization, const char *database, bool automatic,
		       struct arena *arena);

/// The same of the platform's own store.
void backup_add_platform(struct store_txn *txn, struct arena *arena);

// -- backup_runner.c
MUST_USE bool backups_start(struct backups *backups, struct error *err);
void backups_stop(struct backups *backups);
/// There is something to do.
void backups_poke(struct backups *backups);

// -- backup_work.c
/// Makes it: its files are in the target, and *out tells what they hold.
MUST_USE bool backup_make(struct backups *backups, const struct backup *backup, struct backup_facts *out,
			  struct error *err);
/// Gets it from the target, unpacks it, and compares it with what it shall hold. Fails: ERR_CORRUPT, and what may pass
MUST_USE bool backup_verify(struct backups *backups, const struct backup *backup, struct error *err);
/// The same, and its content becomes the seed of a database that is to be.
MUST_USE bool backup_restore(struct backups *backups, const struct backup *backup, const char *uuid,
			     struct error *err);
MUST_USE bool backup_remove(struct backups *backups, const char *place, struct error *err);

// -- backup_manifest.c
void backup_write_manifest(const struct backup *backup, const struct backup_facts *facts, struct buffer *out);
/// Whether the manifest tells of this backup, with these facts. Fails: ERR_CORRUPT
MUST_USE bool backup_check_manifest(const struct buffer *manifest, const struct backup *backup,
				    struct error *err);

#endif
