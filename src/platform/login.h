/// login: from a password to a token that is good for some days. A login token is a platform token of kind 'login' whose
/// JWT carries `exp` beside `jti`; all of a user's end together.
///
/// Wrong user and wrong password take the same time and are told by the same words. Who fails too often is sent away for
/// a while (password.h): ERR_RATE_LIMITED, and *out_retry_ms says for how long.
#ifndef ATOLL_PLATFORM_LOGIN_H
#define ATOLL_PLATFORM_LOGIN_H

#include "platform/platform.h"

enum { SESSIONS_MAX = 100 }; // of a user; the oldest gives way

struct session {
	const char *jwt; // to be shown once
	const char *username;
	int64_t expires_ms;
};

/// username  or an e-mail address
/// address   of the client; NULL if unknown
/// Fails: ERR_UNAUTHORIZED "invalid username or password", ERR_RATE_LIMITED
MUST_USE bool platform_login(struct platform *platform, const char *username, const char *password,
			     const char *address, struct arena *arena, struct session *out,
			     int64_t *out_retry_ms, struct error *err);

/// Every login token of the caller stops working before this returns. Platform tokens go on.
MUST_USE bool platform_end_sessions(struct platform *platform, const struct caller *caller,
				    int64_t *out_valid_from_ms, struct error *err);

#endif
