/// token: platform tokens, which operate the API. An EdDSA JWT that carries only `jti`; the store knows the
/// jti, never the token. They do not expire, and are revoked one by one. Login tokens, which expire: login.h.
#ifndef ATOLL_PLATFORM_TOKEN_H
#define ATOLL_PLATFORM_TOKEN_H

#include "platform/organization.h"

struct token {
	const char *id; // 22 characters
	const char *name;
	const char *organization; // slug of the only one it is good for; NULL = all
	const char *group;        // name of the only one it is good for; NULL = all
	unsigned scopes;          // scope.h; of a group's token
	const char *username;     // of the owner
	const char *email;
	int64_t created_ms;
};

/// Who presents this token (without scheme). Works for every platform token, whatever it is restricted to.
/// Strings of *out live in the arena; origin is "web" until set.
/// Fails: ERR_UNAUTHORIZED "invalid token", ERR_TOKEN_EXPIRED "token expired",
///        ERR_TOKEN_REVOKED "token has been revoked" (or its group is gone, or all sessions were ended)
MUST_USE bool platform_authenticate(struct platform *platform, const char *jwt, struct arena *arena,
				    struct caller *out, struct error *err);

/// By name. A restricted token sees only those restricted to its organization, or its group.
MUST_USE bool platform_list_tokens(struct platform *platform, const struct caller *caller,
				   struct arena *arena, struct token **out, size_t *out_count,
				   struct error *err);
/// Those restricted to the organization: its administrators see everybody's, others their own.
MUST_USE bool platform_list_organization_tokens(struct platform *platform, const struct caller *caller,
						const struct organization *organization, struct arena *arena,
						struct token **out, size_t *out_count, struct error *err);

struct token_wish {
	const char *name;
	const char *organization; // slug or UUID; NULL = all
	const char *group;        // name or UUID; NULL = all; needs organization and scopes
	unsigned scopes;          // scope.h
};

/// out_secret    the token itself, in the arena: to be shown once
/// Fails: ERR_INVALID_NAME, ERR_BAD_REQUEST (group, organization and scopes do not go together),
///        ERR_ALREADY_EXISTS "token with name X already exists", ERR_ORG_NOT_FOUND, ERR_NOT_A_MEMBER,
///        ERR_INSUFFICIENT_SCOPE (a restricted token that would mint a wider one),
///        ERR_INSUFFICIENT_ROLE (a group's needs an administrator of the organization), ERR_GROUP_NOT_FOUND
MUST_USE bool platform_mint_token(struct platform *platform, const struct caller *caller,
				  const struct token_wish *wish, struct arena *arena, struct token *out,
				  const char **out_secret, struct error *err);

/// At once. Fails: ERR_TOKEN_NOT_FOUND "could not find token X"
MUST_USE bool platform_revoke_token(struct platform *platform, const struct caller *caller, const char *name,
				    struct error *err);

/// By id. Fails: ERR_TOKEN_NOT_FOUND "token not found" (also for somebody else's, unless the caller administers the
/// organization, and for one that is not restricted to it)
MUST_USE bool platform_revoke_organization_token(struct platform *platform, const struct caller *caller,
						 const struct organization *organization, const char *id,
						 struct error *err);

/// For `atolld token mint`: a token of the first user, or of `username` if not NULL, under a fresh name. The
/// operator of the data folder needs no credential.
MUST_USE bool platform_mint_operator_token(struct platform *platform, const char *username,
					   struct arena *arena, const char **out_secret, struct error *err);

#endif
