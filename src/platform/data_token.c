#include "platform/data_token.h"

#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "platform/expiration.h"
#include "platform/jwt.h"

static bool read_authorization(const char *text, bool *out_read_only, struct error *err)
{
	bool read_only = text && strcmp(text, "read-only") == 0;
	if (text && *text && !read_only && strcmp(text, "full-access") != 0)
		return error_set(err, ERR_INVALID_FIELD,
				 "invalid authorization: %s: use full-access or read-only", text);
	*out_read_only = read_only;
	return true;
}

static bool read_attach(struct platform *platform, struct store_txn *txn,
			const struct organization *organization, const struct database_token_wish *wish,
			struct arena *arena, struct data_token *out, struct error *err)
{
	struct database database;
	if (wish->attach_count > ACCESS_ATTACH_MAX)
		return error_set(err, ERR_INVALID_FIELD,
				 "permissions.read_attach.databases may name %d databases at most",
				 ACCESS_ATTACH_MAX);
	for (size_t i = 0; i < wish->attach_count; i++) {
		if (!database_find(platform, txn, organization, wish->attach[i], arena, &database))
			return error_set(err, ERR_INVALID_FIELD,
					 "permissions.read_attach.databases: could not find database %s",
					 wish->attach[i]);
		out->attach[i] = database.uuid;
	}
	out->attach_count = wish->attach_count;
	return true;
}

bool data_token_read(struct platform *platform, struct store_txn *txn,
		     const struct organization *organization, const struct database_token_wish *wish,
		     struct arena *arena, struct data_token *out, struct error *err)
{
	*out = (struct data_token){0};
	if (!expiration_parse(wish->expiration, &out->expires_after_ns))
		return error_set(err, ERR_INVALID_EXPIRATION, "Invalid expiration format");
	return read_authorization(wish->authorization, &out->read_only, err) &&
	       read_attach(platform, txn, organization, wish, arena, out, err);
}

static void write_attach(struct json_writer *w, const struct data_token *token)
{
	json_write_key(w, "p");
	json_write_object(w);
	json_write_key(w, "roa");
	json_write_object(w);
	json_write_key(w, "ns");
	json_write_array(w);
	for (size_t i = 0; i < token->attach_count; i++)
		json_write_text(w, token->attach[i]);
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

const char *data_token_write(const struct data_token *token, const uint8_t seed[CRYPT_SEED_BYTES],
			     const char *claim, const char *uuid, struct arena *arena)
{
	OWNED(buffer) struct buffer claims = {0};
	OWNED(buffer) struct buffer jwt = {0};
	struct json_writer w = json_write_to(&claims);
	int64_t now_ms = clock_wall_ms();
	json_write_object(&w);
	json_write_member_text(&w, "a", token->read_only ? "ro" : "rw");
	if (token->expires_after_ns > 0)
		json_write_member_integer(&w, "exp",
					  now_ms / 1000 +
						  (token->expires_after_ns / 1000000 + now_ms % 1000) / 1000);
	json_write_member_text(&w, claim, uuid);
	json_write_member_integer(&w, "iat", now_ms / 1000);
	if (token->attach_count > 0)
		write_attach(&w, token);
	json_write_end_object(&w);
	jwt_write(seed, &claims, &jwt);
	return arena_copy(arena, jwt.data, jwt.size);
}
