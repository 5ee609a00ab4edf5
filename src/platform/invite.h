/// invite: how somebody without an account, or somebody else's user, becomes a member. The server sends no mail: the
/// inviter is given a secret once and hands it over; the store keeps its hash. Users that are signed in see their own
/// invites (to their e-mail address, or by name) and need no secret.
#ifndef ATOLL_PLATFORM_INVITE_H
#define ATOLL_PLATFORM_INVITE_H

#include "platform/login.h"
#include "platform/organization.h"

struct invite {
	int64_t id;
	const char *email;    // of the address, or of the user; "" if unknown
	const char *username; // "" unless a user was invited by name
	enum role role;
	int64_t created_ms;
	bool accepted;
	struct organization organization; // that invites
	const char *secret;               // when it was made just now, else NULL
};

/// In order of creation.
MUST_USE bool platform_list_invites(struct platform *platform, const struct organization *organization,
				    bool accepted_too, struct arena *arena, struct invite **out,
				    size_t *out_count, struct error *err);

/// Exactly one of email and username. Takes the place of a pending one for the same.
/// Fails: ERR_BAD_REQUEST "exactly one of email and username is needed", ERR_INVALID_FIELD "invalid email: E",
///        ERR_USER_NOT_FOUND "could not find user U", ERR_ALREADY_EXISTS "user U is already a member of
///        organization O", ERR_BAD_REQUEST "cannot add members to a personal organization"
MUST_USE bool platform_create_invite(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const char *email,
				     const char *username, enum role role, struct arena *arena,
				     struct invite *out, struct error *err);

/// ref  the e-mail address, or the name of the user
/// Fails: ERR_INVITE_NOT_FOUND "invite not found"
MUST_USE bool platform_remove_invite(struct platform *platform, const struct caller *caller,
				     const struct organization *organization, const char *ref,
				     struct error *err);

// -- the invited --------------------------------------------------------------------------------------

MUST_USE bool platform_list_own_invites(struct platform *platform, const struct caller *caller,
					struct arena *arena, struct invite **out, size_t *out_count,
					struct error *err);
MUST_USE bool platform_has_invites(struct platform *platform, const struct caller *caller, bool *out,
				   struct error *err);

/// Fails: ERR_INVITE_NOT_FOUND, ERR_ALREADY_EXISTS (a member already)
MUST_USE bool platform_accept_own_invite(struct platform *platform, const struct caller *caller, int64_t id,
					 struct arena *arena, struct invite *out, struct error *err);
MUST_USE bool platform_decline_invite(struct platform *platform, const struct caller *caller, int64_t id,
				      struct arena *arena, struct error *err);

/// With the secret. Makes the account when the address has none; else name and password must be those of the user.
/// visitor  origin and address are set, nothing else
/// Fails: ERR_INVITE_NOT_FOUND, ERR_UNAUTHORIZED "invalid username or password", ERR_RATE_LIMITED (login.h), and what
///        platform_create_user fails with
MUST_USE bool platform_accept_invite(struct platform *platform, const struct caller *visitor,
				     const char *secret, const char *username, const char *password,
				     struct arena *arena, struct invite *out, struct session *out_session,
				     int64_t *out_retry_ms, struct error *err);

#endif
