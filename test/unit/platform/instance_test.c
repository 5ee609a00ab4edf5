#include "platform/instance.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/clock.h"
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

static bool any_file_of(struct world *world, const char *database, const char *instance)
{
	return disk_exists(arena_printf(&world->arena, "%s/databases/%s%s%s", world->folder, database,
					instance ? "/" : "", instance ? instance : ""));
}

static void a_creation_that_meets_a_destruction_leaves_no_orphan(void **state)
{
	struct world *world = *state;
	enum { ROUNDS = 15, RACERS = 3 };
	for (int round = 0; round < ROUNDS; round++) {
		struct racer racers[RACERS];
		const char *name = arena_printf(&world->arena, "db-%d", round);
		struct database database = world_make_database(world, name);
		for (int i = 0; i < RACERS; i++) {
			racers[i] = (struct racer){.world = world, .database = &database};
			assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
		}
		// At a different moment of the creation in each round.
		if (round % 3 == 1)
			world_make_instance(world, &database, "nrt", NULL);
		world_must(world, platform_destroy_database(world->platform, &world->caller,
							    &world->organization, &database, &world->err));
		for (int i = 0; i < RACERS; i++) {
			pthread_join(racers[i].thread, NULL);
			if (!racers[i].ok)
				assert_int_equal(racers[i].err.code, ERR_DATABASE_NOT_FOUND);
			arena_cleanup(&racers[i].arena);
		}
	}
	// Closing waits for what the fleet has begun.
	world_stop(world);
	DIR *folder = opendir(arena_printf(&world->arena, "%s/databases", world->folder));
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));) {
		if (entry->d_name[0] != '.')
			fail_msg("left behind: %s", entry->d_name);
	}
	closedir(folder);
	world_start(world);
}

static void a_replica_destroyed_while_it_is_made_leaves_no_files(void **state)
{
	struct world *world = *state;
	enum { ROUNDS = 15 };
	const char *uuids[ROUNDS];
	size_t count;
	struct database database = world_make_database(world, "db");
	world_make_instance(world, &database, "ord", "first");
	world_must(world, world_wait(world, &database, "first"));
	for (int round = 0; round < ROUNDS; round++) {
		struct racer racer = {.world = world, .database = &database, .name = "second"};
		assert_int_equal(pthread_create(&racer.thread, NULL, race, &racer), 0);
		while (!destroy(world, &database, "second"))
			assert_int_equal(world->err.code, ERR_INSTANCE_NOT_FOUND);
		pthread_join(racer.thread, NULL);
		assert_true(racer.ok);
		uuids[round] = arena_text(&world->arena, racer.made.instance.uuid);
		arena_cleanup(&racer.arena);
	}
	list(world, &database, &count);
	assert_int_equal(count, 1);
	world_stop(world);
	for (int round = 0; round < ROUNDS; round++)
		assert_false(any_file_of(world, database.uuid, uuids[round]));
	assert_true(any_file_of(world, database.uuid, NULL));
	world_start(world);
}

// The fleet's word comes after the destruction: what it made in between must go too.
static void a_late_word_of_the_fleet_brings_nothing_back(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct database gone = world_make_database(world, "gone");
	world_make_instance(world, &database, "ord", "first");
	struct instance_created second = world_make_instance(world, &database, "nrt", "second");
	struct instance_created only = world_make_instance(world, &gone, "ord", "only");
	world_must(world, world_wait(world, &database, "second"));
	world_must(world, world_wait(world, &gone, "only"));
	set_state(world, second.instance.uuid, "destroying");
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	store_run_script(
		txn, "DELETE FROM instance WHERE name = 'only'; DELETE FROM database WHERE name = 'gone'");
	world_must(world, store_commit(&txn, &world->err));
	fleet_create_instance(world->fleet, database.uuid, second.instance.uuid);
	fleet_create_instance(world->fleet, gone.uuid, only.instance.uuid);
	world_stop(world);
	assert_false(any_file_of(world, database.uuid, second.instance.uuid));
	assert_false(any_file_of(world, gone.uuid, NULL));
	assert_true(any_file_of(world, database.uuid, NULL));
	world_start(world);
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

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

// A full disk must not leave an instance in creation for ever.
static void a_word_that_the_store_did_not_take_is_stored_later(void **state)
{
	struct world *world = *state;
	struct database database = world_make_database(world, "db");
	struct instance_created made = world_make_instance(world, &database, "ord", "first");
	world_must(world, world_wait(world, &database, "first"));
	set_state(world, made.instance.uuid, "creating");
	limit_files(1);
	fleet_create_instance(world->fleet, database.uuid, made.instance.uuid);
	bool lost = false;
	for (int64_t deadline_ms = clock_monotonic_ms() + 20000;
	     !lost && clock_monotonic_ms() < deadline_ms;) {
		pthread_mutex_lock(&world->platform->instances_mutex);
		lost = world->platform->lost_events != NULL;
		pthread_mutex_unlock(&world->platform->instances_mutex);
	}
	limit_files(RLIM_INFINITY);
	assert_true(lost);
	world_must(world, world_wait(world, &database, "first"));
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
	// Files over the limit give an error instead.
	signal(SIGXFSZ, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_first_is_the_primary_and_later_ones_are_replicas,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(wishes_are_checked_in_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(only_replicas_can_be_destroyed, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(fifty_first_creations_at_once_give_one_primary, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(one_of_two_with_the_same_name_wins, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_creation_that_meets_a_destruction_leaves_no_orphan,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_replica_destroyed_while_it_is_made_leaves_no_files,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_late_word_of_the_fleet_brings_nothing_back, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_failed_primary_makes_room_for_the_next, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_was_under_way_goes_on_after_a_restart, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_word_that_the_store_did_not_take_is_stored_later,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(waiting_ends_at_its_deadline, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(every_change_leaves_an_audit_row, world_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
