/// access_internal: what the platform tells access. For the platform's own files.
#ifndef ATOLL_PLATFORM_ACCESS_INTERNAL_H
#define ATOLL_PLATFORM_ACCESS_INTERNAL_H

#include "platform/access.h"

struct engine_database;

struct access *access_create(struct engine_database *store);
void access_destroy(struct access *access); // NULL is fine

/// To be called after the commit, and before anybody is told that it happened:
void access_label_added(struct access *access); // a host label exists now
void access_group_rotated(struct access *access, const char *group, const uint8_t key[CRYPT_PUBLIC_BYTES],
			  uint64_t epoch);
void access_forget_database(struct access *access, const char *database); // destroyed or rotated
/// The same for many, whose UUIDs stand one behind the other, each CRYPT_UUID_TEXT_BYTES.
void access_forget_databases(struct access *access, const char *databases, size_t count);

struct access_instance {
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES];
};
void access_forget_instances(struct access *access, const struct access_instance *instances,
			     size_t count); // destroyed

#endif
