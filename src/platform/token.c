#include "platform/token.h"

#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "platform/internal.h"
#include "platform/jwt.h"
#include "platform/scope.h"

enum { ID_BYTES = 16 };

bool token_seed_open(struct platform *platform, struct error *err)
{
	static const char name[] = "platform-token";
	OWNED(store_txn) struct store_txn *txn = NULL;
	size_t size = 0;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_FIND_SECRET);
	query_bind_text(q, ":name", name);
	if (query_step(q)) {
		const void *seed = query_blob(q, 0, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		memcpy(platform->token_seed, seed, size);
		query_run(q);
	} else {
		crypt_random(platform->token_seed, CRYPT_SEED_BYTES);
		q = sql_query(txn, SQL_ADD_SECRET);
		query_bind_text(q, ":name", name);
		query_bind_blob(q, ":seed", platform->token_seed, CRYPT_SEED_BYTES);
		query_run(q);
	}
	crypt_key_from_seed(platform->token_seed, platform->token_public);
	return store_commit(&txn, err);
}

const char *token_write(const struct platform *platform, struct arena *arena, const char *id,
			int64_t expires_s)
{
	OWNED(buffer) struct buffer claims = {0};
	OWNED(buffer) struct buffer jwt = {0};
	struct json_writer w = json_write_to(&claims);
	json_write_object(&w);
	json_write_member_text(&w, "jti", id);
	if (expires_s)
		json_write_member_integer(&w, "exp", expires_s);
	json_write_end_object(&w);
	jwt_write(platform->token_seed, &claims, &jwt);
	return arena_copy(arena, jwt.data, jwt.size);
}

const char *token_make_id(struct arena *arena)
{
	OWNED(buffer) struct buffer id = {0};
	uint8_t random[ID_BYTES];
	crypt_random(random, sizeof(random));
	crypt_base64_encode(&id, random, sizeof(random), true);
	return arena_copy(arena, id.data, id.size);
}

const char *token_add(struct platform *platform, struct store_txn *txn, const struct token_row *row,
		      struct arena *arena, const char **out_id)
{
	const char *id = token_make_id(arena);
	struct query *q = sql_query(txn, SQL_ADD_TOKEN);
	query_bind_text(q, ":id", id);
	query_bind_integer(q, ":user", row->user);
	query_bind_text(q, ":name", row->name);
	query_bind_integer(q, ":only", row->organization);
	query_bind_text(q, ":group", row->group_uuid);
	query_bind_text(q, ":scopes", row->group_uuid ? scope_write(row->scopes, arena) : NULL);
	query_bind_integer(q, ":now", clock_wall_ms());
	query_run(q);
	*out_id = id;
	return token_write(platform, arena, id, 0);
}

static void read_expiry(const struct jwt *token, int64_t *out_ms)
{
	const struct json *claim = json_read_get(token->claims, "exp");
	int64_t ms;
	if (claim && json_read_kind(claim) == JSON_KIND_INTEGER &&
	    !__builtin_mul_overflow(json_read_integer(claim), 1000, &ms))
		*out_ms = ms;
}

// The id that a token of ours names; NULL for anything else. *out_expires_ms stays for one that never expires.
static const char *read_id(const struct platform *platform, const char *jwt, struct arena *arena,
			   int64_t *out_expires_ms)
{
	struct jwt token;
	const char *id = NULL;
	if (!jwt_read(jwt, &token))
		return NULL;
	const struct json *claim = json_read_get(token.claims, "jti");
	if (claim && json_read_kind(claim) == JSON_KIND_TEXT &&
	    jwt_is_signed_by(&token, platform->token_public)) {
		id = arena_text(arena, json_read_text(claim, NULL));
		read_expiry(&token, out_expires_ms);
	}
	jwt_cleanup(&token);
	return id;
}

// Columns: user, username, email, administrator, organization, group, scopes, expiry.
static struct caller caller_in(struct arena *arena, struct query *q)
{
	struct caller caller = {
		.user = query_integer(q, 0),
		.username = sql_text_in(arena, q, 1),
		.email = sql_text_in(arena, q, 2),
		.administrator = query_integer(q, 3) != 0,
		.organization = query_integer(q, 4),
		.group = query_integer(q, 5),
		.scopes = SCOPE_ALL | SCOPE_ORGANIZATION | SCOPE_ACCOUNT,
		.expires_ms = query_is_null(q, 7) ? INT64_MAX : query_integer(q, 7),
		.origin = "web",
	};
	if (caller.organization)
		caller.scopes = SCOPE_ALL | SCOPE_ORGANIZATION;
	if (!query_is_null(q, 6))
		caller.scopes = scope_read(query_text(q, 6));
	return caller;
}

bool platform_authenticate(struct platform *platform, const char *jwt, struct arena *arena,
			   struct caller *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct caller caller = {.origin = "web"};
	bool revoked = false;
	int64_t expires_ms = INT64_MAX;
	const char *id = read_id(platform, jwt, arena, &expires_ms);
	if (!id)
		return error_set(err, ERR_UNAUTHORIZED, "invalid token");
	// Rows of expired tokens are cleared away, so the token itself must say it.
	if (expires_ms <= clock_wall_ms())
		return error_set(err, ERR_TOKEN_EXPIRED, "token expired");
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_AUTHENTICATE);
	query_bind_text(q, ":id", id);
	bool known = query_step(q);
	if (known) {
		caller = caller_in(arena, q);
		revoked = query_integer(q, 8) != 0;
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!known)
		return error_set(err, ERR_UNAUTHORIZED, "invalid token");
	if (revoked)
		return error_set(err, ERR_TOKEN_REVOKED, "token has been revoked");
	*out = caller;
	return true;
}

// -- listing ------------------------------------------------------------------------------------------

// Columns: TOKEN_COLUMNS of sql_account.def.
static struct token token_in(struct arena *arena, struct query *q)
{
	return (struct token){
		.id = sql_text_in(arena, q, 0),
		.name = sql_text_in(arena, q, 1),
		.organization = query_is_null(q, 2) ? NULL : sql_text_in(arena, q, 2),
		.group = query_is_null(q, 3) ? NULL : sql_text_in(arena, q, 3),
		.scopes = scope_read(query_text(q, 4)),
		.created_ms = query_integer(q, 5),
		.username = sql_text_in(arena, q, 6),
		.email = sql_text_in(arena, q, 7),
	};
}

static bool list(struct store_txn **txn, struct query *q, struct arena *arena, struct token **out,
		 size_t *out_count, struct error *err)
{
	OWNED(buffer) struct buffer rows = {0};
	while (query_step(q)) {
		struct token token = token_in(arena, q);
		buffer_append(&rows, &token, sizeof(token));
	}
	if (!store_commit(txn, err))
		return false;
	*out = rows_in(arena, &rows);
	*out_count = rows.size / sizeof(struct token);
	return true;
}

bool platform_list_tokens(struct platform *platform, const struct caller *caller, struct arena *arena,
			  struct token **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_LIST_TOKENS);
	query_bind_integer(q, ":user", caller->user);
	query_bind_integer(q, ":only", caller->organization);
	query_bind_integer(q, ":group", caller->group);
	return list(&txn, q, arena, out, out_count, err);
}

// Administrators of the organization see what everybody's automations may do in it.
static int64_t whose(const struct caller *caller, const struct organization *organization)
{
	return organization->role >= ROLE_ADMIN ? 0 : caller->user;
}

bool platform_list_organization_tokens(struct platform *platform, const struct caller *caller,
				       const struct organization *organization, struct arena *arena,
				       struct token **out, size_t *out_count, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_LIST_ORGANIZATION_TOKENS, organization->row);
	query_bind_integer(q, ":user", whose(caller, organization));
	return list(&txn, q, arena, out, out_count, err);
}

// -- minting ------------------------------------------------------------------------------------------

static bool name_is_taken(struct store_txn *txn, int64_t user, const char *name)
{
	struct query *q = sql_query(txn, SQL_FIND_TOKEN);
	query_bind_integer(q, ":user", user);
	query_bind_text(q, ":name", name);
	return sql_has_row(q);
}

static void audit_token(struct store_txn *txn, const struct caller *caller, int64_t organization,
			const char *code, const char *done, const char *name)
{
	char message[160];
	snprintf(message, sizeof(message), "%s API token %s", done, name);
	audit_add(txn, caller, organization ? organization : organization_personal(txn, caller->user), code,
		  message, (struct audit_datum[]){{"name", name}, {NULL, NULL}});
}

static bool check_wish(const struct token_wish *wish, struct error *err)
{
	if (!name_is_for_token(wish->name))
		return error_set(err, ERR_INVALID_NAME,
				 "invalid token name: use 1 to 64 of A-Z, a-z, 0-9, \".\", \"_\" and \"-\","
				 " and not \"validate\"");
	if (wish->group && !wish->organization)
		return error_set(err, ERR_BAD_REQUEST, "group needs organization beside it");
	if (wish->group && !wish->scopes)
		return error_set(err, ERR_BAD_REQUEST, "group needs scopes beside it");
	if (wish->scopes && !wish->group)
		return error_set(err, ERR_BAD_REQUEST, "scopes need organization and group beside them");
	return true;
}

// What the token is to be good for; nothing of it is wider than the caller's own.
static bool find_bounds(struct platform *platform, const struct caller *caller, const struct token_wish *wish,
			struct arena *arena, struct organization *organization, struct group *group,
			struct error *err)
{
	if (wish->organization &&
	    !platform_enter_organization(platform, caller, wish->organization, arena, organization, err))
		return false;
	if (caller->organization && !organization->row)
		return error_set(err, ERR_INSUFFICIENT_SCOPE,
				 "this token is good for one organization only and cannot mint one for all:"
				 " name the organization");
	if (wish->group && organization->role < ROLE_ADMIN)
		return error_set(err, ERR_INSUFFICIENT_ROLE,
				 "minting a token for a group needs the role admin in organization %s",
				 organization->slug);
	if (caller->group && (!wish->group || (wish->scopes & ~caller->scopes)))
		return error_set(err, ERR_INSUFFICIENT_SCOPE,
				 "this token is good for one group only and cannot mint a wider one");
	return !wish->group || platform_find_group(platform, organization, wish->group, arena, group, err);
}

bool platform_mint_token(struct platform *platform, const struct caller *caller,
			 const struct token_wish *wish, struct arena *arena, struct token *out,
			 const char **out_secret, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct organization only = {0};
	struct group group = {0};
	if (!check_wish(wish, err) || !find_bounds(platform, caller, wish, arena, &only, &group, err) ||
	    !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	if (name_is_taken(txn, caller->user, wish->name))
		return error_set(err, ERR_ALREADY_EXISTS, "token with name %s already exists", wish->name);
	const struct token_row row = {.user = caller->user,
				      .name = wish->name,
				      .organization = only.row,
				      .group_uuid = group.uuid,
				      .scopes = wish->scopes};
	struct token token = {.name = wish->name,
			      .organization = only.slug,
			      .group = group.name,
			      .scopes = wish->scopes,
			      .created_ms = clock_wall_ms()};
	const char *secret = token_add(platform, txn, &row, arena, &token.id);
	audit_token(txn, caller, only.row, "user-token-create", "created", wish->name);
	if (!store_commit(&txn, err))
		return false;
	*out = token;
	*out_secret = secret;
	return true;
}

const char *token_mint_named(struct platform *platform, struct store_txn *txn, const struct caller *caller,
			     const char *name, struct arena *arena)
{
	const char *id;
	const struct token_row row = {.user = caller->user, .name = name};
	const char *secret = token_add(platform, txn, &row, arena, &id);
	audit_token(txn, caller, 0, "user-token-create", "created", name);
	return secret;
}

bool platform_mint_operator_token(struct platform *platform, const char *username, struct arena *arena,
				  const char **out_secret, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char name[NAME_BYTES];
	const char *id;
	struct caller caller = {.origin = "cli"};
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find_operator(txn, username, arena, &caller, err))
		return false;
	do {
		snprintf(name, sizeof(name), "operator-");
		crypt_random_hex(4, name + strlen(name));
	} while (name_is_taken(txn, caller.user, name));
	const struct token_row row = {.user = caller.user, .name = name};
	const char *secret = token_add(platform, txn, &row, arena, &id);
	audit_token(txn, &caller, 0, "user-token-create", "operator created", name);
	if (!store_commit(&txn, err))
		return false;
	*out_secret = secret;
	return true;
}

// -- revoking -----------------------------------------------------------------------------------------

bool platform_revoke_token(struct platform *platform, const struct caller *caller, const char *name,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_REVOKE_TOKEN);
	query_bind_integer(q, ":user", caller->user);
	query_bind_text(q, ":name", name);
	query_bind_integer(q, ":only", caller->organization);
	query_bind_integer(q, ":group", caller->group);
	query_bind_integer(q, ":now", clock_wall_ms());
	bool revoked = query_step(q);
	if (revoked) {
		int64_t organization = query_integer(q, 0);
		query_run(q);
		audit_token(txn, caller, organization, "user-token-revoke", "revoked", name);
	}
	if (!store_commit(&txn, err))
		return false;
	return revoked || error_set(err, ERR_TOKEN_NOT_FOUND, "could not find token %s", name);
}

bool platform_revoke_organization_token(struct platform *platform, const struct caller *caller,
					const struct organization *organization, const char *id,
					struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char name[NAME_BYTES];
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_REVOKE_ORGANIZATION_TOKEN, organization->row);
	query_bind_text(q, ":id", id);
	query_bind_integer(q, ":user", whose(caller, organization));
	query_bind_integer(q, ":now", clock_wall_ms());
	bool revoked = query_step(q);
	if (revoked) {
		snprintf(name, sizeof(name), "%s", query_text(q, 0));
		query_run(q);
		audit_token(txn, caller, organization->row, "user-token-revoke", "revoked", name);
	}
	if (!store_commit(&txn, err))
		return false;
	return revoked || error_set(err, ERR_TOKEN_NOT_FOUND, "token not found");
}
