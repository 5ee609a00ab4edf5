// Tokens that open a database. Each database signs with a key of its own: whoever replaces it ends all of them
// within the same second, where a comparison with `iat` could not tell old from new.

#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/trace.h"
#include "platform/expiration.h"
#include "platform/internal.h"
#include "platform/jwt.h"

static const char *write_token(const uint8_t seed[CRYPT_SEED_BYTES], const char *database, bool read_only,
			       int64_t expires_after_ns, struct arena *arena)
{
	OWNED(buffer) struct buffer claims = {0};
	OWNED(buffer) struct buffer jwt = {0};
	struct json_writer w = json_write_to(&claims);
	int64_t now_ms = clock_wall_ms();
	json_write_object(&w);
	json_write_member_text(&w, "a", read_only ? "ro" : "rw");
	if (expires_after_ns > 0)
		json_write_member_integer(
			&w, "exp", now_ms / 1000 + (expires_after_ns / 1000000 + now_ms % 1000) / 1000);
	json_write_member_integer(&w, "iat", now_ms / 1000);
	json_write_member_text(&w, "id", database);
	json_write_end_object(&w);
	jwt_write(seed, &claims, &jwt);
	return arena_copy(arena, jwt.data, jwt.size);
}

static bool read_authorization(const char *text, bool *out_read_only, struct error *err)
{
	bool read_only = text && strcmp(text, "read-only") == 0;
	if (text && *text && !read_only && strcmp(text, "full-access") != 0)
		return error_set(err, ERR_INVALID_FIELD,
				 "invalid authorization: %s: use full-access or read-only", text);
	*out_read_only = read_only;
	return true;
}

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
				  const char *expiration, const char *authorization, struct arena *arena,
				  const char **out_jwt, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	int64_t expires_after_ns = 0;
	bool read_only = false;
	const char *jwt = NULL;
	size_t size = 0;
	if (!expiration_parse(expiration, &expires_after_ns))
		return error_set(err, ERR_INVALID_EXPIRATION, "Invalid expiration format");
	if (!read_authorization(authorization, &read_only, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_DATABASE_CREDENTIALS, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (query_step(q)) {
		const void *seed = query_blob(q, 1, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		jwt = write_token(seed, database->uuid, read_only, expires_after_ns, arena);
		query_run(q);
		audit_credentials(txn, caller, organization, database, "db-token-create", "created token",
				  read_only ? "read-only" : "full-access");
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
