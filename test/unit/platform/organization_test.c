#include "platform/organization.h"

#include "platform/internal.h"
#include "unit/platform/world.h"

// A second user with an organization that the first one does not belong to.
static struct caller add_stranger(struct world *world)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	struct query *q = sql_query(txn, SQL_ADD_USER);
	query_bind_text(q, ":username", "Eve");
	query_bind_integer(q, ":now", 0);
	struct caller eve = {.user = sql_single(q), .username = "Eve", .origin = "web"};
	q = sql_query(txn, SQL_ADD_ORGANIZATION);
	query_bind_text(q, ":uuid", "99999999-9999-4999-8999-999999999999");
	query_bind_text(q, ":slug", "eves");
	query_bind_text(q, ":name", "Eve's");
	query_bind_text(q, ":type", "team");
	query_bind_integer(q, ":creator", eve.user);
	query_bind_integer(q, ":now", 0);
	int64_t row = sql_single(q);
	q = sql_org_query(txn, SQL_ADD_MEMBER, row);
	query_bind_integer(q, ":user", eve.user);
	query_bind_text(q, ":role", "owner");
	query_bind_integer(q, ":now", 0);
	query_run(q);
	q = sql_org_query(txn, SQL_ADD_MEMBER, world->organization.row);
	query_bind_integer(q, ":user", eve.user);
	query_bind_text(q, ":role", "viewer");
	query_bind_integer(q, ":now", 0);
	query_run(q);
	world_must(world, store_commit(&txn, &world->err));
	return eve;
}

static bool enter(struct world *world, const struct caller *caller, const char *ref, struct organization *out)
{
	return platform_enter_organization(world->platform, caller, ref, &world->arena, out, &world->err);
}

static void slug_uuid_and_nothing_lead_to_an_organization(void **state)
{
	struct world *world = *state;
	struct organization found;
	world_must(world, enter(world, &world->caller, "my-org", &found));
	assert_int_equal(found.row, world->organization.row);
	world_must(world, enter(world, &world->caller, found.uuid, &found));
	assert_string_equal(found.slug, "my-org");
	world_must(world, enter(world, &world->caller, NULL, &found));
	assert_string_equal(found.slug, "admin");
	assert_string_equal(found.type, "personal");
}

static void strangers_are_told_apart_from_what_does_not_exist(void **state)
{
	struct world *world = *state;
	struct organization found;
	struct caller eve = add_stranger(world);
	world_expect(world, enter(world, &world->caller, "MY-ORG", &found), ERR_ORG_NOT_FOUND,
		     "organization not found");
	world_expect(world, enter(world, &world->caller, "", &found), ERR_ORG_NOT_FOUND,
		     "organization not found");
	world_expect(world, enter(world, &world->caller, "eves", &found), ERR_NOT_A_MEMBER,
		     "not a member of organization eves");
	world_must(world, enter(world, &eve, "my-org", &found));
	assert_int_equal(found.role, ROLE_VIEWER);
	world_must(world, enter(world, &eve, "eves", &found));
	assert_int_equal(found.role, ROLE_OWNER);
}

static void members_are_listed_by_name_with_their_roles(void **state)
{
	struct world *world = *state;
	struct member *list;
	struct member one;
	size_t count;
	add_stranger(world);
	world_must(world, platform_list_members(world->platform, &world->organization, &world->arena, &list,
						&count, &world->err));
	assert_int_equal(count, 2);
	assert_string_equal(list[0].username, "admin");
	assert_string_equal(role_name(list[0].role), "owner");
	assert_string_equal(list[1].username, "Eve");
	assert_string_equal(role_name(list[1].role), "viewer");
	world_must(world, platform_find_member(world->platform, &world->organization, "eve", &world->arena,
					       &one, &world->err));
	assert_string_equal(one.username, "Eve");
	assert_string_equal(one.email, "");
	world_expect(world,
		     platform_find_member(world->platform, &world->organization, "nobody", &world->arena,
					  &one, &world->err),
		     ERR_MEMBER_NOT_FOUND, "could not find member");
}

static void the_same_database_name_may_live_in_two_organizations(void **state)
{
	struct world *world = *state;
	struct organization eves;
	struct database found;
	struct caller eve = add_stranger(world);
	world_must(world, enter(world, &eve, "eves", &eves));
	struct database mine = world_make_database(world, "db");
	world_expect(world,
		     platform_find_database(world->platform, &eves, "db", &world->arena, &found, &world->err),
		     ERR_DATABASE_NOT_FOUND, "could not find database with name [db]: record not found");
	world_expect(
		world,
		platform_find_database(world->platform, &eves, mine.uuid, &world->arena, &found, &world->err),
		ERR_DATABASE_NOT_FOUND,
		arena_printf(&world->arena, "could not find database with name [%s]: record not found",
			     mine.uuid));
	struct database_wish wish = {.name = "db"};
	world_must(world, platform_create_database(world->platform, &eve, &eves, &wish, &world->arena, &found,
						   &world->err));
	assert_string_equal(found.hostname, "db-eves.db.test:8080");
	// With the wrong organization, even a known row is out of reach.
	assert_false(platform_destroy_database(world->platform, &eve, &eves, &mine, &world->err));
	assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);
	assert_false(platform_rotate_database(world->platform, &eve, &eves, &mine, &world->err));
	assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);
	world_must(world, platform_find_database(world->platform, &world->organization, "db", &world->arena,
						 &found, &world->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(slug_uuid_and_nothing_lead_to_an_organization, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(strangers_are_told_apart_from_what_does_not_exist,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(members_are_listed_by_name_with_their_roles, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(the_same_database_name_may_live_in_two_organizations,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
