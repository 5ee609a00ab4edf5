// Credentials of a database: its tokens, and the passwords of its instances.

#include <string.h>

#include "base/trace.h"
#include "platform/data_token.h"

static void audit_credentials(struct store_txn *txn, const struct caller *caller,
			      const struct organization *organization, const struct database *database,
			      const char *code, const char *done, const char *authorization)
{
	char message[160];
	snprintf(message, sizeof(message), "%s of database %s", done, database->name);
	audit_add(txn, caller, organization->row, code, message,
		  (struct audit_datum[]){{"database", database->name},
					 {"uuid", database->uuid},
					 {authorization ? "authorization" : NULL, authorization},
					 {NULL, NULL}});
}

bool platform_mint_database_token(struct platform *platform, const struct caller *caller,
				  const struct organization *organization, const struct database *database,
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
	struct query *q = sql_org_query(txn, SQL_DATABASE_CREDENTIALS, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (query_step(q)) {
		const void *seed = query_blob(q, 1, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		jwt = data_token_write(&token, seed, "id", database->uuid, arena);
		query_run(q);
		audit_credentials(txn, caller, organization, database, "db-token-create", "created token",
				  token.read_only ? "read-only" : "full-access");
	}
	if (!store_commit(&txn, err))
		return false;
	if (!jwt)
		return database_not_found(err, database->name);
	*out_jwt = jwt;
	return true;
}

bool platform_rotate_database(struct platform *platform, const struct caller *caller,
			      const struct organization *organization, const struct database *database,
			      struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	uint8_t seed[CRYPT_SEED_BYTES];
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	crypt_random(seed, sizeof(seed));
	struct query *q = sql_org_query(txn, SQL_ROTATE_DATABASE, organization->row);
	query_bind_integer(q, ":database", database->row);
	query_bind_blob(q, ":seed", seed, sizeof(seed));
	bool rotated = query_run(q) > 0;
	explicit_bzero(seed, sizeof(seed));
	if (rotated) {
		q = sql_org_query(txn, SQL_FORGET_PASSWORDS, organization->row);
		query_bind_integer(q, ":database", database->row);
		query_run(q);
		audit_credentials(txn, caller, organization, database, "db-token-rotate",
				  "rotated credentials", NULL);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!rotated)
		return database_not_found(err, database->name);
	access_forget_database(platform->access, database->uuid);
	trace_info("database.rotated", "database", database->uuid);
	return true;
}
