/// member: who belongs to an organization. It has exactly one owner, the one who made it.
#ifndef ATOLL_PLATFORM_MEMBER_H
#define ATOLL_PLATFORM_MEMBER_H

#include "platform/organization.h"

struct member {
	const char *username;
	const char *email;
	enum role role;
	int64_t user; // row in the store
};

/// By username.
MUST_USE bool platform_list_members(struct platform *platform, const struct organization *organization,
				    struct arena *arena, struct member **out, size_t *out_count,
				    struct error *err);
/// Fails: ERR_MEMBER_NOT_FOUND "could not find member"
MUST_USE bool platform_find_member(struct platform *platform, const struct organization *organization,
				   const char *username, struct arena *arena, struct member *out,
				   struct error *err);

/// The pending invites of that user end with it.
/// Fails: ERR_USER_NOT_FOUND "could not find user U", ERR_ALREADY_EXISTS "user U is already a member of
///        organization O", ERR_BAD_REQUEST "cannot add members to a personal organization"
MUST_USE bool platform_add_member(struct platform *platform, const struct caller *caller,
				  const struct organization *organization, const char *username,
				  enum role role, struct arena *arena, struct member *out, struct error *err);

/// Fails: ERR_USER_NOT_FOUND "could not find user U", ERR_BAD_REQUEST the owner stays what he is
MUST_USE bool platform_set_role(struct platform *platform, const struct caller *caller,
				const struct organization *organization, const char *username, enum role role,
				struct arena *arena, struct member *out, struct error *err);

/// The member's tokens that are good for this organization only are revoked.
/// Fails: ERR_MEMBER_NOT_FOUND "user U is not a member of org O", ERR_BAD_REQUEST the owner cannot go
MUST_USE bool platform_remove_member(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const char *username,
				     struct arena *arena, struct member *out, struct error *err);

#endif
