#include "hrana/socket_quick.h"

#include "base/arena.h"
#include "fleet/fleet.h"
#include "hrana/errors.h"
#include "hrana/program.h"
#include "hrana/run.h"

struct socket_quick {
	struct socket *socket;
	struct socket_job *job;
	socket_quick_settled *settled;
	void *context;
	struct buffer answer;
	struct quick_wait wait;
	atomic_int
		parties; // of a held job: the thread that wrote the answer and the flusher that makes it true
	bool lost;
	bool broken;
};

bool socket_quick_fits(const struct socket_job *job)
{
	const struct request *request = &job->message.request;
	return request->kind == REQUEST_EXECUTE && request->step.replication_index == 0 &&
	       run_is_plain_read(&request->step.statement);
}

static void send_answer(struct socket_quick *quick)
{
	if (quick->broken)
		net_socket_close(quick->socket->net, NET_CLOSE_INTERNAL, "Internal server error");
	else
		socket_send(quick->socket, &quick->answer);
}

static void conclude(struct socket_quick *quick)
{
	if (atomic_fetch_sub(&quick->parties, 1) != 1)
		return;
	bool lost = quick->lost;
	if (!lost)
		send_answer(quick);
	buffer_cleanup(&quick->answer);
	quick->settled(quick->context, quick->job, lost);
}

static void settled(struct quick_wait *wait, bool lost)
{
	struct socket_quick *quick = CONTAINER_OF(wait, struct socket_quick, wait);
	quick->lost = lost;
	conclude(quick);
}

static void write_rest(struct socket_quick *quick, struct encoder *encoder, bool ok,
		       const struct statement_result *result, const struct error *err)
{
	struct encode_out *out = encoder->out;
	if (ok) {
		encode_end(encoder, result);
		out->wire->result_end(out);
		out->wire->response_end(out);
		return;
	}
	buffer_truncate(&quick->answer, 0);
	*out = encode_to(out->wire, &quick->answer);
	out->wire->response_error(out, quick->job->message.request_id, err);
	quick->broken = err->code == ERR_INTERNAL;
}

static enum quick_outcome run(struct socket_quick *quick, struct fleet_instance *instance, bool read_only)
{
	struct hrana *hrana = quick->socket->hrana;
	const struct message *message = &quick->job->message;
	const struct step *step = &message->request.step;
	struct program program =
		program_begin(hrana, &quick->job->arena, quick->socket->wire, &quick->answer);
	struct encode_out *out = &program.out;
	out->wire->response_begin(out, message->request_id, REQUEST_EXECUTE);
	out->wire->result_begin(out);
	size_t counted = 0;
	struct encoder encoder;
	encode_begin(&encoder, ENCODE_RESULT, out, &program.gauge, hrana->limits.result_bytes_max, &counted,
		     step->want_rows);
	struct statement_result result;
	struct error err;
	bool ok;
	enum quick_outcome outcome = fleet_quick_execute(instance, read_only, &step->statement, &encoder.sink,
							 &quick->wait, &result, &ok, &err);
	if (outcome != QUICK_DECLINED)
		write_rest(quick, &encoder, ok, &result, &err);
	gauge_release(&program.gauge);
	return outcome;
}

enum quick_outcome socket_quick_run(struct socket *socket, const struct access_grant *grant,
				    struct socket_job *job, socket_quick_settled *on_settled, void *context)
{
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	// One that is closed is opened by a worker, who may wait.
	if (!fleet_acquire_open(socket->hrana->fleet, grant->database, grant->instance, &instance))
		return QUICK_DECLINED;
	struct socket_quick *quick = arena_alloc(&job->arena, sizeof(*quick));
	*quick = (struct socket_quick){.socket = socket,
				       .job = job,
				       .settled = on_settled,
				       .context = context,
				       .wait.settled = settled};
	atomic_init(&quick->parties, 2);
	enum quick_outcome outcome = run(quick, instance, grant->read_only);
	if (outcome == QUICK_HELD) {
		conclude(quick);
		return outcome;
	}
	if (outcome == QUICK_DONE)
		send_answer(quick);
	buffer_cleanup(&quick->answer);
	return outcome;
}
