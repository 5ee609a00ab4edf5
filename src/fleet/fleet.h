/// fleet: which instance runs where. Opens instances on demand, creates, fills, destroys them, lets replicas
/// follow.
///
/// A logical database and its instances are named by UUIDs; the fleet knows no organizations, names or
/// tokens. What instances a database has is asked from the platform through a callback (`describe`), once for
/// each opening and after each change; an instance's fate returns to it as an event.
///
/// Files:   DATA/databases/{database}/log/…            history (module log)
///          DATA/databases/{database}/{instance}/data.db  one SQLite file an instance
/// Life:    fleet_open → … → fleet_close (all sessions must be closed before).
/// Threads: every function may be called from any thread.
#ifndef ATOLL_FLEET_FLEET_H
#define ATOLL_FLEET_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/error.h"
#include "engine/limits.h"

struct workers;
struct engine_database;
struct fleet;

enum { LOCATION_TEXT_BYTES = 32 };

struct fleet_instance_spec {
	char uuid[CRYPT_UUID_TEXT_BYTES];
	char location[LOCATION_TEXT_BYTES];
	bool primary;
};

struct fleet_options {
	const char *data_folder;
	struct workers *workers;
	struct engine_limits limits;
	const char *simulate_latency; // "60ms", or "ord:nrt=80ms,ord:ams=50ms", or NULL
	int64_t database_idle_ms; // a database unused for so long is closed until it is asked for; 0 = never
	int open_databases_max;   // beyond, the longest unused one is closed; 0 = no limit
	int open_files_max;       // the same for descriptors that open databases take
	int snapshots_max; // of a database at a moment, for replicas in clients' processes; 0 = no limit
	int long_statements_max; // statements that compute at a time, of those that compute for long; 0 = no limit
	int64_t memory_max;      // that statements may take together; 0 = no limit
	uint64_t log_bytes_max; // history kept of each database
	int64_t history_ms;     // moments of the past are kept for so long; 0: not at all

	/// Lists the instances of a database and tells its rules; allocates *out_specs with malloc.
	/// ERR_DATABASE_NOT_FOUND if unknown.
	bool (*describe)(void *context, const char *database, struct fleet_instance_spec **out_specs,
			 size_t *out_count, struct engine_rules *out_rules, struct error *err);
	/// An instance became ready (why NULL) or failed. Called from a worker without locks held.
	void (*instance_event)(void *context, const char *database, const char *instance,
			       const struct error *why);
	void *context; // may be set later by fleet_connect
};

/// Whether fleet_open would take these; opens nothing.
/// Fails: ERR_USAGE, its message beginning with the name of the setting
MUST_USE bool fleet_check(const struct fleet_options *options, struct error *err);
/// Fails: ERR_STALE  the folder was written by a newer version (fleet/format.h)
MUST_USE bool fleet_open(const struct fleet_options *options, struct fleet **out, struct error *err);
/// Hands over the callbacks once the platform is open (the platform's own store is opened through the fleet
/// first).
void fleet_connect(struct fleet *fleet, const struct fleet_options *callbacks);
void fleet_close(struct fleet *fleet);

/// The platform's own logical database, in this process, primary. Opened once; closed by fleet_close.
MUST_USE bool fleet_open_platform(struct fleet *fleet, struct engine_database **out, struct error *err);

/// Begins to create an instance that `describe` lists already. The first (primary) one starts empty, others
/// are filled from the primary. Returns at once; the event tells the end. Calling it again for a failed
/// instance retries.
void fleet_create_instance(struct fleet *fleet, const char *database, const char *instance);
/// Stops the instance (statements are interrupted, sessions answer ERR_NOT_READY) and removes its files.
/// `describe` lists it no longer.
MUST_USE bool fleet_destroy_instance(struct fleet *fleet, const char *database, const char *instance,
				     struct error *err);
/// The same for all instances and the history.
MUST_USE bool fleet_destroy_database(struct fleet *fleet, const char *database, struct error *err);
/// Takes effect on every instance before it returns, also on statements that begin afterwards in open streams. A
/// database that is not open asks `describe` when it opens.
void fleet_set_rules(struct fleet *fleet, const char *database, const struct engine_rules *rules);
/// What the server lets any database keep of its history.
void fleet_history_limits(const struct fleet *fleet, uint64_t *out_bytes_max, int64_t *out_ms_max);
/// Removes folders of databases for which `keeps` is false: what a crash left between two steps. At start
/// only.
void fleet_sweep(struct fleet *fleet, bool (*keeps)(void *context, const char *database), void *context);

/// A running instance, held: it stays open until released, though a destroyed one refuses work.
/// Fails: ERR_NAMESPACE_NOT_FOUND  the database is not known any more
///        ERR_NOT_READY            no instance can serve yet (503, try again)
/// instance NULL or "": the nearest ready one on this node. Fast: one lookup under a read lock. A database that was
/// closed is opened first, which blocks.
struct fleet_instance;
MUST_USE bool fleet_acquire(struct fleet *fleet, const char *database, const char *instance,
			    struct fleet_instance **out, struct error *err);
/// Never blocks: false when the database would have to be opened, and when fleet_acquire would fail.
bool fleet_acquire_open(struct fleet *fleet, const char *database, const char *instance,
			struct fleet_instance **out);
void fleet_release(struct fleet_instance *instance);
static inline void fleet_instance_cleanup(struct fleet_instance **instance)
{
	if (*instance)
		fleet_release(*instance);
	*instance = NULL;
}

/// Closes the databases that nobody has used for `idle_ms`; whoever comes meanwhile waits and opens them again.
void fleet_close_idle(struct fleet *fleet, int64_t idle_ms);

/// What an operator sees of an instance.
struct fleet_status {
	bool ready;
	uint64_t frame_no; // durable position of this copy
	uint64_t primary_frame_no;
	int64_t lag_ms; // age of the oldest transaction not applied yet; 0 when caught up
	uint64_t storage_bytes;
	uint64_t history_bytes;    // of a primary: segments and the content that they go on from
	int64_t history_oldest_ms; // of a primary: the oldest moment that can be restored; 0 = none
};
MUST_USE bool fleet_instance_status(struct fleet *fleet, const char *database, const char *instance,
				    struct fleet_status *out, struct error *err);

#endif
