/// organization: owners of databases, and what their members may do. Who they are: member.h, invite.h.
#ifndef ATOLL_PLATFORM_ORGANIZATION_H
#define ATOLL_PLATFORM_ORGANIZATION_H

#include "platform/platform.h"

/// In order of rights.
enum role { ROLE_VIEWER, ROLE_MEMBER, ROLE_ADMIN, ROLE_OWNER };

/// "viewer", "member", "admin", "owner".
const char *role_name(enum role role);

struct organization {
	int64_t row; // in the store
	const char *uuid;
	const char *slug;
	const char *name;
	const char *type; // "personal" or "team"
	enum role role;   // the caller's
	bool overages;
	bool require_mfa;
	int64_t only_group; // the caller's token sees nothing but this group; 0 = everything
};

/// The organization that a request means. `ref` is a slug or a UUID (which wins); NULL is the caller's
/// personal organization, or the one that the token is restricted to. Fails: ERR_ORG_NOT_FOUND "organization
/// not found", ERR_NOT_A_MEMBER "not a member of organization O"
MUST_USE bool platform_enter_organization(struct platform *platform, const struct caller *caller,
					  const char *ref, struct arena *arena, struct organization *out,
					  struct error *err);

/// Those the caller belongs to and the token allows, personal one first, then by slug.
MUST_USE bool platform_list_organizations(struct platform *platform, const struct caller *caller,
					  struct arena *arena, struct organization **out, size_t *out_count,
					  struct error *err);

/// With dry_run nothing is made, and *out says what would be; its uuid is then "".
/// Fails: ERR_INVALID_NAME, ERR_ALREADY_EXISTS "organization with slug S already exists"
MUST_USE bool platform_create_organization(struct platform *platform, const struct caller *caller,
					   const char *name, bool dry_run, struct arena *arena,
					   struct organization *out, struct error *err);

MUST_USE bool platform_update_organization(struct platform *platform, const struct caller *caller,
					   const struct organization *organization, bool overages,
					   bool require_mfa, struct error *err);

/// With its databases, groups, members, invites and tokens. What of its files a crash leaves goes at the next start.
/// Fails: ERR_BAD_REQUEST "cannot delete personal organization", ERR_DELETE_PROTECTED (a group or database of it)
MUST_USE bool platform_destroy_organization(struct platform *platform, const struct caller *caller,
					    const struct organization *organization, struct arena *arena,
					    struct error *err);

#endif
