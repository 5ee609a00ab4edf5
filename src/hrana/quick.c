#include "hrana/quick.h"

#include "fleet/fleet.h"
#include "hrana/errors.h"
#include "hrana/pipeline.h"
#include "hrana/run.h"

static bool fits(const struct call *call)
{
	const struct pipeline *pipeline = &call->pipeline;
	if (call->has_baton || pipeline->broken || pipeline->request_count < 1 || pipeline->request_count > 2)
		return false;
	const struct request *first = &pipeline->requests[0];
	if (first->kind != REQUEST_EXECUTE || !first->step.statement.sql ||
	    first->step.replication_index != 0)
		return false;
	return pipeline->request_count == 2 ? pipeline->requests[1].kind == REQUEST_CLOSE
					    : run_is_plain_read(&first->step.statement);
}

// The last of the two who must be done with the call, the network thread that wrote the reply and the flusher
// that made it true, sends it.
static void conclude(struct call *call)
{
	if (atomic_fetch_sub(&call->parties, 1) != 1)
		return;
	if (call->lost) {
		call_restart_reply(call);
		call_dispatch(call, pipeline_work);
	} else {
		call_finish(call);
	}
}

static void settled(struct quick_wait *wait, bool lost)
{
	struct call *call = CONTAINER_OF(wait, struct call, wait);
	call->lost = lost;
	conclude(call);
}

static void write_rest(struct call *call, bool ok, const struct statement_result *result,
		       struct encoder *encoder, const struct encode_mark *first, const struct error *err)
{
	struct encode_out *out = &call->program.out;
	char baton[BATON_TEXT_BYTES] = "";
	if (ok) {
		encode_end(encoder, result);
		out->wire->result_end(out);
		out->wire->answer_end(out);
	} else {
		encode_return(out, first);
		out->wire->answer_error(out, err);
	}
	if (call->pipeline.request_count == 2) {
		out->wire->answer_begin(out, REQUEST_CLOSE);
		out->wire->answer_end(out);
	} else {
		streams_plain_baton(call->hrana->streams, &call->grant, ok ? result->frame_no : 0, baton);
	}
	out->wire->pipeline_end(out, baton);
}

bool quick_take(struct call *call)
{
	if (!fits(call))
		return false;
	struct error err;
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	// One that is closed is opened by a worker, who may wait.
	if (!fleet_acquire_open(call->hrana->fleet, call->grant.database, call->grant.instance, &instance))
		return false;
	struct encode_out *out = &call->program.out;
	const struct step *step = &call->pipeline.requests[0].step;
	out->wire->pipeline_begin(out);
	struct encode_mark first = encode_mark(out);
	out->wire->answer_begin(out, REQUEST_EXECUTE);
	out->wire->result_begin(out);
	size_t counted = 0;
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_RESULT, out, &call->program.gauge, call->hrana->limits.result_bytes_max,
		     &counted, step->want_rows);
	call->wait.settled = settled;
	atomic_init(&call->parties, 2);
	struct statement_result result;
	bool ok;
	switch (fleet_quick_execute(instance, call->grant.read_only, &step->statement, &encoder.sink,
				    &call->wait, &result, &ok, &err)) {
	case QUICK_DONE:
		if (ok || errors_is_statement(&err))
			write_rest(call, ok, &result, &encoder, &first, &err);
		else
			call_fail(call, &err);
		call_finish(call);
		return true;
	case QUICK_HELD:
		if (ok || errors_is_statement(&err))
			write_rest(call, ok, &result, &encoder, &first, &err);
		else
			call_fail(call, &err);
		// Here, since the flusher has better things to do than to free a tree. A lost call parses
		// again.
		call_drop_body(call);
		conclude(call);
		return true;
	case QUICK_DECLINED:
		break;
	}
	call_restart_reply(call);
	return false;
}
