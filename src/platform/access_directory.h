/// access_directory: which database and instance a host label means, and what its credentials are checked with.
///
/// What was asked for is kept in memory until the database or the instance is forgotten, so the memory grows with
/// the live hosts that are in use. Labels that do not exist are remembered for a second in a fixed number of
/// places.
///
/// Threads: any.
#ifndef ATOLL_PLATFORM_ACCESS_DIRECTORY_H
#define ATOLL_PLATFORM_ACCESS_DIRECTORY_H

#include "base/crypt.h"
#include "platform/names.h"

struct engine_database;
struct directory;

struct directory_entry {
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES]; // "" = the label of the logical database
	char username[NAME_BYTES];
	uint8_t public_key[CRYPT_PUBLIC_BYTES];
	uint64_t epoch;
	char group[CRYPT_UUID_TEXT_BYTES]; // "" = it stands alone
	uint8_t group_key[CRYPT_PUBLIC_BYTES];
	uint64_t group_epoch;
};

struct directory *directory_create(struct engine_database *store);
void directory_destroy(struct directory *directory); // NULL is fine

/// `label` is lower-case. Fails: ERR_NAMESPACE_NOT_FOUND
MUST_USE bool directory_find(struct directory *directory, const char *label, struct directory_entry *out,
			     struct error *err);
/// By the database's UUID. Fails: ERR_NAMESPACE_NOT_FOUND
MUST_USE bool directory_find_database(struct directory *directory, const char *uuid,
				      struct directory_entry *out, struct error *err);

/// False for a database that was destroyed or rotated since `epoch` was given out; with `group`, the epoch is the
/// group's.
bool directory_is_current(struct directory *directory, const char *database, const char *group,
			  uint64_t epoch);

/// Moves with every forgetting: what was concluded from an older answer must not be kept.
uint64_t directory_changes(const struct directory *directory);

/// The group signs with another key now. Its databases stay known, and their own credentials current.
void directory_group_rotated(struct directory *directory, const char *group,
			     const uint8_t key[CRYPT_PUBLIC_BYTES], uint64_t epoch);
void directory_label_added(struct directory *directory);
void directory_forget_database(struct directory *directory, const char *database);
void directory_forget_instance(struct directory *directory, const char *database, const char *instance);

#endif
