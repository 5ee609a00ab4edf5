/// user: accounts. Made by an administrator of the server, or by whoever accepts an invite. Each has a personal
/// organization that is called as the user is.
#ifndef ATOLL_PLATFORM_USER_H
#define ATOLL_PLATFORM_USER_H

#include "platform/platform.h"

struct user {
	int64_t row; // in the store
	const char *username;
	const char *email; // "" if unknown
	bool administrator;
	const char *password_hash; // NULL: no login by password
	int64_t created_ms;
};

/// NULL is "not given".
struct user_wish {
	const char *username;
	const char *email;
	const char *password;
	bool administrator;
};

/// Fails: ERR_MISSING_FIELD "username is required", ERR_INVALID_NAME, ERR_INVALID_FIELD (e-mail, password),
///        ERR_ALREADY_EXISTS "user U already exists", "username U is taken by an organization",
///        "email E belongs to another user"
MUST_USE bool platform_create_user(struct platform *platform, const struct caller *caller,
				   const struct user_wish *wish, struct arena *arena, struct user *out,
				   struct error *err);
/// By name.
MUST_USE bool platform_list_users(struct platform *platform, struct arena *arena, struct user **out,
				  size_t *out_count, struct error *err);
/// Fails: ERR_USER_NOT_FOUND "could not find user U"
MUST_USE bool platform_find_user(struct platform *platform, const char *username, struct arena *arena,
				 struct user *out, struct error *err);

/// NULL leaves as it is. A new password ends the user's sessions.
struct user_change {
	const char *email; // "" takes it away
	const char *password;
	const bool *administrator;
};
/// Fails: as above, ERR_BAD_REQUEST the server would have no administrator
MUST_USE bool platform_update_user(struct platform *platform, const struct caller *caller,
				   const char *username, const struct user_change *change,
				   struct arena *arena, struct user *out, struct error *err);

/// With its personal organization and all in it.
/// Fails: ERR_USER_NOT_FOUND, ERR_BAD_REQUEST (the last administrator; owner of a team organization),
///        ERR_DELETE_PROTECTED (a group or database of its own)
MUST_USE bool platform_delete_user(struct platform *platform, const struct caller *caller,
				   const char *username, struct arena *arena, struct error *err);

/// The caller's own. `current` is needed where there is one. Ends all sessions.
/// Fails: ERR_MISSING_FIELD, ERR_INVALID_FIELD "current_password is wrong", ERR_RATE_LIMITED (see login.h)
MUST_USE bool platform_change_password(struct platform *platform, const struct caller *caller,
				       const char *current, const char *password, int64_t *out_retry_ms,
				       struct error *err);

/// For `atolld user password`: of the first user, or of `username` if not NULL. The operator of the data folder needs
/// no credential. *out_username is in the arena.
MUST_USE bool platform_set_operator_password(struct platform *platform, const char *username,
					     const char *password, struct arena *arena,
					     const char **out_username, struct error *err);

#endif
