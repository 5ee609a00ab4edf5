#include "sync/proxy.h"

#include <stdio.h>
#include <string.h>

#include "base/admission.h"
#include "base/arena.h"
#include "base/workers.h"
#include "sync/grpc.h"
#include "sync/internal.h"
#include "sync/peers.h"
#include "sync/program.h"
#include "sync/results.h"

// A network thread must not parse for longer than it takes to answer a handful of other requests.
enum { INLINE_BODY_BYTES = 64 * 1024, STEPS_BETWEEN_LOOKS = 64 };

struct call;
typedef bool call_read(struct arena *arena, const char *bytes, size_t size, struct program *out,
		       struct error *err);
// Runs on the call's connection.
typedef bool call_work(struct call *call, struct fleet_session *session, struct error *err);

struct call {
	struct sync *sync;
	struct net_request *request;
	struct access_grant grant;
	struct program program;
	call_read *read;
	call_work *work;
	struct peer_turn turn;
	struct admission_ticket ticket;
};

static bool execute(struct call *call, struct fleet_session *session, struct error *err);

// -- the way of a call ----------------------------------------------------------------------------------

static void answer(struct call *call, bool ok, const struct error *err)
{
	if (ok)
		grpc_finish(call->request);
	else
		grpc_fail(call->request, err);
}

// Its transaction is no more: nothing of the program runs, and the client learns from the state that it is outside.
static bool tell_lost(struct call *call, const struct error *why)
{
	struct results results;
	results_begin(&results, net_reply_body(call->request), call->sync->result_bytes_max);
	for (size_t i = 0; i < call->program.step_count; i++) {
		results_begin_step(&results, true);
		results_fail_step(&results, why);
	}
	results_end(&results, true, 0);
	return true;
}

static bool run(struct call *call, struct error *err)
{
	struct fleet_session *session;
	if (peer_open(call->sync->peers, &call->turn, &session, err))
		return call->work(call, session, err);
	return err->code == ERR_TRANSACTION_TIMEOUT && tell_lost(call, err);
}

static void on_worker(void *context, struct net_request *request)
{
	struct call *call = context;
	struct error err;
	(void)request;
	bool ok = run(call, &err);
	// The answer comes last, for the call ends with it.
	peers_leave(call->sync->peers, &call->turn, call->turn.ends || !ok);
	admission_leave(call->sync->admission, call->grant.database);
	answer(call, ok, &err);
}

static void start(struct admission_ticket *ticket)
{
	struct call *call = CONTAINER_OF(ticket, struct call, ticket);
	net_request_run(call->request, on_worker, call, call->turn.urgent);
}

static void go(struct peer_turn *turn)
{
	struct call *call = CONTAINER_OF(turn, struct call, turn);
	struct error err;
	call->ticket.start = start;
	if (admission_enter(call->sync->admission, call->grant.database, &call->ticket, turn->urgent, &err))
		return;
	peers_leave(call->sync->peers, turn, false);
	grpc_fail(call->request, &err);
}

static void read_then_enter(struct call *call)
{
	const char *bytes;
	size_t size;
	struct error err;
	call->turn.go = go;
	call->turn.grant = &call->grant;
	call->turn.request = call->request;
	call->turn.takes_news = call->work == execute;
	if (!grpc_read(call->request, &bytes, &size, &err) ||
	    !call->read(net_request_arena(call->request), bytes, size, &call->program, &err) ||
	    !peers_enter(call->sync->peers, call->program.client_id, call->program.client_id_size,
			 &call->turn, &err))
		grpc_fail(call->request, &err);
}

static void read_on_worker(void *context, struct net_request *request)
{
	(void)request;
	read_then_enter(context);
}

static void begin(struct sync *sync, struct net_request *request, bool writes, call_read *read,
		  call_work *work)
{
	struct call *call = arena_alloc(net_request_arena(request), sizeof(*call));
	struct error err;
	call->sync = sync;
	call->request = request;
	call->read = read;
	call->work = work;
	bool ok = sync_authorize(sync, request, &call->grant, &err);
	if (ok && writes && call->grant.read_only)
		ok = error_set(&err, ERR_FORBIDDEN, "Authorization forbidden: this credential may only read");
	if (!ok)
		grpc_fail(request, &err);
	else if (net_request_body(request)->size > INLINE_BODY_BYTES)
		net_request_run(request, read_on_worker, call, true);
	else
		read_then_enter(call);
}

// -- Execute ----------------------------------------------------------------------------------------------

// What concerns more than the statement: the connection or the server cannot go on.
static bool is_grave(const struct error *err)
{
	switch (err->code) {
	case ERR_SHUTDOWN:
	case ERR_NOT_READY:
	case ERR_NAMESPACE_NOT_FOUND:
	case ERR_UNAVAILABLE:
	case ERR_INTERNAL:
	case ERR_IO:
	case ERR_CORRUPT:
		return true;
	default:
		return false;
	}
}

static bool run_step(struct call *call, struct fleet_session *session, const struct program_step *step,
		     struct results *results, enum step_outcome *out_outcome, struct error *err)
{
	struct statement_result result;
	results_begin_step(results, step->skip_rows);
	if (fleet_session_execute(session, &step->statement, &results->sink, &result, err)) {
		if (result.has_last_insert_rowid || result.affected_row_count > 0)
			peer_wrote(call->turn.peer);
		results_end_step(results, &result);
		*out_outcome = STEP_OK;
		return true;
	}
	if (is_grave(err))
		return false;
	results_fail_step(results, err);
	*out_outcome = STEP_ERROR;
	return true;
}

static bool has_client(struct call *call, size_t step, struct error *err)
{
	if (step % STEPS_BETWEEN_LOOKS != STEPS_BETWEEN_LOOKS - 1 || !net_request_is_abandoned(call->request))
		return true;
	return error_set(err, ERR_SHUTDOWN, "the client closed the connection");
}

static bool run_steps(struct call *call, struct fleet_session *session, struct results *results,
		      struct error *err)
{
	const struct program *program = &call->program;
	struct arena *arena = net_request_arena(call->request);
	enum step_outcome *outcomes = arena_alloc(arena, program->step_count * sizeof(*outcomes));
	for (size_t i = 0; i < program->step_count; i++) {
		const struct program_step *step = &program->steps[i];
		bool autocommit = fleet_session_is_autocommit(session);
		if (!condition_holds(step->condition, outcomes, autocommit))
			results_skip_step(results);
		else if (!has_client(call, i, err) ||
			 !run_step(call, session, step, results, &outcomes[i], err))
			return false;
	}
	return true;
}

static bool execute(struct call *call, struct fleet_session *session, struct error *err)
{
	struct results results;
	results_begin(&results, net_reply_body(call->request), call->sync->result_bytes_max);
	if (!run_steps(call, session, &results, err) || !fleet_session_settle(session, err))
		return false;
	results_end(&results, fleet_session_is_autocommit(session), fleet_session_frame_no(session));
	return true;
}

void proxy_handle_execute(void *context, struct net_request *request)
{
	begin(context, request, true, program_read, execute);
}

// -- the others -------------------------------------------------------------------------------------------

// libsql's crate up to the version known here, a later one may have learned better; of JavaScript's package, those that named
// themselves.
static bool counts_from_one(const struct net_request *request)
{
	static const unsigned last[] = {0, 9, 30};
	static const char package[] = "libsql-rpc-libsql-js-rpc-";
	const char *version = net_request_header(request, "x-libsql-client-version");
	unsigned given[ARRAY_LENGTH(last)];
	if (version && strncmp(version, package, sizeof(package) - 1) == 0)
		return true;
	if (!version || sscanf(version, "libsql-rpc-%u.%u.%u", &given[0], &given[1], &given[2]) != 3)
		return false;
	for (size_t i = 0; i < ARRAY_LENGTH(last); i++) {
		if (given[i] != last[i])
			return given[i] < last[i];
	}
	return true;
}

static bool describe(struct call *call, struct fleet_session *session, struct error *err)
{
	struct buffer *out = net_reply_body(call->request);
	struct describe_result result;
	if (call->program.step_count == 0)
		return error_set(err, ERR_BAD_REQUEST, "there is no statement to describe");
	const struct statement *statement = &call->program.steps[0].statement;
	if (fleet_session_describe(session, statement->sql, statement->sql_size, &result, err)) {
		results_describe(out, &result, counts_from_one(call->request), NULL);
		describe_result_cleanup(&result);
	} else if (is_grave(err)) {
		return false;
	} else {
		results_describe(out, NULL, false, err);
	}
	// Not the end of a program: that a transaction was ended by force is still to be told.
	return fleet_session_settle_rows(session, err);
}

void proxy_handle_describe(void *context, struct net_request *request)
{
	begin(context, request, false, program_read_text, describe);
}

static bool disconnect(struct call *call, struct fleet_session *session, struct error *err)
{
	(void)session;
	(void)err;
	call->turn.ends = true;
	grpc_write_prefix(net_reply_body(call->request), 0);
	return true;
}

void proxy_handle_disconnect(void *context, struct net_request *request)
{
	begin(context, request, false, program_read_text, disconnect);
}

void proxy_handle_stream(void *context, struct net_request *request)
{
	(void)context;
	grpc_refuse(request, GRPC_UNIMPLEMENTED, "ask for Execute");
}
