// SQL texts of clients, on a real primary: the classifier that reads their tokens, and all that is let through.
//
// Whatever the text is: SQLite opens no file but the database's own and temporary ones; where writes are blocked, or for
// a credential that may only read, nothing is committed; what is classified as reading does not write; a text's parts,
// as the splitter finds them, are the text.

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <fcntl.h>
#include <sqlite3.h>

#include "base/crypt.h"
#include "base/disk.h"
#include "base/workers.h"
#include "engine/connection.h"
#include "engine/database.h"
#include "engine/policy.h"
#include "engine/sql_text.h"
#include "engine/stream.h"

#include "fuzz/fuzz.h"

enum {
	STATEMENTS_MAX = 12, // of a text, that are run
	ARGS_MAX = 8,
	ROWS_MAX = 200, // of a result
};

static struct {
	char folder[128];
	char instance[160];
	char log[160];
	struct workers *workers;
	struct engine_database *database;
	uint64_t frame_no; // with which the database was made
} world;

// -- the world ----------------------------------------------------------------------------------------

// In place of open(2) for all of SQLite.
static int watched_open(const char *path, int flags, int mode)
{
	size_t size = strlen(world.folder);
	// No client knows the folder's name.
	bool ours = strncmp(path, world.folder, size) == 0 && path[size] == '/';
	if (!ours && strcmp(path, "/dev/urandom") != 0) {
		fprintf(stderr, "SQLite opens %s, which is none of the database's files\n", path);
		abort();
	}
	return open(path, flags, mode);
}

static void *watched_extension(sqlite3_vfs *vfs, const char *name)
{
	(void)vfs;
	fprintf(stderr, "SQLite loads %s\n", name);
	abort();
}

static void must(bool done, const struct error *err)
{
	if (!done)
		fprintf(stderr, "%s (%s)\n", err->message, err->detail);
	ASSERT(done);
}

static void run(struct engine_stream *stream, const char *sql)
{
	struct error err;
	struct statement statement = {.sql = sql, .sql_size = strlen(sql)};
	struct statement_result result;
	must(engine_stream_execute(stream, &statement, NULL, &result, &err), &err);
}

static void database_make(void)
{
	static const char *const content[] = {
		"BEGIN IMMEDIATE",
		"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c)",
		"CREATE TABLE u(x REFERENCES t(a), y UNIQUE)",
		"CREATE INDEX i ON t(b)",
		"CREATE VIEW v AS SELECT a, b FROM t",
		"CREATE TRIGGER r AFTER DELETE ON t BEGIN INSERT INTO u VALUES (NULL, OLD.a); END",
		"INSERT INTO t VALUES (1, 'one', 1.5), (2, 'two', x'00'), (3, NULL, NULL)",
		"COMMIT",
	};
	struct error err;
	struct engine_options options = {
		.folder = world.instance,
		.log_folder = world.log,
		.role = ENGINE_PRIMARY,
		.workers = world.workers,
		.limits = {.statement_ms_max = 50,
			   .transaction_ms_max = 5000,
			   .lane_wait_ms_max = 5000,
			   .sql_bytes_max = 100000,
			   .connections_per_instance_max = 8,
			   .row_bytes_max = 100000,
			   .transaction_bytes_max = 4 << 20},
		.log_segment_bytes_max = 1 << 20,
		.log_bytes_max = 64 << 20,
	};
	must(disk_make_folder(world.instance, &err) && disk_make_folder(world.log, &err), &err);
	must(engine_database_create(world.instance, &err), &err);
	must(engine_database_open(&options, &world.database, &err), &err);
	struct engine_stream *stream;
	must(engine_stream_open(world.database, &stream, &err), &err);
	for (size_t i = 0; i < ARRAY_LENGTH(content); i++)
		run(stream, content[i]);
	engine_stream_close(stream);
	world.frame_no = engine_database_committed(world.database);
}

static void database_drop(void)
{
	struct error err;
	engine_database_discard(world.database);
	engine_database_close(world.database);
	must(disk_remove_tree(world.instance, &err) && disk_remove_tree(world.log, &err), &err);
}

static void remove_folder(void)
{
	struct error err;
	if (!disk_remove_tree(world.folder, &err))
		fprintf(stderr, "%s\n", err.message);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	struct error err;
	const char *place = getenv("TMPDIR");
	snprintf(world.folder, sizeof(world.folder), "%s/atoll-fuzz-XXXXXX", place ? place : "/tmp");
	ASSERT(mkdtemp(world.folder));
	snprintf(world.instance, sizeof(world.instance), "%s/instance", world.folder);
	snprintf(world.log, sizeof(world.log), "%s/log", world.folder);
	setenv("SQLITE_TMPDIR", world.folder, 1);
	atexit(remove_folder);
	must(crypt_start(&err) && workers_start(2, 1, &world.workers, &err) && engine_start(&err), &err);
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	ASSERT(vfs->xSetSystemCall(vfs, "open", (sqlite3_syscall_ptr)watched_open) == SQLITE_OK);
	vfs->xDlOpen = watched_extension;
	database_make();
	return 0;
}

// -- texts --------------------------------------------------------------------------------------------

static void attachment_is_sound(const char *sql, size_t size)
{
	struct error err;
	struct policy_attachment attachment;
	if (!policy_attachment(sql, size, &attachment, &err) || attachment.verb == VERB_NEITHER)
		return;
	struct policy_statement statement;
	ASSERT(strnlen(attachment.alias, ATTACH_NAME_BYTES) - 1 < ATTACH_NAME_BYTES - 1);
	ASSERT((attachment.verb == VERB_ATTACH) == (attachment.name[0] != '\0'));
	// Never SQLite's to run.
	ASSERT(!policy_classify(sql, size, &statement, &err));
}

// The statements are the text, but for blanks at its end.
static void parts_are_the_whole(const char *sql, size_t size)
{
	size_t at = 0;
	size_t part;
	while ((part = policy_first_statement(sql + at, size - at)) > 0) {
		ASSERT(part <= size - at);
		ASSERT(policy_blank_prefix(sql + at, part) < part && !policy_is_blank(sql + at, part));
		struct policy_statement whole;
		struct policy_statement alone;
		struct error err;
		bool ok = policy_classify(sql + at, size - at, &whole, &err);
		// INTO of another statement may make a VACUUM unwelcome.
		if (policy_classify(sql + at, part, &alone, &err))
			ASSERT((ok && whole.kind == alone.kind) || alone.is_vacuum);
		attachment_is_sound(sql + at, part);
		at += part;
	}
	ASSERT(policy_is_blank(sql + at, size - at) && policy_blank_prefix(sql + at, size - at) <= size - at);
}

// A dump's file gives the same statements.
static void file_gives_the_same_parts(const char *sql, size_t size)
{
	struct error err;
	char path[40];
	OWNED(fd) int fd = memfd_create("fuzz", MFD_CLOEXEC);
	ASSERT(fd >= 0 && write(fd, sql, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	struct sql_text *text;
	must(sql_text_open(path, 1 << 20, &text, &err), &err);
	size_t at = 0;
	bool found = true;
	while (found) {
		struct sql_text_statement statement;
		if (!sql_text_next(text, &statement, &found, &err)) {
			ASSERT(memchr(sql, '\0', size));
			break;
		}
		size_t part = policy_first_statement(sql + at, size - at);
		ASSERT(found == (part > 0));
		if (found)
			ASSERT(statement.size == part && memcmp(statement.sql, sql + at, part) == 0);
		at += part;
	}
	sql_text_close(text);
}

// -- running ------------------------------------------------------------------------------------------

enum right { RIGHT_ALL, RIGHT_READ };

static bool take_columns(struct result_sink *sink, const struct column *columns, int count, struct error *err)
{
	(void)sink;
	(void)err;
	for (int i = 0; i < count; i++)
		(void)strlen(columns[i].name);
	return true;
}

struct counting_sink {
	struct result_sink sink;
	int rows;
};

static bool take_row(struct result_sink *sink, const struct value *values, int count, struct error *err)
{
	struct counting_sink *counting = (struct counting_sink *)sink;
	for (int i = 0; i < count; i++)
		ASSERT(values[i].kind <= VALUE_BLOB);
	return ++counting->rows <= ROWS_MAX || error_set(err, ERR_RESPONSE_TOO_LARGE, "too many rows");
}

static void restart(struct result_sink *sink)
{
	((struct counting_sink *)sink)->rows = 0;
}

static size_t count_params(struct engine_stream *stream, const char *sql, size_t size)
{
	struct error err;
	struct describe_result described = {0};
	if (!engine_stream_describe(stream, sql, size, &described, &err))
		return 0;
	size_t count = described.param_count;
	describe_result_cleanup(&described);
	return count < ARGS_MAX ? count : ARGS_MAX;
}

// Like SQLite's own answer: what is said to read must not write. An EXPLAIN does what it explains for neither of them.
static void kind_agrees(const struct stream_plan *plan, const char *sql, size_t size)
{
	struct policy_statement statement;
	struct error err;
	if (!policy_classify(sql, size, &statement, &err) || statement.kind != STATEMENT_READ)
		return;
	// Asking for the mode counts as setting it.
	if (policy_begins_with(sql, size, "explain") || policy_begins_with(sql, size, "pragma"))
		return;
	ASSERT(!plan->needs_write_right && !plan->changes);
}

static void run_part(struct engine_stream *stream, enum right right, const char *sql, size_t size)
{
	static const struct value args[ARGS_MAX] = {{.kind = VALUE_INTEGER, .integer = 1},
						    {.kind = VALUE_TEXT, .size = 1, .bytes = "b"}};
	struct error err;
	struct stream_plan plan;
	struct statement_result result;
	struct counting_sink counting = {
		.sink = {.columns = take_columns, .row = take_row, .restart = restart}};
	if (!engine_stream_plan(stream, sql, size, false, &plan, &err))
		return;
	kind_agrees(&plan, sql, size);
	if (right == RIGHT_READ && plan.needs_write_right)
		return;
	struct statement statement = {
		.sql = sql, .sql_size = size, .args = args, .arg_count = count_params(stream, sql, size)};
	(void)engine_stream_execute(stream, &statement, &counting.sink, &result, &err);
}

static void run_text(enum right right, const char *sql, size_t size)
{
	struct error err;
	struct engine_stream *stream;
	must(engine_stream_open(world.database, &stream, &err), &err);
	size_t part;
	for (int i = 0; i < STATEMENTS_MAX && (part = policy_first_statement(sql, size)) > 0; i++) {
		run_part(stream, right, sql, part);
		sql += part;
		size -= part;
	}
	// A transaction that is left open is undone.
	engine_stream_close(stream);
}

static void nothing_is_written(void)
{
	ASSERT(engine_database_committed(world.database) == world.frame_no);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct engine_rules free_rules = {.size_bytes_max = 1 << 20};
	const struct engine_rules blocking = {.size_bytes_max = 1 << 20, .block_writes = true};
	OWNED(text) char *sql = malloc(size + 1);
	if (size > 0)
		memcpy(sql, data, size);
	sql[size] = '\0';
	parts_are_the_whole(sql, size);
	file_gives_the_same_parts(sql, size);

	engine_database_set_rules(world.database, &blocking);
	run_text(RIGHT_ALL, sql, size);
	nothing_is_written();
	engine_database_set_rules(world.database, &free_rules);
	run_text(RIGHT_READ, sql, size);
	nothing_is_written();
	run_text(RIGHT_ALL, sql, size);
	// The next input finds what this one found.
	if (engine_database_committed(world.database) != world.frame_no) {
		database_drop();
		database_make();
	}
	return 0;
}
