#include "engine/share.h"

#include "base/clock.h"
#include "base/turns.h"
#include "engine/internal.h"

enum level { LEVEL_LONG, LEVEL_HEAVY, LEVEL_HEAVY_WRITER };

static const int nice_of[] = {[LEVEL_LONG] = 5, [LEVEL_HEAVY] = 19, [LEVEL_HEAVY_WRITER] = 10};

// Of CPU time. To be long costs the start of a thread.
enum { LONG_NS = 2000000, HEAVY_NS = 50000000 };
enum { SLICE_NS = 10000000 };

static const int64_t never = INT64_MAX;

void share_begin(struct connection *connection, int64_t now_ns)
{
	bool shares = connection->database->turns && !connection->own && !connection->budget;
	connection->share_at_ns = shares ? now_ns + LONG_NS : never;
}

void share_expect_long(struct connection *connection)
{
	if (connection->share_at_ns != never)
		connection->share_at_ns = 0;
}

static bool is_to_stop(void *context)
{
	struct connection *connection = context;
	return atomic_load(&connection->cancel) || atomic_load(&connection->stolen);
}

static void take_turn(struct connection *connection, enum level level, int64_t slice_ns)
{
	struct engine_database *db = connection->database;
	int64_t deadline_ms = connection->deadline_ns / 1000000 + 1;
	// Without a turn it is to stop, and ends.
	turns_take(db->turns, &db->turns_owner, &connection->turn, (int)level, is_to_stop, connection,
		   deadline_ms);
	connection->share_at_ns = clock_monotonic_ns() + slice_ns;
}

static void step_aside(struct connection *connection, enum level level)
{
	workers_step_aside(connection->database->workers, nice_of[level]);
	take_turn(connection, level, SLICE_NS);
}

void share_review(struct connection *connection, int64_t now_ns)
{
	int64_t cpu_ns = workers_task_cpu_ns(connection->database->workers);
	if (cpu_ns < 0)
		connection->share_at_ns = never;
	else if (cpu_ns < LONG_NS && connection->run.cached && connection->run.cached->slow)
		take_turn(connection, LEVEL_LONG, LONG_NS - cpu_ns);
	else if (cpu_ns < LONG_NS)
		connection->share_at_ns = now_ns + LONG_NS - cpu_ns;
	else if (cpu_ns < HEAVY_NS)
		step_aside(connection, LEVEL_LONG);
	else
		step_aside(connection, connection->holds_lane ? LEVEL_HEAVY_WRITER : LEVEL_HEAVY);
}

void share_end(struct connection *connection)
{
	if (connection->share_at_ns == never)
		return;
	connection->share_at_ns = never;
	if (connection->turn.running)
		turns_leave(connection->database->turns, &connection->turn);
}

void share_wake(struct connection *connection)
{
	if (connection->database->turns)
		turns_wake(connection->database->turns, &connection->turn);
}
