/// internal: what the files of the fleet share. Not for other modules.
///
/// Lock order: fleet.table_lock → fleet_database.mutex → meter.mutex. Neither is held while the engine opens files of
/// another database, copies a snapshot, or calls the platform's events.
#ifndef ATOLL_FLEET_INTERNAL_H
#define ATOLL_FLEET_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/turns.h"
#include "base/workers.h"
#include "engine/allowance.h"
#include "engine/counters.h"
#include "engine/database.h"
#include "engine/usage.h"
#include "fleet/fleet.h"
#include "fleet/generations.h"
#include "fleet/recent.h"
#include "log/log.h"

struct distance;
struct fleet_wait;
struct metered_database;
struct metered_total;
struct survey;

enum { METER_SLOTS = 256 };

/// What was counted and not taken yet, apart from what open engines hold (meter.c).
struct meter {
	pthread_mutex_t mutex;
	// guarded by mutex
	struct metered_database *slots[METER_SLOTS];
	struct metered_total *totals[METER_SLOTS]; // of each database, since the start
	struct usage_counts all;                   // of all, also of those that are gone
	uint64_t all_synced;
};

struct fleet {
	char *data_folder;
	char *upload_folder;
	struct workers *workers;
	struct turns *turns; // of clients' statements that compute for long; NULL: no limit
	struct engine_limits limits;
	uint64_t log_bytes_max;
	int64_t history_ms;
	struct keeper *keeper; // retention.c
	struct distance *distance;
	struct fleet_options callbacks; // describe, instance_event, context only
	struct engine_database *platform;
	struct meter meter;
	struct engine_files files;                // of open databases
	struct allowance_pool memory;             // of clients' statements
	struct engine_counters counters;          // of the clients' databases
	struct engine_counters platform_counters; // of the platform's own store
	_Atomic(uint64_t) statement_errors[ERROR_CODE_COUNT];
	struct recent_budget recent_budget;
	int open_databases_max;
	int snapshots_max;
	int64_t database_idle_ms;
	_Atomic(int) open_count;
	pthread_mutex_t room_mutex; // taken last
	pthread_cond_t room_changed;
	int opening;               // guarded by room_mutex: openings that have room
	uint64_t room_events;      // guarded by room_mutex
	_Atomic(int) room_waiters; // changed under room_mutex
	struct closer *closer;     // NULL: nothing is closed by time

	pthread_rwlock_t table_lock;
	struct fleet_database **table; // guarded by table_lock; chains by hash of the UUID
	size_t table_size;

	pthread_mutex_t closing_mutex;
	pthread_cond_t closing_changed;
	bool closing;      // guarded by closing_mutex
	int running_tasks; // guarded by closing_mutex
};

/// A logical database that is open here.
struct fleet_database {
	struct fleet *fleet;
	char uuid[CRYPT_UUID_TEXT_BYTES];
	struct fleet_database *next; // in the table's chain
	_Atomic(int) references;     // the table's and each instance's
	_Atomic(int64_t) used_ms;    // when somebody last acquired or released an instance
	_Atomic(bool) opened;        // changed under the mutex
	_Atomic(int) snapshots;      // under way (history.c)
	pthread_mutex_t mutex;
	pthread_cond_t closed; // is not closing any more
	// guarded by mutex
	bool closing; // its files are being closed: wait
	bool destroyed;
	int64_t reopen_at_ms; // an instance could not be opened: try again then; 0 = none
	int pins;             // creations under way, which keep it open
	struct engine_rules rules;
	struct fleet_instance **instances;
	size_t instance_count;
	char (*filling)[CRYPT_UUID_TEXT_BYTES]; // replicas whose folders are being written
	size_t filling_count;
	struct fleet_wait *waits; // for the primary's history to go on (await.c)
};

/// How a replica follows; see follow.c.
struct follower {
	struct task task;
	struct log_cursor *cursor; // the running task's own
	struct log_txn waiting;    // read from the cursor but not due yet
	bool has_waiting;
	bool running; // guarded by the database's mutex, as is poked
	bool poked;
};

/// One open copy. Sessions hold it; when a replica is filled anew, another struct takes its place and this
/// one ends with its last holder.
struct fleet_instance {
	struct fleet_database *database;
	struct fleet_instance_spec spec;
	_Atomic(int) references;
	_Atomic(bool) gone; // destroyed or replaced: takes no work
	struct engine_database *engine;
	_Atomic(uint64_t) told_storage_bytes;      // the meter's
	struct follower follower;                  // replica
	_Atomic(struct recent *) recent;           // primary: from the first time that it is asked for
	_Atomic(struct generations *) generations; // the same
};

// -- fleet.c
bool fleet_is_closing(struct fleet *fleet);
/// Age of the oldest transaction that a replica which has applied so much has not applied.
int64_t fleet_lag_ms(struct fleet_instance *primary, uint64_t applied);
/// Counts a task under way, so that closing waits for it. False when the fleet is closing.
bool fleet_task_begin(struct fleet *fleet);
void fleet_task_end(struct fleet *fleet);

// -- table.c
uint64_t fleet_hash(const char *uuid);
char *fleet_database_folder(const struct fleet *fleet, const char *uuid);
char *fleet_path_inside(const char *folder, const char *name);
char *instance_folder(const struct fleet_database *database, const char *instance);
/// The entry for a database, made when there is none; its instances are opened by whoever locks it first.
struct fleet_database *table_hold(struct fleet *fleet, const char *uuid);
/// NULL when there is none. The table's lock is held.
struct fleet_database *table_find_locked(struct fleet *fleet, const char *uuid);
void table_forget(struct fleet_database *database);
void database_release(struct fleet_database *database);
/// Every database of the table that is open, or the named one, held. The caller frees the list.
struct fleet_database **fleet_hold_databases(struct fleet *fleet, const char *uuid, size_t *out_count);
/// Calls `visit` for each open instance, of one database or (NULL) of all, without locks.
void fleet_each_instance(struct fleet *fleet, const char *database,
			 void (*visit)(void *context, struct fleet_instance *instance), void *context);

// -- instance.c
uint64_t fleet_segment_bytes(const struct fleet *fleet); // of a history
struct fleet_instance *instance_hold(struct fleet_instance *instance);
/// As fleet_release, but is no use that would keep the database from being closed.
void instance_release(struct fleet_instance *instance);
/// The primary of the instance's database, held; NULL when it is not open.
struct fleet_instance *instance_hold_primary(struct fleet_instance *instance);
/// Of a database whose mutex is held: where the list has an instance, or NULL; the primary, or NULL.
struct fleet_instance **instance_place_locked(struct fleet_database *database, const char *uuid);
struct fleet_instance *instance_primary_locked(struct fleet_database *database);
MUST_USE bool instance_open_engine(struct fleet_database *database, const struct fleet_instance_spec *spec,
				   struct engine_database **out, struct error *err);
struct fleet_instance *instance_make(struct fleet_database *database, const struct fleet_instance_spec *spec,
				     struct engine_database *engine);
/// Lets a copy that was just opened serve, in the place of an older one. Fails with ERR_NAMESPACE_NOT_FOUND, and the copy
/// is gone, when the database was destroyed meanwhile.
MUST_USE bool instance_install(struct fleet_database *database, struct fleet_instance *instance,
			       struct error *err);
/// Its files are going: ends it with its last holder.
void instance_retire(struct fleet_instance *instance);
/// The mutex of a database whose files are not just being closed.
void database_lock(struct fleet_database *database);
/// Opens the instances unless they are. Fails: ERR_NAMESPACE_NOT_FOUND, and what the platform's description fails with.
MUST_USE bool database_open_locked(struct fleet_database *database, struct error *err);

// -- create.c
/// Fills a replica from its primary and puts the new copy in the place of the old one (which may be NULL).
/// Fails with ERR_BUSY when somebody fills it already.
MUST_USE bool fleet_fill_replica(struct fleet_database *database, const struct fleet_instance_spec *spec,
				 struct error *err);
/// Takes all instances out of the database and gives each to `end`, outside the mutex.
void database_end_instances(struct fleet_database *database, bool destroyed,
			    void (*end)(struct fleet_instance *));

// -- seed.c
/// Makes the seed the file of a new primary in `folder`. A crash leaves one or the other.
MUST_USE bool seed_take(struct fleet_database *database, const char *folder, struct error *err);
/// The primary could not be opened: what it has not changed yet is the seed again.
void seed_give_back(struct fleet_database *database, const char *folder);
/// At start: removes what an earlier process was making, and uploads that nobody finished for a day.
void seed_sweep_uploads(struct fleet *fleet);

// -- idle.c
void idle_start(struct fleet *fleet);
void idle_stop(struct fleet *fleet);
/// Before a database is opened, without locks: closes others if there are too many, or waits until they can be closed.
/// False, and nothing taken, when somebody has opened it meanwhile.
bool idle_take_room(struct fleet_database *database);
void idle_give_room(struct fleet *fleet);
/// Something was closed, or may be now: tells those who wait for room.
void idle_tell_waiters(struct fleet *fleet);

// -- meter.c
void meter_init(struct meter *meter);
void meter_finish(struct meter *meter);
/// Takes over what the instance's engine has counted; also before it is closed.
void meter_collect(struct fleet_instance *instance);
/// Puts each database's counts since the start into its row of the survey, made where there is none, and all of them.
void meter_tell_totals(struct meter *meter, struct survey *survey);
/// An instance (NULL: all of the database's) was destroyed.
void meter_forget_storage(struct fleet *fleet, const char *database, const char *instance);

// -- retention.c
void retention_start(struct fleet *fleet);
void retention_stop(struct fleet *fleet);

// -- await.c
/// The primary's history goes on: tells whoever waits for that. The database's mutex is held.
void await_tell_locked(struct fleet_database *database);

// -- follow.c
void follow_init(struct fleet_instance *replica);
/// The primary has more: starts the follower unless it runs already. The database's mutex is held.
void follow_poke_locked(struct fleet_instance *replica);

// -- distance.c
MUST_USE bool distance_parse(const char *text, struct distance **out, struct error *err);
void distance_free(struct distance *distance);
/// One way, in milliseconds; 0 within a location.
int64_t distance_ms(const struct distance *distance, const char *from, const char *to);
/// Spends the time of one way between two locations; ends early when the fleet closes.
void distance_travel(struct fleet *fleet, const char *from, const char *to);

#endif
