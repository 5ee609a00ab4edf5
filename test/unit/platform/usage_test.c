#include "platform/usage.h"

#include <sched.h>

#include "base/clock.h"
#include "fleet/session.h"
#include "platform/internal.h"
#include "platform/usage_meter.h"
#include "unit/platform/world.h"

enum { HOUR_MS = 3600 * 1000, DAY_HOURS = 24 };

static const struct usage_period always = {.from = INT64_MIN, .to = INT64_MAX};

static int64_t this_hour(void)
{
	return clock_wall_ms() / HOUR_MS;
}

static void run(struct world *world, const struct database *database, const char *instance, const char *sql)
{
	struct fleet_instance *held;
	struct fleet_session *session;
	world_must(world, fleet_acquire(world->fleet, database->uuid, instance, &held, &world->err));
	world_must(world, fleet_session_open(held, false, &session, &world->err));
	world_must(world, fleet_session_sequence(session, sql, strlen(sql), &world->err));
	world_must(world, fleet_session_settle(session, &world->err));
	fleet_session_close(session);
	fleet_release(held);
}

static struct instance_created ready_instance(struct world *world, const struct database *database,
					      const char *location)
{
	struct instance_created made = world_make_instance(world, database, location, NULL);
	world_must(world, world_wait(world, database, made.instance.name));
	return made;
}

static struct database_usage usage_of(struct world *world, const struct database *database,
				      struct usage_period period)
{
	struct database_usage usage;
	world_must(world, platform_database_usage(world->platform, &world->organization, database, &period,
						  &world->arena, &usage, &world->err));
	return usage;
}

static struct organization_usage usage_of_all(struct world *world, struct usage_period period)
{
	struct organization_usage usage;
	world_must(world, platform_organization_usage(world->platform, &world->organization, &period,
						      &world->arena, &usage, &world->err));
	return usage;
}

// Straight into the store, as if it had been counted then.
static void store_now(struct world *world, const char *sql)
{
	struct store_txn *txn;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	store_run_script(txn, sql);
	world_must(world, store_commit(&txn, &world->err));
}

static void counted_then(struct world *world, const struct database *database, const char *instance,
			 int64_t hour, int rows_read, int storage_bytes)
{
	store_now(world, arena_printf(&world->arena,
				      "INSERT INTO usage VALUES (%lld, '%s', '%s', %lld, %d, 0, 0, %d)",
				      (long long)world->organization.row, database->uuid, instance,
				      (long long)hour, rows_read, storage_bytes));
}

static int64_t ask(struct world *world, const char *sql)
{
	struct store_txn *txn;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	int64_t value = sql_single(store_query(txn, sql));
	world_must(world, store_commit(&txn, &world->err));
	return value;
}

// -- counting -----------------------------------------------------------------------------------------

static void statements_are_counted_by_instance_and_survive_a_restart(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct database idle = world_make_database(world, "idle");
	struct instance_created primary = ready_instance(world, &database, "ord");
	struct instance_created replica = ready_instance(world, &database, "nrt");
	run(world, &database, primary.instance.uuid,
	    "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2), (3); SELECT * FROM t");
	struct database_usage first = usage_of(world, &database, always);
	assert_int_equal(first.instance_count, 2);
	assert_string_equal(first.instances[0].uuid, primary.instance.uuid);
	assert_string_equal(first.instances[1].uuid, replica.instance.uuid);
	assert_true(first.instances[0].used.rows_written >= 3);
	assert_true(first.instances[0].used.rows_read >= 3);
	assert_true(first.instances[0].used.storage_bytes >= 4096);
	assert_int_equal(first.used.rows_written,
			 first.instances[0].used.rows_written + first.instances[1].used.rows_written);

	platform_finish(world->platform);
	world_stop(world);
	world_start(world);
	world_enter(world);
	run(world, &database, primary.instance.uuid, "INSERT INTO t VALUES (4)");
	struct database_usage second = usage_of(world, &database, always);
	assert_int_equal(second.instances[0].used.rows_written, first.instances[0].used.rows_written + 1);
	assert_int_equal(usage_of(world, &idle, always).instance_count, 0);

	struct organization_usage all = usage_of_all(world, always);
	assert_int_equal(all.database_count, 2);
	assert_int_equal(all.location_count, 2);
	assert_int_equal(all.group_count, 0);
	assert_int_equal(all.databases_size, 2);
	assert_string_equal(all.databases[0].uuid, database.uuid);
	assert_string_equal(all.databases[1].uuid, idle.uuid);
	assert_int_equal(all.databases[0].instance_count, 2);
	assert_int_equal(all.used.rows_written, second.used.rows_written);
	assert_int_equal(all.used.storage_bytes, second.used.storage_bytes);

	struct instance found;
	struct usage_figures used;
	world_must(world, platform_instance_usage(world->platform, &world->organization, &database,
						  primary.instance.name, &always, &world->arena, &found,
						  &used, &world->err));
	assert_string_equal(found.uuid, primary.instance.uuid);
	assert_int_equal(used.rows_written, second.instances[0].used.rows_written);
	world_expect(world,
		     platform_instance_usage(world->platform, &world->organization, &database, "none",
					     &always, &world->arena, &found, &used, &world->err),
		     ERR_INSTANCE_NOT_FOUND, "could not find instance none of database db");
}

static void the_timer_stores_what_nobody_asks_for(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created primary = ready_instance(world, &database, "ord");
	struct usage_meter *meter = usage_meter_start(world->platform, world->workers, 10);
	run(world, &database, primary.instance.uuid, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)");
	int64_t deadline_ms = clock_monotonic_ms() + 20000;
	while (ask(world, "SELECT sum(rows_written) FROM usage") < 2) {
		if (clock_monotonic_ms() > deadline_ms)
			fail_msg("nothing was stored");
		sched_yield();
	}
	usage_meter_stop(meter);
}

// -- periods ------------------------------------------------------------------------------------------

static void an_hour_counts_when_it_begins_in_the_period(void **state)
{
	struct world *world = *state;
	struct usage_period period;
	world_must(world,
		   usage_period_of(10 * (int64_t)HOUR_MS, 12 * (int64_t)HOUR_MS, &period, &world->err));
	assert_int_equal(period.from, 10);
	assert_int_equal(period.to, 12);
	world_must(world, usage_period_of(10 * (int64_t)HOUR_MS + 1, 12 * (int64_t)HOUR_MS + 1, &period,
					  &world->err));
	assert_int_equal(period.from, 11);
	assert_int_equal(period.to, 13);
	world_must(world, usage_period_of(5, 5, &period, &world->err));
	assert_int_equal(period.from, period.to);
	world_expect(world, usage_period_of(6, 5, &period, &world->err), ERR_BAD_REQUEST,
		     "from must not be later than to");

	int64_t moment;
	int64_t month;
	assert_true(clock_parse("2026-03-31T23:59:59.9Z", &moment));
	assert_true(clock_parse("2026-03-01T00:00:00Z", &month));
	assert_int_equal(usage_month_of(moment), month);
	assert_int_equal(usage_month_of(month), month);
}

static void a_period_holds_its_own_rows_and_the_storage_at_its_end(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created primary = ready_instance(world, &database, "ord");
	const char *uuid = primary.instance.uuid;
	int64_t now = this_hour();
	store_now(world, "UPDATE database SET created_ms = 0");
	store_now(world, "UPDATE instance SET created_ms = 0");
	counted_then(world, &database, uuid, now - 30, 1, 100);
	counted_then(world, &database, uuid, now - 20, 10, 200);
	counted_then(world, &database, uuid, now - 10, 100, 300);

	struct usage_figures used =
		usage_of(world, &database, (struct usage_period){now - 20, now - 10}).used;
	assert_int_equal(used.rows_read, 10);
	assert_int_equal(used.storage_bytes, 200);
	used = usage_of(world, &database, (struct usage_period){now - 25, now - 20}).used;
	assert_int_equal(used.rows_read, 0);
	assert_int_equal(used.storage_bytes, 100);
	used = usage_of(world, &database, (struct usage_period){now - 30, now}).used;
	assert_int_equal(used.rows_read, 111);
	assert_int_equal(used.storage_bytes, 300);
	// It was there, and took no room yet.
	struct database_usage before = usage_of(world, &database, (struct usage_period){now - 50, now - 40});
	assert_int_equal(before.instance_count, 1);
	assert_int_equal(before.used.storage_bytes, 0);
}

// -- what is gone -------------------------------------------------------------------------------------

static void what_was_destroyed_stays_in_its_period_and_takes_no_room(void **state)
{
	struct world *world = *state;
	struct database kept = world_make_database(world, "a-kept");
	struct database gone = world_make_database(world, "b-gone");
	struct instance_created primary = ready_instance(world, &kept, "ord");
	struct instance_created replica = ready_instance(world, &kept, "nrt");
	struct instance_created other = ready_instance(world, &gone, "ord");
	struct instance destroyed;
	run(world, &kept, primary.instance.uuid, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	run(world, &kept, replica.instance.uuid, "SELECT 1 FROM sqlite_schema");
	run(world, &gone, other.instance.uuid, "CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)");
	world_must(world,
		   platform_destroy_instance(world->platform, &world->caller, &world->organization, &kept,
					     replica.instance.name, &world->arena, &destroyed, &world->err));
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &gone, &world->err));
	struct database_usage usage = usage_of(world, &kept, always);
	assert_int_equal(usage.instance_count, 2);
	assert_string_equal(usage.instances[0].uuid, primary.instance.uuid);
	assert_string_equal(usage.instances[1].uuid, replica.instance.uuid);
	assert_int_equal(usage.instances[1].used.storage_bytes, 0);

	struct organization_usage all = usage_of_all(world, always);
	assert_int_equal(all.database_count, 1);
	assert_int_equal(all.databases_size, 2);
	assert_string_equal(all.databases[0].uuid, kept.uuid);
	assert_string_equal(all.databases[1].uuid, gone.uuid);
	assert_true(all.databases[1].used.rows_written >= 2);
	assert_int_equal(all.databases[1].used.storage_bytes, 0);
	assert_int_equal(all.used.storage_bytes, usage.instances[0].used.storage_bytes);

	// A later period knows only what there is.
	all = usage_of_all(world, (struct usage_period){this_hour() + 1, this_hour() + 2});
	assert_int_equal(all.databases_size, 1);
	assert_int_equal(all.databases[0].instance_count, 1);
	assert_int_equal(all.used.rows_written, 0);
	assert_int_equal(
		ask(world,
		    "SELECT count(*) FROM query_usage WHERE database NOT IN (SELECT uuid FROM database)"),
		0);
}

static void a_database_that_moves_leaves_its_usage_and_takes_its_storage_along(void **state)
{
	struct world *world = *state;
	struct organization personal;
	struct database database = world_make_database(world, "db");
	struct instance_created primary = ready_instance(world, &database, "ord");
	run(world, &database, primary.instance.uuid, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	struct usage_figures before = usage_of(world, &database, always).used;
	world_must(world, platform_enter_organization(world->platform, &world->caller, NULL, &world->arena,
						      &personal, &world->err));
	store_now(world, arena_printf(&world->arena, "UPDATE database SET organization = %lld",
				      (long long)personal.row));
	struct organization_usage left = usage_of_all(world, always);
	assert_int_equal(left.database_count, 0);
	assert_int_equal(left.used.rows_written, before.rows_written);
	assert_int_equal(left.used.storage_bytes, 0);
	world->organization = personal;
	struct organization_usage taken = usage_of_all(world, always);
	assert_int_equal(taken.used.rows_written, 0);
	assert_int_equal(taken.used.storage_bytes, before.storage_bytes);
}

// -- queries ------------------------------------------------------------------------------------------

static void the_costliest_queries_are_kept_and_told(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created primary = ready_instance(world, &database, "ord");
	struct query_usage *queries;
	size_t count;
	run(world, &database, primary.instance.uuid,
	    "CREATE TABLE t (x); INSERT INTO t WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM "
	    "n"
	    " WHERE x < 500) SELECT x FROM n");
	for (int i = 0; i < 130; i++) {
		run(world, &database, primary.instance.uuid,
		    arena_printf(&world->arena, "SELECT %d FROM t LIMIT %d", i, i + 1));
		if (i % 50 == 49)
			usage_meter_store(world->platform->usage_meter, NULL);
	}
	world_must(world, platform_top_queries(world->platform, &world->organization, &database, &always,
					       &world->arena, &queries, &count, &world->err));
	assert_int_equal(count, USAGE_QUERIES_SHOWN);
	assert_non_null(strstr(queries[0].sql, "INSERT INTO t"));
	assert_true(queries[0].rows_written >= 500);
	assert_string_equal(queries[1].sql, "SELECT 129 FROM t LIMIT 130");
	assert_int_equal(queries[1].rows_written, 0);
	for (size_t i = 1; i < count; i++)
		assert_true(queries[i - 1].rows_read + queries[i - 1].rows_written >=
			    queries[i].rows_read + queries[i].rows_written);
	assert_true(ask(world, "SELECT max(n) FROM (SELECT count(*) AS n FROM query_usage GROUP BY hour)") <=
		    USAGE_QUERIES_MAX);
	struct usage_period earlier = {.from = 0, .to = this_hour() - 1};
	world_must(world, platform_top_queries(world->platform, &world->organization, &database, &earlier,
					       &world->arena, &queries, &count, &world->err));
	assert_int_equal(count, 0);
}

// -- old rows -----------------------------------------------------------------------------------------

static void old_hours_become_days_and_old_days_are_forgotten(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created primary = ready_instance(world, &database, "ord");
	const char *uuid = primary.instance.uuid;
	int64_t today = this_hour() - this_hour() % DAY_HOURS;
	int64_t folded = today - (int64_t)(USAGE_HOURS_KEPT_DAYS + 5) * DAY_HOURS;
	int64_t forgotten = today - (int64_t)(USAGE_DAYS_KEPT + 5) * DAY_HOURS;
	usage_meter_store(world->platform->usage_meter, NULL);
	store_now(world, "DELETE FROM usage");
	counted_then(world, &database, uuid, folded, 1, 10);
	counted_then(world, &database, uuid, folded + 7, 10, 30);
	counted_then(world, &database, uuid, folded + 23, 100, 20);
	counted_then(world, &database, uuid, folded + 24 + 5, 1000, 40);
	counted_then(world, &database, uuid, forgotten + 3, 10000, 5);
	counted_then(world, &database, uuid, today - 1, 100000, 50);
	counted_then(world, &database, "gone", forgotten, 7, 5);
	usage_meter_tidy(world->platform->usage_meter, clock_wall_ms());
	for (int i = 0; i < 2; i++) { // again changes nothing
		assert_int_equal(ask(world, "SELECT count(*) FROM usage"), 3);
		struct usage_figures used =
			usage_of(world, &database, (struct usage_period){folded, folded + DAY_HOURS}).used;
		assert_int_equal(used.rows_read, 111);
		assert_int_equal(used.storage_bytes, 20);
		assert_int_equal(usage_of(world, &database, always).used.rows_read, 101111);
		usage_meter_tidy(world->platform->usage_meter, clock_wall_ms());
	}

	// Of an idle instance its storage is remembered for as long as it lives.
	store_now(world, "DELETE FROM usage");
	counted_then(world, &database, uuid, forgotten - 99, 1, 4096);
	usage_meter_tidy(world->platform->usage_meter, clock_wall_ms());
	assert_int_equal(usage_of(world, &database, always).used.storage_bytes, 4096);
	assert_int_equal(ask(world, "SELECT count(*) FROM usage"), 1);
}

static void old_queries_are_forgotten(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	int64_t now = this_hour();
	int64_t kept = now - (int64_t)USAGE_QUERIES_KEPT_DAYS * DAY_HOURS;
	store_now(world, arena_printf(&world->arena,
				      "INSERT INTO query_usage VALUES ('%s', %lld, 'SELECT 1', 1, 1, 0),"
				      " ('%s', %lld, 'SELECT 1', 1, 1, 0)",
				      database.uuid, (long long)kept, database.uuid, (long long)(kept - 1)));
	usage_meter_tidy(world->platform->usage_meter, clock_wall_ms());
	assert_int_equal(ask(world, "SELECT count(*) FROM query_usage"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(statements_are_counted_by_instance_and_survive_a_restart,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(the_timer_stores_what_nobody_asks_for, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(an_hour_counts_when_it_begins_in_the_period, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_period_holds_its_own_rows_and_the_storage_at_its_end,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(what_was_destroyed_stays_in_its_period_and_takes_no_room,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			a_database_that_moves_leaves_its_usage_and_takes_its_storage_along, world_setup,
			world_teardown),
		cmocka_unit_test_setup_teardown(the_costliest_queries_are_kept_and_told, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(old_hours_become_days_and_old_days_are_forgotten, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(old_queries_are_forgotten, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
