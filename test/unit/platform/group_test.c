#include "platform/group.h"

#include <dirent.h>

#include "platform/internal.h"
#include "unit/platform/world.h"

static struct group make_group(struct world *world, const char *name, const char *location)
{
	struct group group;
	struct group_wish wish = {.name = name, .location = location};
	world_must(world, platform_create_group(world->platform, &world->caller, &world->organization, &wish,
						&world->arena, &group, &world->err));
	return group;
}

static struct group find_group(struct world *world, const char *ref)
{
	struct group group;
	world_must(world, platform_find_group(world->platform, &world->organization, ref, &world->arena,
					      &group, &world->err));
	return group;
}

static void add_location(struct world *world, const struct group *group, const char *code)
{
	world_must(world, platform_add_group_location(world->platform, &world->caller, &world->organization,
						      group, code, &world->err));
	struct group now = find_group(world, group->uuid);
	world_must(world, platform_wait_group_location(world->platform, &world->organization, &now, code,
						       20000, &world->err));
}

static bool create(struct world *world, struct database_wish wish, struct database *out)
{
	return platform_create_database(world->platform, &world->caller, &world->organization, &wish,
					&world->arena, out, &world->err);
}

static struct database make_in(struct world *world, const char *name, const char *group)
{
	struct database database;
	world_must(world, create(world, (struct database_wish){.name = name, .group = group}, &database));
	return database;
}

static bool create_instance(struct world *world, const struct database *database, const char *location)
{
	struct instance_created made;
	struct instance_wish wish = {.location = location};
	return platform_create_instance(world->platform, &world->caller, &world->organization, database,
					&wish, &world->arena, &made, &world->err);
}

static bool destroy_instance(struct world *world, const struct database *database, const char *ref)
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

// "ord,nrt": where it has instances, all of them ready; the primary's first.
static void expect_ready(struct world *world, const struct database *database, const char *expected)
{
	OWNED(buffer) struct buffer regions = {0};
	size_t count;
	struct instance *instances = list(world, database, &count);
	for (size_t i = 0; i < count; i++) {
		world_must(world, world_wait(world, database, instances[i].uuid));
		buffer_printf(&regions, "%s%s", i > 0 ? "," : "", instances[i].region);
		assert_string_equal(instances[i].type, i == 0 ? "primary" : "replica");
	}
	assert_string_equal(buffer_text(&regions), expected);
}

// What a crash or a full disk would have left.
static void change(struct world *world, const char *sql, const char *uuid)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_WRITE, &txn, &world->err));
	struct query *q = store_query(txn, sql);
	query_bind_text(q, ":uuid", uuid);
	assert_true(query_run(q) > 0);
	world_must(world, store_commit(&txn, &world->err));
}

static void restart(struct world *world)
{
	world_stop(world);
	world_start(world);
	world_enter(world);
}

static size_t count_folders(struct world *world)
{
	size_t count = 0;
	DIR *folder = opendir(arena_printf(&world->arena, "%s/databases", world->folder));
	assert_non_null(folder);
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void a_failed_primary_is_made_anew_with_its_replicas(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "g", "ord");
	add_location(world, &group, "nrt");
	struct database database = make_in(world, "db", "g");
	change(world,
	       "UPDATE instance SET state = 'failed', failure = 'the disk is full'"
	       " WHERE database = (SELECT id FROM database WHERE uuid = :uuid)",
	       database.uuid);
	struct group sick = find_group(world, "g");
	assert_true(sick.down[0] && sick.down[1]);
	assert_false(platform_wait_group_location(world->platform, &world->organization, &sick, "nrt", 1000,
						  &world->err));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	world_expect(
		world, create_instance(world, &database, "nrt"), ERR_NOT_READY,
		"the primary instance of database db could not be created: create it again in ord first");
	world_must(world, create_instance(world, &database, "ord"));
	expect_ready(world, &database, "ord,nrt");
	assert_false(find_group(world, "g").down[1]);
}

static void a_failed_replica_is_made_anew_or_removed(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "g", "ord");
	add_location(world, &group, "nrt");
	struct database database = make_in(world, "db", "g");
	make_in(world, "other", "g");
	static const char fail[] = "UPDATE instance SET state = 'failed' WHERE type = 'replica'"
				   " AND database = (SELECT id FROM database WHERE uuid = :uuid)";
	change(world, fail, database.uuid);
	world_must(world, create_instance(world, &database, "nrt"));
	expect_ready(world, &database, "ord,nrt");
	change(world, fail, database.uuid);
	world_must(world, destroy_instance(world, &database, "nrt"));
	expect_ready(world, &database, "ord");
	assert_int_equal(find_group(world, "g").location_count, 2);
	world_must(world, create_instance(world, &database, "nrt"));
	expect_ready(world, &database, "ord,nrt");
}

static void a_start_makes_what_was_stored_and_removes_what_was_given_up(void **state)
{
	struct world *world = *state;
	size_t count;
	struct group group = make_group(world, "g", "ord");
	add_location(world, &group, "nrt");
	struct database first = make_in(world, "first", "g");
	struct database second = make_in(world, "second", "g");
	struct instance *instances = list(world, &first, &count);
	change(world, "UPDATE instance SET state = 'creating' WHERE uuid = :uuid", instances[0].uuid);
	change(world, "UPDATE instance SET state = 'creating' WHERE uuid = :uuid", instances[1].uuid);
	instances = list(world, &second, &count);
	change(world, "UPDATE instance SET state = 'destroying' WHERE uuid = :uuid", instances[1].uuid);
	restart(world);
	expect_ready(world, &first, "ord,nrt");
	expect_ready(world, &second, "ord");
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	assert_int_equal(
		sql_single(store_query(txn, "SELECT count(*) FROM instance WHERE state = 'destroying'")), 0);
}

static void what_is_archived_takes_no_instance_until_it_is_woken(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "g", "ord");
	struct database database = make_in(world, "db", "g");
	struct database alone = world_make_database(world, "alone");
	change(world, "UPDATE database SET archived = 1 WHERE uuid = :uuid", alone.uuid);
	world_expect(world, create_instance(world, &alone, "ord"), ERR_NOT_READY,
		     "database alone is archived: wake it up first");
	world_must(world, platform_wake_database(world->platform, &world->caller, &world->organization,
						 &alone, &world->err));
	world_must(world, create_instance(world, &alone, "ord"));

	struct database refused;
	change(world, "UPDATE database_group SET archived = 1 WHERE uuid = :uuid", group.uuid);
	world_must(world, platform_find_database(world->platform, &world->organization, "db", &world->arena,
						 &database, &world->err));
	assert_true(database.archived);
	assert_true(find_group(world, "g").archived);
	world_expect(world, create_instance(world, &database, "nrt"), ERR_NOT_READY,
		     "database db is archived: wake it up first");
	world_expect(world, create(world, (struct database_wish){.name = "late", .group = "g"}, &refused),
		     ERR_NOT_READY, "group g is archived: unarchive it first");
	world_must(world, platform_unarchive_group(world->platform, &world->caller, &world->organization,
						   &group, &world->err));
	world_must(world, create_instance(world, &database, "nrt"));
}

static void who_sees_one_group_only_sees_no_other(void **state)
{
	struct world *world = *state;
	struct group mine = make_group(world, "mine", "ord");
	make_group(world, "theirs", "ord");
	struct database inside = make_in(world, "inside", "mine");
	struct database outside = make_in(world, "outside", "theirs");
	world_make_database(world, "alone");
	world->organization.only_group = mine.row;

	struct group group;
	struct group *groups;
	struct database database;
	struct database *databases;
	const char *next;
	size_t count;
	world_must(world, platform_list_groups(world->platform, &world->organization, &world->arena, &groups,
					       &count, &world->err));
	assert_int_equal(count, 1);
	assert_string_equal(groups[0].name, "mine");
	world_expect(world,
		     platform_find_group(world->platform, &world->organization, "theirs", &world->arena,
					 &group, &world->err),
		     ERR_GROUP_NOT_FOUND, "group not found");
	struct database_filter filter = {0};
	world_must(world, platform_list_databases(world->platform, &world->organization, &filter,
						  &world->arena, &databases, &count, &next, &world->err));
	assert_int_equal(count, 1);
	assert_string_equal(databases[0].uuid, inside.uuid);
	for (int by_uuid = 0; by_uuid < 2; by_uuid++) {
		assert_false(platform_find_database(world->platform, &world->organization,
						    by_uuid ? outside.uuid : "outside", &world->arena,
						    &database, &world->err));
		assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);
	}
	world_must(world, create(world, (struct database_wish){.name = "new"}, &database));
	assert_string_equal(database.group, "mine");
	world_expect(world, create(world, (struct database_wish){.name = "no", .group = "theirs"}, &database),
		     ERR_GROUP_NOT_FOUND, "group not found");
	assert_false(create(world,
			    (struct database_wish){.name = "no",
						   .content = CONTENT_DATABASE,
						   .source = "outside",
						   .at_ms = DATABASE_NOW},
			    &database));
	assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);

	const char *jwt;
	const char *attach = "outside";
	struct database_token_wish wish = {.attach = &attach, .attach_count = 1};
	assert_false(platform_mint_group_token(world->platform, &world->caller, &world->organization, &mine,
					       &wish, &world->arena, &jwt, &world->err));
	assert_int_equal(world->err.code, ERR_INVALID_FIELD);
}

static void a_draft_gets_its_instances_when_its_content_is_there(void **state)
{
	struct world *world = *state;
	struct database draft;
	struct group group = make_group(world, "g", "ord");
	add_location(world, &group, "nrt");
	struct database source = make_in(world, "source", "g");
	struct database_wish wish = {.name = "draft", .group = "g", .content = CONTENT_UPLOAD};
	world_must(world, create(world, wish, &draft));
	assert_true(draft.draft);
	expect_ready(world, &draft, "");
	add_location(world, &group, "ams");
	expect_ready(world, &draft, "");
	restart(world);
	world_must(world, fleet_seed_copy(world->fleet, draft.uuid, source.uuid, SEED_NOW, &world->err));
	world_must(world, platform_activate_draft(world->platform, draft.uuid, &world->err));
	expect_ready(world, &draft, "ord,ams,nrt");
	world_expect(world, platform_activate_draft(world->platform, draft.uuid, &world->err),
		     ERR_ALREADY_EXISTS, "database draft is not waiting for an upload");
}

static void content_that_cannot_be_had_leaves_nothing(void **state)
{
	struct world *world = *state;
	struct database made;
	make_group(world, "g", "ord");
	make_in(world, "source", "g");
	struct database_wish wish = {
		.name = "copy", .group = "g", .content = CONTENT_DATABASE, .source = "source", .at_ms = 1};
	assert_false(create(world, wish, &made));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	assert_int_equal(count_folders(world), 1);
	wish.at_ms = DATABASE_NOW;
	world_must(world, create(world, wish, &made));
	world_expect(world, create(world, wish, &made), ERR_ALREADY_EXISTS,
		     "database with name [copy] already exists");
	assert_int_equal(count_folders(world), 2);
	// What a crash leaves before the database is stored.
	char uuid[CRYPT_UUID_TEXT_BYTES];
	crypt_uuid(uuid);
	world_must(world, fleet_seed_copy(world->fleet, uuid, made.uuid, SEED_NOW, &world->err));
	assert_int_equal(count_folders(world), 3);
	restart(world);
	assert_int_equal(count_folders(world), 2);
}

static void destroying_a_group_leaves_nothing(void **state)
{
	struct world *world = *state;
	struct group group = make_group(world, "g", "ord");
	add_location(world, &group, "nrt");
	for (int i = 0; i < 12; i++)
		make_in(world, arena_printf(&world->arena, "db-%d", i), "g");
	world_must(world, platform_destroy_group(world->platform, &world->caller, &world->organization,
						 &group, &world->err));
	assert_int_equal(count_folders(world), 0);
	static const char *const tables[] = {"database", "instance", "host", "database_group",
					     "group_location"};
	OWNED(store_txn) struct store_txn *txn = NULL;
	world_must(world, store_begin(world->platform->store, STORE_READ, &txn, &world->err));
	for (size_t i = 0; i < ARRAY_LENGTH(tables); i++)
		assert_int_equal(
			sql_single(store_query(
				txn, arena_printf(&world->arena, "SELECT count(*) FROM %s", tables[i]))),
			0);
}

static bool check(struct world *world, const struct database *database, const char *bearer,
		  struct access_grant *out)
{
	return access_check(platform_access(world->platform), world_label(world, database->hostname), bearer,
			    out, &world->err);
}

static const char *group_bearer(struct world *world, const struct group *group, const char *attach)
{
	const char *jwt;
	struct database_token_wish wish = {.attach = &attach, .attach_count = attach != NULL};
	world_must(world, platform_mint_group_token(world->platform, &world->caller, &world->organization,
						    group, &wish, &world->arena, &jwt, &world->err));
	return arena_printf(&world->arena, "Bearer %s", jwt);
}

static void a_rotation_ends_what_it_is_for_and_nothing_else(void **state)
{
	struct world *world = *state;
	struct access *access = platform_access(world->platform);
	struct access_grant own;
	struct access_grant shared;
	struct group group = make_group(world, "g", "ord");
	struct database database = make_in(world, "db", "g");
	struct database alone = world_make_database(world, "alone");
	const char *own_bearer = world_bearer(world, &database, NULL, NULL);
	const char *shared_bearer = group_bearer(world, &group, NULL);
	world_must(world, check(world, &database, own_bearer, &own));
	world_must(world, check(world, &database, shared_bearer, &shared));
	assert_string_equal(own.group, "");
	assert_string_equal(shared.group, group.uuid);
	assert_false(check(world, &alone, shared_bearer, &shared));
	assert_int_equal(world->err.code, ERR_NAMESPACE_NOT_FOUND);
	world_must(world, check(world, &database, shared_bearer, &shared));

	world_must(world, platform_rotate_group(world->platform, &world->caller, &world->organization, &group,
						&world->err));
	assert_true(access_is_current(access, &own));
	assert_false(access_is_current(access, &shared));
	world_must(world, check(world, &database, own_bearer, &own));
	assert_false(check(world, &database, shared_bearer, &shared));
	assert_int_equal(world->err.code, ERR_AUTH_JWT_INVALID);

	shared_bearer = group_bearer(world, &group, NULL);
	world_must(world, check(world, &database, shared_bearer, &shared));
	world_must(world, platform_rotate_database(world->platform, &world->caller, &world->organization,
						   &database, &world->err));
	assert_false(access_is_current(access, &own));
	assert_false(check(world, &database, own_bearer, &own));
	world_must(world, check(world, &database, shared_bearer, &shared));
	assert_true(access_is_current(access, &shared));
}

static void only_what_a_token_names_and_its_owner_allows_is_attached(void **state)
{
	struct world *world = *state;
	struct access *access = platform_access(world->platform);
	struct access_grant named;
	struct access_grant plain;
	struct database_configuration ignored;
	char found[CRYPT_UUID_TEXT_BYTES];
	const bool yes = true;
	struct group group = make_group(world, "g", "ord");
	struct database database = make_in(world, "db", "g");
	struct database other = make_in(world, "other", "g");
	make_in(world, "third", "g");
	world_must(world, check(world, &database, group_bearer(world, &group, "other"), &named));
	world_must(world, check(world, &database, group_bearer(world, &group, NULL), &plain));
	assert_int_equal(named.attach_count, 1);

	world_expect(world, access_find_attachable(access, &named, "other", found, &world->err),
		     ERR_FORBIDDEN, "Namespace `other` doesn't allow attach");
	struct database_changes changes = {.allow_attach = &yes};
	world_must(world, platform_configure_database(world->platform, &world->caller, &world->organization,
						      &other, &changes, &ignored, &world->err));
	world_must(world, access_find_attachable(access, &named, "other", found, &world->err));
	assert_string_equal(found, other.uuid);
	world_expect(world, access_find_attachable(access, &plain, "other", found, &world->err),
		     ERR_FORBIDDEN, "Namespace `other` doesn't allow attach");
	for (size_t i = 0; i < 2; i++)
		assert_false(
			access_find_attachable(access, &named, i ? "third" : "none", found, &world->err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		CASE(a_failed_primary_is_made_anew_with_its_replicas),
		CASE(a_failed_replica_is_made_anew_or_removed),
		CASE(a_start_makes_what_was_stored_and_removes_what_was_given_up),
		CASE(what_is_archived_takes_no_instance_until_it_is_woken),
		CASE(who_sees_one_group_only_sees_no_other),
		CASE(a_draft_gets_its_instances_when_its_content_is_there),
		CASE(content_that_cannot_be_had_leaves_nothing),
		CASE(destroying_a_group_leaves_nothing),
		CASE(a_rotation_ends_what_it_is_for_and_nothing_else),
		CASE(only_what_a_token_names_and_its_owner_allows_is_attached),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
