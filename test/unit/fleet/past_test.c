// Restores of random moments hold exactly what was there then.
//
// One writer makes numbered transactions whose effect follows from their number; the database knows the number of the
// last one. A restore of moment T is right when its number n is one that the moment allows (acknowledged
// before T, begun no later) and its content is what the first n transactions make of an empty database in
// memory.

#include "fleet/seed_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/trace.h"

enum { STEPS_MAX = 3000, PROBES = 12 };

struct step {
	int64_t begun_ms;
	int64_t acked_ms; // 0: never
};

struct story {
	struct world *world;
	int number; // of the database
	const char *prologue;
	sqlite3 *model; // what the first `hashed` steps make
	int hashed;
	uint64_t hashes[STEPS_MAX];
	pthread_mutex_t mutex;
	// guarded by mutex
	struct step steps[STEPS_MAX]; // from 1
	int step_count;
};

static const char first_sql[] = "CREATE TABLE meta(n INTEGER); INSERT INTO meta VALUES(0);"
				"CREATE TABLE t(id INTEGER PRIMARY KEY, body TEXT)";

static void step_sql(int n, struct buffer *out)
{
	buffer_truncate(out, 0);
	buffer_append_text(out, "BEGIN IMMEDIATE;");
	switch (n % 10) {
	case 3:
		buffer_printf(out, "UPDATE t SET body = substr(body, 1, 700) || %d WHERE id %% 7 = %d;", n,
			      n % 7);
		break;
	case 5:
		buffer_printf(out, "DELETE FROM t WHERE id %% 4 = %d;", n / 10 % 4);
		break;
	case 7:
		buffer_printf(out, "CREATE TABLE x%d(a); INSERT INTO x%d VALUES(%d);", n, n, n);
		if (n > 20)
			buffer_printf(out, "DROP TABLE x%d;", n - 20);
		break;
	default:
		buffer_printf(
			out,
			"INSERT INTO t SELECT %d + x, printf('%%.*c', (%d + x) * 7919 %% 1500, char(97 + x)) "
			"FROM (WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 20) "
			"SELECT x FROM i);",
			n * 100, n);
		break;
	}
	buffer_printf(out, "UPDATE meta SET n = %d; COMMIT", n);
}

static uint64_t hash_after(struct story *story, int n)
{
	OWNED(buffer) struct buffer sql = {0};
	char *message = NULL;
	if (!story->model) {
		assert_int_equal(sqlite3_open(":memory:", &story->model), SQLITE_OK);
		if (sqlite3_exec(story->model, story->prologue, NULL, NULL, &message) != SQLITE_OK)
			fail_msg("%s", message);
		story->hashes[0] = content_hash(story->model);
	}
	while (story->hashed < n) {
		step_sql(++story->hashed, &sql);
		if (sqlite3_exec(story->model, buffer_text(&sql), NULL, NULL, &message) != SQLITE_OK)
			fail_msg("%s", message);
		story->hashes[story->hashed] = content_hash(story->model);
	}
	return story->hashes[n];
}

static struct story *story_of(struct world *world, int number, const char *prologue)
{
	struct story *story = calloc(1, sizeof(*story));
	story->world = world;
	story->number = number;
	story->prologue = prologue;
	pthread_mutex_init(&story->mutex, NULL);
	return story;
}

static void free_story(struct story *story)
{
	sqlite3_close(story->model);
	pthread_mutex_destroy(&story->mutex);
	free(story);
}

static void note_begin(struct story *story, int n)
{
	pthread_mutex_lock(&story->mutex);
	story->steps[n].begun_ms = clock_wall_ms();
	story->steps[n].acked_ms = 0;
	story->step_count = n;
	pthread_mutex_unlock(&story->mutex);
}

static void note_ack(struct story *story, int n)
{
	pthread_mutex_lock(&story->mutex);
	story->steps[n].acked_ms = clock_wall_ms();
	pthread_mutex_unlock(&story->mutex);
}

static void run_sequence(struct fleet_session *session, const char *sql)
{
	struct error err;
	if (!fleet_session_sequence(session, sql, strlen(sql), &err) || !fleet_session_settle(session, &err))
		fail_msg("%.200s: %s (%s)", sql, err.message, err.detail);
}

static void write_steps(struct story *story, int count)
{
	OWNED(buffer) struct buffer sql = {0};
	struct fleet_session *session = session_on(story->world, story->number);
	int first = story->step_count + 1;
	for (int n = first; n < first + count; n++) {
		step_sql(n, &sql);
		note_begin(story, n);
		run_sequence(session, buffer_text(&sql));
		note_ack(story, n);
		if (n % 40 == 39)
			run_sequence(session, "VACUUM");
	}
	fleet_session_close(session);
}

static int number_in(sqlite3 *db)
{
	sqlite3_stmt *stmt;
	int n = -1;
	if (sqlite3_prepare_v2(db, "SELECT n FROM meta", -1, &stmt, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static bool restore(struct story *story, int64_t at_ms, struct error *err)
{
	return fleet_seed_copy(story->world->fleet, database_id(9), database_id(story->number), at_ms, err);
}

// What of the first step is in: *out_least were acknowledged before the moment, no more than *out_most had begun.
static void bounds(struct story *story, int64_t at_ms, int *out_least, int *out_most)
{
	*out_least = 0;
	*out_most = 0;
	pthread_mutex_lock(&story->mutex);
	for (int n = 1; n <= story->step_count; n++) {
		if (story->steps[n].acked_ms != 0 && story->steps[n].acked_ms < at_ms)
			*out_least = n;
		if (story->steps[n].begun_ms <= at_ms)
			*out_most = n;
	}
	pthread_mutex_unlock(&story->mutex);
}

// False: the moment is outside the retention. SEED_NOW is any moment of the call.
static bool check_moment(struct story *story, int64_t at_ms)
{
	struct error err;
	int least;
	int most;
	int ignored;
	int64_t before_ms = clock_wall_ms();
	if (!restore(story, at_ms, &err)) {
		if (err.code != ERR_BAD_REQUEST || !strstr(err.message, "outside the retention"))
			fail_msg("%s (%s)", err.message, err.detail);
		return false;
	}
	bounds(story, at_ms == SEED_NOW ? before_ms : at_ms, &least, &ignored);
	bounds(story, at_ms == SEED_NOW ? clock_wall_ms() : at_ms, &ignored, &most);
	char *path = seed_file(story->world, 9);
	sqlite3 *db = open_file(path);
	int n = number_in(db);
	if (n < least || n > most)
		fail_msg("%d is not within %d and %d: %lld is asked for, %d was begun at %lld", n, least,
			 most, (long long)at_ms, n, (long long)story->steps[n].begun_ms);
	assert_int_equal(content_hash(db), hash_after(story, n));
	// The control: the hash knows one step from the next.
	assert_int_not_equal(hash_after(story, n), hash_after(story, n + 1));
	sqlite3_close(db);
	fleet_seed_discard(story->world->fleet, database_id(9));
	free(path);
	return true;
}

static int64_t random_moment(struct story *story, int first, int last)
{
	int n = first + (int)crypt_random_below((uint32_t)(last - first + 1));
	pthread_mutex_lock(&story->mutex);
	int64_t from = story->steps[n].begun_ms;
	int64_t to = story->steps[last].begun_ms;
	pthread_mutex_unlock(&story->mutex);
	return from +
	       (int64_t)crypt_random_below((uint32_t)(to > from ? (to - from < 8 ? to - from : 8) : 0) + 1);
}

static void check_moments(struct story *story, int first)
{
	for (int i = 0; i < PROBES; i++)
		assert_true(check_moment(story, random_moment(story, first, story->step_count)));
}

static int past_setup(void **state)
{
	struct world *world = world_make();
	trace_configure(TRACE_WARN, false);
	world->options.history_ms = 24 * 3600 * 1000;
	world_open(world);
	*state = world;
	return 0;
}

static void begin_story(struct story *story)
{
	assert_true(world_create(story->world, story->number));
	struct fleet_session *session = session_on(story->world, story->number);
	run_sequence(session, first_sql);
	fleet_session_close(session);
	note_begin(story, 0);
	note_ack(story, 0);
}

static void *write_many(void *context)
{
	write_steps(context, 250);
	return NULL;
}

static void moments_are_exact_under_load_and_after_a_restart(void **state)
{
	struct world *world = *state;
	struct story *story = story_of(world, 1, first_sql);
	begin_story(story);
	assert_true(world_create(world, 1)); // a replica follows
	write_steps(story, 5);
	pthread_t writer;
	assert_int_equal(pthread_create(&writer, NULL, write_many, story), 0);
	int checked = 0;
	for (int last = 0; last < 255; checked++) {
		pthread_mutex_lock(&story->mutex);
		last = story->step_count;
		pthread_mutex_unlock(&story->mutex);
		assert_true(check_moment(story, random_moment(story, 1, last)));
		// The very present.
		assert_true(check_moment(story, clock_wall_ms()));
		assert_true(check_moment(story, SEED_NOW));
	}
	pthread_join(writer, NULL);
	check_moments(story, 1);
	world_close(world); // a checkpoint
	world_open(world);
	check_moments(story, 1);
	write_steps(story, 50);
	check_moments(story, 1);
	assert_true(checked > 0);
	free_story(story);
}

#define SEED_SQL                                                                                             \
	"CREATE TABLE meta(n INTEGER); INSERT INTO meta VALUES(0); CREATE TABLE t(id INTEGER PRIMARY KEY, "  \
	"body TEXT);"                                                                                        \
	"WITH RECURSIVE i(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM i WHERE x < 90) "                      \
	"INSERT INTO t SELECT -x, printf('%.*c', 3000, 's') FROM i;"

static void load_seed(struct world *world, int number)
{
	struct error err;
	char *path = path_in(world, "uploads/dump");
	assert_true(disk_write_file(path, SEED_SQL, strlen(SEED_SQL), &err));
	if (!fleet_seed_dump(world->fleet, database_id(number), path, &err))
		fail_msg("%s", err.message);
	unlink(path);
	free(path);
}

static void a_seeded_database_has_moments_from_its_first(void **state)
{
	struct world *world = *state;
	struct story *story = story_of(world, 1, SEED_SQL);
	load_seed(world, 1);
	int64_t before_ms = clock_wall_ms() - 1;
	assert_true(world_create(world, 1));
	int64_t seeded_ms = clock_wall_ms();
	note_begin(story, 0);
	note_ack(story, 0);
	assert_false(check_moment(story, before_ms));
	assert_true(check_moment(story, seeded_ms));
	write_steps(story, 60);
	assert_true(check_moment(story, seeded_ms));
	check_moments(story, 1);
	assert_false(check_moment(story, before_ms));
	// Restored, it has a history of its own.
	struct error err;
	assert_true(fleet_seed_copy(world->fleet, database_id(2), database_id(1),
				    story->steps[30].acked_ms + 1, &err));
	assert_true(world_create(world, 2));
	struct story *branch = story_of(world, 2, SEED_SQL);
	struct fleet_session *session = session_on(world, 2);
	struct first_value n;
	assert_true(try_sql(session, "SELECT n FROM meta", &n, &err));
	fleet_session_close(session);
	branch->step_count = atoi(n.text);
	assert_true(branch->step_count >= 30);
	int64_t branched_ms = clock_wall_ms();
	for (int i = 1; i <= branch->step_count; i++)
		branch->steps[i] = (struct step){1, 1};
	int first = branch->step_count + 1;
	write_steps(branch, 40);
	check_moments(branch, first);
	assert_true(check_moment(branch, branched_ms));
	assert_true(check_moment(story, seeded_ms));
	free_story(branch);
	free_story(story);
}

static void what_cannot_be_had_is_refused(void **state)
{
	struct world *world = *state;
	struct error err;
	struct story *story = story_of(world, 1, first_sql);
	begin_story(story);
	assert_false(restore(story, clock_wall_ms() + 60000, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_string_equal(err.message, "timestamp is in the future");
	assert_false(restore(story, 1000, &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(err.message, "outside the retention: the oldest moment kept is 20"));
	assert_false(fleet_seed_exists(world->fleet, database_id(9)));
	world_close(world);
	world->options.history_ms = 0;
	world_open(world);
	assert_false(restore(story, clock_wall_ms(), &err));
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	assert_non_null(strstr(err.message, "history-retention"));
	char *uploads = path_in(world, "uploads");
	assert_int_equal(files_in(uploads), 0);
	free(uploads);
	free_story(story);
}

// What an older version left, or a time without the setting: the history gets a beginning from the present content.
static void a_history_without_beginning_gets_one(void **state)
{
	struct world *world = *state;
	struct story *story = story_of(world, 1, SEED_SQL);
	world_close(world);
	world->options.history_ms = 0;
	world_open(world);
	load_seed(world, 1);
	assert_true(world_create(world, 1));
	write_steps(story, 30);
	world_close(world);
	world->options.history_ms = 24 * 3600 * 1000;
	int64_t off_ms = clock_wall_ms();
	world_open(world);
	write_steps(story, 1);
	int64_t deadline_ms = clock_monotonic_ms() + 20000;
	while (!check_moment(story, clock_wall_ms()))
		assert_true(clock_monotonic_ms() < deadline_ms);
	assert_false(check_moment(story, off_ms));
	write_steps(story, 40);
	check_moments(story, 35);
	free_story(story);
}

// -- killed, with a history that rolls ----------------------------------------------------------------

struct told {
	int n;
	struct step step;
};

static void child(struct story *story, int pipe_end)
{
	OWNED(buffer) struct buffer sql = {0};
	trace_configure(TRACE_ERROR, false);
	world_open(story->world);
	struct fleet_session *session = session_on(story->world, story->number);
	for (int n = story->step_count + 1;; n++) {
		step_sql(n, &sql);
		note_begin(story, n);
		struct told told = {n, story->steps[n]};
		if (write(pipe_end, &told, sizeof(told)) != sizeof(told))
			_exit(3);
		run_sequence(session, buffer_text(&sql));
		note_ack(story, n);
		told.step = story->steps[n];
		if (write(pipe_end, &told, sizeof(told)) != sizeof(told))
			_exit(3);
		if (n % 40 == 39)
			run_sequence(session, "VACUUM");
	}
}

static void read_told(struct story *story, int pipe_end)
{
	struct told told;
	while (read(pipe_end, &told, sizeof(told)) == sizeof(told)) {
		assert_true(told.n < STEPS_MAX - 10);
		story->steps[told.n] = told.step;
		story->step_count = told.n;
	}
}

// A step that was begun when the process was killed may have happened or not.
static void settle_last(struct story *story)
{
	struct fleet_session *session = session_on(story->world, story->number);
	struct first_value n;
	struct error err;
	assert_true(try_sql(session, "SELECT n FROM meta", &n, &err));
	fleet_session_close(session);
	int last = atoi(n.text);
	assert_true(last == story->step_count || last == story->step_count - 1);
	story->step_count = last;
}

static uint64_t folder_bytes(const struct world *world, int number)
{
	char *folder = path_in(world, "databases/%s/log", database_id(number));
	OWNED(buffer) struct buffer command = {0};
	buffer_printf(&command, "du -sb '%s' | cut -f1", folder);
	FILE *pipe = popen(buffer_text(&command), "r");
	unsigned long long bytes = 0;
	assert_int_equal(fscanf(pipe, "%llu", &bytes), 1);
	pclose(pipe);
	free(folder);
	return bytes;
}

static void kills_and_a_rolling_history_leave_moments_exact(void **state)
{
	enum { ROUNDS = 9, LATELY = 5 };
	struct world *world = *state;
	struct story *story = story_of(world, 1, SEED_SQL);
	world_close(world);
	world->options.log_bytes_max = 2 << 20;
	world_open(world);
	load_seed(world, 1);
	assert_true(world_create(world, 1));
	note_begin(story, 0);
	note_ack(story, 0);
	int outside = 0;
	int exact = 0;
	for (int round = 0; round < ROUNDS; round++) {
		int ends[2];
		world_close(world);
		assert_int_equal(pipe(ends), 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(ends[0]);
			child(story, ends[1]);
			_exit(5);
		}
		close(ends[1]);
		struct timespec pause = {.tv_nsec = (50 + (long)crypt_random_below(500)) * 1000000};
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		read_told(story, ends[0]);
		int status;
		waitpid(pid, &status, 0);
		assert_true(WIFSIGNALED(status));
		close(ends[0]);
		world_open(world);
		settle_last(story);
		for (int i = 0; i < 4; i++) {
			// Half of them lately: how far back the history goes depends on how fast this machine is.
			int first = i % 2 || story->step_count <= LATELY ? 1 : story->step_count - LATELY;
			bool ok = check_moment(story, random_moment(story, first, story->step_count));
			exact += ok;
			outside += !ok;
		}
		// When the last step was committed is known as exactly as its file's time is.
		assert_true(check_moment(story, clock_wall_ms()));
		exact++;
	}
	write_steps(story, 20);
	print_message("%d steps, %d moments exact, %d outside the retention\n", story->step_count, exact,
		      outside);
	assert_true(exact >= ROUNDS);
	// One copy and the log, with what is still being folded.
	int64_t deadline_ms = clock_monotonic_ms() + 90000;
	while (folder_bytes(world, 1) > (6 << 20))
		assert_true(clock_monotonic_ms() < deadline_ms);
	free_story(story);
}

// -- many writers -------------------------------------------------------------------------------------

enum { WRITERS = 4, ROWS_EACH = 120 };

struct writer {
	struct world *world;
	int number;
	int64_t begun_ms[ROWS_EACH];
	int64_t acked_ms[ROWS_EACH];
};

static void *write_rows(void *context)
{
	struct writer *writer = context;
	struct fleet_session *session = session_on(writer->world, 1);
	for (int i = 0; i < ROWS_EACH; i++) {
		char sql[100];
		snprintf(sql, sizeof(sql), "INSERT INTO r VALUES(%d)", writer->number * 1000 + i);
		writer->begun_ms[i] = clock_wall_ms();
		must(session, sql);
		writer->acked_ms[i] = clock_wall_ms();
	}
	fleet_session_close(session);
	return NULL;
}

static bool has_row(sqlite3 *db, int id)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1 FROM r WHERE id = ?1", -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_int(stmt, 1, id);
	bool has = sqlite3_step(stmt) == SQLITE_ROW;
	sqlite3_finalize(stmt);
	return has;
}

static void every_writer_finds_what_it_was_told_before(void **state)
{
	struct world *world = *state;
	struct error err;
	pthread_t threads[WRITERS];
	struct writer *writers = calloc(WRITERS, sizeof(*writers));
	assert_true(world_create(world, 1));
	struct fleet_session *session = session_on(world, 1);
	must(session, "CREATE TABLE r(id INTEGER PRIMARY KEY)");
	fleet_session_close(session);
	for (int w = 0; w < WRITERS; w++) {
		writers[w] = (struct writer){.world = world, .number = w};
		assert_int_equal(pthread_create(&threads[w], NULL, write_rows, &writers[w]), 0);
	}
	for (int w = 0; w < WRITERS; w++)
		pthread_join(threads[w], NULL);
	for (int probe = 0; probe < 20; probe++) {
		int64_t at_ms = writers[0].begun_ms[crypt_random_below(ROWS_EACH)];
		if (!fleet_seed_copy(world->fleet, database_id(9), database_id(1), at_ms, &err))
			fail_msg("%s (%s)", err.message, err.detail);
		char *path = seed_file(world, 9);
		sqlite3 *db = open_file(path);
		for (int w = 0; w < WRITERS; w++) {
			for (int i = 0; i < ROWS_EACH; i++) {
				bool has = has_row(db, w * 1000 + i);
				if (writers[w].acked_ms[i] < at_ms)
					assert_true(has);
				if (writers[w].begun_ms[i] > at_ms)
					assert_false(has);
			}
		}
		sqlite3_close(db);
		fleet_seed_discard(world->fleet, database_id(9));
		free(path);
	}
	free(writers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(moments_are_exact_under_load_and_after_a_restart, past_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(a_seeded_database_has_moments_from_its_first, past_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_had_is_refused, past_setup, world_teardown),
		cmocka_unit_test_setup_teardown(a_history_without_beginning_gets_one, past_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(kills_and_a_rolling_history_leave_moments_exact, past_setup,
						world_teardown),
		cmocka_unit_test_setup_teardown(every_writer_finds_what_it_was_told_before, past_setup,
						world_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
