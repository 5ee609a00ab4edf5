#include "platform/access.h"

#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "base/clock.h"
#include "platform/access_cache.h"
#include "platform/access_directory.h"
#include "platform/access_internal.h"
#include "platform/jwt.h"
#include "platform/store.h"

enum {
	LEEWAY_S = 60,
	SCHEME_BYTES_MAX = 32,
	CREDENTIAL_BYTES_MAX = SCHEME_BYTES_MAX + 1 + JWT_BYTES_MAX,
	HASH_SECRET_BYTES = 192,
	FORGET_SINGLY_MAX = 8
};

struct access {
	struct engine_database *store;
	struct directory *directory;
	struct access_cache *cache;
	uint8_t hash_secret[HASH_SECRET_BYTES];
};

// A credential in the form in which it is looked up: label, NUL, "scheme value".
struct presented {
	char label[LABEL_BYTES]; // lower-case
	const char *scheme;      // begins the header, or is a literal
	size_t scheme_size;
	const char *value;
	struct access_cache_key key;
};

// What a credential allows, and whose it is: the database's or, by_group, its group's.
struct verdict {
	bool by_group;
	bool read_only;
	int64_t expires_ms;
	uint8_t attach_count;
	uint8_t attach[ACCESS_ATTACH_MAX][ACCESS_UUID_BYTES];
};

struct access *access_create(struct engine_database *store)
{
	struct access *access = calloc(1, sizeof(*access));
	ASSERT(access);
	access->store = store;
	access->directory = directory_create(store);
	access->cache = access_cache_create();
	crypt_random(access->hash_secret, sizeof(access->hash_secret));
	return access;
}

void access_destroy(struct access *access)
{
	if (!access)
		return;
	access_cache_destroy(access->cache);
	directory_destroy(access->directory);
	explicit_bzero(access->hash_secret, sizeof(access->hash_secret));
	free(access);
}

void access_label_added(struct access *access)
{
	directory_label_added(access->directory);
}

void access_forget_database(struct access *access, const char *database)
{
	directory_forget_database(access->directory, database);
	access_cache_forget(access->cache, database);
}

// Beyond a few it is cheaper to check everybody anew than to look for those who are meant.
void access_forget_databases(struct access *access, const char *databases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		directory_forget_database(access->directory, databases + i * CRYPT_UUID_TEXT_BYTES);
	if (count > FORGET_SINGLY_MAX)
		access_cache_clear(access->cache);
	for (size_t i = 0; i < count && count <= FORGET_SINGLY_MAX; i++)
		access_cache_forget(access->cache, databases + i * CRYPT_UUID_TEXT_BYTES);
}

void access_forget_instances(struct access *access, const struct access_instance *instances, size_t count)
{
	for (size_t i = 0; i < count; i++)
		directory_forget_instance(access->directory, instances[i].database, instances[i].instance);
	if (count > FORGET_SINGLY_MAX)
		access_cache_clear(access->cache);
	for (size_t i = 0; i < count && count <= FORGET_SINGLY_MAX; i++)
		access_cache_forget(access->cache, instances[i].database);
}

void access_group_rotated(struct access *access, const char *group, const uint8_t key[CRYPT_PUBLIC_BYTES],
			  uint64_t epoch)
{
	directory_group_rotated(access->directory, group, key, epoch);
	access_cache_forget_group(access->cache, group);
}

bool access_is_current(struct access *access, const struct access_grant *grant)
{
	return directory_is_current(access->directory, grant->database, grant->group, grant->epoch);
}

static bool no_such_label(struct error *err, const char *label)
{
	return error_set(err, ERR_NAMESPACE_NOT_FOUND, "Namespace `%s` doesn't exist", label);
}

bool access_knows_label(struct access *access, const char *label)
{
	struct directory_entry entry;
	struct error ignored;
	char lower[LABEL_BYTES];
	return name_make_label(label, lower) && directory_find(access->directory, lower, &entry, &ignored);
}

// -- database tokens ----------------------------------------------------------------------------------

static bool invalid_jwt(struct error *err)
{
	return error_set(err, ERR_AUTH_JWT_INVALID, "The JWT is invalid");
}

// Seconds since 1970 in a claim. False when it is no number.
static bool read_date(const struct json *claim, double *out)
{
	enum json_kind kind = json_read_kind(claim);
	*out = json_read_number(claim);
	return kind == JSON_KIND_INTEGER || kind == JSON_KIND_REAL;
}

static bool check_dates(const struct json *claims, int64_t *out_expires_ms, struct error *err)
{
	const struct json *exp = json_read_get(claims, "exp");
	const struct json *nbf = json_read_get(claims, "nbf");
	double now = (double)clock_wall_ms() / 1000;
	double date;
	*out_expires_ms = INT64_MAX;
	if (exp) {
		if (!read_date(exp, &date))
			return invalid_jwt(err);
		if (date + LEEWAY_S <= now)
			return error_set(err, ERR_AUTH_JWT_EXPIRED, "The JWT has expired");
		// Beyond some 30 000 years the date is not worth its overflow.
		if (date < 1e12)
			*out_expires_ms = (int64_t)((date + LEEWAY_S) * 1000);
	}
	if (nbf) {
		if (!read_date(nbf, &date))
			return invalid_jwt(err);
		if (date - LEEWAY_S > now)
			return error_set(err, ERR_AUTH_JWT_IMMATURE, "The JWT is immature (not valid yet)");
	}
	return true;
}

static bool check_right(const struct json *claims, bool *out_read_only, struct error *err)
{
	const struct json *right = json_read_get(claims, "a");
	const char *text =
		right && json_read_kind(right) == JSON_KIND_TEXT ? json_read_text(right, NULL) : NULL;
	if (right &&
	    (!text || (strcmp(text, "rw") != 0 && strcmp(text, "ro") != 0 && strcmp(text, "roa") != 0)))
		return invalid_jwt(err);
	*out_read_only = text && strcmp(text, "rw") != 0;
	return true;
}

// The text of a claim; NULL when there is none. False when it is of another kind.
static bool read_text(const struct json *claims, const char *name, const char **out)
{
	const struct json *claim = json_read_get(claims, name);
	*out = claim && json_read_kind(claim) == JSON_KIND_TEXT ? json_read_text(claim, NULL) : NULL;
	return !claim || *out;
}

static bool is_signed_by_database(struct access *access, const struct jwt *jwt, const char *id)
{
	struct directory_entry other;
	struct error ignored;
	return id && strlen(id) < sizeof(other.database) &&
	       directory_find_database(access->directory, id, &other, &ignored) &&
	       jwt_is_signed_by(jwt, other.public_key);
}

static bool is_signed_by_group(struct access *access, const struct jwt *jwt, const char *gid)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	uint8_t key[CRYPT_PUBLIC_BYTES];
	struct error ignored;
	size_t size = 0;
	if (!gid || strlen(gid) >= CRYPT_UUID_TEXT_BYTES ||
	    !store_begin(access->store, STORE_READ, &txn, &ignored))
		return false;
	struct query *q = sql_query(txn, SQL_ACCESS_GROUP);
	query_bind_text(q, ":uuid", gid);
	bool exists = query_step(q);
	if (exists) {
		const void *seed = query_blob(q, 0, &size);
		ASSERT(size == CRYPT_SEED_BYTES);
		crypt_key_from_seed(seed, key);
		query_run(q);
	}
	return store_commit(&txn, &ignored) && exists && jwt_is_signed_by(jwt, key);
}

// Not signed by the database's key nor its group's: a good token of another one is told like a label that does not
// exist, everything else like the forgery it is.
static bool refuse_signature(struct access *access, const struct presented *presented, const struct jwt *jwt,
			     const char *id, const char *gid, struct error *err)
{
	if (is_signed_by_database(access, jwt, id) || is_signed_by_group(access, jwt, gid))
		return no_such_label(err, presented->label);
	return invalid_jwt(err);
}

static bool check_signature(struct access *access, const struct presented *presented,
			    const struct directory_entry *entry, const struct jwt *jwt, bool *out_by_group,
			    struct error *err)
{
	const char *id;
	const char *gid;
	if (!read_text(jwt->claims, "id", &id) || !read_text(jwt->claims, "gid", &gid))
		return invalid_jwt(err);
	bool ours = !gid || strcmp(gid, entry->group) == 0;
	*out_by_group = gid && ours && entry->group[0] && jwt_is_signed_by(jwt, entry->group_key);
	if (!*out_by_group && !jwt_is_signed_by(jwt, entry->public_key))
		return refuse_signature(access, presented, jwt, id, gid, err);
	if (!ours || (id && strcmp(id, entry->database) != 0))
		return no_such_label(err, presented->label);
	return true;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// 36 characters, lower-case.
static bool read_uuid(const char *text, uint8_t out[ACCESS_UUID_BYTES])
{
	size_t size = 0;
	for (const char *at = text; *at; at++) {
		if (*at == '-')
			continue;
		int high = hex_value(at[0]);
		int low = high < 0 ? -1 : hex_value(at[1]);
		if (low < 0 || size == ACCESS_UUID_BYTES)
			return false;
		out[size++] = (uint8_t)(high << 4 | low);
		at++;
	}
	return size == ACCESS_UUID_BYTES;
}

// "p":{"roa":{"ns":["…"]}}: databases that may be attached, read-only. Tokens come from here, so what does not fit is none:
// other rights of that claim would narrow what "a" says.
static bool check_attach(const struct json *claims, struct verdict *out, struct error *err)
{
	const struct json *permissions = json_read_get(claims, "p");
	const struct json *attach = permissions ? json_read_get(permissions, "roa") : NULL;
	const struct json *value;
	const char *name;
	void *at = NULL;
	if (permissions && json_read_kind(permissions) != JSON_KIND_OBJECT)
		return invalid_jwt(err);
	while (permissions && (at = json_read_next(permissions, at, &name, &value))) {
		if (strcmp(name, "roa") != 0)
			return invalid_jwt(err);
	}
	const struct json *names = attach ? json_read_get(attach, "ns") : NULL;
	size_t count = names ? json_read_size(names) : 0;
	if (count > ACCESS_ATTACH_MAX)
		return invalid_jwt(err);
	for (size_t i = 0; i < count; i++) {
		const char *uuid = json_read_text(json_read_at(names, i), NULL);
		if (!uuid || !read_uuid(uuid, out->attach[i]))
			return invalid_jwt(err);
	}
	out->attach_count = (uint8_t)count;
	return true;
}

static bool check_claims(struct access *access, const struct presented *presented,
			 const struct directory_entry *entry, const struct jwt *jwt, struct verdict *out,
			 struct error *err)
{
	if (!check_signature(access, presented, entry, jwt, &out->by_group, err))
		return false;
	if (json_read_get(jwt->claims, "aud"))
		return invalid_jwt(err);
	return check_dates(jwt->claims, &out->expires_ms, err) &&
	       check_right(jwt->claims, &out->read_only, err) && check_attach(jwt->claims, out, err);
}

static bool check_jwt(struct access *access, const struct presented *presented,
		      const struct directory_entry *entry, struct verdict *out, struct error *err)
{
	struct jwt jwt;
	if (!jwt_read(presented->value, &jwt))
		return invalid_jwt(err);
	bool ok = check_claims(access, presented, entry, &jwt, out, err);
	jwt_cleanup(&jwt);
	return ok;
}

// -- user and password --------------------------------------------------------------------------------

static bool texts_equal(const char *a, const char *b, size_t b_size)
{
	uint8_t hash_a[CRYPT_HASH_BYTES];
	uint8_t hash_b[CRYPT_HASH_BYTES];
	crypt_hash(a, strlen(a), hash_a);
	crypt_hash(b, b_size, hash_b);
	return crypt_equal(hash_a, hash_b, CRYPT_HASH_BYTES);
}

// The password of the instance that the label names, or of any when it names the database.
static bool password_matches(struct access *access, const struct directory_entry *entry, const char *password,
			     size_t size, bool *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	uint8_t hash[CRYPT_HASH_BYTES];
	bool matches = false;
	crypt_hash(password, size, hash);
	if (!store_begin(access->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_ACCESS_PASSWORDS);
	query_bind_text(q, ":uuid", entry->database);
	query_bind_text(q, ":instance", entry->instance);
	while (query_step(q)) {
		size_t stored_size;
		const void *stored = query_blob(q, 0, &stored_size);
		ASSERT(stored_size == CRYPT_HASH_BYTES);
		matches |= crypt_equal(stored, hash, CRYPT_HASH_BYTES);
	}
	if (!store_commit(&txn, err))
		return false;
	*out = matches;
	return true;
}

static bool check_basic(struct access *access, const struct presented *presented,
			const struct directory_entry *entry, struct verdict *out, struct error *err)
{
	OWNED(buffer) struct buffer pair = {0};
	bool matches = false;
	bool decoded = crypt_base64_decode(&pair, presented->value, strlen(presented->value), false);
	const char *colon = decoded && pair.size > 0 ? memchr(pair.data, ':', pair.size) : NULL;
	if (colon) {
		size_t user_size = (size_t)(colon - pair.data);
		if (!password_matches(access, entry, colon + 1, pair.size - user_size - 1, &matches, err))
			return false;
		matches &= texts_equal(entry->username, pair.data, user_size);
	}
	if (pair.size > 0)
		explicit_bzero(pair.data, pair.size);
	if (!matches)
		return error_set(err, ERR_AUTH_BASIC_REJECTED,
				 "The `Basic` HTTP authentication credentials were rejected");
	*out = (struct verdict){.read_only = false, .expires_ms = INT64_MAX};
	return true;
}

// -- checking -----------------------------------------------------------------------------------------

static bool is_scheme(const struct presented *presented, const char *scheme)
{
	return presented->scheme_size == strlen(scheme) &&
	       strncasecmp(presented->scheme, scheme, presented->scheme_size) == 0;
}

static bool is_ascii(const char *text)
{
	while (*text && (unsigned char)*text < 0x80)
		text++;
	return *text == '\0';
}

static bool check_credential(struct access *access, const struct presented *presented,
			     const struct directory_entry *entry, struct verdict *out, struct error *err)
{
	if (!is_ascii(presented->scheme))
		return error_set(err, ERR_AUTH_HEADER_MALFORMED, "Non-ASCII auth header");
	if (is_scheme(presented, "bearer"))
		return check_jwt(access, presented, entry, out, err);
	if (is_scheme(presented, "basic"))
		return check_basic(access, presented, entry, out, err);
	return error_set(err, ERR_AUTH_SCHEME,
			 "The authentication scheme in the `Authorization` HTTP header is not supported");
}

// Fast, and no cryptographic hash: its secret is as random as the process is young and its results never leave it.
// A collision could only be aimed at by who knows the other credential, and so holds what it would gain.
static struct access_cache_key hash_of(const struct access *access, const char *bytes, size_t size)
{
	XXH128_hash_t hash =
		XXH3_128bits_withSecret(bytes, size, access->hash_secret, sizeof(access->hash_secret));
	return (struct access_cache_key){{hash.low64, hash.high64}};
}

// The same for the same credential at the same database, whatever the label, and after a restart too: clients' batons are
// bound to it. A credential is high-entropy, so its hash needs no secret.
static uint64_t credential_id_of(const struct presented *presented, const char *database)
{
	char bytes[CRYPT_UUID_TEXT_BYTES + CREDENTIAL_BYTES_MAX];
	uint8_t hash[CRYPT_HASH_BYTES];
	uint64_t id;
	size_t size = strlen(presented->value);
	memcpy(bytes, database, CRYPT_UUID_TEXT_BYTES);
	memcpy(bytes + CRYPT_UUID_TEXT_BYTES, presented->value, size);
	crypt_hash(bytes, CRYPT_UUID_TEXT_BYTES + size, hash);
	memcpy(&id, hash, sizeof(id));
	return id;
}

static bool check_anew(struct access *access, const struct presented *presented, struct access_grant *out,
		       struct error *err)
{
	struct directory_entry entry;
	struct verdict verdict = {0};
	uint64_t changes = directory_changes(access->directory);
	if (!directory_find(access->directory, presented->label, &entry, err) ||
	    !check_credential(access, presented, &entry, &verdict, err))
		return false;
	struct access_grant grant = {.read_only = verdict.read_only,
				     .epoch = verdict.by_group ? entry.group_epoch : entry.epoch,
				     .attach_count = verdict.attach_count};
	if (verdict.by_group)
		memcpy(grant.group, entry.group, sizeof(grant.group));
	memcpy(grant.attach, verdict.attach, sizeof(grant.attach));
	memcpy(grant.database, entry.database, sizeof(grant.database));
	memcpy(grant.instance, entry.instance, sizeof(grant.instance));
	grant.credential_id = credential_id_of(presented, entry.database);
	access_cache_keep(access->cache, &presented->key, &grant, verdict.expires_ms, access->directory,
			  changes);
	*out = grant;
	return true;
}

// Without a good credential it still matters whether the label exists: that is told first.
static bool refuse(struct access *access, const char *label, enum error_code code, const char *text,
		   struct error *err)
{
	struct directory_entry entry;
	return directory_find(access->directory, label, &entry, err) && error_set(err, code, "%s", text);
}

static bool check(struct access *access, struct presented *presented, struct access_grant *out,
		  struct error *err)
{
	char bytes[LABEL_BYTES + CREDENTIAL_BYTES_MAX];
	size_t label_size = strlen(presented->label) + 1;
	size_t value_size = strnlen(presented->value, JWT_BYTES_MAX + 1);
	if (value_size > JWT_BYTES_MAX || presented->scheme_size > SCHEME_BYTES_MAX)
		return refuse(access, presented->label, ERR_AUTH_HEADER_MALFORMED,
			      "Auth string does not conform to '<scheme> <token>' form", err);
	memcpy(bytes, presented->label, label_size);
	memcpy(bytes + label_size, presented->scheme, presented->scheme_size);
	bytes[label_size + presented->scheme_size] = '\0';
	memcpy(bytes + label_size + presented->scheme_size + 1, presented->value, value_size);
	presented->key = hash_of(access, bytes, label_size + presented->scheme_size + 1 + value_size);
	return access_cache_find(access->cache, &presented->key, out) ||
	       check_anew(access, presented, out, err);
}

bool access_check(struct access *access, const char *label, const char *authorization,
		  struct access_grant *out, struct error *err)
{
	struct presented presented = {.scheme = authorization};
	if (!name_make_label(label, presented.label))
		return no_such_label(err, label);
	if (!authorization)
		return refuse(access, presented.label, ERR_AUTH_HEADER_NOT_FOUND,
			      "Expected authorization header but none given", err);
	const char *space = strchr(authorization, ' ');
	if (!space)
		return refuse(access, presented.label, ERR_AUTH_HEADER_MALFORMED,
			      "Auth string does not conform to '<scheme> <token>' form", err);
	presented.scheme_size = (size_t)(space - authorization);
	presented.value = space + strspn(space, " ");
	return check(access, &presented, out, err);
}

bool access_check_token(struct access *access, const char *label, const char *jwt, struct access_grant *out,
			struct error *err)
{
	static const char scheme[] = "Bearer";
	struct presented presented = {.scheme = scheme, .scheme_size = sizeof(scheme) - 1, .value = jwt};
	if (!name_make_label(label, presented.label))
		return no_such_label(err, label);
	if (!jwt)
		return refuse(access, presented.label, ERR_AUTH_HEADER_NOT_FOUND,
			      "Expected authorization header but none given", err);
	return check(access, &presented, out, err);
}

// -- attaching ----------------------------------------------------------------------------------------

static bool grant_names(const struct access_grant *grant, const char *database)
{
	uint8_t uuid[ACCESS_UUID_BYTES];
	for (size_t i = 0; i < grant->attach_count && read_uuid(database, uuid); i++) {
		if (memcmp(grant->attach[i], uuid, sizeof(uuid)) == 0)
			return true;
	}
	return false;
}

// Whether it exists is told to nobody who may not attach it.
bool access_find_attachable(struct access *access, const struct access_grant *grant, const char *name,
			    char out_database[CRYPT_UUID_TEXT_BYTES], struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	char found[CRYPT_UUID_TEXT_BYTES] = "";
	bool allowed = false;
	if (grant->attach_count > 0) {
		if (!store_begin(access->store, STORE_READ, &txn, err))
			return false;
		struct query *q = sql_query(txn, SQL_ACCESS_ATTACH);
		query_bind_text(q, ":uuid", grant->database);
		query_bind_text(q, ":name", name);
		if (query_step(q)) {
			snprintf(found, sizeof(found), "%s", query_text(q, 0));
			allowed = query_integer(q, 1) != 0;
			query_run(q);
		}
		if (!store_commit(&txn, err))
			return false;
	}
	if (!allowed || !grant_names(grant, found))
		return error_set(err, ERR_FORBIDDEN, "Namespace `%s` doesn't allow attach", name);
	memcpy(out_database, found, sizeof(found));
	return true;
}

// -- names --------------------------------------------------------------------------------------------

bool access_database_label(struct access *access, const struct access_grant *grant, char **out,
			   struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(text) char *label = NULL;
	if (!store_begin(access->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_ACCESS_DATABASE_LABEL);
	query_bind_text(q, ":uuid", grant->database);
	if (query_step(q)) {
		label = strdup(query_text(q, 0));
		ASSERT(label != NULL);
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	if (!label)
		return error_set(err, ERR_NAMESPACE_NOT_FOUND, "the database does not exist any more");
	*out = TAKE(label);
	return true;
}
