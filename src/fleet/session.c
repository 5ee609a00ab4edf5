#include "fleet/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/trace.h"
#include "engine/dump.h"
#include "engine/policy.h"
#include "engine/stream.h"
#include "fleet/attach.h"
#include "fleet/internal.h"

enum { CATCH_UP_MS = 10000, SETTLE_MS = 30000, SHOW_MS = 2000 };

struct fleet_session {
	struct fleet_instance *instance; // where the client is
	struct fleet_instance *primary;  // on a replica: where writes go; held from the first one on
	struct engine_stream *local;     // opened with the first statement
	struct engine_stream *remote;    // on the primary, opened with the first write
	bool read_only;
	bool remote_transaction;       // an open transaction lives on the primary
	struct engine_stream *running; // where the present statement runs, or is paused
	bool paused;
	struct engine_dump *dump; // of `local`
	struct attachments attachments;
	fleet_find_attachable *find_attachable; // NULL: nothing may be attached
	void *attach_context;
	uint64_t written;      // frame_no that this session made on the primary: local reads wait for it
	pthread_mutex_t mutex; // guards the two stream pointers against fleet_session_interrupt
};

bool fleet_session_open(struct fleet_instance *instance, bool read_only, struct fleet_session **out,
			struct error *err)
{
	if (atomic_load(&instance->gone))
		return error_set(err, ERR_NOT_READY,
				 "this instance is being replaced or destroyed: try again");
	struct fleet_session *session = calloc(1, sizeof(*session));
	ASSERT(session != NULL);
	session->instance = instance_hold(instance);
	session->read_only = read_only;
	pthread_mutex_init(&session->mutex, NULL);
	*out = session;
	return true;
}

static void close_streams(struct fleet_session *session)
{
	engine_dump_end(TAKE(session->dump));
	pthread_mutex_lock(&session->mutex);
	struct engine_stream *local = TAKE(session->local);
	struct engine_stream *remote = TAKE(session->remote);
	pthread_mutex_unlock(&session->mutex);
	engine_stream_close(local);
	engine_stream_close(remote);
	session->remote_transaction = false;
	session->running = NULL;
	session->paused = false;
}

void fleet_session_close(struct fleet_session *session)
{
	if (!session)
		return;
	close_streams(session);
	attachments_cleanup(&session->attachments);
	if (session->primary)
		fleet_release(session->primary);
	fleet_release(session->instance);
	pthread_mutex_destroy(&session->mutex);
	free(session);
}

void fleet_session_set_read_only(struct fleet_session *session, bool read_only)
{
	session->read_only = read_only;
}

static bool is_primary(const struct fleet_session *session)
{
	return session->instance->spec.primary;
}

// A replica that was filled anew has another struct; a session without a transaction moves over to it.
static bool follow_replacement(struct fleet_session *session, struct error *err)
{
	if (!atomic_load(&session->instance->gone))
		return true;
	if (is_primary(session) || session->remote_transaction ||
	    (session->local && !engine_stream_is_autocommit(session->local)))
		return error_set(err, ERR_NOT_READY,
				 "this instance was replaced or destroyed: the transaction is lost");
	struct fleet_database *database = session->instance->database;
	struct fleet_instance *fresh;
	if (!fleet_acquire(database->fleet, database->uuid, session->instance->spec.uuid, &fresh, err))
		return false;
	close_streams(session);
	fleet_release(session->instance);
	session->instance = fresh;
	return true;
}

static bool open_stream(struct fleet_session *session, struct fleet_instance *instance,
			struct engine_stream **place, struct error *err)
{
	struct engine_stream *stream;
	if (*place)
		return attachments_ensure(&session->attachments, *place, err);
	if (!engine_stream_open(instance->engine, &stream, err))
		return false;
	pthread_mutex_lock(&session->mutex);
	*place = stream;
	pthread_mutex_unlock(&session->mutex);
	return attachments_ensure(&session->attachments, stream, err);
}

static bool open_local(struct fleet_session *session, struct error *err)
{
	if (session->paused)
		return error_set(err, ERR_INTERNAL, "another statement of this session is paused");
	return follow_replacement(session, err) &&
	       open_stream(session, session->instance, &session->local, err);
}

static bool open_remote(struct fleet_session *session, struct error *err)
{
	if (!session->primary)
		session->primary = instance_hold_primary(session->instance);
	if (!session->primary || atomic_load(&session->primary->gone))
		return error_set(
			err, ERR_UNAVAILABLE,
			"the primary instance cannot be reached: writes fail until it is back, reads go on");
	return open_stream(session, session->primary, &session->remote, err);
}

static bool check_right(const struct fleet_session *session, const struct stream_plan *plan,
			struct error *err)
{
	if (session->read_only && plan->needs_write_right)
		return error_set(err, ERR_FORBIDDEN,
				 "Authorization forbidden: this credential may only read");
	return true;
}

void fleet_session_let_attach(struct fleet_session *session, fleet_find_attachable *find, void *context)
{
	session->find_attachable = find;
	session->attach_context = context;
}

static bool find_attachable(struct fleet_session *session, const char *name,
			    char out_database[CRYPT_UUID_TEXT_BYTES], struct error *err)
{
	if (session->find_attachable)
		return session->find_attachable(session->attach_context, name, out_database, err);
	return error_set(err, ERR_FORBIDDEN, "Namespace `%s` doesn't allow attach", name);
}

bool fleet_session_check(struct fleet_session *session, const char *sql, size_t sql_size, struct error *err)
{
	struct stream_plan plan;
	struct policy_attachment attachment;
	char database[CRYPT_UUID_TEXT_BYTES];
	if (!policy_attachment(sql, sql_size, &attachment, err))
		return false;
	if (attachment.verb != VERB_NEITHER)
		return attachment.verb == VERB_DETACH ||
		       find_attachable(session, attachment.name, database, err);
	if (!open_local(session, err))
		return false;
	struct engine_stream *stream = session->remote_transaction ? session->remote : session->local;
	return engine_stream_plan(stream, sql, sql_size, true, &plan, err) &&
	       check_right(session, &plan, err);
}

bool fleet_session_check_sequence(struct fleet_session *session, const char *sql, size_t sql_size,
				  struct error *err)
{
	size_t size;
	while ((size = policy_first_statement(sql, sql_size)) > 0) {
		if (!fleet_session_check(session, sql, size, err))
			return false;
		sql += size;
		sql_size -= size;
	}
	return true;
}

// Local reads never go back behind the session's own writes.
static bool catch_up(struct fleet_session *session, struct error *err)
{
	if (is_primary(session) || session->written == 0)
		return true;
	return engine_database_settle(session->instance->engine, session->written,
				      clock_monotonic_ms() + CATCH_UP_MS, err);
}

// After a statement on the primary, or a piece of it.
static void note_remote(struct fleet_session *session, bool ok, const struct error *err)
{
	// A transaction that was ended by force is told of to every statement of the program, also those that would run here.
	bool ended_by_force = !ok && err->code == ERR_TRANSACTION_TIMEOUT;
	session->remote_transaction = ended_by_force || !engine_stream_is_autocommit(session->remote);
	uint64_t seen = engine_stream_seen(session->remote);
	session->written = seen > session->written ? seen : session->written;
}

static bool execute_on(struct engine_stream *stream, const struct statement *statement,
		       struct result_sink *sink, struct statement_result *out, bool *out_paused,
		       struct error *err)
{
	if (out_paused)
		return engine_stream_begin(stream, statement, sink, out, out_paused, err);
	return engine_stream_execute(stream, statement, sink, out, err);
}

static bool execute_remote(struct fleet_session *session, const struct statement *statement,
			   struct result_sink *sink, struct statement_result *out, bool *out_paused,
			   struct error *err)
{
	if (!open_remote(session, err))
		return false;
	struct fleet *fleet = session->instance->database->fleet;
	const char *here = session->instance->spec.location;
	const char *there = session->primary->spec.location;
	distance_travel(fleet, here, there);
	session->running = session->remote;
	bool ok = execute_on(session->remote, statement, sink, out, out_paused, err);
	distance_travel(fleet, there, here);
	note_remote(session, ok, err);
	return ok;
}

static bool execute_local(struct fleet_session *session, const struct statement *statement,
			  struct result_sink *sink, struct statement_result *out, bool *out_paused,
			  struct error *err)
{
	session->running = session->local;
	return catch_up(session, err) && execute_on(session->local, statement, sink, out, out_paused, err);
}

// On a replica: where a statement must run. A read-only transaction stays here, any other one lives on the
// primary.
static bool goes_to_primary(const struct fleet_session *session, const struct stream_plan *plan)
{
	if (is_primary(session))
		return false;
	if (session->remote_transaction)
		return true;
	if (!engine_stream_is_autocommit(session->local) || plan->ends)
		return false;
	// What the session's last write did is known where it was made.
	return (plan->changes && !plan->begins_read_only) || (plan->asks_state && session->remote);
}

// In the stream where the session's next statement would run; the other one follows when it is used.
static bool attach(struct fleet_session *session, const struct policy_attachment *request, struct error *err)
{
	char database[CRYPT_UUID_TEXT_BYTES];
	struct engine_stream *stream = session->remote_transaction ? session->remote : session->local;
	return find_attachable(session, request->name, database, err) &&
	       attachments_add(&session->attachments, session->instance->database->fleet, database, request,
			       stream, err);
}

static bool run_attachment(struct fleet_session *session, const struct policy_attachment *request,
			   const struct statement *statement, struct result_sink *sink,
			   struct statement_result *out, struct error *err)
{
	struct engine_stream *const streams[2] = {session->remote, session->local};
	size_t given = statement->arg_count + statement->named_arg_count;
	if (given > 0)
		return error_set(
			err, ERR_ARGS_INVALID,
			"Arguments do not match SQL parameters: too many parameters, expected 0 found %zu",
			given);
	bool ok = request->verb == VERB_ATTACH
			  ? attach(session, request, err)
			  : attachments_remove(&session->attachments, request->alias, streams,
					       clock_monotonic_ms() + SETTLE_MS, err);
	if (!ok || (sink && !sink->columns(sink, NULL, 0, err)))
		return false;
	*out = (struct statement_result){.frame_no = fleet_session_frame_no(session)};
	return true;
}

// A transaction can always be ended.
static bool check_attachments(const struct fleet_session *session, const struct stream_plan *plan,
			      struct error *err)
{
	return plan->ends || attachments_check(&session->attachments, err);
}

static struct statement without_write_lock(const struct statement *statement)
{
	static const char sql[] = "BEGIN READONLY";
	struct statement begin = *statement;
	begin.sql = sql;
	begin.sql_size = strlen(sql);
	return begin;
}

// out_paused NULL: until its end.
static bool start(struct fleet_session *session, const struct statement *statement, struct result_sink *sink,
		  struct statement_result *out, bool *out_paused, struct error *err)
{
	struct stream_plan plan;
	struct policy_attachment attachment;
	if (!open_local(session, err) ||
	    !policy_attachment(statement->sql, statement->sql_size, &attachment, err))
		return false;
	if (attachment.verb != VERB_NEITHER)
		return run_attachment(session, &attachment, statement, sink, out, err);
	struct engine_stream *planner = session->remote_transaction ? session->remote : session->local;
	// A table that the session has just made on the primary may not be known here yet: catch up before
	// judging.
	if (planner == session->local && !catch_up(session, err))
		return false;
	// Who may not write is told so, also of a table that there is not.
	bool lenient = !is_primary(session) || session->read_only;
	if (!engine_stream_plan(planner, statement->sql, statement->sql_size, lenient, &plan, err) ||
	    !check_right(session, &plan, err) || !check_attachments(session, &plan, err))
		return false;
	struct statement begin;
	if (plan.begins_at_once && session->read_only) {
		begin = without_write_lock(statement);
		statement = &begin;
		plan.begins_read_only = true;
	}
	if (goes_to_primary(session, &plan))
		return execute_remote(session, statement, sink, out, out_paused, err);
	return execute_local(session, statement, sink, out, out_paused, err);
}

static bool count_error(const struct fleet_instance *instance, const struct error *err)
{
	tally_add(&instance->database->fleet->statement_errors[err->code], 1);
	return false;
}

bool fleet_session_execute(struct fleet_session *session, const struct statement *statement,
			   struct result_sink *sink, struct statement_result *out, struct error *err)
{
	bool ok = start(session, statement, sink, out, NULL, err);
	if (!session->paused)
		session->running = NULL;
	return ok || count_error(session->instance, err);
}

// A piece has ended: with it, mostly, its statement.
static bool end_piece(struct fleet_session *session, bool ok, bool paused)
{
	session->paused = ok && paused;
	if (!session->paused)
		session->running = NULL;
	return ok;
}

bool fleet_session_begin(struct fleet_session *session, const struct statement *statement,
			 struct result_sink *sink, struct statement_result *out, bool *out_paused,
			 struct error *err)
{
	*out_paused = false;
	if (session->paused)
		return error_set(err, ERR_INTERNAL, "another statement of this session is paused");
	bool ok =
		start(session, statement, sink, out, out_paused, err) || count_error(session->instance, err);
	return end_piece(session, ok, *out_paused);
}

bool fleet_session_resume(struct fleet_session *session, struct result_sink *sink,
			  struct statement_result *out, bool *out_paused, struct error *err)
{
	ASSERT(session->paused);
	bool ok = engine_stream_resume(session->running, sink, out, out_paused, err) ||
		  count_error(session->instance, err);
	if (session->running == session->remote)
		note_remote(session, ok, err);
	return end_piece(session, ok, *out_paused);
}

void fleet_session_abandon(struct fleet_session *session)
{
	if (!session->paused)
		return;
	engine_stream_abandon(session->running);
	if (session->running == session->remote)
		session->remote_transaction = !engine_stream_is_autocommit(session->remote);
	end_piece(session, true, false);
}

bool fleet_session_sequence(struct fleet_session *session, const char *sql, size_t sql_size,
			    struct error *err)
{
	size_t size;
	while ((size = policy_first_statement(sql, sql_size)) > 0) {
		struct statement statement = {.sql = sql, .sql_size = size};
		struct statement_result ignored;
		if (!fleet_session_execute(session, &statement, NULL, &ignored, err))
			return false;
		sql += size;
		sql_size -= size;
	}
	return true;
}

bool fleet_session_describe(struct fleet_session *session, const char *sql, size_t sql_size,
			    struct describe_result *out, struct error *err)
{
	struct policy_attachment attachment;
	if (!open_local(session, err) || !policy_attachment(sql, sql_size, &attachment, err))
		return false;
	if (attachment.verb != VERB_NEITHER) {
		*out = (struct describe_result){.is_readonly = true};
		return true;
	}
	if (session->remote_transaction)
		return engine_stream_describe(session->remote, sql, sql_size, out, err);
	return catch_up(session, err) && engine_stream_describe(session->local, sql, sql_size, out, err);
}

bool fleet_session_is_autocommit(const struct fleet_session *session)
{
	if (session->remote_transaction)
		return engine_stream_is_autocommit(session->remote);
	return !session->local || engine_stream_is_autocommit(session->local);
}

bool fleet_session_is_plain(const struct fleet_session *session)
{
	bool caught_up = session->written == 0 ||
			 engine_database_committed(session->instance->engine) >= session->written;
	return fleet_session_is_autocommit(session) && caught_up && session->attachments.count == 0 &&
	       !(session->local && engine_stream_has_state(session->local)) &&
	       !(session->remote && engine_stream_has_state(session->remote));
}

uint64_t fleet_session_frame_no(const struct fleet_session *session)
{
	uint64_t local = session->local ? engine_stream_seen(session->local) : 0;
	return session->written > local ? session->written : local;
}

bool fleet_session_wait_for(struct fleet_session *session, uint64_t frame_no, struct error *err)
{
	if (is_primary(session))
		return true; // whatever was told to a client is committed here
	return follow_replacement(session, err) &&
	       engine_database_settle(session->instance->engine, frame_no, clock_monotonic_ms() + CATCH_UP_MS,
				      err);
}

// Clients that open a stream for each statement have no session that could remember what they wrote: the reply to a
// write waits until this replica shows it. The write is durable by then, so a replica that is stuck only costs time.
static void wait_for_own_writes(struct fleet_session *session)
{
	struct error late;
	if (is_primary(session) || session->remote_transaction || session->written == 0 ||
	    atomic_load(&session->instance->gone))
		return;
	if (!engine_database_settle(session->instance->engine, session->written,
				    clock_monotonic_ms() + SHOW_MS, &late))
		trace_debug("replica.late", "instance", session->instance->spec.uuid);
}

static bool settle_streams(struct fleet_session *session, struct error *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + SETTLE_MS;
	bool ok = true;
	if (session->local && is_primary(session))
		ok = engine_database_settle(session->instance->engine, engine_stream_seen(session->local),
					    deadline_ms, err);
	if (ok && session->remote)
		ok = engine_database_settle(session->primary->engine, engine_stream_seen(session->remote),
					    deadline_ms, err);
	if (ok && session->local)
		ok = engine_stream_settle_attached(session->local, deadline_ms, err);
	if (ok && session->remote)
		ok = engine_stream_settle_attached(session->remote, deadline_ms, err);
	return ok;
}

bool fleet_session_dump_begin(struct fleet_session *session, bool preserve_row_ids, struct error *err)
{
	ASSERT(!session->dump);
	if (!is_primary(session))
		return error_set(err, ERR_BAD_REQUEST, "database is not a primary");
	return open_local(session, err) &&
	       engine_dump_begin(session->local, preserve_row_ids, &session->dump, err) &&
	       settle_streams(session, err);
}

bool fleet_session_dump_write(struct fleet_session *session, struct buffer *out, size_t bytes_max,
			      bool *out_done, struct error *err)
{
	return engine_dump_write(session->dump, out, bytes_max, out_done, err);
}

bool fleet_session_settle_rows(struct fleet_session *session, struct error *err)
{
	if (session->running)
		engine_stream_note_rows(session->running);
	return settle_streams(session, err);
}

bool fleet_session_settle(struct fleet_session *session, struct error *err)
{
	bool ok = settle_streams(session, err);
	if (ok)
		wait_for_own_writes(session);
	if (session->local)
		engine_stream_end_program(session->local);
	if (session->remote) {
		engine_stream_end_program(session->remote);
		session->remote_transaction = !engine_stream_is_autocommit(session->remote);
	}
	return ok;
}

void fleet_session_interrupt(struct fleet_session *session)
{
	pthread_mutex_lock(&session->mutex);
	if (session->local)
		engine_stream_interrupt(session->local);
	if (session->remote)
		engine_stream_interrupt(session->remote);
	pthread_mutex_unlock(&session->mutex);
}

enum quick_outcome fleet_quick_execute(struct fleet_instance *instance, bool read_only,
				       const struct statement *statement, struct result_sink *sink,
				       struct quick_wait *wait, struct statement_result *out, bool *out_ok,
				       struct error *err)
{
	if (atomic_load(&instance->gone))
		return QUICK_DECLINED;
	bool allow_writes = instance->spec.primary && !read_only;
	enum quick_outcome outcome =
		engine_quick_execute(instance->engine, allow_writes, statement, sink, wait, out, out_ok, err);
	if (outcome != QUICK_DECLINED && !*out_ok)
		count_error(instance, err);
	return outcome;
}
