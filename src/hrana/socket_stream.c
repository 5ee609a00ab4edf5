#include "hrana/socket_stream.h"

#include <stdlib.h>

#include "base/admission.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/workers.h"
#include "hrana/cursor.h"
#include "hrana/errors.h"
#include "hrana/program.h"
#include "hrana/run.h"
#include "hrana/socket_quick.h"
#include "hrana/stream.h"

enum { FULL_PAUSE_MS = 20 };

struct socket_stream {
	struct socket *socket;
	struct access_grant grant; // hello may bring another while it works
	int32_t id;
	bool failed;
	struct task task;  // a turn
	struct task retry; // to get one
	struct admission_ticket ticket;

	// guarded by the socket's mutex
	struct socket_stream *next;
	struct socket_job *first;
	struct socket_job **end;
	bool busy;       // its task is queued or runs, or waits for admission
	bool has_cursor; // by the messages that have arrived
	int32_t cursor_id;
	struct stream *stream; // set and cleared under the mutex, used by the task

	// of the task
	struct cursor cursor;
	struct socket_job *cursor_job; // NULL: no cursor is open
	bool closed;
};

// -- the socket's list; the mutex is held ------------------------------------------------------------------------

static struct socket_stream *find_locked(struct socket *socket, int32_t id)
{
	struct socket_stream *stream = socket->streams;
	while (stream && stream->id != id)
		stream = stream->next;
	return stream;
}

bool socket_stream_exists(struct socket *socket, int32_t id)
{
	pthread_mutex_lock(&socket->mutex);
	bool exists = find_locked(socket, id) != NULL;
	pthread_mutex_unlock(&socket->mutex);
	return exists;
}

bool socket_stream_has_cursor(struct socket *socket, int32_t id)
{
	pthread_mutex_lock(&socket->mutex);
	struct socket_stream *stream = find_locked(socket, id);
	bool has = stream && stream->has_cursor;
	pthread_mutex_unlock(&socket->mutex);
	return has;
}

bool socket_find_cursor(struct socket *socket, int32_t cursor_id, int32_t *out_stream_id)
{
	pthread_mutex_lock(&socket->mutex);
	struct socket_stream *at = socket->streams;
	while (at && !(at->has_cursor && at->cursor_id == cursor_id))
		at = at->next;
	if (at)
		*out_stream_id = at->id;
	pthread_mutex_unlock(&socket->mutex);
	return at != NULL;
}

void socket_stream_note_cursor(struct socket *socket, int32_t stream_id, int32_t cursor_id, bool opens)
{
	pthread_mutex_lock(&socket->mutex);
	struct socket_stream *stream = find_locked(socket, stream_id);
	stream->has_cursor = opens;
	stream->cursor_id = cursor_id;
	pthread_mutex_unlock(&socket->mutex);
}

static void run(struct task *task);
static void retry(struct task *task);
static void admitted(struct admission_ticket *ticket);

void socket_stream_open(struct socket *socket, int32_t id, bool failed)
{
	struct socket_stream *stream = calloc(1, sizeof(*stream));
	ASSERT(stream != NULL);
	stream->socket = socket_hold(socket);
	stream->grant = socket->grant;
	stream->id = id;
	stream->failed = failed;
	stream->end = &stream->first;
	stream->task.run = run;
	stream->retry.run = retry;
	stream->ticket.start = admitted;
	pthread_mutex_lock(&socket->mutex);
	stream->next = socket->streams;
	socket->streams = stream;
	socket->stream_count++;
	pthread_mutex_unlock(&socket->mutex);
}

static void unlink_locked(struct socket_stream *gone)
{
	struct socket_stream **at = &gone->socket->streams;
	while (*at && *at != gone)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = gone->next;
	gone->socket->stream_count--;
}

// -- running ---------------------------------------------------------------------------------------------------------

// In a transaction a stream holds what others may wait for.
static void begin(struct socket_stream *stream, bool urgent)
{
	struct hrana *hrana = stream->socket->hrana;
	struct error err;
	if (admission_enter(hrana->admission, stream->grant.database, &stream->ticket, urgent, &err))
		return;
	// Too many wait: the stream's turn comes later, and its client waits as long.
	workers_run_at(hrana->workers, &stream->retry, clock_monotonic_ms() + FULL_PAUSE_MS);
}

static void retry(struct task *task)
{
	struct socket_stream *stream = CONTAINER_OF(task, struct socket_stream, retry);
	begin(stream, stream->stream != NULL);
}

static void admitted(struct admission_ticket *ticket)
{
	struct socket_stream *stream = CONTAINER_OF(ticket, struct socket_stream, ticket);
	workers_run(stream->socket->hrana->workers, &stream->task);
}

static bool has_client(struct program *program, struct error *err)
{
	if (!stream_is_abandoned(program->stream))
		return true;
	return error_set(err, ERR_SHUTDOWN, "the client closed the connection, or the server is stopping");
}

static bool open_session(struct socket_stream *stream, struct error *err)
{
	struct socket *socket = stream->socket;
	struct stream *opened;
	if (stream->stream)
		return true;
	if (!stream_acquire(socket->hrana->streams, NULL, &stream->grant, NULL, true, &opened, err))
		return false;
	pthread_mutex_lock(&socket->mutex);
	stream->stream = opened;
	pthread_mutex_unlock(&socket->mutex);
	return true;
}

static void end_cursor(struct socket_stream *stream)
{
	if (!stream->cursor_job)
		return;
	cursor_end(&stream->cursor);
	socket_job_free(TAKE(stream->cursor_job));
}

static void close_session(struct socket_stream *stream)
{
	struct socket *socket = stream->socket;
	end_cursor(stream);
	pthread_mutex_lock(&socket->mutex);
	struct stream *gone = TAKE(stream->stream);
	pthread_mutex_unlock(&socket->mutex);
	if (gone)
		stream_close(socket->hrana->streams, gone);
}

static bool run_fetch(struct socket_stream *stream, struct program *program, const struct request *request,
		      struct error *err)
{
	struct encode_out *out = &program->out;
	size_t bytes_max = program->hrana->limits.result_bytes_max / 8;
	bool done = true;
	out->entries = ENTRY_LISTED;
	program->arena = &stream->cursor_job->arena; // what the cursor allocates lives as long as it
	out->wire->entries_begin(out);
	if (!cursor_run(&stream->cursor, program, request->max_count, bytes_max, &done, err) ||
	    !(done ? fleet_session_settle(program_session(program), err)
		   : cursor_settle(&stream->cursor, err)))
		return false;
	out->wire->entries_end(out, done);
	return true;
}

// Takes the job when it opens a cursor: the batch lies in it.
static bool run_open_cursor(struct socket_stream *stream, struct socket_job **job, struct error *err)
{
	if (!open_session(stream, err))
		return false;
	cursor_begin(&stream->cursor, &(*job)->message.request.batch);
	stream->cursor_job = TAKE(*job);
	return true;
}

static bool not_open(struct error *err, enum error_code code, const char *what, int32_t id)
{
	return error_set(err, code, "%s %d has failed to open", what, id);
}

static bool run_in_session(struct socket_stream *stream, struct socket_job *job, struct program *program,
			   struct error *err)
{
	struct request *request = &job->message.request;
	if (request->kind == REQUEST_FETCH_CURSOR)
		return stream->cursor_job ? run_fetch(stream, program, request, err)
					  : not_open(err, ERR_CURSOR_NOT_OPEN, "Cursor", request->cursor_id);
	return run_request(program, request, err) && fleet_session_settle(program_session(program), err);
}

static bool run_job(struct socket_stream *stream, struct socket_job **job, struct buffer *answer,
		    struct error *err)
{
	struct socket *socket = stream->socket;
	const struct message *message = &(*job)->message;
	int32_t request_id = message->request_id;
	enum request_kind kind = message->request.kind;
	bool ok = true;
	struct program program = program_begin(socket->hrana, &(*job)->arena, socket->wire, answer);
	program.has_client = has_client;
	socket->wire->response_begin(&program.out, request_id, kind);
	switch (kind) {
	case REQUEST_CLOSE_STREAM:
		close_session(stream);
		stream->closed = true;
		// Before the answer: its client may use the number again at once.
		pthread_mutex_lock(&socket->mutex);
		unlink_locked(stream);
		pthread_mutex_unlock(&socket->mutex);
		break;
	case REQUEST_CLOSE_CURSOR:
		end_cursor(stream);
		break;
	case REQUEST_OPEN_CURSOR:
		ok = stream->failed ? not_open(err, ERR_STREAM_NOT_OPEN, "Stream", stream->id)
				    : run_open_cursor(stream, job, err);
		break;
	default:
		if (!stream->failed)
			ok = open_session(stream, err);
		else if (kind == REQUEST_FETCH_CURSOR)
			ok = not_open(err, ERR_CURSOR_NOT_OPEN, "Cursor", message->request.cursor_id);
		else
			ok = not_open(err, ERR_STREAM_NOT_OPEN, "Stream", stream->id);
		program.stream = stream->stream;
		ok = ok && run_in_session(stream, *job, &program, err);
		break;
	}
	gauge_release(&program.gauge);
	if (ok)
		socket->wire->response_end(&program.out);
	return ok;
}

static void answer_job(struct socket_stream *stream, struct socket_job *job)
{
	struct socket *socket = stream->socket;
	OWNED(buffer) struct buffer answer = {0};
	int32_t request_id = job->message.request_id;
	struct error err;
	if (run_job(stream, &job, &answer, &err))
		socket_send(socket, &answer);
	else
		socket_send_error(socket, request_id, &err);
	socket_job_free(job);
}

// A session that holds nothing takes a connection from others.
static void rest(struct socket_stream *stream)
{
	struct stream *held = stream->stream;
	if (held && !stream->cursor_job && !stream_has_written(held) &&
	    fleet_session_is_plain(stream_session(held)))
		close_session(stream);
}

static struct socket_job *take_job_locked(struct socket_stream *stream)
{
	struct socket_job *job = stream->first;
	if (!job)
		return NULL;
	stream->first = job->next;
	if (!stream->first)
		stream->end = &stream->first;
	job->next = NULL;
	stream->socket->job_count--;
	stream->socket->job_bytes -= job->size;
	return job;
}

static void free_stream(struct socket_stream *stream)
{
	struct socket *socket = stream->socket;
	close_session(stream);
	while (stream->first) {
		struct socket_job *job = stream->first;
		stream->first = job->next;
		socket_job_free(job);
	}
	free(stream);
	socket_release(socket);
}

static void set_busy_locked(struct socket_stream *stream, bool busy)
{
	stream->socket->busy_count += (int)busy - (int)stream->busy;
	stream->busy = busy;
}

// Whether the stream is over, or has more to do. The task is the stream's only owner when it is over.
static bool end_turn(struct socket_stream *stream, bool *out_more)
{
	struct socket *socket = stream->socket;
	pthread_mutex_lock(&socket->mutex);
	bool over = stream->closed || atomic_load(&socket->gone);
	*out_more = !over && stream->first != NULL;
	set_busy_locked(stream, *out_more);
	if (over)
		unlink_locked(stream);
	pthread_mutex_unlock(&socket->mutex);
	if (!*out_more)
		socket_end_if_drained(socket);
	return over;
}

static void run(struct task *task)
{
	struct socket_stream *stream = CONTAINER_OF(task, struct socket_stream, task);
	struct socket *socket = socket_hold(stream->socket);
	struct hrana *hrana = socket->hrana;
	bool gone = atomic_load(&socket->gone);
	bool full = !gone && net_socket_is_full(socket->net);
	struct socket_job *job = NULL;
	if (!full && !gone) {
		pthread_mutex_lock(&socket->mutex);
		job = take_job_locked(stream);
		pthread_mutex_unlock(&socket->mutex);
	}
	if (job) {
		answer_job(stream, job);
		rest(stream);
		socket_regulate(socket);
	}
	bool urgent = stream->stream != NULL;
	bool more;
	admission_leave(hrana->admission, stream->grant.database);
	// A stream that has nothing more to do is another's from here on.
	bool over = end_turn(stream, &more);
	if (over)
		free_stream(stream);
	else if (more && full)
		workers_run_at(hrana->workers, &stream->retry, clock_monotonic_ms() + FULL_PAUSE_MS);
	else if (more)
		begin(stream, urgent);
	socket_release(socket);
}

static void queue_locked(struct socket_stream *stream, struct socket_job *job, bool first)
{
	struct socket *socket = stream->socket;
	if (first) {
		job->next = stream->first;
		stream->first = job;
	} else {
		*stream->end = job;
	}
	if (!job->next)
		stream->end = &job->next;
	socket->job_count++;
	socket->job_bytes += job->size;
}

static void queue(struct socket_stream *stream, struct socket_job *job, bool first)
{
	pthread_mutex_lock(&stream->socket->mutex);
	queue_locked(stream, job, first);
	pthread_mutex_unlock(&stream->socket->mutex);
}

// A held job, whose stream was busy with it alone. lost: it runs again, before those that came meanwhile.
static void settled(void *context, struct socket_job *job, bool lost)
{
	struct socket_stream *stream = context;
	bool more;
	if (lost)
		queue(stream, job, true);
	else
		socket_job_free(job);
	if (end_turn(stream, &more))
		free_stream(stream);
	else if (more)
		begin(stream, false);
}

// Whether the job needs no worker. The stream is busy with it, and only this thread adds jobs.
static bool run_quickly(struct socket_stream *stream, struct socket_job *job)
{
	struct socket *socket = stream->socket;
	if (!socket_quick_fits(job) || net_socket_is_full(socket->net))
		return false;
	switch (socket_quick_run(socket, &stream->grant, job, settled, stream)) {
	case QUICK_DONE:
		socket_job_free(job);
		pthread_mutex_lock(&socket->mutex);
		set_busy_locked(stream, false);
		pthread_mutex_unlock(&socket->mutex);
		socket_end_if_drained(socket);
		return true;
	case QUICK_HELD:
		return true;
	case QUICK_DECLINED:
		break;
	}
	return false;
}

void socket_stream_add(struct socket *socket, int32_t stream_id, struct socket_job *job)
{
	pthread_mutex_lock(&socket->mutex);
	struct socket_stream *stream = find_locked(socket, stream_id);
	bool idle = !stream->busy;
	bool urgent = stream->stream != NULL;
	bool plain = idle && !urgent && !stream->failed && !stream->has_cursor;
	set_busy_locked(stream, true);
	if (!plain)
		queue_locked(stream, job, false);
	pthread_mutex_unlock(&socket->mutex);
	if (plain) {
		if (run_quickly(stream, job))
			return;
		queue(stream, job, false);
	}
	if (idle)
		begin(stream, urgent);
}

void socket_streams_end(struct socket *socket)
{
	struct socket_stream *idle = NULL;
	pthread_mutex_lock(&socket->mutex);
	struct socket_stream **at = &socket->streams;
	while (*at) {
		struct socket_stream *stream = *at;
		if (stream->stream)
			stream_abandon(socket->hrana->streams, stream->stream);
		if (stream->busy) {
			at = &stream->next;
			continue;
		}
		*at = stream->next;
		socket->stream_count--;
		stream->next = idle;
		idle = stream;
		set_busy_locked(stream, true);
	}
	pthread_mutex_unlock(&socket->mutex);
	while (idle) {
		struct socket_stream *stream = idle;
		idle = stream->next;
		begin(stream, true); // its task finds the socket gone
	}
}
