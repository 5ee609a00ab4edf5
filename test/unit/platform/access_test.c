#include "platform/access.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "platform/internal.h"
#include "platform/jwt.h"
#include "unit/platform/world.h"

static bool check(struct world *world, const char *label, const char *authorization, struct access_grant *out)
{
	return access_check(platform_access(world->platform), label, authorization, out, &world->err);
}

static void rotate(struct world *world, const struct database *database)
{
	world_must(world, platform_rotate_database(world->platform, &world->caller, &world->organization,
						   database, &world->err));
}

// A token signed with the database's own key, with claims that the API never writes.
static const char *bearer_with(struct world *world, const struct database *database, const char *claims_text)
{
	OWNED(buffer) struct buffer claims = {0};
	OWNED(buffer) struct buffer token = {0};
	OWNED(store_txn) struct store_txn *txn = NULL;
	size_t size;
	buffer_append_text(&claims, claims_text);
	buffer_append_text(&token, "Bearer ");
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q = sql_org_query(txn, SQL_DATABASE_CREDENTIALS, world->organization.row);
	query_bind_integer(q, ":database", database->row);
	assert_true(query_step(q));
	jwt_write(query_blob(q, 1, &size), &claims, &token);
	return arena_text(&world->arena, buffer_text(&token));
}

static void labels_of_databases_and_instances_are_known(void **state)
{
	struct world *world = *state;
	struct access *access = platform_access(world->platform);
	assert_false(access_knows_label(access, "my-db-my-org"));
	struct database database = world_make_database(world, "my-db");
	assert_true(access_knows_label(access, "my-db-my-org"));
	assert_true(access_knows_label(access, "MY-DB-My-Org"));
	assert_false(access_knows_label(access, "my-db"));
	assert_false(access_knows_label(access, ""));
	assert_false(access_knows_label(access, "my-db-my-org.db.test"));
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	assert_true(access_knows_label(access, world_label(world, made.instance.hostname)));
}

static void a_database_token_opens_its_database_and_each_of_its_instances(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct access_grant of_instance;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	for (int again = 0; again < 2; again++) {
		world_must(world, check(world, "DB-my-org", bearer, &grant));
		assert_string_equal(grant.database, database.uuid);
		assert_string_equal(grant.instance, "");
		assert_false(grant.read_only);
		world_must(world,
			   check(world, world_label(world, made.instance.hostname), bearer, &of_instance));
		assert_string_equal(of_instance.instance, made.instance.uuid);
		assert_true(grant.credential_id == of_instance.credential_id);
		assert_true(access_is_current(platform_access(world->platform), &grant));
	}
	// The scheme's case and the missing scheme of a WebSocket change nothing.
	struct access_grant other;
	const char *jwt = bearer + strlen("Bearer ");
	world_must(world, check(world, "db-my-org", arena_printf(&world->arena, "bEaReR %s", jwt), &other));
	assert_true(other.credential_id == grant.credential_id);
	world_must(world, access_check_token(platform_access(world->platform), "db-my-org", jwt, &other,
					     &world->err));
	assert_true(other.credential_id == grant.credential_id);

	world_must(world,
		   check(world, "db-my-org", world_bearer(world, &database, "1d", "read-only"), &other));
	assert_true(other.read_only);
	assert_true(other.credential_id != grant.credential_id);
}

static void refusals_have_the_protocol_s_texts(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	world_make_database(world, "other");
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	world_expect(world, check(world, "nowhere", bearer, &grant), ERR_NAMESPACE_NOT_FOUND,
		     "Namespace `nowhere` doesn't exist");
	world_expect(world, check(world, "nowhere", NULL, &grant), ERR_NAMESPACE_NOT_FOUND,
		     "Namespace `nowhere` doesn't exist");
	world_expect(world, check(world, "other-my-org", bearer, &grant), ERR_NAMESPACE_NOT_FOUND,
		     "Namespace `other-my-org` doesn't exist");
	static const struct {
		const char *authorization;
		enum error_code code;
		const char *text;
	} rows[] = {
		{NULL, ERR_AUTH_HEADER_NOT_FOUND, "Expected authorization header but none given"},
		{"", ERR_AUTH_HEADER_MALFORMED, "Auth string does not conform to '<scheme> <token>' form"},
		{"Bearer", ERR_AUTH_HEADER_MALFORMED,
		 "Auth string does not conform to '<scheme> <token>' form"},
		{"Bearer m\xc3\xbcll", ERR_AUTH_HEADER_MALFORMED, "Non-ASCII auth header"},
		{"Digest abc", ERR_AUTH_SCHEME,
		 "The authentication scheme in the `Authorization` HTTP header is not supported"},
		{"Bearer ", ERR_AUTH_JWT_INVALID, "The JWT is invalid"},
		{"Bearer abc", ERR_AUTH_JWT_INVALID, "The JWT is invalid"},
		{"Bearer eyJhbGciOiJub25lIn0.e30.", ERR_AUTH_JWT_INVALID, "The JWT is invalid"},
		{"Basic", ERR_AUTH_HEADER_MALFORMED,
		 "Auth string does not conform to '<scheme> <token>' form"},
		{"Basic abc", ERR_AUTH_BASIC_REJECTED,
		 "The `Basic` HTTP authentication credentials were rejected"},
		{"Basic Og==", ERR_AUTH_BASIC_REJECTED,
		 "The `Basic` HTTP authentication credentials were rejected"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		world_expect(world, check(world, "db-my-org", rows[i].authorization, &grant), rows[i].code,
			     rows[i].text);
	char *long_header = arena_alloc(&world->arena, 9000);
	memset(long_header, 'A', 8999);
	memcpy(long_header, "Bearer ", 7);
	assert_false(check(world, "db-my-org", long_header, &grant));
	memset(long_header, 'A', 8999);
	long_header[8000] = ' ';
	assert_false(check(world, "db-my-org", long_header, &grant));
}

static void claims_are_checked(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	int64_t now = clock_wall_ms() / 1000;
	const struct {
		const char *claims;
		enum error_code code;
	} rows[] = {
		{"{}", ERR_NONE},
		{"{\"a\":\"rw\"}", ERR_NONE},
		{"{\"a\":\"roa\"}", ERR_NONE},
		{"{\"a\":\"admin\"}", ERR_AUTH_JWT_INVALID},
		{"{\"a\":7}", ERR_AUTH_JWT_INVALID},
		{"{\"id\":7}", ERR_AUTH_JWT_INVALID},
		{"{\"id\":\"somebody else\"}", ERR_NAMESPACE_NOT_FOUND},
		{"{\"aud\":\"x\"}", ERR_AUTH_JWT_INVALID},
		{"{\"exp\":\"tomorrow\"}", ERR_AUTH_JWT_INVALID},
		{"{\"exp\":1e300}", ERR_NONE},
		{"{\"exp\":-1e300}", ERR_AUTH_JWT_EXPIRED},
		{"{\"exp\":0}", ERR_AUTH_JWT_EXPIRED},
		{arena_printf(&world->arena, "{\"exp\":%lld}", (long long)now - 30), ERR_NONE},
		{arena_printf(&world->arena, "{\"exp\":%lld}", (long long)now - 61), ERR_AUTH_JWT_EXPIRED},
		{arena_printf(&world->arena, "{\"exp\":%lld.5}", (long long)now + 30), ERR_NONE},
		{arena_printf(&world->arena, "{\"nbf\":%lld}", (long long)now + 30), ERR_NONE},
		{arena_printf(&world->arena, "{\"nbf\":%lld}", (long long)now + 90), ERR_AUTH_JWT_IMMATURE},
		{"{\"nbf\":[]}", ERR_AUTH_JWT_INVALID},
		{"{\"p\":{}}", ERR_NONE},
		{"{\"p\":{\"roa\":{\"ns\":[]}}}", ERR_NONE},
		{"{\"p\":{\"roa\":{\"ns\":[\"another\"]}}}", ERR_AUTH_JWT_INVALID},
		{"{\"p\":{\"ro\":{\"ns\":[]}}}", ERR_AUTH_JWT_INVALID},
		{"{\"p\":{\"roa\":{\"ns\":[]},\"ddl\":{}}}", ERR_AUTH_JWT_INVALID},
		{"{\"p\":\"rw\"}", ERR_AUTH_JWT_INVALID},
		{arena_printf(&world->arena, "{\"id\":\"%s\"}", database.uuid), ERR_NONE},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		bool ok = check(world, "db-my-org", bearer_with(world, &database, rows[i].claims), &grant);
		enum error_code code = ok ? ERR_NONE : world->err.code;
		if (code != rows[i].code)
			fail_msg("%s gave %s", rows[i].claims, ok ? "access" : error_code_name(code));
	}
	static const struct {
		const char *claims;
		bool read_only;
	} rights[] = {{"{}", false},
		      {"{\"a\":\"rw\"}", false},
		      {"{\"a\":\"ro\"}", true},
		      {"{\"a\":\"roa\"}", true}};
	for (size_t i = 0; i < ARRAY_LENGTH(rights); i++) {
		world_must(world, check(world, "db-my-org", bearer_with(world, &database, rights[i].claims),
					&grant));
		assert_true(grant.read_only == rights[i].read_only);
	}
}

static void a_cached_token_expires_too(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	// Good for the last half second of its leeway.
	const char *bearer = bearer_with(
		world, &database,
		arena_printf(&world->arena, "{\"exp\":%.3f}", (double)(clock_wall_ms() + 500) / 1000 - 60));
	world_must(world, check(world, "db-my-org", bearer, &grant));
	int64_t deadline_ms = clock_monotonic_ms() + 10000;
	bool ok = true;
	while (ok && clock_monotonic_ms() < deadline_ms)
		ok = check(world, "db-my-org", bearer, &grant);
	world_expect(world, ok, ERR_AUTH_JWT_EXPIRED, "The JWT has expired");
}

static void an_instance_s_password_opens_it_and_its_database(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	struct instance_created first = world_make_instance(world, &database, "ord", NULL);
	struct instance_created second = world_make_instance(world, &database, "nrt", NULL);
	const char *first_label = world_label(world, first.instance.hostname);
	const char *second_label = world_label(world, second.instance.hostname);
	const char *basic = world_basic(world, first.username, first.password);
	for (int again = 0; again < 2; again++) {
		world_must(world, check(world, first_label, basic, &grant));
		assert_string_equal(grant.instance, first.instance.uuid);
		assert_false(grant.read_only);
		world_must(world, check(world, "db-my-org", basic, &grant));
		assert_string_equal(grant.instance, "");
		assert_false(check(world, second_label, basic, &grant));
		assert_int_equal(world->err.code, ERR_AUTH_BASIC_REJECTED);
	}
	static const char *const wrong[] = {"", "x", "user-0000000000000000"};
	for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
		assert_false(check(world, first_label, world_basic(world, wrong[i], first.password), &grant));
		assert_int_equal(world->err.code, ERR_AUTH_BASIC_REJECTED);
		assert_false(check(world, first_label, world_basic(world, first.username, wrong[i]), &grant));
		assert_int_equal(world->err.code, ERR_AUTH_BASIC_REJECTED);
	}
	// A part of the password is not the password.
	char *part = arena_text(&world->arena, first.password);
	part[strlen(part) - 1] = '\0';
	assert_false(check(world, first_label, world_basic(world, first.username, part), &grant));
}

static void rotation_ends_all_credentials_at_once(void **state)
{
	struct world *world = *state;
	struct access_grant token_grant;
	struct access_grant basic_grant;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	struct database bystander = world_make_database(world, "bystander");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	const char *label = world_label(world, made.instance.hostname);
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	const char *basic = world_basic(world, made.username, made.password);
	const char *other = world_bearer(world, &bystander, NULL, NULL);
	struct access_grant other_grant;
	world_must(world, check(world, "db-my-org", bearer, &token_grant));
	world_must(world, check(world, label, basic, &basic_grant));
	world_must(world, check(world, "bystander-my-org", other, &other_grant));

	rotate(world, &database);
	assert_false(access_is_current(platform_access(world->platform), &token_grant));
	assert_false(access_is_current(platform_access(world->platform), &basic_grant));
	assert_true(access_is_current(platform_access(world->platform), &other_grant));
	world_expect(world, check(world, "db-my-org", bearer, &grant), ERR_AUTH_JWT_INVALID,
		     "The JWT is invalid");
	assert_false(check(world, label, basic, &grant));
	assert_int_equal(world->err.code, ERR_AUTH_BASIC_REJECTED);
	world_must(world, check(world, "bystander-my-org", other, &grant));

	// Within the same second a new token works, and the old one stays dead.
	const char *again = world_bearer(world, &database, NULL, NULL);
	world_must(world, check(world, "db-my-org", again, &grant));
	assert_true(grant.epoch > token_grant.epoch);
	assert_true(access_is_current(platform_access(world->platform), &grant));
	assert_false(access_is_current(platform_access(world->platform), &token_grant));
	assert_false(check(world, "db-my-org", bearer, &grant));
	// An instance created later has a password that works.
	struct instance_created later = world_make_instance(world, &database, "nrt", NULL);
	world_must(world, check(world, world_label(world, later.instance.hostname),
				world_basic(world, later.username, later.password), &grant));
}

static void destruction_ends_access_at_once(void **state)
{
	struct world *world = *state;
	struct access *access = platform_access(world->platform);
	struct access_grant grant;
	struct access_grant replica_grant;
	struct instance destroyed;
	struct database database = world_make_database(world, "db");
	world_make_instance(world, &database, "ord", NULL);
	struct instance_created replica = world_make_instance(world, &database, "nrt", "second");
	const char *label = world_label(world, replica.instance.hostname);
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	const char *basic = world_basic(world, replica.username, replica.password);
	world_must(world, check(world, label, bearer, &replica_grant));
	world_must(world, check(world, "db-my-org", basic, &grant));
	world_must(world,
		   platform_destroy_instance(world->platform, &world->caller, &world->organization, &database,
					     "second", &world->arena, &destroyed, &world->err));
	assert_false(access_knows_label(access, label));
	assert_false(check(world, label, bearer, &grant));
	assert_int_equal(world->err.code, ERR_NAMESPACE_NOT_FOUND);
	assert_false(check(world, "db-my-org", basic, &grant));
	assert_int_equal(world->err.code, ERR_AUTH_BASIC_REJECTED);
	world_must(world, check(world, "db-my-org", bearer, &grant));

	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &database, &world->err));
	assert_false(access_is_current(access, &grant));
	assert_false(access_knows_label(access, "db-my-org"));
	assert_false(check(world, "db-my-org", bearer, &grant));
	assert_int_equal(world->err.code, ERR_NAMESPACE_NOT_FOUND);
	// Another database of the same name is another database.
	world_make_database(world, "db");
	assert_false(check(world, "db-my-org", bearer, &grant));
	assert_int_equal(world->err.code, ERR_AUTH_JWT_INVALID);
}

static void credentials_outlive_a_restart(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	world_stop(world);
	world_start(world);
	world_must(world, check(world, "db-my-org", bearer, &grant));
	world_must(world, check(world, world_label(world, made.instance.hostname),
				world_basic(world, made.username, made.password), &grant));
}

static void many_credentials_at_once_push_each_other_out_and_all_work(void **state)
{
	struct world *world = *state;
	struct access_grant grant;
	enum { TOKENS = 400 };
	const char *bearers[TOKENS];
	struct database database = world_make_database(world, "db");
	for (int i = 0; i < TOKENS; i++)
		bearers[i] = bearer_with(world, &database, arena_printf(&world->arena, "{\"iat\":%d}", i));
	for (int i = 0; i < TOKENS; i++)
		world_must(world, check(world, "db-my-org", bearers[i], &grant));
	rotate(world, &database);
	for (int i = 0; i < TOKENS; i++)
		assert_false(check(world, "db-my-org", bearers[i], &grant));
}

struct checker {
	struct world *world;
	const char *bearer;
	pthread_mutex_t mutex;
	bool rotated; // guarded by mutex
	bool stop;    // guarded by mutex
	bool lied;    // guarded by mutex
	pthread_t thread;
};

static void *check_until_stopped(void *context)
{
	struct checker *checker = context;
	struct access_grant grant;
	struct error err;
	for (bool stop = false; !stop;) {
		pthread_mutex_lock(&checker->mutex);
		bool rotated = checker->rotated;
		pthread_mutex_unlock(&checker->mutex);
		bool ok = access_check(platform_access(checker->world->platform), "db-my-org",
				       checker->bearer, &grant, &err);
		pthread_mutex_lock(&checker->mutex);
		checker->lied |= rotated && ok;
		stop = checker->stop;
		pthread_mutex_unlock(&checker->mutex);
	}
	return NULL;
}

static void no_check_that_begins_after_a_rotation_succeeds(void **state)
{
	struct world *world = *state;
	enum { CHECKERS = 4, ROUNDS = 20 };
	struct database database = world_make_database(world, "db");
	for (int round = 0; round < ROUNDS; round++) {
		struct checker checkers[CHECKERS];
		const char *bearer = world_bearer(world, &database, NULL, NULL);
		for (int i = 0; i < CHECKERS; i++) {
			checkers[i] = (struct checker){.world = world, .bearer = bearer};
			pthread_mutex_init(&checkers[i].mutex, NULL);
			assert_int_equal(
				pthread_create(&checkers[i].thread, NULL, check_until_stopped, &checkers[i]),
				0);
		}
		rotate(world, &database);
		for (int i = 0; i < CHECKERS; i++) {
			pthread_mutex_lock(&checkers[i].mutex);
			checkers[i].rotated = true;
			pthread_mutex_unlock(&checkers[i].mutex);
		}
		// A second one, so that the checkers meet a change once more before they end.
		rotate(world, &database);
		for (int i = 0; i < CHECKERS; i++) {
			pthread_mutex_lock(&checkers[i].mutex);
			checkers[i].stop = true;
			pthread_mutex_unlock(&checkers[i].mutex);
			pthread_join(checkers[i].thread, NULL);
			assert_false(checkers[i].lied);
			pthread_mutex_destroy(&checkers[i].mutex);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(labels_of_databases_and_instances_are_known, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_database_token_opens_its_database_and_each_of_its_instances,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(refusals_have_the_protocol_s_texts, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(claims_are_checked, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_cached_token_expires_too, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(an_instance_s_password_opens_it_and_its_database, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(rotation_ends_all_credentials_at_once, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(destruction_ends_access_at_once, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(credentials_outlive_a_restart, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(many_credentials_at_once_push_each_other_out_and_all_work,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(no_check_that_begins_after_a_rotation_succeeds, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
