/// organization: owners of databases, and who belongs to them.
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

struct member {
	const char *username;
	const char *email;
	enum role role;
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

/// By username.
MUST_USE bool platform_list_members(struct platform *platform, const struct organization *organization,
				    struct arena *arena, struct member **out, size_t *out_count,
				    struct error *err);
/// Fails: ERR_MEMBER_NOT_FOUND "could not find member"
MUST_USE bool platform_find_member(struct platform *platform, const struct organization *organization,
				   const char *username, struct arena *arena, struct member *out,
				   struct error *err);

#endif
