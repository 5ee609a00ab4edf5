/// data_token: tokens for the data plane, written. A database signs its own, a group those that open all its databases:
/// whoever replaces the key ends all of them within the same second, where a comparison with `iat` could not tell old
/// from new. access.h checks them.
#ifndef ATOLL_PLATFORM_DATA_TOKEN_H
#define ATOLL_PLATFORM_DATA_TOKEN_H

#include "platform/internal.h"

/// A wish, read and checked.
struct data_token {
	bool read_only;
	int64_t expires_after_ns; // 0 = never
	size_t attach_count;
	const char *attach[ACCESS_ATTACH_MAX]; // UUIDs
};

/// Fails: ERR_INVALID_EXPIRATION, ERR_INVALID_FIELD (also a database that the caller does not see)
MUST_USE bool data_token_read(struct platform *platform, struct store_txn *txn,
			      const struct organization *organization, const struct database_token_wish *wish,
			      struct arena *arena, struct data_token *out, struct error *err);

/// `claim` is "id" or "gid", `uuid` the database's or the group's.
const char *data_token_write(const struct data_token *token, const uint8_t seed[CRYPT_SEED_BYTES],
			     const char *claim, const char *uuid, struct arena *arena);

#endif
