#include "net/outflow.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/compress.h"
#include "net/connection.h"

// What the library is told it may ask for at a time; its own buffer is smaller.
enum { BLOCK_BYTES = 128 * 1024, BUFFER_KEPT_BYTES = 512 * 1024 };

struct outflow {
	struct net_request *request;

	// the handler's own
	struct compressor *compressor; // NULL: bytes are sent as they are
	struct buffer piece;           // of what it gives

	// guarded by server->mutex
	struct outflow *previous;
	struct outflow *next;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	// guarded by mutex
	struct buffer bytes;
	size_t begin;      // of what waits in `bytes`
	bool suspended;    // the connection waits for bytes
	bool finished;     // the handler is done
	bool cut;          // in the middle
	bool closed;       // the library is done with the exchange
	bool stopping;     // the server is
	bool orphaned;     // the connection has ended
	net_drained *call; // once at most waiting_max bytes wait
	void *context;
	size_t waiting_max;
};

static size_t waiting_locked(const struct outflow *outflow)
{
	return outflow->bytes.size - outflow->begin;
}

static bool is_over_locked(const struct outflow *outflow)
{
	return outflow->closed || outflow->stopping;
}

static net_drained *take_call_locked(struct outflow *outflow)
{
	bool due = is_over_locked(outflow) || waiting_locked(outflow) <= outflow->waiting_max;
	return outflow->call && due ? TAKE(outflow->call) : NULL;
}

// -- those under way ----------------------------------------------------------------------------------

static void enlist(struct net_server *server, struct outflow *outflow)
{
	pthread_mutex_lock(&server->mutex);
	server->outflow_count++;
	outflow->next = server->outflows;
	if (outflow->next)
		outflow->next->previous = outflow;
	server->outflows = outflow;
	// Whoever comes later than outflows_break is not seen by it.
	outflow->stopping = atomic_load(&server->stopping);
	pthread_mutex_unlock(&server->mutex);
}

static void delist(struct net_server *server, struct outflow *outflow)
{
	pthread_mutex_lock(&server->mutex);
	if (outflow->previous)
		outflow->previous->next = outflow->next;
	else
		server->outflows = outflow->next;
	if (outflow->next)
		outflow->next->previous = outflow->previous;
	pthread_mutex_unlock(&server->mutex);
}

static void count_down(struct net_server *server)
{
	pthread_mutex_lock(&server->mutex);
	server->outflow_count--;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
}

// One that waits for its call has not finished and stays until then.
static net_drained *stop_one(struct outflow *outflow, void **out_context, struct net_request **out_request)
{
	pthread_mutex_lock(&outflow->mutex);
	outflow->stopping = true;
	pthread_cond_broadcast(&outflow->changed);
	net_drained *call = take_call_locked(outflow);
	*out_context = outflow->context;
	*out_request = outflow->request;
	pthread_mutex_unlock(&outflow->mutex);
	return call;
}

void outflows_break(struct net_server *server)
{
	net_drained *call;
	do {
		void *context = NULL;
		struct net_request *request = NULL;
		call = NULL;
		pthread_mutex_lock(&server->mutex);
		for (struct outflow *at = server->outflows; at && !call; at = at->next)
			call = stop_one(at, &context, &request);
		pthread_mutex_unlock(&server->mutex);
		if (call)
			call(context, request);
	} while (call);
}

// -- the network thread's end -------------------------------------------------------------------------

static void resume_locked(struct outflow *outflow)
{
	if (!outflow->suspended || outflow->closed)
		return;
	outflow->suspended = false;
	// It is the client's turn again: the sweeper may look at what it does.
	atomic_store(&outflow->request->connection->phase, PHASE_SENDING);
	MHD_resume_connection(outflow->request->connection->mhd);
}

static size_t take_some_locked(struct outflow *outflow, char *out, size_t size)
{
	size_t waiting = waiting_locked(outflow);
	size_t taken = waiting < size ? waiting : size;
	memcpy(out, outflow->bytes.data + outflow->begin, taken);
	outflow->begin += taken;
	if (taken == waiting) {
		outflow->begin = 0;
		if (outflow->bytes.capacity > BUFFER_KEPT_BYTES)
			buffer_cleanup(&outflow->bytes);
		else
			buffer_truncate(&outflow->bytes, 0);
	}
	return taken;
}

static ssize_t next_locked(struct outflow *outflow, char *out, size_t size)
{
	if (outflow->cut || outflow->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (waiting_locked(outflow) > 0)
		return (ssize_t)take_some_locked(outflow, out, size);
	if (outflow->finished)
		return MHD_CONTENT_READER_END_OF_STREAM;
	outflow->suspended = true;
	atomic_store(&outflow->request->connection->phase, PHASE_HANDLING);
	MHD_suspend_connection(outflow->request->connection->mhd);
	return 0;
}

static ssize_t outflow_read(void *cls, uint64_t position, char *out, size_t size)
{
	(void)position;
	struct outflow *outflow = cls;
	pthread_mutex_lock(&outflow->mutex);
	ssize_t taken = next_locked(outflow, out, size);
	net_drained *call = take_call_locked(outflow);
	void *context = outflow->context;
	pthread_cond_broadcast(&outflow->changed);
	pthread_mutex_unlock(&outflow->mutex);
	if (call)
		call(context, outflow->request);
	return taken;
}

struct MHD_Response *outflow_response(struct outflow *outflow)
{
	return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, outflow_read, outflow, NULL);
}

bool outflow_close(struct outflow *outflow)
{
	pthread_mutex_lock(&outflow->mutex);
	outflow->closed = true;
	bool finished = outflow->finished;
	buffer_cleanup(&outflow->bytes);
	outflow->begin = 0;
	net_drained *call = take_call_locked(outflow);
	void *context = outflow->context;
	pthread_cond_broadcast(&outflow->changed);
	pthread_mutex_unlock(&outflow->mutex);
	if (call)
		call(context, outflow->request);
	return finished;
}

bool outflow_orphan(struct outflow *outflow)
{
	pthread_mutex_lock(&outflow->mutex);
	outflow->orphaned = true;
	bool finished = outflow->finished;
	pthread_mutex_unlock(&outflow->mutex);
	return finished;
}

void outflow_free(struct outflow *outflow)
{
	if (!outflow)
		return;
	compressor_free(outflow->compressor);
	buffer_cleanup(&outflow->piece);
	buffer_cleanup(&outflow->bytes);
	pthread_mutex_destroy(&outflow->mutex);
	pthread_cond_destroy(&outflow->changed);
	free(outflow);
}

// -- the handler's end --------------------------------------------------------------------------------

static void compress_begun(struct net_request *request, struct outflow *outflow)
{
	outflow->compressor = request_is_compressed(request, SIZE_MAX) ? compressor_create() : NULL;
	if (!outflow->compressor)
		return;
	net_reply_header(request, "Content-Encoding", "gzip");
	compressor_put(outflow->compressor, request->reply.data, request->reply.size, &outflow->piece);
	buffer_cleanup(&request->reply);
	request->reply = outflow->piece;
	outflow->piece = (struct buffer){0};
}

void net_reply_begin(struct net_request *request)
{
	ASSERT(!request->outflow && !request->intake && !request->has_file);
	struct outflow *outflow = calloc(1, sizeof(*outflow));
	ASSERT(outflow != NULL);
	outflow->request = request;
	compress_begun(request, outflow);
	outflow->bytes = request->reply;
	outflow->bytes.limit_bytes = 0;
	request->reply = (struct buffer){0};
	pthread_mutex_init(&outflow->mutex, NULL);
	clock_cond_init(&outflow->changed);
	enlist(request->connection->server, outflow);
	request->outflow = outflow;
	request_answer(request);
}

static void compact_locked(struct outflow *outflow)
{
	if (outflow->begin < outflow->bytes.size / 2)
		return;
	size_t waiting = waiting_locked(outflow);
	memmove(outflow->bytes.data, outflow->bytes.data + outflow->begin, waiting);
	buffer_truncate(&outflow->bytes, waiting);
	outflow->begin = 0;
}

static size_t push(struct outflow *outflow, const void *bytes, size_t size)
{
	pthread_mutex_lock(&outflow->mutex);
	if (!is_over_locked(outflow)) {
		if (outflow->begin > 0)
			compact_locked(outflow);
		buffer_append(&outflow->bytes, bytes, size);
		resume_locked(outflow);
	}
	size_t waiting = waiting_locked(outflow);
	pthread_mutex_unlock(&outflow->mutex);
	return waiting;
}

void net_reply_when_drained(struct net_request *request, size_t waiting_max, net_drained *call, void *context)
{
	struct outflow *outflow = request->outflow;
	pthread_mutex_lock(&outflow->mutex);
	ASSERT(!outflow->call);
	outflow->call = call;
	outflow->context = context;
	outflow->waiting_max = waiting_max;
	call = take_call_locked(outflow);
	pthread_mutex_unlock(&outflow->mutex);
	if (call)
		call(context, request);
}

bool net_reply_wait(struct net_request *request, size_t waiting_max, struct error *err)
{
	struct outflow *outflow = request->outflow;
	pthread_mutex_lock(&outflow->mutex);
	while (!is_over_locked(outflow) && waiting_locked(outflow) > waiting_max)
		clock_cond_wait(&outflow->changed, &outflow->mutex, INT64_MAX);
	bool over = is_over_locked(outflow);
	pthread_mutex_unlock(&outflow->mutex);
	if (over)
		return error_set(err, ERR_SHUTDOWN,
				 "the client closed the connection, or the server is stopping");
	return true;
}

static void empty_piece(struct outflow *outflow)
{
	if (outflow->piece.capacity > BUFFER_KEPT_BYTES)
		buffer_cleanup(&outflow->piece);
	else
		buffer_truncate(&outflow->piece, 0);
}

size_t net_reply_push(struct net_request *request, const void *bytes, size_t size)
{
	struct outflow *outflow = request->outflow;
	ASSERT(outflow != NULL);
	if (!outflow->compressor)
		return push(outflow, bytes, size);
	// Without the lock: the network thread goes on sending meanwhile.
	compressor_put(outflow->compressor, bytes, size, &outflow->piece);
	size_t waiting = push(outflow, outflow->piece.data, outflow->piece.size);
	empty_piece(outflow);
	return waiting;
}

static void finish(struct net_request *request, bool cut)
{
	struct outflow *outflow = request->outflow;
	if (outflow->compressor && !cut) {
		compressor_finish(outflow->compressor, &outflow->piece);
		push(outflow, outflow->piece.data, outflow->piece.size);
	}
	struct connection *connection = request->connection;
	struct net_server *server = connection->server;
	delist(server, outflow);
	pthread_mutex_lock(&outflow->mutex);
	ASSERT(!outflow->finished && !outflow->call);
	bool orphaned = outflow->orphaned;
	outflow->cut = cut;
	outflow->finished = true;
	// From here on the network thread may send the end, and drop the request.
	resume_locked(outflow);
	pthread_mutex_unlock(&outflow->mutex);
	if (orphaned)
		connection_free(connection);
	count_down(server);
}

void outflow_finish(struct net_request *request)
{
	finish(request, false);
}

void net_reply_break(struct net_request *request)
{
	ASSERT(request->outflow != NULL);
	finish(request, true);
}

bool outflow_is_closed(struct outflow *outflow)
{
	pthread_mutex_lock(&outflow->mutex);
	bool over = is_over_locked(outflow);
	pthread_mutex_unlock(&outflow->mutex);
	return over;
}
