/// access: who may open which database. The only part of the platform that the data plane sees.
///
/// A host label ("my-db-my-org", "3287469dae4185-my-db-my-org") is looked up exactly, never split; the
/// credential is a database's or its group's token (Ed25519 JWT), or an instance's username and password (HTTP Basic).
/// Verified pairs are cached by hash until the token expires, the database's credentials are rotated, or the
/// database is destroyed.
///
/// Threads: any. A cached check takes well under a microsecond; a first one verifies a signature (about 40
/// µs) and may read the platform's store. It never blocks on writers.
#ifndef ATOLL_PLATFORM_ACCESS_H
#define ATOLL_PLATFORM_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/error.h"

struct access;

enum { ACCESS_ATTACH_MAX = 16, ACCESS_UUID_BYTES = 16 };

struct access_grant {
	char database[CRYPT_UUID_TEXT_BYTES];
	char instance[CRYPT_UUID_TEXT_BYTES]; // "" = nearest
	char group[CRYPT_UUID_TEXT_BYTES];    // whose token it is; "" = the database's own credential
	bool read_only;
	uint8_t attach_count; // databases that may be attached, see access_find_attachable
	uint8_t attach[ACCESS_ATTACH_MAX][ACCESS_UUID_BYTES];
	uint64_t credential_id; // the same for the same credential and database; batons are bound to it
	uint64_t epoch;         // moves with every rotation, of the group for a group's token
};

/// True when the label names a database or an instance; for telling the data plane from the platform's
/// routes.
bool access_knows_label(struct access *access, const char *label);

/// label          host label, any letter case
/// authorization  value of the Authorization header, or NULL
/// Fails: ERR_NAMESPACE_NOT_FOUND  unknown label, and also a good credential of another database
///        ERR_AUTH_…               spec/hrana.md §7, with its texts
MUST_USE bool access_check(struct access *access, const char *label, const char *authorization,
			   struct access_grant *out, struct error *err);

/// A JWT without scheme (WebSocket hello, issue-wide); NULL is "no credential".
MUST_USE bool access_check_token(struct access *access, const char *label, const char *jwt,
				 struct access_grant *out, struct error *err);

/// The database that the holder of the grant means by `name` in ATTACH: it is of the same organization, its owner
/// allows it, and the token names it. May read the platform's store.
/// Fails: ERR_FORBIDDEN "Namespace `x` doesn't allow attach"
MUST_USE bool access_find_attachable(struct access *access, const struct access_grant *grant,
				     const char *name, char out_database[CRYPT_UUID_TEXT_BYTES],
				     struct error *err);

/// The label of the grant's database itself, which stands for its primary instance; malloc'd. Reads the platform's store.
/// Fails: ERR_NAMESPACE_NOT_FOUND
MUST_USE bool access_database_label(struct access *access, const struct access_grant *grant, char **out,
				    struct error *err);

/// False once the grant's database is gone or its credentials were rotated.
bool access_is_current(struct access *access, const struct access_grant *grant);

#endif
