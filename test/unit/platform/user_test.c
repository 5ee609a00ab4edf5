#include "platform/user.h"

#include <pthread.h>

#include "base/clock.h"
#include "platform/internal.h"
#include "platform/invite.h"
#include "platform/scope.h"
#include "unit/platform/world.h"

static struct user make_user(struct world *world, const char *username, const char *email)
{
	struct user user;
	struct user_wish wish = {.username = username, .email = email, .password = "long enough"};
	world_must(world, platform_create_user(world->platform, &world->caller, &wish, &world->arena, &user,
					       &world->err));
	return user;
}

static struct caller caller_of(const struct user *user)
{
	return (struct caller){
		.user = user->row, .username = user->username, .email = user->email, .origin = "web"};
}

static struct session add_session(struct world *world, const struct user *user)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	struct session session = session_add(world->platform, txn, user, &world->arena);
	world_must(world, store_commit(&txn, &world->err));
	return session;
}

static bool works(struct world *world, const char *jwt)
{
	struct caller caller;
	return platform_authenticate(world->platform, jwt, &world->arena, &caller, &world->err);
}

static int64_t count(struct world *world, const char *sql)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	int64_t found = sql_single(store_query(txn, sql));
	world_must(world, store_commit(&txn, &world->err));
	return found;
}

static void expect_no_loose_ends(struct world *world)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q = store_query(txn, "PRAGMA foreign_key_check");
	while (query_step(q))
		fail_msg("a row of %s points to a missing row of %s", query_text(q, 0), query_text(q, 2));
	world_must(world, store_commit(&txn, &world->err));
}

// The engine does not enforce references, so whoever removes must leave nothing behind.
static void a_user_goes_without_a_trace(void **state)
{
	struct world *world = *state;
	struct user bob = make_user(world, "bob", "bob@example.com");
	struct caller caller = caller_of(&bob);
	struct organization personal;
	struct database database;
	struct token token;
	struct invite invite;
	struct member member;
	const char *secret;
	struct database_wish wish = {.name = "his"};
	struct token_wish token_wish = {.name = "his", .organization = "bob"};
	world_must(world, platform_enter_organization(world->platform, &caller, NULL, &world->arena,
						      &personal, &world->err));
	world_must(world, platform_create_database(world->platform, &caller, &personal, &wish, &world->arena,
						   &database, &world->err));
	world_must(world, platform_mint_token(world->platform, &caller, &token_wish, &world->arena, &token,
					      &secret, &world->err));
	struct session session = add_session(world, &bob);
	world_must(world, platform_create_invite(world->platform, &world->caller, &world->organization, NULL,
						 "bob", ROLE_VIEWER, &world->arena, &invite, &world->err));
	world_must(world, platform_add_member(world->platform, &world->caller, &world->organization, "bob",
					      ROLE_ADMIN, &world->arena, &member, &world->err));
	world_must(world,
		   platform_create_invite(world->platform, &caller, &world->organization, "new@example.com",
					  NULL, ROLE_MEMBER, &world->arena, &invite, &world->err));
	world_must(world,
		   platform_delete_user(world->platform, &world->caller, "bob", &world->arena, &world->err));

	expect_no_loose_ends(world);
	assert_int_equal(count(world, "SELECT count(*) FROM database"), 0);
	assert_int_equal(count(world, "SELECT count(*) FROM invite"), 0);
	assert_false(works(world, secret));
	assert_false(works(world, session.jwt));
	struct user again = make_user(world, "bob", "bob@example.com");
	assert_int_not_equal(again.row, bob.row);
}

static void an_organization_goes_without_a_trace(void **state)
{
	struct world *world = *state;
	struct organization made;
	struct group group;
	struct database database;
	struct token token;
	struct invite invite;
	const char *secret;
	world_must(world, platform_create_organization(world->platform, &world->caller, "Brief", false,
						       &world->arena, &made, &world->err));
	struct group_wish group_wish = {.name = "g", .location = "ord"};
	struct database_wish database_wish = {.name = "d", .group = "g"};
	struct token_wish token_wish = {
		.name = "t", .organization = "brief", .group = "g", .scopes = SCOPE_READ};
	world_must(world, platform_create_group(world->platform, &world->caller, &made, &group_wish,
						&world->arena, &group, &world->err));
	world_must(world, platform_create_database(world->platform, &world->caller, &made, &database_wish,
						   &world->arena, &database, &world->err));
	world_must(world, platform_mint_token(world->platform, &world->caller, &token_wish, &world->arena,
					      &token, &secret, &world->err));
	world_must(world, platform_create_invite(world->platform, &world->caller, &made, "x@example.com",
						 NULL, ROLE_MEMBER, &world->arena, &invite, &world->err));
	world_must(world, platform_destroy_organization(world->platform, &world->caller, &made, &world->arena,
							&world->err));
	expect_no_loose_ends(world);
	assert_int_equal(count(world, "SELECT count(*) FROM database_group"), 0);
	assert_int_equal(count(world, "SELECT count(*) FROM group_location"), 0);
	assert_false(works(world, secret));
	world_stop(world);
	world_start(world);
	assert_int_equal(count(world, "SELECT count(*) FROM organization WHERE slug = 'brief'"), 0);
}

static void the_oldest_login_gives_way(void **state)
{
	enum { EXTRA = 3 };
	struct world *world = *state;
	struct session sessions[SESSIONS_MAX + EXTRA];
	struct user bob = make_user(world, "bob", NULL);
	struct user eve = make_user(world, "eve", NULL);
	struct session other = add_session(world, &eve);
	for (size_t i = 0; i < ARRAY_LENGTH(sessions); i++) {
		sessions[i] = add_session(world, &bob);
		// Two logins of one millisecond are equally old.
		for (int64_t now_ms = clock_wall_ms(); clock_wall_ms() == now_ms;)
			;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(sessions); i++)
		assert_int_equal(works(world, sessions[i].jwt), i >= EXTRA);
	assert_true(works(world, other.jwt));
}

static void all_logins_end_at_once_and_new_ones_begin(void **state)
{
	struct world *world = *state;
	struct user bob = make_user(world, "bob", NULL);
	struct caller caller = caller_of(&bob);
	struct session old = add_session(world, &bob);
	int64_t from_ms;
	world_must(world, platform_end_sessions(world->platform, &caller, &from_ms, &world->err));
	// Within the same millisecond, too.
	struct session fresh = add_session(world, &bob);
	assert_false(works(world, old.jwt));
	assert_int_equal(world->err.code, ERR_TOKEN_REVOKED);
	assert_true(works(world, fresh.jwt));
}

static void the_secret_of_an_invite_is_stored_as_a_hash(void **state)
{
	struct world *world = *state;
	struct invite invite;
	world_must(world, platform_create_invite(world->platform, &world->caller, &world->organization,
						 "x@example.com", NULL, ROLE_MEMBER, &world->arena, &invite,
						 &world->err));
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q =
		store_query(txn, "SELECT (SELECT count(*) FROM invite WHERE instr(secret_hash, :secret) OR "
				 "instr(email, :secret))"
				 " + (SELECT count(*) FROM audit WHERE instr(data || message, :secret))");
	query_bind_text(q, ":secret", invite.secret);
	assert_int_equal(sql_single(q), 0);
	world_must(world, store_commit(&txn, &world->err));
}

struct joiner {
	pthread_t thread;
	struct world *world;
	struct caller caller;
	int64_t invite;
	bool joined;
};

static void *join_in(void *argument)
{
	struct joiner *joiner = argument;
	OWNED(arena) struct arena arena = {0};
	struct invite invite;
	struct error err;
	joiner->joined = platform_accept_own_invite(joiner->world->platform, &joiner->caller, joiner->invite,
						    &arena, &invite, &err);
	if (!joiner->joined && err.code != ERR_INVITE_NOT_FOUND)
		fail_msg("%s", err.message);
	return NULL;
}

static void an_invite_is_accepted_once(void **state)
{
	struct world *world = *state;
	struct user bob = make_user(world, "bob", "bob@example.com");
	struct invite invite;
	struct joiner joiners[6];
	int joined = 0;
	world_must(world, platform_create_invite(world->platform, &world->caller, &world->organization, NULL,
						 "bob", ROLE_MEMBER, &world->arena, &invite, &world->err));
	for (size_t i = 0; i < ARRAY_LENGTH(joiners); i++) {
		joiners[i] = (struct joiner){.world = world, .caller = caller_of(&bob), .invite = invite.id};
		assert_int_equal(pthread_create(&joiners[i].thread, NULL, join_in, &joiners[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(joiners); i++) {
		pthread_join(joiners[i].thread, NULL);
		joined += joiners[i].joined;
	}
	assert_int_equal(joined, 1);
	assert_int_equal(count(world, "SELECT count(*) FROM member WHERE role = 'member'"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_user_goes_without_a_trace, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(an_organization_goes_without_a_trace, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_oldest_login_gives_way, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(all_logins_end_at_once_and_new_ones_begin, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_secret_of_an_invite_is_stored_as_a_hash, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(an_invite_is_accepted_once, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
