#include "platform/oauth.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "platform/internal.h"

enum { SECRET_LENGTH_MIN = 16, CHALLENGE_LENGTH = 43, VERIFIER_LENGTH_MAX = 128 };

static const char verifier_characters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

struct client {
	const char *id;
	const char *redirect;
	uint8_t secret_hash[CRYPT_HASH_BYTES];
};

struct code {
	uint8_t hash[CRYPT_HASH_BYTES];
	const struct client *client; // NULL: the place is free
	int64_t user;
	char challenge[CHALLENGE_LENGTH + 1];
	int64_t expires_ms; // monotonic
};

struct oauth {
	struct arena arena;
	struct buffer clients; // of struct client; fixed once open

	pthread_mutex_t mutex;
	struct code codes[OAUTH_CODES_MAX]; // guarded by mutex
	size_t next;                        // guarded by mutex; the place that gives way
};

// -- applications -------------------------------------------------------------------------------------

static bool is_safe_target(const char *url)
{
	return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://localhost", 16) == 0 ||
	       strncmp(url, "http://127.0.0.1", 16) == 0;
}

// "ID SECRET URL"
static bool read_client(struct oauth *oauth, char *text, struct error *err)
{
	char *at;
	const char *id = strtok_r(text, " \t", &at);
	const char *secret = id ? strtok_r(NULL, " \t", &at) : NULL;
	const char *url = secret ? strtok_r(NULL, " \t", &at) : NULL;
	if (!id)
		return true;
	if (!url || strtok_r(NULL, " \t", &at))
		return error_set(err, ERR_USAGE, "oauth-clients: each is ID SECRET URL");
	if (!name_is_for_token(id))
		return error_set(err, ERR_USAGE, "oauth-clients: %.64s is no name of a client", id);
	if (strlen(secret) < SECRET_LENGTH_MIN)
		return error_set(err, ERR_USAGE,
				 "oauth-clients: the secret of %s is shorter than %d characters", id,
				 SECRET_LENGTH_MIN);
	if (!is_safe_target(url) || strchr(url, '#'))
		return error_set(err, ERR_USAGE,
				 "oauth-clients: the URL of %s must begin with https:// (or be on localhost)"
				 " and have no fragment",
				 id);
	struct client client = {.id = arena_text(&oauth->arena, id),
				.redirect = arena_text(&oauth->arena, url)};
	crypt_hash(secret, strlen(secret), client.secret_hash);
	buffer_append(&oauth->clients, &client, sizeof(client));
	return true;
}

bool oauth_open(const char *clients, struct oauth **out, struct error *err)
{
	OWNED(text) char *text = strdup(clients ? clients : "");
	struct oauth *oauth = calloc(1, sizeof(*oauth));
	ASSERT(oauth && text);
	pthread_mutex_init(&oauth->mutex, NULL);
	char *at;
	for (char *one = strtok_r(text, ";", &at); one; one = strtok_r(NULL, ";", &at)) {
		if (!read_client(oauth, one, err)) {
			oauth_close(oauth);
			return false;
		}
	}
	*out = oauth;
	return true;
}

void oauth_close(struct oauth *oauth)
{
	if (!oauth)
		return;
	pthread_mutex_destroy(&oauth->mutex);
	buffer_cleanup(&oauth->clients);
	arena_cleanup(&oauth->arena);
	free(oauth);
}

static const struct client *find_client(const struct oauth *oauth, const char *id)
{
	const struct client *clients = (const void *)oauth->clients.data;
	for (size_t i = 0; i < oauth->clients.size / sizeof(struct client); i++) {
		if (strcmp(clients[i].id, id) == 0)
			return &clients[i];
	}
	return NULL;
}

// -- codes --------------------------------------------------------------------------------------------

static void keep_code(struct oauth *oauth, const struct code *code)
{
	pthread_mutex_lock(&oauth->mutex);
	oauth->codes[oauth->next] = *code;
	oauth->next = (oauth->next + 1) % OAUTH_CODES_MAX;
	pthread_mutex_unlock(&oauth->mutex);
}

// Whoever shows a code has spent it, right or wrong.
static bool take_code(struct oauth *oauth, const char *text, struct code *out)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	bool found = false;
	crypt_hash(text, strlen(text), hash);
	pthread_mutex_lock(&oauth->mutex);
	for (size_t i = 0; i < OAUTH_CODES_MAX && !found; i++) {
		struct code *code = &oauth->codes[i];
		if (code->client && crypt_equal(code->hash, hash, sizeof(hash))) {
			found = code->expires_ms > clock_monotonic_ms();
			*out = *code;
			*code = (struct code){0};
			break;
		}
	}
	pthread_mutex_unlock(&oauth->mutex);
	return found;
}

// -- a user lets an application in --------------------------------------------------------------------

static bool require(const char *value, const char *name, struct error *err)
{
	return value || error_set(err, ERR_MISSING_FIELD, "%s is required", name);
}

static bool require_word(const char *value, const char *name, const char *word, struct error *err)
{
	return require(value, name, err) &&
	       (strcmp(value, word) == 0 || error_set(err, ERR_INVALID_FIELD, "%s must be %s", name, word));
}

static bool check_request(const struct oauth_request *request, struct error *err)
{
	if (!require(request->client_id, "client_id", err) ||
	    !require(request->redirect_uri, "redirect_uri", err) ||
	    !require_word(request->response_type, "response_type", "code", err) ||
	    !require_word(request->challenge_method, "code_challenge_method", "S256", err) ||
	    !require(request->challenge, "code_challenge", err))
		return false;
	if (strlen(request->challenge) != CHALLENGE_LENGTH ||
	    strspn(request->challenge, verifier_characters) != CHALLENGE_LENGTH)
		return error_set(err, ERR_INVALID_FIELD,
				 "code_challenge must be a SHA-256 hash in base64url");
	return true;
}

static void append_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (strchr(verifier_characters, *text))
			buffer_append_byte(out, *text);
		else
			buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
	}
}

bool platform_oauth_authorize(struct platform *platform, const struct caller *caller,
			      const struct oauth_request *request, struct arena *arena,
			      const char **out_location, struct error *err)
{
	OWNED(buffer) struct buffer location = {0};
	char secret[CRYPT_SECRET_TEXT_BYTES];
	if (!check_request(request, err))
		return false;
	// Only who is known is led to: no answer of ours sends a code to a place that anybody chose.
	const struct client *client = find_client(platform->oauth, request->client_id);
	if (!client)
		return error_set(err, ERR_INVALID_FIELD, "client_id is not known here");
	if (strcmp(client->redirect, request->redirect_uri) != 0)
		return error_set(err, ERR_INVALID_FIELD, "redirect_uri is not the one of the client");
	struct code code = {
		.client = client, .user = caller->user, .expires_ms = clock_monotonic_ms() + OAUTH_CODE_MS};
	crypt_secret(secret);
	crypt_hash(secret, strlen(secret), code.hash);
	memcpy(code.challenge, request->challenge, CHALLENGE_LENGTH);
	keep_code(platform->oauth, &code);
	buffer_printf(&location, "%s%ccode=%s", client->redirect, strchr(client->redirect, '?') ? '&' : '?',
		      secret);
	if (request->state) {
		buffer_append_text(&location, "&state=");
		append_escaped(&location, request->state);
	}
	*out_location = arena_text(arena, buffer_text(&location));
	return true;
}

// -- the application gets its token -------------------------------------------------------------------

static bool check_client(struct platform *platform, const struct oauth_exchange *exchange,
			 const struct client **out, struct error *err)
{
	uint8_t hash[CRYPT_HASH_BYTES];
	const char *secret = exchange->client_secret ? exchange->client_secret : "";
	const struct client *client =
		exchange->client_id ? find_client(platform->oauth, exchange->client_id) : NULL;
	crypt_hash(secret, strlen(secret), hash);
	if (!client || !crypt_equal(client->secret_hash, hash, sizeof(hash)))
		return error_set(err, ERR_UNAUTHORIZED, "unknown client, or wrong secret");
	*out = client;
	return true;
}

static bool fits_challenge(const char *verifier, const char *challenge)
{
	OWNED(buffer) struct buffer made = {0};
	uint8_t hash[CRYPT_SHA256_BYTES];
	size_t length = strlen(verifier);
	if (length < CHALLENGE_LENGTH || length > VERIFIER_LENGTH_MAX ||
	    strspn(verifier, verifier_characters) != length)
		return false;
	crypt_sha256(verifier, length, hash);
	crypt_base64_encode(&made, hash, sizeof(hash), true);
	return made.size == CHALLENGE_LENGTH && crypt_equal(made.data, challenge, CHALLENGE_LENGTH);
}

bool platform_oauth_exchange(struct platform *platform, const struct caller *visitor,
			     const struct oauth_exchange *exchange, struct arena *arena,
			     const char **out_token, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	const struct client *client = NULL;
	struct code code = {0};
	struct user user = {0};
	char name[NAME_BYTES];
	if (!check_client(platform, exchange, &client, err) ||
	    !require_word(exchange->grant_type, "grant_type", "authorization_code", err) ||
	    !require(exchange->code, "code", err) || !require(exchange->redirect_uri, "redirect_uri", err) ||
	    !require(exchange->verifier, "code_verifier", err))
		return false;
	ASSERT(client);
	if (!take_code(platform->oauth, exchange->code, &code) || code.client != client ||
	    strcmp(client->redirect, exchange->redirect_uri) != 0 ||
	    !fits_challenge(exchange->verifier, code.challenge))
		return error_set(err, ERR_BAD_REQUEST, "the code is not valid, or not any more");
	if (!store_begin(platform->store, STORE_WRITE, &txn, err) ||
	    !user_find_row(txn, code.user, arena, &user, err))
		return false;
	struct caller caller = *visitor;
	caller.user = user.row;
	caller.username = user.username;
	snprintf(name, sizeof(name), "oauth-%.40s-", client->id);
	crypt_random_hex(6, name + strlen(name));
	*out_token = token_mint_named(platform, txn, &caller, name, arena);
	if (!store_commit(&txn, err))
		return false;
	trace_info("user.let_in", "client", client->id, "username", user.username);
	return true;
}
