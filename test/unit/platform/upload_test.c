#include "platform/upload.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fleet/seed.h"
#include "unit/platform/world.h"

// -- files --------------------------------------------------------------------------------------------

static int count_files(const struct world *world, const char *prefix)
{
	int count = 0;
	DIR *list = opendir(fleet_upload_folder(world->fleet));
	assert_non_null(list);
	struct dirent *entry;
	while ((entry = readdir(list)))
		count += entry->d_name[0] != '.' && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(list);
	return count;
}

// Makes everything in the upload folder that much older.
static void age(const struct world *world, const char *prefix, const char *inside, int64_t seconds)
{
	DIR *list = opendir(fleet_upload_folder(world->fleet));
	struct dirent *entry;
	while ((entry = readdir(list))) {
		char path[600];
		if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s%s", fleet_upload_folder(world->fleet), entry->d_name,
			 inside);
		struct timespec then = {.tv_sec = (time_t)(clock_wall_ms() / 1000 - seconds)};
		assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){then, then}, 0), 0);
	}
	closedir(list);
}

static void restart(struct world *world)
{
	world_stop(world);
	world_start(world);
	world_enter(world);
}

// A SQLite file of a good size, in memory.
static void sqlite_bytes(struct world *world, int rows, struct buffer *out)
{
	char path[100];
	char sql[300];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/made.db", world->folder);
	snprintf(sql, sizeof(sql),
		 "CREATE TABLE t (x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i "
		 "< %d)"
		 " INSERT INTO t SELECT zeroblob(1000) FROM n;",
		 rows);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	world_must(world, disk_read_file(path, 100 << 20, out, &world->err));
	unlink(path);
}

static void begin(struct world *world, const void *bytes, size_t size, struct upload_file *out)
{
	world_must(world, platform_begin_upload(world->platform, out, &world->err));
	world_must(world, platform_add_to_upload(world->platform, out, bytes, size, &world->err));
}

static struct database make_draft(struct world *world, const char *name)
{
	struct database database;
	struct database_wish wish = {.name = name, .content = CONTENT_UPLOAD};
	world_must(world, platform_create_database(world->platform, &world->caller, &world->organization,
						   &wish, &world->arena, &database, &world->err));
	assert_true(database.draft);
	return database;
}

static struct database find(struct world *world, const char *name)
{
	struct database database;
	world_must(world, platform_find_database(world->platform, &world->organization, name, &world->arena,
						 &database, &world->err));
	return database;
}

// -- dumps --------------------------------------------------------------------------------------------

static const char dump[] = "BEGIN TRANSACTION;\nCREATE TABLE t (x);\nCOMMIT;\n";

static bool take(struct world *world, const char *url, struct upload_file *out)
{
	return platform_take_dump(world->platform, &world->organization, url, out, &world->err);
}

static void keep_dump(struct world *world, char url[200])
{
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	char secret[CRYPT_SECRET_TEXT_BYTES];
	begin(world, dump, strlen(dump), &file);
	world_must(world,
		   platform_keep_dump(world->platform, &world->organization, &file, secret, &world->err));
	snprintf(url, 200, "https://any.test/v1/organizations/my-org/databases/dumps/%s", secret);
}

static void a_dump_is_kept_for_its_organization_and_an_hour(void **state)
{
	struct world *world = *state;
	struct organization personal;
	char url[200];
	keep_dump(world, url);
	for (int i = 0; i < 2; i++) {
		OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
		OWNED(buffer) struct buffer content = {0};
		world_must(world, take(world, url, &file));
		world_must(world, disk_read_file(file.path, 1000, &content, &world->err));
		assert_string_equal(buffer_text(&content), dump);
	}
	assert_int_equal(count_files(world, "part-"), 0);

	OWNED(upload_file) struct upload_file none = {.fd = -1, .path = NULL};
	world_must(world, platform_enter_organization(world->platform, &world->caller, NULL, &world->arena,
						      &personal, &world->err));
	assert_false(platform_take_dump(world->platform, &personal, url, &none, &world->err));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);

	restart(world);
	world_must(world, take(world, url, &none));
	age(world, "dump-", "", 3601);
	OWNED(upload_file) struct upload_file late = {.fd = -1, .path = NULL};
	assert_false(take(world, url, &late));
	restart(world);
	assert_int_equal(count_files(world, "dump-"), 0);
}

static void without_a_fetcher_nothing_is_fetched(void **state)
{
	struct world *world = *state;
	OWNED(upload_file) struct upload_file none = {.fd = -1, .path = NULL};
	assert_false(take(world, "https://example.com/dump.sql", &none));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	assert_false(take(world, "/databases/dumps/short", &none));
	assert_int_equal(count_files(world, ""), 0);
}

static void what_is_received_half_goes_at_the_start(void **state)
{
	struct world *world = *state;
	struct upload_file file = {.fd = -1, .path = NULL};
	begin(world, dump, strlen(dump), &file);
	assert_int_equal(count_files(world, "part-"), 1);
	struct stat status;
	assert_int_equal(stat(file.path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	// The process ends without a word.
	fd_cleanup(&file.fd);
	text_cleanup(&file.path);
	restart(world);
	assert_int_equal(count_files(world, ""), 0);
}

static void a_file_has_a_greatest_size(void **state)
{
	struct world *world = *state;
	struct chunked_upload upload;
	struct database draft = make_draft(world, "large");
	assert_false(platform_start_chunks(world->platform, draft.uuid, ((uint64_t)1 << 30) + 1, &upload,
					   &world->err));
	assert_int_equal(world->err.code, ERR_BODY_TOO_LARGE);
	assert_non_null(strstr(world->err.message, "upload-size-max"));
}

// -- content ------------------------------------------------------------------------------------------

static void a_file_becomes_the_content_of_a_draft(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	OWNED(upload_file) struct upload_file bad = {.fd = -1, .path = NULL};
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct database draft = make_draft(world, "draft");
	begin(world, dump, strlen(dump), &bad);
	assert_false(platform_fill_draft(world->platform, draft.uuid, &bad, &world->err));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	assert_true(find(world, "draft").draft);

	sqlite_bytes(world, 10, &bytes);
	begin(world, bytes.data, bytes.size, &file);
	world_must(world, platform_fill_draft(world->platform, draft.uuid, &file, &world->err));
	assert_false(find(world, "draft").draft);
	world_expect(world, platform_check_draft(world->platform, draft.uuid, &world->err),
		     ERR_ALREADY_EXISTS, "database draft is not waiting for an upload");
	world_make_instance(world, &draft, "ord", NULL);
	upload_file_cleanup(&bad);
	assert_int_equal(count_files(world, ""), 0);
}

static void a_database_with_instances_keeps_its_content(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct database database = world_make_database(world, "plain");
	sqlite_bytes(world, 10, &bytes);
	world_must(world, platform_check_seed(world->platform, &database, &world->err));
	begin(world, bytes.data, bytes.size, &file);
	world_must(world,
		   platform_seed_database(world->platform, &world->caller, &database, &file, &world->err));
	world_make_instance(world, &database, "ord", NULL);

	OWNED(upload_file) struct upload_file again = {.fd = -1, .path = NULL};
	begin(world, bytes.data, bytes.size, &again);
	assert_false(platform_seed_database(world->platform, &world->caller, &database, &again, &world->err));
	assert_int_equal(world->err.code, ERR_ALREADY_EXISTS);
	assert_false(platform_check_seed(world->platform, &database, &world->err));
}

// The process ended after the content was taken over and before the draft was stored as a database.
static void a_draft_with_its_content_is_finished_by_the_start(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct database draft = make_draft(world, "draft");
	make_draft(world, "empty");
	sqlite_bytes(world, 10, &bytes);
	begin(world, bytes.data, bytes.size, &file);
	world_must(world, fleet_seed_file(world->fleet, draft.uuid, file.path, &world->err));
	assert_true(find(world, "draft").draft);
	restart(world);
	assert_false(find(world, "draft").draft);
	assert_true(find(world, "empty").draft);
}

static void what_was_destroyed_meanwhile_does_not_come_back(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct database draft = make_draft(world, "gone");
	sqlite_bytes(world, 10, &bytes);
	begin(world, bytes.data, bytes.size, &file);
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &draft, &world->err));
	assert_false(platform_fill_draft(world->platform, draft.uuid, &file, &world->err));
	assert_int_equal(world->err.code, ERR_DATABASE_NOT_FOUND);
	assert_false(fleet_seed_exists(world->fleet, draft.uuid));
}

// -- chunks -------------------------------------------------------------------------------------------

static bool send_chunk(struct world *world, const char *database, const char *id, uint64_t number,
		       const char *bytes, size_t size)
{
	OWNED(upload_chunk) struct upload_chunk chunk = {.fd = -1, .marks_fd = -1};
	if (!platform_begin_chunk(world->platform, database, id, number, &chunk, &world->err))
		return false;
	size_t half = size / 2;
	return platform_add_to_chunk(&chunk, bytes, half, &world->err) &&
	       platform_add_to_chunk(&chunk, bytes + half, size - half, &world->err) &&
	       platform_end_chunk(&chunk, &world->err);
}

static void chunks_make_up_a_file(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	struct chunked_upload upload;
	struct database draft = make_draft(world, "chunks");
	sqlite_bytes(world, 20000, &bytes);
	assert_true(bytes.size > UPLOAD_CHUNK_BYTES && bytes.size < 2 * UPLOAD_CHUNK_BYTES);
	world_must(world,
		   platform_start_chunks(world->platform, draft.uuid, bytes.size, &upload, &world->err));
	const char *rest = bytes.data + UPLOAD_CHUNK_BYTES;
	size_t rest_size = bytes.size - UPLOAD_CHUNK_BYTES;
	world_must(world, send_chunk(world, draft.uuid, upload.id, 1, rest, rest_size));
	world_expect(world, platform_finish_chunks(world->platform, draft.uuid, upload.id, &world->err),
		     ERR_BAD_REQUEST, "chunk 0 is missing");
	world_must(world, send_chunk(world, draft.uuid, upload.id, 0, bytes.data, UPLOAD_CHUNK_BYTES));
	// What is begun again does not count until it is whole again.
	assert_false(send_chunk(world, draft.uuid, upload.id, 1, rest, rest_size - 1));
	restart(world);
	world_expect(world, platform_finish_chunks(world->platform, draft.uuid, upload.id, &world->err),
		     ERR_BAD_REQUEST, "chunk 1 is missing");
	world_must(world, send_chunk(world, draft.uuid, upload.id, 1, rest, rest_size));
	assert_false(platform_finish_chunks(world->platform, draft.uuid, "another", &world->err));
	assert_int_equal(world->err.code, ERR_UPLOAD_NOT_FOUND);
	world_must(world, platform_finish_chunks(world->platform, draft.uuid, upload.id, &world->err));
	assert_false(find(world, "chunks").draft);
	assert_int_equal(count_files(world, ""), 0);
}

static void chunks_are_held_to_what_was_announced(void **state)
{
	struct world *world = *state;
	struct chunked_upload upload;
	struct database draft = make_draft(world, "draft");
	struct database other = make_draft(world, "other");
	char bytes[2000] = {0};
	world_must(world, platform_start_chunks(world->platform, draft.uuid, 1000, &upload, &world->err));
	assert_false(send_chunk(world, draft.uuid, upload.id, 0, bytes, 1001));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	assert_false(send_chunk(world, draft.uuid, upload.id, 0, bytes, 999));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
	assert_false(send_chunk(world, draft.uuid, upload.id, 1, bytes, 1000));
	assert_int_equal(world->err.code, ERR_INVALID_FIELD);
	assert_false(send_chunk(world, other.uuid, upload.id, 0, bytes, 1000));
	assert_int_equal(world->err.code, ERR_UPLOAD_NOT_FOUND);
	assert_false(platform_start_chunks(world->platform, other.uuid, 100, &upload, &world->err));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
}

static void who_sends_a_chunk_is_not_overtaken(void **state)
{
	struct world *world = *state;
	OWNED(upload_chunk) struct upload_chunk chunk = {.fd = -1, .marks_fd = -1};
	struct chunked_upload upload;
	struct database draft = make_draft(world, "draft");
	world_must(world, platform_start_chunks(world->platform, draft.uuid, 1000, &upload, &world->err));
	world_must(world,
		   platform_begin_chunk(world->platform, draft.uuid, upload.id, 0, &chunk, &world->err));
	assert_false(platform_finish_chunks(world->platform, draft.uuid, upload.id, &world->err));
	assert_int_equal(world->err.code, ERR_UNAVAILABLE);
	upload_chunk_cleanup(&chunk);
	assert_false(platform_finish_chunks(world->platform, draft.uuid, upload.id, &world->err));
	assert_int_equal(world->err.code, ERR_BAD_REQUEST);
}

static void abandoned_chunks_go(void **state)
{
	struct world *world = *state;
	struct chunked_upload upload;
	struct database draft = make_draft(world, "draft");
	struct database gone = make_draft(world, "gone");
	world_must(world, platform_start_chunks(world->platform, draft.uuid, 1000, &upload, &world->err));
	world_must(world, platform_start_chunks(world->platform, gone.uuid, 1000, &upload, &world->err));
	assert_int_equal(count_files(world, "chunks-"), 2);
	world_must(world, platform_destroy_database(world->platform, &world->caller, &world->organization,
						    &gone, &world->err));
	assert_int_equal(count_files(world, "chunks-"), 1);
	restart(world);
	assert_int_equal(count_files(world, "chunks-"), 1);
	age(world, "chunks-", "/marks", 24 * 3600 + 10);
	restart(world);
	assert_int_equal(count_files(world, ""), 0);
}

// -- all at once --------------------------------------------------------------------------------------

struct racer {
	pthread_t thread;
	struct world *world;
	const struct database *draft;
	const struct buffer *bytes;
	bool done;
};

static void *race(void *argument)
{
	struct racer *racer = argument;
	OWNED(upload_file) struct upload_file file = {.fd = -1, .path = NULL};
	struct error err;
	racer->done = platform_begin_upload(racer->world->platform, &file, &err) &&
		      platform_add_to_upload(racer->world->platform, &file, racer->bytes->data,
					     racer->bytes->size, &err) &&
		      platform_fill_draft(racer->world->platform, racer->draft->uuid, &file, &err);
	if (!racer->done)
		assert_true(err.code == ERR_UNAVAILABLE || err.code == ERR_ALREADY_EXISTS);
	return NULL;
}

static void one_of_many_fills_a_draft(void **state)
{
	struct world *world = *state;
	OWNED(buffer) struct buffer bytes = {0};
	struct database draft = make_draft(world, "draft");
	struct racer racers[6];
	int done = 0;
	sqlite_bytes(world, 100, &bytes);
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		racers[i] = (struct racer){.world = world, .draft = &draft, .bytes = &bytes};
		pthread_create(&racers[i].thread, NULL, race, &racers[i]);
	}
	for (size_t i = 0; i < ARRAY_LENGTH(racers); i++) {
		pthread_join(racers[i].thread, NULL);
		done += racers[i].done;
	}
	assert_int_equal(done, 1);
	assert_int_equal(count_files(world, ""), 0);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_dump_is_kept_for_its_organization_and_an_hour),
		WORLD_TEST(without_a_fetcher_nothing_is_fetched),
		WORLD_TEST(what_is_received_half_goes_at_the_start),
		WORLD_TEST(a_file_has_a_greatest_size),
		WORLD_TEST(a_file_becomes_the_content_of_a_draft),
		WORLD_TEST(a_database_with_instances_keeps_its_content),
		WORLD_TEST(a_draft_with_its_content_is_finished_by_the_start),
		WORLD_TEST(what_was_destroyed_meanwhile_does_not_come_back),
		WORLD_TEST(chunks_make_up_a_file),
		WORLD_TEST(chunks_are_held_to_what_was_announced),
		WORLD_TEST(who_sends_a_chunk_is_not_overtaken),
		WORLD_TEST(abandoned_chunks_go),
		WORLD_TEST(one_of_many_fills_a_draft),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
