#include "platform/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

enum { FAILURES_MAX = 3 };

static char right_hash[CRYPT_PASSWORD_TEXT_BYTES];
static struct error err;

static int setup(void **state)
{
	assert_true(crypt_start(&err));
	*state = passwords_create(FAILURES_MAX);
	if (!right_hash[0])
		assert_true(password_hash(*state, "right one", right_hash, &err));
	return 0;
}

static int teardown(void **state)
{
	passwords_destroy(*state);
	return 0;
}

static bool try(struct passwords *passwords, const char *user, const char *address, const char *password,
		bool *out_matches)
{
	int64_t retry_ms = 0;
	struct password_attempt attempt = {
		.user = user, .address = address, .password = password, .hash = right_hash};
	bool may = password_try(passwords, &attempt, out_matches, &retry_ms, &err);
	if (!may) {
		assert_int_equal(err.code, ERR_RATE_LIMITED);
		assert_in_range(retry_ms, 1, PASSWORD_WINDOW_MS);
	}
	return may;
}

static void the_right_one_matches(void **state)
{
	bool matches;
	assert_true(try(*state, "ann", "1.2.3.4", "right one", &matches));
	assert_true(matches);
	assert_true(try(*state, "ann", "1.2.3.4", "wrong one", &matches));
	assert_false(matches);
	assert_non_null(strstr(right_hash, "$argon2id$"));
}

static void nobody_has_a_password_that_is_not_there(void **state)
{
	bool matches = true;
	int64_t retry_ms;
	struct password_attempt attempt = {.user = "nobody", .password = "right one"};
	assert_true(password_try(*state, &attempt, &matches, &retry_ms, &err));
	assert_false(matches);
}

static void failures_of_a_user_are_counted(void **state)
{
	bool matches;
	for (int i = 0; i < FAILURES_MAX; i++)
		assert_true(try(*state, "ann", NULL, "wrong one", &matches));
	assert_false(try(*state, "ann", NULL, "right one", &matches));
	assert_true(try(*state, "bob", NULL, "right one", &matches));
}

static void a_success_forgives_the_user(void **state)
{
	bool matches;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < FAILURES_MAX - 1; i++)
			assert_true(try(*state, "ann", NULL, "wrong one", &matches));
		assert_true(try(*state, "ann", NULL, "right one", &matches));
	}
}

static void failures_of_an_address_are_counted(void **state)
{
	bool matches;
	char user[16];
	for (int i = 0; i < FAILURES_MAX * PASSWORD_FAILURES_OF_ADDRESS; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		assert_true(try(*state, user, "1.2.3.4", "wrong one", &matches));
	}
	assert_false(try(*state, "ann", "1.2.3.4", "right one", &matches));
	assert_true(try(*state, "ann", "1.2.3.5", "right one", &matches));
}

struct client {
	pthread_t thread;
	struct passwords *passwords;
	bool passed;
};

static void *guess(void *argument)
{
	struct client *client = argument;
	bool matches = false;
	int64_t retry_ms;
	struct error failure;
	struct password_attempt attempt = {.user = "ann", .password = "guess", .hash = right_hash};
	client->passed = password_try(client->passwords, &attempt, &matches, &retry_ms, &failure);
	return NULL;
}

// Counted before the slow work, or a hundred at once would all get their try.
static void many_at_once_get_no_more_tries(void **state)
{
	struct client clients[12] = {0};
	int passed = 0;
	for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
		clients[i].passwords = *state;
		assert_int_equal(pthread_create(&clients[i].thread, NULL, guess, &clients[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(clients); i++) {
		pthread_join(clients[i].thread, NULL);
		passed += clients[i].passed;
	}
	assert_int_equal(passed, FAILURES_MAX);
}

static void lengths_are_bounded(void **state)
{
	char text[PASSWORD_BYTES_MAX + 2];
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_false(password_check(text, &err));
	assert_string_equal(err.message, "password must have 8 to 1024 bytes");
	text[PASSWORD_BYTES_MAX] = '\0';
	assert_true(password_check(text, &err));
	text[PASSWORD_BYTES_MIN] = '\0';
	assert_true(password_check(text, &err));
	text[PASSWORD_BYTES_MIN - 1] = '\0';
	assert_false(password_check(text, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_right_one_matches, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_has_a_password_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_of_a_user_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(a_success_forgives_the_user, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_of_an_address_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(many_at_once_get_no_more_tries, setup, teardown),
		cmocka_unit_test_setup_teardown(lengths_are_bounded, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
