// What a database has from the start: copies of others, files, dumps.

#include "fleet/seed_world.h"

#include <fcntl.h>
#include <sys/stat.h>

static void fill(struct world *world, int number)
{
	assert_true(world_create(world, number));
	struct fleet_session *session = session_on(world, number);
	must(session, "CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)");
	must(session, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
		      "INSERT INTO t SELECT i, printf('row %d', i) FROM n");
	fleet_session_close(session);
}

static void copy_now(struct world *world, int number, int source)
{
	struct error err;
	if (!fleet_seed_copy(world->fleet, database_id(number), database_id(source), SEED_NOW, &err))
		fail_msg("%s (%s)", err.message, err.detail);
}

static void a_copy_begins_a_life_of_its_own(void **state)
{
	struct world *world = *state;
	fill(world, 1);
	struct fleet_session *source = session_on(world, 1);
	must(source, "INSERT INTO t VALUES (5000, 'in the write-ahead log')");
	copy_now(world, 2, 1);
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	must(source, "DELETE FROM t");
	assert_true(world_create(world, 2));
	assert_false(fleet_seed_exists(world->fleet, database_id(2)));
	struct fleet_session *copy = session_on(world, 2);
	expect(copy, "SELECT count(*) FROM t", "2001");
	must(copy, "INSERT INTO t VALUES (6000, 'only here')");
	expect(source, "SELECT count(*) FROM t", "0");
	fleet_session_close(copy);
	fleet_session_close(source);
	// A replica and a restart see it, too.
	assert_true(world_create(world, 2));
	world_close(world);
	world_open(world);
	copy = session_on(world, 2);
	expect(copy, "SELECT count(*) FROM t", "2002");
	fleet_session_close(copy);
}

static void a_source_without_instances_gives_its_seed_or_nothing(void **state)
{
	struct world *world = *state;
	copy_now(world, 3, 2);
	assert_false(fleet_seed_exists(world->fleet, database_id(3)));
	fill(world, 1);
	copy_now(world, 2, 1);
	copy_now(world, 3, 2);
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	assert_true(world_create(world, 3));
	struct fleet_session *session = session_on(world, 3);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	char *uploads = path_in(world, "uploads");
	assert_int_equal(files_in(uploads), 0);
	free(uploads);
}

static void a_discarded_seed_leaves_nothing(void **state)
{
	struct world *world = *state;
	fill(world, 1);
	copy_now(world, 2, 1);
	fleet_seed_discard(world->fleet, database_id(2));
	char *folder = path_in(world, "databases/%s", database_id(2));
	assert_false(disk_exists(folder));
	free(folder);
}

// The first primary fails after it took the seed; another one, under another name, takes its place.
static void a_failed_primary_does_not_lose_the_seed(void **state)
{
	struct world *world = *state;
	struct error err;
	fill(world, 1);
	copy_now(world, 2, 1);
	// SQLite cannot open a file whose index is a folder.
	char *folder = path_in(world, "databases/%s/%s", database_id(2), instance_id(2, 0, 0));
	char *in_the_way =
		path_in(world, "databases/%s/%s/data.db-shm", database_id(2), instance_id(2, 0, 0));
	assert_true(disk_make_folder(in_the_way, &err));
	assert_false(world_create(world, 2));
	assert_true(fleet_seed_exists(world->fleet, database_id(2)));
	world->instance_counts[2] = 0;
	world->generation[2] = 1;
	assert_true(fleet_destroy_instance(world->fleet, database_id(2), instance_id(2, 0, 0), &err));
	assert_true(world_create(world, 2));
	struct fleet_session *session = session_on(world, 2);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	free(folder);
	free(in_the_way);
}

// The process ended between the renaming and the first history.
static void a_seed_that_was_taken_before_a_crash_is_used(void **state)
{
	struct world *world = *state;
	struct error err;
	fill(world, 1);
	copy_now(world, 2, 1);
	char *folder = path_in(world, "databases/%s/%s", database_id(2), instance_id(2, 0, 0));
	char *file = path_in(world, "databases/%s/%s/data.db", database_id(2), instance_id(2, 0, 0));
	char *seed = seed_file(world, 2);
	assert_true(disk_make_folder(folder, &err));
	assert_int_equal(rename(seed, file), 0);
	assert_true(world_create(world, 2));
	struct fleet_session *session = session_on(world, 2);
	expect(session, "SELECT count(*) FROM t", "2000");
	fleet_session_close(session);
	free(folder);
	free(file);
	free(seed);
}

static void a_start_removes_what_was_under_way(void **state)
{
	struct world *world = *state;
	struct error err;
	char *uploads = path_in(world, "uploads");
	char *ours = path_in(world, "uploads/seed-0011.db");
	char *old = path_in(world, "uploads/old");
	char *fresh = path_in(world, "uploads/fresh");
	struct stat status;
	assert_int_equal(stat(uploads, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0700);
	assert_string_equal(fleet_upload_folder(world->fleet), uploads);
	assert_true(disk_write_file(ours, "x", 1, &err) && disk_write_file(old, "x", 1, &err) &&
		    disk_write_file(fresh, "x", 1, &err));
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	assert_int_equal(utimensat(AT_FDCWD, old, times, 0), 0);
	world_close(world);
	world_open(world);
	assert_false(disk_exists(ours));
	assert_false(disk_exists(old));
	assert_true(disk_exists(fresh));
	free(uploads);
	free(ours);
	free(old);
	free(fresh);
}

// -- files --------------------------------------------------------------------------------------------

static char *upload(const struct world *world)
{
	return path_in(world, "uploads/upload");
}

// Makes a SQLite file in the upload folder and returns the hash of its content.
static uint64_t make_file(const struct world *world, const char *sql)
{
	char *path = upload(world);
	unlink(path);
	sqlite3 *db;
	char *message = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s", message);
	uint64_t hash = content_hash(db);
	sqlite3_close(db);
	free(path);
	return hash;
}

#define ROWS                                                                                                 \
	"CREATE TABLE t(id INTEGER PRIMARY KEY, body BLOB);"                                                 \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) "                     \
	"INSERT INTO t SELECT i, randomblob(500) FROM n;"                                                    \
	"CREATE INDEX by_body ON t(body); CREATE VIRTUAL TABLE f USING fts5(x); INSERT INTO f VALUES('one "  \
	"two');"

static uint64_t hash_of_file(const char *path)
{
	sqlite3 *db = open_file(path);
	uint64_t hash = content_hash(db);
	sqlite3_close(db);
	return hash;
}

static void take_file(struct world *world, int number)
{
	struct error err;
	char *path = upload(world);
	if (!fleet_seed_file(world->fleet, database_id(number), path, &err))
		fail_msg("%s (%s)", err.message, err.detail);
	assert_false(disk_exists(path));
	free(path);
}

static void files_of_any_form_are_served(void **state)
{
	static const char *const forms[] = {
		ROWS,
		"PRAGMA journal_mode=WAL;" ROWS,
		"PRAGMA page_size=1024;" ROWS,
		"PRAGMA page_size=65536;" ROWS,
		"PRAGMA auto_vacuum=FULL;" ROWS,
		"PRAGMA auto_vacuum=INCREMENTAL; PRAGMA page_size=512; PRAGMA journal_mode=WAL;" ROWS
		"DELETE FROM t WHERE id % 2; PRAGMA user_version=77",
	};
	struct world *world = *state;
	for (int i = 0; i < (int)ARRAY_LENGTH(forms); i++) {
		uint64_t hash = make_file(world, forms[i]);
		take_file(world, i + 1);
		char *seed = seed_file(world, i + 1);
		assert_int_equal(hash_of_file(seed), hash);
		struct stat status;
		assert_int_equal(stat(seed, &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
		assert_int_equal(status.st_size % 4096, 0);
		assert_true(world_create(world, i + 1));
		struct fleet_session *session = session_on(world, i + 1);
		expect(session, "SELECT count(*) FROM t", i == 5 ? "150" : "300");
		expect(session, "PRAGMA user_version", i == 5 ? "77" : "0");
		expect(session, "SELECT count(*) FROM f WHERE f MATCH 'two'", "1");
		must(session, "INSERT INTO t VALUES (9999, 'new')");
		must(session, "VACUUM");
		expect(session, "PRAGMA integrity_check", "ok");
		fleet_session_close(session);
		free(seed);
	}
	char *uploads = path_in(world, "uploads");
	assert_int_equal(files_in(uploads), 0);
	free(uploads);
}

static void refuse_file(struct world *world, const char *words)
{
	struct error err;
	char *path = upload(world);
	char *uploads = path_in(world, "uploads");
	char *folder = path_in(world, "databases/%s", database_id(9));
	if (fleet_seed_file(world->fleet, database_id(9), path, &err))
		fail_msg("taken: %s", words);
	if (err.code != ERR_BAD_REQUEST || !strstr(err.message, words))
		fail_msg("%s: %s", error_code_name(err.code), err.message);
	assert_false(fleet_seed_exists(world->fleet, database_id(9)));
	assert_int_equal(files_in(uploads), 0);
	assert_false(disk_exists(folder));
	free(path);
	free(uploads);
	free(folder);
}

static void write_upload(const struct world *world, const void *bytes, size_t size)
{
	struct error err;
	char *path = upload(world);
	assert_true(disk_write_file(path, bytes, size, &err));
	free(path);
}

static void change_upload(const struct world *world, uint64_t offset, const char *bytes, int64_t cut_at)
{
	struct error err;
	char *path = upload(world);
	OWNED(fd) int fd = -1;
	assert_true(disk_open(path, O_RDWR, &fd, &err));
	assert_true(disk_write_at(fd, bytes, strlen(bytes), offset, &err));
	if (cut_at >= 0)
		assert_int_equal(ftruncate(fd, cut_at), 0);
	free(path);
}

static void files_that_cannot_be_served_are_refused(void **state)
{
	struct world *world = *state;
	write_upload(world, "", 0);
	refuse_file(world, "not a SQLite database");
	char zeros[5000] = "SQLite format 2";
	write_upload(world, zeros, sizeof(zeros));
	refuse_file(world, "not a SQLite database");
	make_file(world, ROWS);
	change_upload(world, 0, "", 50 * 4096);
	refuse_file(world, "damaged");
	make_file(world, ROWS);
	change_upload(world, 3 * 4096, "JUNKJUNKJUNKJUNKJUNK", -1);
	refuse_file(world, "damaged");
	make_file(world, ROWS);
	change_upload(world, 100, "JUNK", -1);
	refuse_file(world, "damaged");
	make_file(world, "PRAGMA encoding='UTF-16le';" ROWS);
	refuse_file(world, "UTF-16");
	make_file(world, "CREATE TABLE a(x); PRAGMA writable_schema=ON;"
			 "INSERT INTO sqlite_schema VALUES('table','spy','spy',0,"
			 "'CREATE VIRTUAL TABLE spy USING nothing_known(a)')");
	refuse_file(world, "table spy is a virtual one of the module nothing_known");
	make_file(world, "PRAGMA writable_schema=ON;"
			 "INSERT INTO sqlite_schema VALUES('table','spy','spy',0,"
			 "'CREATE /* */ VIRTUAL TABLE spy USING sqlite_dbpage')");
	refuse_file(world, "table spy is a virtual one of the module sqlite_dbpage");
}

// -- dumps --------------------------------------------------------------------------------------------

static bool load(struct world *world, int number, const char *sql, struct error *err)
{
	char *path = upload(world);
	write_upload(world, sql, strlen(sql));
	bool ok = fleet_seed_dump(world->fleet, database_id(number), path, err);
	assert_true(disk_exists(path));
	unlink(path);
	free(path);
	return ok;
}

static void add_rows(sqlite3 *db, const char *table, struct buffer *out)
{
	sqlite3_stmt *rows;
	char *query = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
	assert_int_equal(sqlite3_prepare_v2(db, query, -1, &rows, NULL), SQLITE_OK);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		buffer_printf(out, "INSERT INTO %s VALUES(", table);
		for (int i = 0; i < sqlite3_column_count(rows); i++) {
			sqlite3_stmt *quote;
			assert_int_equal(sqlite3_prepare_v2(db, "SELECT quote(?1)", -1, &quote, NULL),
					 SQLITE_OK);
			sqlite3_bind_value(quote, 1, sqlite3_column_value(rows, i));
			assert_int_equal(sqlite3_step(quote), SQLITE_ROW);
			buffer_printf(out, "%s%s", i ? "," : "", (const char *)sqlite3_column_text(quote, 0));
			sqlite3_finalize(quote);
		}
		buffer_append_text(out, ");\n");
	}
	sqlite3_finalize(rows);
	sqlite3_free(query);
}

// As sqlite3's shell writes it.
static void dump(sqlite3 *db, struct buffer *out)
{
	sqlite3_stmt *items;
	bool analyzed = false;
	buffer_append_text(out, "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n");
	assert_int_equal(
		sqlite3_prepare_v2(db,
				   "SELECT name, sql, type = 'table' FROM sqlite_schema WHERE sql IS NOT "
				   "NULL ORDER BY type <> 'table', rowid",
				   -1, &items, NULL),
		SQLITE_OK);
	while (sqlite3_step(items) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(items, 0);
		const char *sql = (const char *)sqlite3_column_text(items, 1);
		bool table = sqlite3_column_int(items, 2) != 0;
		if (table && strncmp(sql, "CREATE VIRTUAL", 14) == 0) {
			char *row = sqlite3_mprintf(
				"PRAGMA writable_schema=ON;\nINSERT INTO sqlite_schema(type,name,tbl_name,"
				"rootpage,sql)VALUES('table',%Q,%Q,0,%Q);\n",
				name, name, sql);
			buffer_append_text(out, row);
			sqlite3_free(row);
			continue;
		}
		if (strncmp(name, "sqlite_stat", 11) == 0) {
			buffer_append_text(out, analyzed ? "" : "ANALYZE sqlite_schema;\n");
			analyzed = true;
		} else if (strcmp(name, "sqlite_sequence") == 0) {
			buffer_append_text(out, "DELETE FROM sqlite_sequence;\n");
		} else {
			buffer_printf(out, "%s;\n", sql);
		}
		if (table)
			add_rows(db, name, out);
	}
	buffer_append_text(out, "PRAGMA writable_schema=OFF;\nCOMMIT;\n");
	sqlite3_finalize(items);
}

static void dumps_of_sqlite_are_loaded(void **state)
{
	struct world *world = *state;
	struct error err;
	uint64_t hash = make_file(
		world, ROWS
		"CREATE TABLE a(id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT, y);"
		"INSERT INTO a(x, y) VALUES('it''s; not\r\nthe end -- or /* so', 1.5e300),(NULL, "
		"-9223372036854775808);"
		"CREATE TRIGGER tr AFTER INSERT ON a BEGIN UPDATE a SET y = 1; DELETE FROM a WHERE 0; END;"
		"CREATE VIEW v AS SELECT ';' AS s; CREATE TABLE w(k PRIMARY KEY, v) WITHOUT ROWID;"
		"INSERT INTO w VALUES('k', x'00'); CREATE VIRTUAL TABLE r USING rtree(id, x1, x2);"
		"INSERT INTO r VALUES(1, 2, 3); INSERT INTO f VALUES('three'); ANALYZE;");
	char *path = upload(world);
	sqlite3 *db = open_file(path);
	OWNED(buffer) struct buffer text = {0};
	dump(db, &text);
	sqlite3_close(db);
	if (!load(world, 1, buffer_text(&text), &err))
		fail_msg("%s (%s)", err.message, err.detail);
	char *seed = seed_file(world, 1);
	assert_int_equal(hash_of_file(seed), hash);
	assert_true(world_create(world, 1));
	struct fleet_session *session = session_on(world, 1);
	expect(session, "SELECT group_concat(x) FROM f WHERE f MATCH 'three OR two'", "one two,three");
	expect(session, "SELECT CAST(x2 AS INTEGER) FROM r", "3");
	must(session, "INSERT INTO f VALUES('two')");
	must(session, "INSERT INTO a(x) VALUES('next')");
	expect(session, "SELECT max(id) FROM a", "3");
	expect(session, "PRAGMA integrity_check", "ok");
	fleet_session_close(session);
	free(path);
	free(seed);
}

static void expect_refused(struct world *world, const char *sql, const char *words)
{
	struct error err;
	char *folder = path_in(world, "databases/%s", database_id(9));
	char *uploads = path_in(world, "uploads");
	if (load(world, 9, sql, &err))
		fail_msg("loaded: %s", sql);
	if (err.code != ERR_BAD_REQUEST || strncmp(err.message, words, strlen(words)) != 0)
		fail_msg("%s: %s %s", sql, error_code_name(err.code), err.message);
	assert_false(disk_exists(folder));
	assert_int_equal(files_in(uploads), 0);
	free(folder);
	free(uploads);
}

static void dumps_tell_the_line_of_their_fault(void **state)
{
	struct world *world = *state;
	expect_refused(world, "CREATE TABLE t(a);\n\n-- here\nINSERT INTO t\nVALUES(1,2);\n",
		       "line 4: table t has 1 columns but 2 values were supplied: INSERT INTO t");
	expect_refused(world, "CREATE TABLE t(a);\nINSERT INTO t VALUES(1),\n(2;\n",
		       "line 3: near \";\": syntax error: INSERT INTO t VALUES(1),");
	expect_refused(world,
		       "BEGIN;CREATE TABLE t(a UNIQUE);INSERT INTO t VALUES(1);\nINSERT INTO t VALUES(1);",
		       "line 2: UNIQUE constraint failed: t.a: INSERT INTO t VALUES(1);");
	expect_refused(world, "BEGIN;\nCREATE TABLE t(a);\nROLLBACK; -- due to errors",
		       "line 3: the dump takes itself back");
	expect_refused(world, "ATTACH 'x' AS x;", "line 1: unsupported statement: ATTACH");
	expect_refused(world, "\nPRAGMA journal_mode=DELETE;", "line 2: unsupported statement");
	expect_refused(world, "CREATE TABLE t(a);INSERT INTO t VALUES('not closed",
		       "line 1: unrecognized token");
	expect_refused(world, "SELECT load_extension('x');", "line 1: not authorized");
	expect_refused(world, "CREATE TABLE t(a);INSERT INTO t VALUES(?);",
		       "line 1: parameters have no value");
	expect_refused(world, "CREATE TEMP TABLE t(a);", "line 1: unsupported statement");
	expect_refused(world, "CREATE VIRTUAL TABLE t USING sqlite_dbpage;", "line 1: not authorized");
	expect_refused(world, "CREATE TABLE t(a);\nINSERT INTO t VALUES(zeroblob(6000000));",
		       "line 2: string or blob too big");
	// The writing of the schema is understood for virtual tables, and for nothing else.
	expect_refused(world, "INSERT INTO sqlite_schema VALUES('table','a','a',2,'CREATE TABLE a(x)');",
		       "line 1: only virtual tables");
	expect_refused(world,
		       "INSERT INTO sqlite_master VALUES('trigger','a','a',0,'CREATE VIRTUAL TABLE a USING "
		       "fts5(x)');",
		       "line 1: only virtual tables");
	expect_refused(
		world,
		"INSERT INTO sqlite_schema VALUES('table','a','a',0,'CREATE VIRTUAL TABLE b USING fts5(x)');",
		"line 1: only virtual tables");
	expect_refused(world,
		       "INSERT INTO sqlite_schema VALUES('table','a','a',0,'CREATE VIRTUAL TABLE a USING "
		       "sqlite_dbpage');",
		       "line 1: no such module: sqlite_dbpage");
	expect_refused(world, "INSERT INTO sqlite_schema SELECT * FROM sqlite_schema;",
		       "line 1: not authorized");
	expect_refused(world, "PRAGMA writable_schema=ON;\nUPDATE sqlite_schema SET sql='x';",
		       "line 2: table sqlite_master may not be modified");
	expect_refused(world, "PRAGMA writable_schema=ON;\nINSERT INTO \"sqlite_schema\" VALUES(1,2,3,4,5);",
		       "line 2: table sqlite_master may not be modified");
	// Its shadow tables are missing.
	expect_refused(
		world,
		"INSERT INTO sqlite_schema VALUES('table','a','a',0,'CREATE VIRTUAL TABLE a USING fts5(x)');",
		"the virtual table a cannot be opened");
	struct error err;
	if (!load(world, 8, "\xEF\xBB\xBF-- nothing\n;;", &err))
		fail_msg("%s", err.message);
	assert_true(world_create(world, 8));
}

static void long_statements_cross_the_window(void **state)
{
	struct world *world = *state;
	struct error err;
	OWNED(buffer) struct buffer text = {0};
	buffer_append_text(&text, "CREATE TABLE t(a, b);\n");
	char *hex = malloc(4000001);
	memset(hex, 'a', 4000000);
	hex[4000000] = '\0';
	for (int i = 0; i < 300; i++)
		buffer_printf(&text, "INSERT INTO t VALUES(%d, ';''%.*s');\n", i, (i * 7919) % 5000, hex);
	buffer_printf(&text, "INSERT INTO t VALUES(300, X'%s');\nINSERT INTO t VALUES(301, 'end')", hex);
	if (!load(world, 1, buffer_text(&text), &err))
		fail_msg("%.300s", err.message);
	assert_true(world_create(world, 1));
	struct fleet_session *session = session_on(world, 1);
	expect(session, "SELECT count(*) || ' ' || sum(length(b)) FROM t", "302 2742753");
	fleet_session_close(session);
	buffer_truncate(&text, 0);
	buffer_append_text(&text, "CREATE TABLE t(a);\nINSERT INTO t VALUES\n");
	for (int i = 0; i < 5; i++)
		buffer_printf(&text, "('%s'),", hex);
	buffer_append_text(&text, "('');\n");
	assert_false(load(world, 9, buffer_text(&text), &err));
	assert_true(strstr(err.message, "line 2: the statement is longer than the limit of") != NULL);
	free(hex);
}

// -- export -------------------------------------------------------------------------------------------

static void an_export_is_whole_by_itself(void **state)
{
	struct world *world = *state;
	struct error err;
	int fd;
	uint64_t size;
	assert_false(fleet_export(world->fleet, database_id(1), &fd, &size, &err));
	assert_int_equal(err.code, ERR_NOT_READY);
	fill(world, 1);
	if (!fleet_export(world->fleet, database_id(1), &fd, &size, &err))
		fail_msg("%s (%s)", err.message, err.detail);
	char *uploads = path_in(world, "uploads");
	assert_int_equal(files_in(uploads), 0);
	OWNED(buffer) struct buffer bytes = {0};
	assert_true(disk_read_at(fd, buffer_reserve(&bytes, size), size, 0, &err));
	close(fd);
	assert_true(size > 0 && size % 4096 == 0);
	write_upload(world, bytes.data, size);
	char *path = upload(world);
	sqlite3 *db;
	// Read-only, in a folder where no companion may be made.
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 2000);
	sqlite3_finalize(stmt);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "delete");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	assert_int_equal(files_in(uploads), 1);
	free(path);
	free(uploads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_copy_begins_a_life_of_its_own, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_source_without_instances_gives_its_seed_or_nothing,
						world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_discarded_seed_leaves_nothing, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_failed_primary_does_not_lose_the_seed, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_seed_that_was_taken_before_a_crash_is_used, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_start_removes_what_was_under_way, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(files_of_any_form_are_served, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(files_that_cannot_be_served_are_refused, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(dumps_of_sqlite_are_loaded, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(dumps_tell_the_line_of_their_fault, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(long_statements_cross_the_window, world_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(an_export_is_whole_by_itself, world_setup, world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
