/// database: logical databases and the tokens that open them.
#ifndef ATOLL_PLATFORM_DATABASE_H
#define ATOLL_PLATFORM_DATABASE_H

#include "platform/organization.h"

enum { HISTORY_AS_SERVER = -1 };

struct database_configuration {
	uint64_t size_limit_bytes; // 0 = none
	bool allow_attach;
	bool block_reads;
	bool block_writes;
	bool delete_protection;
	bool offline_sync;       // replicas in clients' processes work offline (spec/replication.md, R2)
	int64_t history_seconds; // moments are kept for so long, or HISTORY_AS_SERVER
	uint64_t history_bytes;  // of history; 0 = as much as the server allows
};

struct database {
	int64_t row; // in the store
	const char *uuid;
	const char *name;
	const char *hostname;       // of the nearest instance
	const char *primary_region; // "" without instances
	const char *const *regions; // distinct codes of the instances, the primary's first, then sorted
	size_t region_count;
	int64_t group_row;
	const char *group; // "" stands alone
	struct database_configuration configuration;
	bool archived;
	bool draft;
	bool is_schema;
	const char *schema;      // "" has none
	const char *parent_uuid; // NULL: no branch
	const char *parent_name;
	int64_t branched_ms;
};

/// What a database holds from the start.
enum database_content {
	CONTENT_NONE,
	CONTENT_DATABASE, // of another database of the organization, which becomes its parent
	CONTENT_BACKUP,   // of a backup of the organization
	CONTENT_DUMP,     // SQL text that was uploaded before
	CONTENT_UPLOAD    // will be uploaded: until then the database is a draft and has no instances
};

enum { DATABASE_NOW = -1 };

/// What a database is asked to become. NULL is "not given".
struct database_wish {
	const char *name;
	const char *group;    // name or UUID; "not given" is the server's implicit group, if it has one
	const char *image;    // "latest" or "canary"
	const char *location; // must be known; creates no instance
	uint64_t size_limit_bytes;
	bool is_schema;
	const char *schema;
	enum database_content content;
	const char *source; // CONTENT_DATABASE: name or UUID; CONTENT_DUMP: the URL that the upload gave;
			    // CONTENT_BACKUP: its id
	int64_t at_ms;      // CONTENT_DATABASE: the moment that is copied, or DATABASE_NOW
};

struct database_filter {
	const char *group;   // name or UUID
	const char *schema;  // name
	bool schema_parents; // only those that are schemas of others
	const char *parent;  // UUID
	int64_t limit;       // 0 = all, else 1..1000
	const char *cursor;  // as given out before
};

/// In a group it has an instance in each of the group's locations at once, and the answer is held until they are
/// ready, but not for ever; alone it has none. Nothing is visible before the content is complete, and nothing is left
/// behind when it cannot be had.
/// Fails: ERR_MISSING_FIELD, ERR_INVALID_NAME, ERR_INVALID_FIELD, ERR_INVALID_LOCATION, ERR_GROUP_NOT_FOUND (to be
///        answered as 400 here), ERR_ALREADY_EXISTS (name taken: "database with name [X] already exists"; host label
///        taken: "hostname is already taken"), ERR_DATABASE_NOT_FOUND (the source), ERR_NOT_READY, and those of
///        fleet/seed.h
MUST_USE bool platform_create_database(struct platform *platform, const struct caller *caller,
				       const struct organization *organization,
				       const struct database_wish *wish, struct arena *arena,
				       struct database *out, struct error *err);

/// By name. *out_next is the cursor of the following page, NULL on the last.
/// Fails: ERR_BAD_REQUEST for a limit or a cursor that cannot be
MUST_USE bool platform_list_databases(struct platform *platform, const struct organization *organization,
				      const struct database_filter *filter, struct arena *arena,
				      struct database **out, size_t *out_count, const char **out_next,
				      struct error *err);

/// `ref` is a name or a UUID (which wins).
/// Fails: ERR_DATABASE_NOT_FOUND "could not find database with name [X]: record not found"
MUST_USE bool platform_find_database(struct platform *platform, const struct organization *organization,
				     const char *ref, struct arena *arena, struct database *out,
				     struct error *err);

/// As platform_transfer_group, for a database that stands alone.
/// Fails: ERR_GROUP_MEMBER "database D is part of group G; transfer the group instead", and as there
MUST_USE bool platform_transfer_database(struct platform *platform, const struct caller *caller,
					 const struct organization *organization,
					 const struct database *database, const char *target,
					 struct arena *arena, struct database *out, struct error *err);

/// Data, instances, hostnames and tokens die; the name is free at once.
/// Fails: ERR_DELETE_PROTECTED "database X is protected against deletion"
MUST_USE bool platform_destroy_database(struct platform *platform, const struct caller *caller,
					const struct organization *organization,
					const struct database *database, struct error *err);

/// "1mb", "256MB", "1gb", "4096", "0" (none). False for anything else.
bool platform_parse_size_limit(const char *text, uint64_t *out_bytes);

/// "3600", "90s", "30m", "24h", "7d", "0" (none), in seconds. False for anything else.
bool platform_parse_retention(const char *text, int64_t *out_seconds);

/// What is to be changed; NULL leaves it as it is.
struct database_changes {
	const uint64_t *size_limit_bytes;
	const bool *allow_attach;
	const bool *block_reads;
	const bool *block_writes;
	const bool *delete_protection;
	const bool *offline_sync;
	const int64_t *history_seconds;
	const uint64_t *history_bytes;
};
/// In force on the data plane when this returns; *out is the whole configuration then.
/// Fails: ERR_DATABASE_NOT_FOUND, ERR_INVALID_FIELD more history than the server keeps of any database
MUST_USE bool platform_configure_database(struct platform *platform, const struct caller *caller,
					  const struct organization *organization,
					  const struct database *database,
					  const struct database_changes *changes,
					  struct database_configuration *out, struct error *err);

/// Nothing happens to a database that is awake.
/// Fails: ERR_NOT_READY its group is archived
MUST_USE bool platform_wake_database(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const struct database *database,
				     struct error *err);

/// The content of a draft is complete (fleet/seed.h): it is a draft no longer, and in a group its instances are made, as
/// with platform_create_database. `uuid` is the database's. A crash before it leaves the draft as it was; after it, the
/// next start makes the instances.
/// Fails: ERR_ALREADY_EXISTS "database X is not waiting for an upload", ERR_DATABASE_NOT_FOUND
MUST_USE bool platform_activate_draft(struct platform *platform, const char *uuid, struct error *err);

/// A token for the data plane.
struct database_token_wish {
	const char *expiration;    // "never" (also "none", "default", NULL, ""), or a duration like "2w1d30m"
	const char *authorization; // "full-access" (also NULL, "") or "read-only"
	const char *const *attach; // names or UUIDs of databases that may be attached
	size_t attach_count;
};
/// Fails: ERR_INVALID_EXPIRATION "Invalid expiration format", ERR_INVALID_FIELD
MUST_USE bool platform_mint_database_token(struct platform *platform, const struct caller *caller,
					   const struct organization *organization,
					   const struct database *database,
					   const struct database_token_wish *wish, struct arena *arena,
					   const char **out_jwt, struct error *err);

/// Every token of the database (not those of its group) and every instance's password stop working before this returns.
MUST_USE bool platform_rotate_database(struct platform *platform, const struct caller *caller,
				       const struct organization *organization,
				       const struct database *database, struct error *err);

#endif
