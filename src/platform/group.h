/// group: databases that share a primary location, replica locations and the key of their tokens
/// (spec/platform-api.md §2.6, §3.5).
///
/// Whatever of a group a caller may not see does not exist for him: a caller whose token is good for one group only
/// (organization.only_group) finds no other.
#ifndef ATOLL_PLATFORM_GROUP_H
#define ATOLL_PLATFORM_GROUP_H

#include "platform/organization.h"

struct group {
	int64_t row; // in the store; 0 = none
	const char *uuid;
	const char *name;
	const char *primary;          // location code
	const char *const *locations; // the primary one first, then sorted
	const bool *down;             // for each location: an instance there could not be made
	size_t location_count;
	bool archived;
	bool delete_protection;
};

/// `ref` is a name or a UUID (which wins).
/// Fails: ERR_GROUP_NOT_FOUND "group not found"
MUST_USE bool platform_find_group(struct platform *platform, const struct organization *organization,
				  const char *ref, struct arena *arena, struct group *out, struct error *err);
/// By name.
MUST_USE bool platform_list_groups(struct platform *platform, const struct organization *organization,
				   struct arena *arena, struct group **out, size_t *out_count,
				   struct error *err);

/// NULL is "not given".
struct group_wish {
	const char *name;
	const char *location;
	const char *extensions; // "all", or names separated by commas
};

/// True for a name that may stand in a list of extensions.
bool platform_knows_extension(const char *name);

/// Fails: ERR_MISSING_FIELD, ERR_INVALID_NAME, ERR_INVALID_LOCATION "invalid location: X",
///        ERR_ALREADY_EXISTS "group already exists"
MUST_USE bool platform_create_group(struct platform *platform, const struct caller *caller,
				    const struct organization *organization, const struct group_wish *wish,
				    struct arena *arena, struct group *out, struct error *err);

/// With all its databases; the platform tokens that were good for it only are revoked.
/// Fails: ERR_GROUP_NOT_FOUND, ERR_DELETE_PROTECTED (the group, or one of its databases)
MUST_USE bool platform_destroy_group(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const struct group *group,
				     struct error *err);

MUST_USE bool platform_protect_group(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const struct group *group,
				     bool delete_protection, struct error *err);
/// Wakes the group and all its databases; nothing happens to those that are awake.
MUST_USE bool platform_unarchive_group(struct platform *platform, const struct caller *caller,
				       const struct organization *organization, const struct group *group,
				       struct error *err);
/// Fails: ERR_INVALID_NAME, ERR_ALREADY_EXISTS "group already exists"
MUST_USE bool platform_rename_group(struct platform *platform, const struct caller *caller,
				    const struct organization *organization, const struct group *group,
				    const char *name, struct error *err);

/// Every database of the group gets an instance at `code`. Returns once they are stored;
/// platform_wait_group_location tells when they can serve.
/// Fails: ERR_INVALID_LOCATION "invalid location: X", ERR_ALREADY_EXISTS "group G already has location X"
MUST_USE bool platform_add_group_location(struct platform *platform, const struct caller *caller,
					  const struct organization *organization, const struct group *group,
					  const char *code, struct error *err);
/// Every database of the group loses its instances at `code`.
/// Fails: ERR_INVALID_LOCATION "Invalid location code", ERR_LOCATION_NOT_FOUND,
///        ERR_PRIMARY_INSTANCE "cannot remove primary location"
MUST_USE bool platform_remove_group_location(struct platform *platform, const struct caller *caller,
					     const struct organization *organization,
					     const struct group *group, const char *code, struct error *err);
/// Blocks until every instance of the group at `code` can take a query, at most `timeout_ms`.
/// Fails: ERR_NOT_READY, ERR_BAD_REQUEST one could not be made, ERR_LOCATION_NOT_FOUND
MUST_USE bool platform_wait_group_location(struct platform *platform, const struct organization *organization,
					   const struct group *group, const char *code, int64_t timeout_ms,
					   struct error *err);

/// The group with all its databases goes over to organization `target` (slug or UUID), where the caller must be an
/// administrator too. Former hostnames and the tokens of databases go on working; platform tokens that were good for
/// the group only are revoked.
/// Fails: ERR_ORG_NOT_FOUND, ERR_NOT_A_MEMBER, ERR_INSUFFICIENT_ROLE, ERR_ALREADY_EXISTS (a name or hostname is taken
///        there)
MUST_USE bool platform_transfer_group(struct platform *platform, const struct caller *caller,
				      const struct organization *organization, const struct group *group,
				      const char *target, struct arena *arena, struct group *out,
				      struct error *err);

/// A token that opens every database of the group.
struct database_token_wish;
MUST_USE bool platform_mint_group_token(struct platform *platform, const struct caller *caller,
					const struct organization *organization, const struct group *group,
					const struct database_token_wish *wish, struct arena *arena,
					const char **out_jwt, struct error *err);
/// The tokens of the group stop working before this returns; those of its databases go on.
MUST_USE bool platform_rotate_group(struct platform *platform, const struct caller *caller,
				    const struct organization *organization, const struct group *group,
				    struct error *err);

#endif
