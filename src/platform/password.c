#include "platform/password.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

enum { KEY_BYTES = 16, FAILURE_COUNT = 4096, PROBES = 8, WAIT_MS = 5000, RETRY_MS = 1000 };

// Failures of one user, or of one address, since `since_ms`.
struct failures {
	uint8_t key[KEY_BYTES];
	int64_t since_ms;
	int count;
};

struct passwords {
	int failures_max;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	int running;                             // guarded by mutex
	int waiting;                             // guarded by mutex
	struct failures failures[FAILURE_COUNT]; // guarded by mutex; a hash table
};

struct passwords *passwords_create(int failures_max)
{
	struct passwords *passwords = calloc(1, sizeof(*passwords));
	ASSERT(passwords);
	passwords->failures_max = failures_max;
	pthread_mutex_init(&passwords->mutex, NULL);
	clock_cond_init(&passwords->changed);
	return passwords;
}

void passwords_destroy(struct passwords *passwords)
{
	if (!passwords)
		return;
	pthread_mutex_destroy(&passwords->mutex);
	pthread_cond_destroy(&passwords->changed);
	free(passwords);
}

bool password_check(const char *password, struct error *err)
{
	size_t size = strnlen(password, PASSWORD_BYTES_MAX + 1);
	return (size >= PASSWORD_BYTES_MIN && size <= PASSWORD_BYTES_MAX) ||
	       error_set(err, ERR_INVALID_FIELD, "password must have %d to %d bytes", PASSWORD_BYTES_MIN,
			 PASSWORD_BYTES_MAX);
}

// -- few at once --------------------------------------------------------------------------------------

static bool enter(struct passwords *passwords, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + WAIT_MS;
	pthread_mutex_lock(&passwords->mutex);
	bool may = passwords->running < PASSWORDS_AT_ONCE;
	if (!may && passwords->waiting < PASSWORDS_WAITING_MAX) {
		bool in_time = true;
		passwords->waiting++;
		while (passwords->running >= PASSWORDS_AT_ONCE && in_time)
			in_time = clock_cond_wait(&passwords->changed, &passwords->mutex, deadline_ms);
		passwords->waiting--;
		may = passwords->running < PASSWORDS_AT_ONCE;
	}
	passwords->running += may;
	pthread_mutex_unlock(&passwords->mutex);
	return may || error_set(err, ERR_RATE_LIMITED, "too many passwords are being checked; try again");
}

static void leave(struct passwords *passwords)
{
	pthread_mutex_lock(&passwords->mutex);
	passwords->running--;
	pthread_cond_signal(&passwords->changed);
	pthread_mutex_unlock(&passwords->mutex);
}

bool password_hash(struct passwords *passwords, const char *password, char text[CRYPT_PASSWORD_TEXT_BYTES],
		   struct error *err)
{
	if (!password_check(password, err) || !enter(passwords, err))
		return false;
	bool ok = crypt_password_hash(password, text, err);
	leave(passwords);
	return ok;
}

// -- failures -----------------------------------------------------------------------------------------

static void key_of(const char *kind, const char *name, uint8_t key[KEY_BYTES])
{
	OWNED(buffer) struct buffer text = {0};
	uint8_t hash[CRYPT_HASH_BYTES];
	buffer_printf(&text, "%s:%s", kind, name);
	crypt_hash(text.data, text.size, hash);
	memcpy(key, hash, KEY_BYTES);
}

static bool is_over(const struct failures *failures, int64_t now_ms)
{
	return failures->count == 0 || now_ms - failures->since_ms >= PASSWORD_WINDOW_MS;
}

// The entry of a key; a new one takes the place of one that is over, or else of the oldest near by.
static struct failures *failures_of(struct passwords *passwords, const uint8_t key[KEY_BYTES], int64_t now_ms)
{
	uint32_t start;
	memcpy(&start, key, sizeof(start));
	struct failures *oldest = NULL;
	for (uint32_t i = 0; i < PROBES; i++) {
		struct failures *at = &passwords->failures[(start + i) % FAILURE_COUNT];
		if (memcmp(at->key, key, KEY_BYTES) == 0 && !is_over(at, now_ms))
			return at;
		if (!oldest || (is_over(at, now_ms) && !is_over(oldest, now_ms)) ||
		    (is_over(at, now_ms) == is_over(oldest, now_ms) && at->since_ms < oldest->since_ms))
			oldest = at;
	}
	*oldest = (struct failures){.since_ms = now_ms};
	memcpy(oldest->key, key, KEY_BYTES);
	return oldest;
}

// Counts the attempt as a failure before it is one: many at once must not all pass.
static bool count(struct passwords *passwords, const uint8_t key[KEY_BYTES], int count_max,
		  int64_t *out_retry_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&passwords->mutex);
	struct failures *failures = failures_of(passwords, key, now_ms);
	bool may = failures->count < count_max;
	if (may)
		failures->count++;
	else
		*out_retry_ms = failures->since_ms + PASSWORD_WINDOW_MS - now_ms;
	pthread_mutex_unlock(&passwords->mutex);
	return may;
}

// It was none.
static void uncount(struct passwords *passwords, const uint8_t key[KEY_BYTES], bool all)
{
	pthread_mutex_lock(&passwords->mutex);
	struct failures *failures = failures_of(passwords, key, clock_monotonic_ms());
	failures->count = all || failures->count == 0 ? 0 : failures->count - 1;
	pthread_mutex_unlock(&passwords->mutex);
}

static bool matches(const struct password_attempt *attempt)
{
	char text[CRYPT_PASSWORD_TEXT_BYTES];
	struct error ignored;
	// What is longer was never taken as a password.
	bool sane = strnlen(attempt->password, PASSWORD_BYTES_MAX + 1) <= PASSWORD_BYTES_MAX;
	if (attempt->hash && sane)
		return crypt_password_matches(attempt->password, attempt->hash);
	// The same work, so that nobody learns from the time whether there is such a user.
	(void)!crypt_password_hash(sane ? attempt->password : "", text, &ignored);
	return false;
}

bool password_try(struct passwords *passwords, const struct password_attempt *attempt, bool *out_matches,
		  int64_t *out_retry_ms, struct error *err)
{
	uint8_t user[KEY_BYTES];
	uint8_t address[KEY_BYTES];
	key_of("user", attempt->user, user);
	key_of("address", attempt->address ? attempt->address : "", address);
	*out_retry_ms = RETRY_MS;
	if (!count(passwords, address, passwords->failures_max * PASSWORD_FAILURES_OF_ADDRESS,
		   out_retry_ms) ||
	    !count(passwords, user, passwords->failures_max, out_retry_ms))
		return error_set(err, ERR_RATE_LIMITED, "too many failed logins; try again in %lld seconds",
				 (long long)(*out_retry_ms + 999) / 1000);
	if (!enter(passwords, err)) {
		uncount(passwords, user, false);
		uncount(passwords, address, false);
		return false;
	}
	*out_matches = matches(attempt);
	leave(passwords);
	if (*out_matches) {
		uncount(passwords, user, true);
		uncount(passwords, address, false);
	}
	return true;
}
