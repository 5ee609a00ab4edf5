// The tokens of a group, each of which opens all its databases.

#include <string.h>

#include "base/trace.h"
#include "platform/data_token.h"

bool platform_mint_group_token(struct platform *platform, const struct caller *caller,
			       const struct organization *organization, const struct group *group,
			       const struct database_token_wish *wish, struct arena *arena,
			       const char **out_jwt, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct data_token token;
	const char *jwt = NULL;
	size_t size = 0;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !data_token_read(platform, txn, organization, wish, arena, &token, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_GROUP_CREDENTIALS, organization->row);
	query_bind_integer(q, ":group", group->row);
	if (query_step(q)) {
		const void *seed = query_blob(q, 0, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		jwt = data_token_write(&token, seed, "gid", group->uuid, arena);
		query_run(q);
		group_audit(txn, caller, organization, "group-token-create", "created token of", group,
			    "authorization", token.read_only ? "read-only" : "full-access");
	}
	if (!store_commit(&txn, err))
		return false;
	if (!jwt)
		return group_not_found(err);
	*out_jwt = jwt;
	return true;
}

bool platform_rotate_group(struct platform *platform, const struct caller *caller,
			   const struct organization *organization, const struct group *group,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	uint8_t seed[CRYPT_SEED_BYTES];
	uint8_t key[CRYPT_PUBLIC_BYTES];
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	crypt_random(seed, sizeof(seed));
	crypt_key_from_seed(seed, key);
	struct query *q = sql_org_query(txn, SQL_ROTATE_GROUP, organization->row);
	query_bind_integer(q, ":group", group->row);
	query_bind_blob(q, ":seed", seed, sizeof(seed));
	int64_t epoch = sql_single(q);
	explicit_bzero(seed, sizeof(seed));
	if (epoch > 0)
		group_audit(txn, caller, organization, "group-token-rotate", "rotated credentials of", group,
			    NULL, NULL);
	if (!store_commit(&txn, err))
		return false;
	if (epoch == 0)
		return group_not_found(err);
	access_group_rotated(platform->access, group->uuid, key, (uint64_t)epoch);
	trace_info("group.rotated", "group", group->uuid);
	return true;
}
