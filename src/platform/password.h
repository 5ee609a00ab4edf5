/// password: what people choose and prove (argon2id).
///
/// A hash takes 64 MiB and some 50 ms on purpose. So only PASSWORDS_AT_ONCE of them are computed at a moment, some more
/// may wait, and who fails too often waits for the minute to pass: counted for each user and, five times as many, for
/// each client's address.
///
/// Threads: any worker.
#ifndef ATOLL_PLATFORM_PASSWORD_H
#define ATOLL_PLATFORM_PASSWORD_H

#include <stdint.h>

#include "base/crypt.h"

enum {
	PASSWORD_BYTES_MIN = 8,
	PASSWORD_BYTES_MAX = 1024,
	PASSWORDS_AT_ONCE = 2,
	PASSWORDS_WAITING_MAX = 32,
	PASSWORD_FAILURES_OF_ADDRESS = 5, // times those of a user
	PASSWORD_WINDOW_MS = 60000
};

struct passwords;

/// failures_max  of one user in a minute
struct passwords *passwords_create(int failures_max);
void passwords_destroy(struct passwords *passwords); // NULL is fine

/// Fails: ERR_INVALID_FIELD "password must have 8 to 1024 bytes"
MUST_USE bool password_check(const char *password, struct error *err);

/// Fails: ERR_INVALID_FIELD, ERR_RATE_LIMITED (too many at once), ERR_MEMORY
MUST_USE bool password_hash(struct passwords *passwords, const char *password,
			    char text[CRYPT_PASSWORD_TEXT_BYTES], struct error *err);

/// Who tries, and where from. `hash` is NULL for a user that does not exist or has no password: the attempt then takes as
/// long as any other, and fails.
struct password_attempt {
	const char *user;    // whatever names the same user always the same way
	const char *address; // NULL or "" if unknown
	const char *password;
	const char *hash;
};

/// *out_matches tells whether it is the password. *out_retry_ms tells, for ERR_RATE_LIMITED, when to come again.
/// Fails: ERR_RATE_LIMITED, ERR_MEMORY
MUST_USE bool password_try(struct passwords *passwords, const struct password_attempt *attempt,
			   bool *out_matches, int64_t *out_retry_ms, struct error *err);

#endif
