#include "platform/store.h"

#include "platform/internal.h"
#include "unit/platform/world.h"

// Opening a platform prepares every statement against the migrated schema; here is what it can't see.
static void statements_on_tenants_rows_bind_the_organization(void **state)
{
	for (int id = 0; id < SQL_COUNT; id++) {
		bool binds = strstr(sql_text((enum sql_id)id), ":org") != NULL;
		if (binds != sql_is_tenants((enum sql_id)id))
			fail_msg("%s: SQL_ORG and :org belong together", sql_name((enum sql_id)id));
	}
}

static void migrating_again_changes_nothing(void **state)
{
	struct world *world = *state;
	world_must(world, store_migrate(world->platform->store, &world->err));
	world_must(world, store_migrate(world->platform->store, &world->err));
}

static void a_store_of_a_newer_version_is_refused(void **state)
{
	struct world *world = *state;
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	query_run(store_query(txn, "INSERT INTO schema_version (version) VALUES (1000)"));
	world_must(world, store_commit(&txn, &world->err));
	assert_false(store_migrate(world->platform->store, &world->err));
	assert_int_equal(world->err.code, ERR_STALE);
	assert_non_null(strstr(world->err.message, "written by a newer Atoll"));
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	query_run(store_query(txn, "DELETE FROM schema_version WHERE version = 1000"));
	world_must(world, store_commit(&txn, &world->err));
}

// The engine does not enforce references, so the statements must keep them.
static void nothing_points_to_rows_that_are_gone(void **state)
{
	struct world *world = *state;
	struct instance destroyed;
	struct database kept = world_make_database(world, "kept");
	struct database gone = world_make_database(world, "gone");
	world_make_instance(world, &kept, "ord", NULL);
	world_must(world, world_wait(world, &kept,
				     world_make_instance(world, &kept, "nrt", "second").instance.name));
	world_make_instance(world, &gone, "ord", NULL);
	world_must(world, platform_destroy_instance(world->platform, &world->caller, &world->organization,
						    &kept, "second", &world->arena, &destroyed, &world->err));
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &gone, &world->err));

	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q = store_query(txn, "PRAGMA foreign_key_check");
	while (query_step(q))
		fail_msg("a row of %s points to a missing row of %s", query_text(q, 0), query_text(q, 2));
	assert_int_equal(sql_single(store_query(txn, "SELECT count(*) FROM host")), 2);
	assert_int_equal(sql_single(store_query(txn, "SELECT count(*) FROM instance")), 1);
	world_must(world, store_commit(&txn, &world->err));
}

static void secrets_are_stored_as_hashes_only(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "secrets");
	struct instance_created made = world_make_instance(world, &database, "ord", NULL);
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q =
		store_query(txn, "SELECT count(*) FROM instance WHERE instr(password_hash, :secret)");
	query_bind_text(q, ":secret", made.password);
	assert_int_equal(sql_single(q), 0);
	q = store_query(txn, "SELECT count(*) FROM audit WHERE instr(data || message, :secret)");
	query_bind_text(q, ":secret", made.password);
	assert_int_equal(sql_single(q), 0);
	world_must(world, store_commit(&txn, &world->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_on_tenants_rows_bind_the_organization),
		cmocka_unit_test_setup_teardown(migrating_again_changes_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_store_of_a_newer_version_is_refused, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(nothing_points_to_rows_that_are_gone, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(secrets_are_stored_as_hashes_only, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
