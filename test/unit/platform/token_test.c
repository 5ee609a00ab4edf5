#include "platform/token.h"

#include "platform/internal.h"
#include "unit/platform/world.h"

static bool mint(struct world *world, const char *name, const char *organization, struct token *out,
		 const char **secret)
{
	struct token_wish wish = {.name = name, .organization = organization};
	return platform_mint_token(world->platform, &world->caller, &wish, &world->arena, out, secret,
				   &world->err);
}

static bool authenticate(struct world *world, const char *secret, struct caller *out)
{
	return platform_authenticate(world->platform, secret, &world->arena, out, &world->err);
}

static void a_minted_token_works_until_it_is_revoked(void **state)
{
	struct world *world = *state;
	struct token token;
	struct caller caller;
	const char *secret;
	world_must(world, mint(world, "ci", NULL, &token, &secret));
	assert_string_equal(token.name, "ci");
	assert_int_equal(strlen(token.id), 22);
	assert_null(token.organization);
	world_must(world, authenticate(world, secret, &caller));
	assert_string_equal(caller.username, "admin");
	assert_int_equal(caller.organization, 0);

	world_must(world, platform_revoke_token(world->platform, &world->caller, "ci", &world->err));
	world_expect(world, authenticate(world, secret, &caller), ERR_TOKEN_REVOKED,
		     "token has been revoked");
	world_expect(world, platform_revoke_token(world->platform, &world->caller, "ci", &world->err),
		     ERR_TOKEN_NOT_FOUND, "could not find token ci");

	// The name is free again, and the old secret stays dead.
	const char *second;
	world_must(world, mint(world, "ci", NULL, &token, &second));
	world_must(world, authenticate(world, second, &caller));
	world_expect(world, authenticate(world, secret, &caller), ERR_TOKEN_REVOKED,
		     "token has been revoked");
}

static void the_list_holds_names_and_no_revoked_ones(void **state)
{
	struct world *world = *state;
	struct token token;
	struct token *list;
	size_t count;
	const char *secret;
	world_must(world, mint(world, "b", NULL, &token, &secret));
	world_must(world, mint(world, "a", "my-org", &token, &secret));
	assert_string_equal(token.organization, "my-org");
	world_must(world, mint(world, "c", NULL, &token, &secret));
	world_must(world, platform_revoke_token(world->platform, &world->caller, "c", &world->err));
	world_must(world, platform_list_tokens(world->platform, &world->caller, &world->arena, &list, &count,
					       &world->err));
	assert_int_equal(count, 3);
	assert_string_equal(list[0].name, "a");
	assert_string_equal(list[0].organization, "my-org");
	assert_string_equal(list[1].name, "b");
	assert_null(list[1].organization);
	assert_string_equal(list[2].name, "bootstrap");
}

static void names_are_checked_and_unique(void **state)
{
	struct world *world = *state;
	struct token token;
	const char *secret;
	world_must(world, mint(world, "ci", NULL, &token, &secret));
	world_expect(world, mint(world, "ci", NULL, &token, &secret), ERR_ALREADY_EXISTS,
		     "token with name ci already exists");
	assert_false(mint(world, "validate", NULL, &token, &secret));
	assert_int_equal(world->err.code, ERR_INVALID_NAME);
	assert_false(mint(world, "a b", NULL, &token, &secret));
	assert_int_equal(world->err.code, ERR_INVALID_NAME);
	world_expect(world, mint(world, "x", "nowhere", &token, &secret), ERR_ORG_NOT_FOUND,
		     "organization not found");
}

static void forged_and_foreign_tokens_are_invalid(void **state)
{
	struct world *world = *state;
	struct caller caller;
	struct token token;
	const char *secret;
	struct database database = world_make_database(world, "db");
	const char *bearer = world_bearer(world, &database, NULL, NULL);
	world_expect(world, authenticate(world, "", &caller), ERR_UNAUTHORIZED, "invalid token");
	world_expect(world, authenticate(world, "abc", &caller), ERR_UNAUTHORIZED, "invalid token");
	world_expect(world, authenticate(world, bearer + strlen("Bearer "), &caller), ERR_UNAUTHORIZED,
		     "invalid token");
	world_must(world, mint(world, "ci", NULL, &token, &secret));
	char *forged = arena_text(&world->arena, secret);
	char *signature = strrchr(forged, '.') + 1;
	signature[0] = signature[0] == 'A' ? 'B' : 'A';
	world_expect(world, authenticate(world, forged, &caller), ERR_UNAUTHORIZED, "invalid token");
}

static void a_restricted_token_sees_one_organization(void **state)
{
	struct world *world = *state;
	struct token token;
	struct token *tokens;
	struct organization *list;
	struct organization organization;
	size_t count;
	const char *secret;
	struct caller restricted;
	world_must(world, mint(world, "narrow", "my-org", &token, &secret));
	world_must(world, authenticate(world, secret, &restricted));
	assert_int_equal(restricted.organization, world->organization.row);

	world_must(world, platform_list_organizations(world->platform, &restricted, &world->arena, &list,
						      &count, &world->err));
	assert_int_equal(count, 1);
	assert_string_equal(list[0].slug, "my-org");
	world_expect(world,
		     platform_enter_organization(world->platform, &restricted, "admin", &world->arena,
						 &organization, &world->err),
		     ERR_NOT_A_MEMBER, "not a member of organization admin");
	world_must(world, platform_enter_organization(world->platform, &restricted, NULL, &world->arena,
						      &organization, &world->err));
	assert_string_equal(organization.slug, "my-org");

	world_must(world, platform_list_tokens(world->platform, &restricted, &world->arena, &tokens, &count,
					       &world->err));
	assert_int_equal(count, 1);
	assert_string_equal(tokens[0].name, "narrow");
	struct token_wish wide = {.name = "wide"};
	assert_false(platform_mint_token(world->platform, &restricted, &wide, &world->arena, &token, &secret,
					 &world->err));
	assert_int_equal(world->err.code, ERR_INSUFFICIENT_SCOPE);
	struct token_wish other = {.name = "other", .organization = "admin"};
	assert_false(platform_mint_token(world->platform, &restricted, &other, &world->arena, &token, &secret,
					 &world->err));
	assert_int_equal(world->err.code, ERR_NOT_A_MEMBER);
	struct token_wish same = {.name = "same", .organization = "my-org"};
	world_must(world, platform_mint_token(world->platform, &restricted, &same, &world->arena, &token,
					      &secret, &world->err));
	world_expect(world, platform_revoke_token(world->platform, &restricted, "bootstrap", &world->err),
		     ERR_TOKEN_NOT_FOUND, "could not find token bootstrap");
}

static void the_operator_gets_tokens_without_a_credential(void **state)
{
	struct world *world = *state;
	struct caller caller;
	const char *first;
	const char *second;
	world_must(world,
		   platform_mint_operator_token(world->platform, NULL, &world->arena, &first, &world->err));
	world_must(world, platform_mint_operator_token(world->platform, "ADMIN", &world->arena, &second,
						       &world->err));
	world_must(world, authenticate(world, first, &caller));
	assert_string_equal(caller.username, "admin");
	world_must(world, authenticate(world, second, &caller));
	assert_string_not_equal(first, second);
	assert_false(
		platform_mint_operator_token(world->platform, "nobody", &world->arena, &first, &world->err));
	assert_int_equal(world->err.code, ERR_NOT_FOUND);
}

static void tokens_outlive_a_restart(void **state)
{
	struct world *world = *state;
	struct token token;
	struct caller caller;
	const char *secret;
	world_must(world, mint(world, "ci", NULL, &token, &secret));
	world_stop(world);
	world_start(world);
	world_must(world, authenticate(world, secret, &caller));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_minted_token_works_until_it_is_revoked, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_list_holds_names_and_no_revoked_ones, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(names_are_checked_and_unique, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(forged_and_foreign_tokens_are_invalid, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_restricted_token_sees_one_organization, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_operator_gets_tokens_without_a_credential, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(tokens_outlive_a_restart, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
