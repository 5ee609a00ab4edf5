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

/// code  spec/platform-api.md §2.12, and besides it "db-token-rotate", "user-token-revoke", "user-update",
///       "user-sessions-end", "org-member-update", "org-invite-create", "org-invite-delete", "org-invite-decline", "backup-create", "backup-delete",
///       "org-set-require-mfa"
/// The transaction fails with ERR_ORG_NOT_FOUND when the organization was removed since it was found.
void audit_add(struct store_txn *txn, const struct caller *caller, int64_t organization, const char *code,
	       const char *message, const struct audit_datum *data);

struct audit_entry {
	const char *code;
	const char *message;
	const char *author;
	const char *origin;
	const char *address; // "" if unknown
	const char *data;    // a JSON object
	int64_t created_ms;
};

/// Newest first; page counts from 1, and one past the end is empty. *out_total is the number of all.
struct organization;
MUST_USE bool platform_list_audit(struct platform *platform, const struct organization *organization,
				  int64_t page, int64_t page_size, struct arena *arena,
				  struct audit_entry **out, size_t *out_count, int64_t *out_total,
				  struct error *err);

#endif
