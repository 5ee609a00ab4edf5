#include "platform/instance.h"

#include <pthread.h>

#include "platform/internal.h"
#include "unit/platform/world.h"

static bool create(struct world *world, const struct database *database, struct instance_wish wish,
		   struct instance_created *out)
{
	return platform_create_instance(world->platform, &world->caller, &world->organization, database,
					&wish, &world->arena, out, &world->err);
}

static bool destroy(struct world *world, const struct database *database, const char *ref)
{
	struct instance instance;
	return platform_destroy_instance(world->platform, &world->caller, &world->organization, database, ref,
					 &world->arena, &instance, &world->err);
}

static struct instance *list(struct world *world, const struct database *database, size_t *count)
{
	struct instance *instances;
	world_must(world, platform_list_instances(world->platform, &world->organization, database,
						  &world->arena, &instances, count, &world->err));
	return instances;
}

static void set_state(struct world *world, const char *uuid, const char *state)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	struct query *q = store_query(txn, "UPDATE instance SET state = :state, failure = 'the disk is full'"
					   " WHERE uuid = :uuid");
	query_bind_text(q, ":state", state);
	query_bind_text(q, ":uuid", uuid);
	assert_int_equal(query_run(q), 1);
	world_must(world, store_commit(&txn, &world->err));
}

static void the_first_is_the_primary_and_later_ones_are_replicas(void **state)
{
	struct world *world = *state;
	size_t count;
	struct database database = world_make_database(world, "my-db");
	struct instance_created first = world_make_instance(world, &database, "ord", "my-instance");
	struct instance_created second = world_make_instance(world, &database, "nrt", NULL);
	struct instance_created third = world_make_instance(world, &database, "nrt", NULL);
	assert_string_equal(first.instance.name, "my-instance");
	assert_string_equal(first.instance.type, "primary");
	assert_string_equal(first.instance.region, "ord");
	assert_string_equal(second.instance.type, "replica");
	assert_string_equal(third.instance.type, "replica");
	assert_string_equal(second.instance.region, "nrt");

	const char *label = world_label(world, first.instance.hostname);
	assert_int_equal(strspn(label, "0123456789abcdef"), 14);
	assert_string_equal(label + 14, "-my-db-my-org");

	assert_string_equal(first.username, second.username);
	assert_string_not_equal(first.password, second.password);
	assert_true(strlen(first.password) >= 24);

	world_must(world, world_wait(world, &database, first.instance.name));
	world_must(world, world_wait(world, &database, second.instance.name));
	world_must(world, world_wait(world, &database, third.instance.uuid));
	struct instance *instances = list(world, &database, &count);
	assert_int_equal(count, 3);
	assert_string_equal(instances[0].uuid, first.instance.uuid);
	assert_string_equal(instances[1].uuid, second.instance.uuid);
	assert_string_equal(instances[2].uuid, third.instance.uuid);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(instances[i].state, INSTANCE_READY);
}

static void wishes_are_checked_in_order(void **state)
{
	struct world *world = *state;
	struct instance_created made;
	struct database database = world_make_database(world, "db");
	world_expect(world, create(world, &database, (struct instance_wish){.image = "beta"}, &made),
		     ERR_MISSING_FIELD, "location is required");
	world_expect(world, create(world, &database, (struct instance_wish){.location = "xyz"}, &made),
		     ERR_INVALID_LOCATION, "invalid location: xyz");
	world_expect(world, create(world, &database, (struct instance_wish){.location = "ORD"}, &made),
		     ERR_INVALID_LOCATION, "invalid location: ORD");
	world_expect(
		world,
		create(world, &database, (struct instance_wish){.location = "ord", .image = "beta"}, &made),
		ERR_INVALID_FIELD, "invalid image: beta");
	world_expect(
		world,
		create(world, &database, (struct instance_wish){.location = "ord", .name = "A b"}, &made),
		ERR_INVALID_NAME, "invalid instance name");
	world_must(world, create(world, &database,
				 (struct instance_wish){.location = "ord", .image = "canary", .name = "one"},
				 &made));
	world_expect(
		world,
		create(world, &database, (struct instance_wish){.location = "ord", .name = "one"}, &made),
		ERR_ALREADY_EXISTS, "instance one already exists");
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &database, &world->err));
	world_expect(world, create(world, &database, (struct instance_wish){.location = "ord"}, &made),
		     ERR_DATABASE_NOT_FOUND, "could not find database with name [db]: record not found");
}

static void only_replicas_can_be_destroyed(void **state)
{
	struct world *world = *state;
	size_t count;
	struct instance found;
	struct database database = world_make_database(world, "my-db");
	world_make_instance(world, &database, "ord", "first");
	struct instance_created second = world_make_instance(world, &database, "nrt", "second");
	world_must(world, world_wait(world, &database, "second"));
	world_expect(world, destroy(world, &database, "first"), ERR_PRIMARY_INSTANCE,
		     "cannot destroy the primary instance of database my-db");
	const char *folder = arena_printf(&world->arena, "%s/databases/%s/%s", world->folder, database.uuid,
					  second.instance.uuid);
	assert_true(disk_exists(folder));
	world_must(world, destroy(world, &database, "second"));
	assert_false(disk_exists(folder));
	world_expect(world, destroy(world, &database, "second"), ERR_INSTANCE_NOT_FOUND,
		     "could not find instance second of database my-db");
	world_expect(world, world_wait(world, &database, "second"), ERR_INSTANCE_NOT_FOUND,
		     "could not find instance second of database my-db");
	assert_false(platform_find_instance(world->platform, &world->organization, &database,
					    second.instance.uuid, &world->arena, &found, &world->err));
	list(world, &database, &count);
	assert_int_equal(count, 1);
	// Its name may be given again.
	world_make_instance(world, &database, "ams", "second");
	world_must(world, world_wait(world, &database, "second"));
}

struct racer {
	struct world *world;
	const struct database *database;
	const char *name;
	pthread_t thread;
	struct arena arena;
	struct instance_created made;
	struct error err;
	bool ok;
};

static void *race(void *context)
{
	struct racer *racer = context;
	struct world *world = racer->world;
	struct instance_wish wish = {.location = "ord", .name = racer->name};
	racer->ok =
		platform_create_instance(world->platform, &world->caller, &world->organization,
					 racer->database, &wish, &racer->arena, &racer->made, &racer->err);
	return NULL;
}

static void run_race(struct racer *racers, int count)
{
	for (int i = 0; i < count; i++)
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	for (int i = 0; i < count; i++)
		pthread_join(racers[i].thread, NULL);
}

static void fifty_first_creations_at_once_give_one_primary(void **state)
{
	struct world *world = *state;
	enum { RACERS = 50 };
	struct racer racers[RACERS] = {0};
	size_t count;
	int primaries = 0;
	struct database database = world_make_database(world, "db");
	for (int i = 0; i < RACERS; i++)
		racers[i] = (struct racer){.world = world, .database = &database};
	run_race(racers, RACERS);
	for (int i = 0; i < RACERS; i++) {
		assert_true(racers[i].ok);
		primaries += strcmp(racers[i].made.instance.type, "primary") == 0;
		world_must(world, world_wait(world, &database, racers[i].made.instance.uuid));
		arena_cleanup(&racers[i].arena);
	}
	assert_int_equal(primaries, 1);
	struct instance *instances = list(world, &database, &count);
	assert_int_equal(count, RACERS);
	assert_string_equal(instances[0].type, "primary");
	for (size_t i = 1; i < count; i++)
		assert_string_equal(instances[i].type, "replica");
}

static void one_of_two_with_the_same_name_wins(void **state)
{
	struct world *world = *state;
	struct racer racers[8] = {0};
	int won = 0;
	struct database database = world_make_database(world, "db");
	for (int i = 0; i < 8; i++)
		racers[i] = (struct racer){.world = world, .database = &database, .name = "same"};
	run_race(racers, 8);
	for (int i = 0; i < 8; i++) {
		won += racers[i].ok;
		if (!racers[i].ok)
			assert_string_equal(racers[i].err.message, "instance same already exists");
		arena_cleanup(&racers[i].arena);
	}
	assert_int_equal(won, 1);
}

static void a_failed_primary_makes_room_for_the_next(void **state)
{
	struct world *world = *state;
	size_t count;
	struct database database = world_make_database(world, "db");
	struct instance_created first = world_make_instance(world, &database, "ord", "first");
	world_must(world, world_wait(world, &database, "first"));
	set_state(world, first.instance.uuid, "failed");
	world_expect(world, world_wait(world, &database, "first"), ERR_BAD_REQUEST,
		     "instance first could not be created: the disk is full");
	list(world, &database, &count);
	assert_int_equal(count, 1);
	assert_false(destroy(world, &database, "first"));
	assert_int_equal(world->err.code, ERR_PRIMARY_INSTANCE);

	struct instance_created second = world_make_instance(world, &database, "nrt", "second");
	assert_string_equal(second.instance.type, "primary");
	world_must(world, world_wait(world, &database, "second"));
	struct instance *instances = list(world, &database, &count);
	assert_int_equal(count, 1);
	assert_string_equal(instances[0].name, "second");
	assert_false(access_knows_label(platform_access(world->platform),
					world_label(world, first.instance.hostname)));
}

static void what_was_under_way_goes_on_after_a_restart(void **state)
{
	struct world *world = *state;
	size_t count;
	struct database database = world_make_database(world, "db");
	struct instance_created first = world_make_instance(world, &database, "ord", "first");
	struct instance_created second = world_make_instance(world, &database, "nrt", "second");
	struct instance_created third = world_make_instance(world, &database, "ams", "third");
	world_must(world, world_wait(world, &database, "second"));
	world_must(world, world_wait(world, &database, "third"));
	// As if the process had ended before the fleet's word, and between two steps of a destruction.
	set_state(world, first.instance.uuid, "creating");
	set_state(world, second.instance.uuid, "creating");
	set_state(world, third.instance.uuid, "destroying");
	world_stop(world);
	world_start(world);
	world_must(world, world_wait(world, &database, "first"));
	world_must(world, world_wait(world, &database, "second"));
	list(world, &database, &count);
	assert_int_equal(count, 2);
	assert_false(disk_exists(arena_printf(&world->arena, "%s/databases/%s/%s", world->folder,
					      database.uuid, third.instance.uuid)));
}

static void waiting_ends_at_its_deadline(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", "first");
	world_must(world, world_wait(world, &database, "first"));
	set_state(world, made.instance.uuid, "creating");
	world_expect(world,
		     platform_wait_instance(world->platform, &world->organization, &database, "first", 20,
					    &world->err),
		     ERR_NOT_READY, "instance first is not ready");
}

static void every_change_leaves_an_audit_row(void **state)
{
	struct world *world = *state;
	static const char *const expected[] = {"org-create",      "db-create",       "instance-create",
					       "instance-create", "instance-delete", "db-token-create",
					       "db-token-rotate", "db-delete"};
	struct database database = world_make_database(world, "db");
	world_make_instance(world, &database, "ord", "first");
	world_make_instance(world, &database, "nrt", "second");
	world_must(world, destroy(world, &database, "second"));
	world_bearer(world, &database, NULL, "read-only");
	world_must(world, platform_rotate_database(world->platform, &world->caller, &world->organization,
						   &database, &world->err));
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &database, &world->err));
	// Refused, so without a row.
	assert_false(destroy(world, &database, "second"));

	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	struct query *q = store_query(txn, "SELECT code, author, origin, message, data FROM audit"
					   " WHERE organization = :org ORDER BY id");
	query_bind_integer(q, ":org", world->organization.row);
	size_t at = 0;
	for (; query_step(q); at++) {
		assert_true(at < ARRAY_LENGTH(expected));
		assert_string_equal(query_text(q, 0), expected[at]);
		assert_string_equal(query_text(q, 1), "admin");
		if (at == 4) {
			assert_string_equal(query_text(q, 2), "web");
			assert_string_equal(query_text(q, 3), "destroyed instance second of database db");
			assert_string_equal(
				query_text(q, 4),
				"{\"database\":\"db\",\"instance\":\"second\",\"location\":\"nrt\"}");
		}
	}
	assert_int_equal(at, ARRAY_LENGTH(expected));
	world_must(world, store_commit(&txn, &world->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_is_the_primary_and_later_ones_are_replicas,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(wishes_are_checked_in_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(only_replicas_can_be_destroyed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(fifty_first_creations_at_once_give_one_primary, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(one_of_two_with_the_same_name_wins, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_failed_primary_makes_room_for_the_next, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_was_under_way_goes_on_after_a_restart, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_at_its_deadline, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(every_change_leaves_an_audit_row, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
