// A database packed at one position, and the way back.

#include "fleet/seed_world.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fleet/backup.h"
#include "fleet/backup_target.h"

#define SEED_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

struct paths {
	char packed[160];
	char unpacked[160];
};

static struct paths paths_in(const struct world *world)
{
	struct paths paths;
	snprintf(paths.packed, sizeof(paths.packed), "%s/packed.db.gz", world->folder);
	snprintf(paths.unpacked, sizeof(paths.unpacked), "%s/unpacked.db", world->folder);
	return paths;
}

static void make(struct world *world, struct paths *paths, struct backup_facts *facts)
{
	struct error err;
	*paths = paths_in(world);
	assert_true(world_create(world, 1));
	struct fleet_session *session = session_on(world, 1);
	must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
	must(session, "CREATE INDEX t_body ON t(body)");
	must(session, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
		      "INSERT INTO t SELECT i, hex(randomblob(20)) FROM n");
	fleet_session_close(session);
	if (!fleet_backup_make(world->fleet, database_id(1), paths->packed, NULL, NULL, facts, &err))
		fail_msg("%s (%s)", err.message, err.detail);
}

static bool unpack(const struct paths *paths, const struct backup_facts *facts, struct error *err)
{
	unlink(paths->unpacked);
	return fleet_backup_unpack(paths->packed, paths->unpacked, facts, NULL, NULL, err);
}

static void what_comes_back_is_what_went_in(void **state)
{
	struct world *world = *state;
	struct paths paths;
	struct backup_facts facts;
	struct error err;
	make(world, &paths, &facts);
	assert_true(facts.frame_no > 0 && facts.page_count > 10);
	assert_int_equal(facts.content_bytes, (uint64_t)facts.page_count * BACKUP_PAGE_BYTES);
	assert_true(facts.stored_bytes < facts.content_bytes);
	assert_true(unpack(&paths, &facts, &err));
	assert_true(fleet_backup_check(paths.unpacked, NULL, &err));
	assert_true(fleet_seed_file(world->fleet, database_id(2), paths.unpacked, &err));
	assert_true(world_create(world, 2));
	struct fleet_session *copy = session_on(world, 2);
	expect(copy, "SELECT count(*) FROM t", "3000");
	fleet_session_close(copy);
}

static void flip(const char *path, off_t at)
{
	struct error err;
	OWNED(fd) int fd = -1;
	char byte;
	assert_true(disk_open(path, O_RDWR, &fd, &err));
	assert_true(disk_read_at(fd, &byte, 1, (uint64_t)at, &err));
	byte = (char)(byte ^ 0x10);
	assert_true(disk_write_at(fd, &byte, 1, (uint64_t)at, &err));
}

// The header's time, its flags and the system's number mean nothing for the content.
static void a_flipped_byte_is_found_wherever_it_is(void **state)
{
	enum { HEADER_BYTES = 10, PLACES = 60 };
	struct world *world = *state;
	struct paths paths;
	struct backup_facts facts;
	struct error err;
	make(world, &paths, &facts);
	for (uint64_t i = 0; i < PLACES; i++) {
		uint64_t at = HEADER_BYTES + i * (facts.stored_bytes - HEADER_BYTES - 1) / (PLACES - 1);
		flip(paths.packed, (off_t)at);
		if (unpack(&paths, &facts, &err))
			fail_msg("byte %llu", (unsigned long long)at);
		assert_int_equal(err.code, ERR_CORRUPT);
		flip(paths.packed, (off_t)at);
	}
	assert_true(unpack(&paths, &facts, &err));
}

static void other_sizes_are_found(void **state)
{
	struct world *world = *state;
	struct paths paths;
	struct backup_facts facts;
	struct error err;
	make(world, &paths, &facts);
	// It would unpack to more than it says: no more than that is written.
	struct backup_facts fewer = facts;
	fewer.page_count = 2;
	fewer.content_bytes = 2 * BACKUP_PAGE_BYTES;
	struct stat status;
	assert_false(unpack(&paths, &fewer, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_int_equal(stat(paths.unpacked, &status), 0);
	assert_true((uint64_t)status.st_size <= fewer.content_bytes);
	struct backup_facts more = facts;
	more.page_count++;
	more.content_bytes += BACKUP_PAGE_BYTES;
	assert_false(unpack(&paths, &more, &err));
	struct backup_facts other = facts;
	other.sha256[0] = other.sha256[0] == '0' ? '1' : '0';
	assert_false(unpack(&paths, &other, &err));
	assert_int_equal(truncate(paths.packed, (off_t)facts.stored_bytes - 1), 0);
	assert_false(unpack(&paths, &facts, &err));
	assert_int_equal(truncate(paths.packed, (off_t)facts.stored_bytes + 1), 0);
	assert_false(unpack(&paths, &facts, &err));
	assert_int_equal(truncate(paths.packed, 0), 0);
	assert_false(unpack(&paths, &facts, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

// A file whose pages are as promised, and still no sound database.
static void an_index_that_lies_is_found(void **state)
{
	struct world *world = *state;
	struct paths paths;
	struct backup_facts facts;
	struct error err;
	make(world, &paths, &facts);
	assert_true(unpack(&paths, &facts, &err));
	// The last page is of the table or of its index: the two no longer agree.
	flip(paths.unpacked, (off_t)facts.content_bytes - 30);
	assert_false(fleet_backup_check(paths.unpacked, NULL, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
}

static bool always(void *context)
{
	(void)context;
	return true;
}

static void a_stop_ends_both_ways(void **state)
{
	struct world *world = *state;
	struct paths paths;
	struct backup_facts facts;
	struct error err;
	struct job job = {.is_stopping = always};
	make(world, &paths, &facts);
	assert_false(fleet_backup_unpack(paths.packed, paths.unpacked, &facts, &job, NULL, &err));
	assert_int_equal(err.code, ERR_SHUTDOWN);
	unlink(paths.packed);
	assert_false(fleet_backup_make(world->fleet, database_id(1), paths.packed, &job, NULL, &facts, &err));
	assert_int_equal(err.code, ERR_SHUTDOWN);
}

static void a_folder_as_target(void **state)
{
	struct world *world = *state;
	struct error err;
	char place[160], file[160], got[160];
	struct backup_target *target;
	snprintf(place, sizeof(place), "%s/target", world->folder);
	snprintf(file, sizeof(file), "%s/file", world->folder);
	snprintf(got, sizeof(got), "%s/got", world->folder);
	assert_true(disk_write_file(file, "first", 5, &err));
	assert_true(backup_target_open(place, &target, &err));
	assert_true(backup_target_put(target, file, "a/b/name.gz", NULL, &err));
	assert_true(disk_write_file(file, "second", 6, &err));
	assert_true(backup_target_put(target, file, "a/b/name.gz", NULL, &err));
	OWNED(buffer) struct buffer content = {0};
	assert_true(backup_target_get(target, "a/b/name.gz", got, NULL, &err));
	assert_true(disk_read_file(got, 100, &content, &err));
	assert_string_equal(buffer_text(&content), "second");
	assert_false(backup_target_get(target, "a/b/other", got, NULL, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_true(backup_target_remove(target, "a/b/name.gz", NULL, &err));
	assert_true(backup_target_remove(target, "a/b/name.gz", NULL, &err));
	char folder[200];
	snprintf(folder, sizeof(folder), "%s/a", place);
	assert_false(disk_exists(folder));
	assert_true(disk_exists(place));
	backup_target_close(target);
}

static void texts_that_are_no_target(void **state)
{
	(void)state;
	static const char *const bad[] = {"rclone:", "rclone:remote", "rclone::path", "rclone:--config=x:y"};
	struct backup_target *target;
	struct error err;
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		if (backup_target_open(bad[i], &target, &err))
			fail_msg("%s", bad[i]);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEED_TEST(what_comes_back_is_what_went_in), SEED_TEST(a_flipped_byte_is_found_wherever_it_is),
		SEED_TEST(other_sizes_are_found),           SEED_TEST(an_index_that_lies_is_found),
		SEED_TEST(a_stop_ends_both_ways),           SEED_TEST(a_folder_as_target),
		SEED_TEST(texts_that_are_no_target),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
