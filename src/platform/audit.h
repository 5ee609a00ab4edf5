/// audit: who changed what. A row is written in the transaction of the change itself.
#ifndef ATOLL_PLATFORM_AUDIT_H
#define ATOLL_PLATFORM_AUDIT_H

#include "engine/query.h"
#include "platform/platform.h"

/// One pair of the row's data; ends with a NULL key.
struct audit_datum {
	const char *key; // needs no escaping
	const char *value;
};

/// code  spec/platform-api.md §2.12, and besides it "db-token-rotate" and "user-token-revoke"
void audit_add(struct store_txn *txn, const struct caller *caller, int64_t organization, const char *code,
	       const char *message, const struct audit_datum *data);

#endif
