#include "platform/audit.h"

#include "platform/internal.h"
#include "unit/platform/world.h"

enum { ROW_COUNT = 100000, PAGE_SIZE = 100 };

static void add_rows(struct world *world, int count)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	struct query *q = store_query(
		txn, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)"
		     " INSERT INTO audit (organization, code, message, author, origin, data, created_ms)"
		     " SELECT :org, 'db-create', 'row ' || i, 'admin', 'web', '{}', i FROM n");
	query_bind_integer(q, ":count", count);
	query_bind_integer(q, ":org", world->organization.row);
	query_run(q);
	world_must(world, store_commit(&txn, &world->err));
}

static struct audit_entry *list(struct world *world, int64_t page, size_t *out_count, int64_t *out_total)
{
	struct audit_entry *entries;
	world_must(world, platform_list_audit(world->platform, &world->organization, page, PAGE_SIZE,
					      &world->arena, &entries, out_count, out_total, &world->err));
	return entries;
}

static void pages_of_a_long_log_are_whole(void **state)
{
	struct world *world = *state;
	size_t count;
	int64_t total;
	int64_t before;
	list(world, 1, &count, &before);
	add_rows(world, ROW_COUNT);
	struct audit_entry *first = list(world, 1, &count, &total);
	assert_int_equal(total, ROW_COUNT + before);
	assert_int_equal(count, PAGE_SIZE);
	assert_string_equal(first[0].message, "row 100000");
	assert_string_equal(first[PAGE_SIZE - 1].message, "row 99901");
	struct audit_entry *last = list(world, ROW_COUNT / PAGE_SIZE, &count, &total);
	assert_string_equal(last[PAGE_SIZE - 1].message, "row 1");
	list(world, ROW_COUNT / PAGE_SIZE + 2, &count, &total);
	assert_int_equal(count, 0);
}

static void expect_plan(struct world *world, enum sql_id id, const char *part)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	const char *sql = arena_printf(&world->arena, "EXPLAIN QUERY PLAN %s", sql_text(id));
	struct query *q = store_query(txn, sql);
	bool found = false;
	while (query_step(q))
		found = found || strstr(query_text(q, 3), part);
	world_must(world, store_commit(&txn, &world->err));
	if (!found)
		fail_msg("%s does not work by: %s", sql_name(id), part);
}

// Rows that are passed over are not read: a page costs what it shows.
static void only_the_page_is_read(void **state)
{
	struct world *world = *state;
	expect_plan(world, SQL_LIST_AUDIT, "USING COVERING INDEX audit_organization");
	expect_plan(world, SQL_COUNT_AUDIT, "USING COVERING INDEX audit_organization");
}

static void another_organization_sees_none_of_it(void **state)
{
	struct world *world = *state;
	struct organization personal;
	struct audit_entry *entries;
	size_t count;
	int64_t total;
	add_rows(world, 10);
	world_must(world, platform_enter_organization(world->platform, &world->caller, "admin", &world->arena,
						      &personal, &world->err));
	world_must(world, platform_list_audit(world->platform, &personal, 1, PAGE_SIZE, &world->arena,
					      &entries, &count, &total, &world->err));
	for (size_t i = 0; i < count; i++)
		assert_null(strstr(entries[i].message, "row "));
}

// A request may have found the organization just before it was removed.
static void nothing_comes_into_being_in_an_organization_that_is_gone(void **state)
{
	struct world *world = *state;
	struct database database;
	struct database_wish wish = {.name = "late"};
	struct organization gone = world->organization;
	world_must(world, platform_destroy_organization(world->platform, &world->caller, &world->organization,
							&world->arena, &world->err));
	world_expect(world,
		     platform_create_database(world->platform, &world->caller, &gone, &wish, &world->arena,
					      &database, &world->err),
		     ERR_ORG_NOT_FOUND, "organization not found");
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	assert_int_equal(sql_single(store_query(txn, "SELECT count(*) FROM database")), 0);
	world_must(world, store_commit(&txn, &world->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pages_of_a_long_log_are_whole, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(only_the_page_is_read, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(another_organization_sees_none_of_it, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(nothing_comes_into_being_in_an_organization_that_is_gone,
						world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
