#include "net/intake.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/connection.h"

enum { RING_BYTES = 256 * 1024, ROOM_BYTES = RING_BYTES / 2 };

// What a suspended connection waits for.
enum wait { WAIT_NONE, WAIT_READER, WAIT_ROOM, WAIT_REPLY };

struct intake {
	struct net_request *request;

	// guarded by server->mutex
	struct intake *previous;
	struct intake *next;

	pthread_mutex_t mutex;
	pthread_cond_t changed;
	// guarded by mutex
	enum wait wait;
	enum error_code fault; // what the handler gets instead of more
	bool wanted;           // the handler has asked for the body
	bool ended;            // all of it is in the ring, or was
	bool finished;         // the handler is done
	bool closed;           // the library is done with the exchange, and its memory of it gone
	bool orphaned;         // the connection has ended
	size_t begin;
	size_t size;
	char ring[RING_BYTES];
};

// -- head ---------------------------------------------------------------------------------------------

static enum MHD_Result keep_query(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_size,
				  const char *value, size_t value_size)
{
	(void)kind;
	struct net_request *request = cls;
	struct header *query = &request->queries[request->query_count++];
	query->name.at = arena_copy(&request->arena, name, name_size);
	query->name.size = name_size;
	query->value.at = arena_copy(&request->arena, value ? value : "", value_size);
	query->value.size = value_size;
	return MHD_YES;
}

static void keep_head(struct net_request *request)
{
	struct arena *arena = &request->arena;
	struct MHD_Connection *mhd = request->connection->mhd;
	request->method = arena_text(arena, request->method);
	request->path = arena_text(arena, request->path);
	for (size_t i = 0; i < request->header_count; i++) {
		struct header *header = &request->headers[i];
		header->name.at = arena_copy(arena, header->name.at, header->name.size);
		header->value.at = arena_copy(arena, header->value.at, header->value.size);
	}
	int count = MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, NULL, NULL);
	if (count > 0) {
		request->queries = arena_alloc(arena, (size_t)count * sizeof(*request->queries));
		MHD_get_connection_values_n(mhd, MHD_GET_ARGUMENT_KIND, keep_query, request);
	}
}

// -- those under way ----------------------------------------------------------------------------------

static bool enlist(struct net_server *server, struct intake *intake, struct error *err)
{
	bool stopping = false;
	pthread_mutex_lock(&server->mutex);
	bool full = server->intake_count >= server->intake_count_max;
	if (!full)
		stopping = atomic_load(&server->stopping);
	if (!full && !stopping) {
		server->intake_count++;
		intake->next = server->intakes;
		if (intake->next)
			intake->next->previous = intake;
		server->intakes = intake;
	}
	pthread_mutex_unlock(&server->mutex);
	if (stopping)
		return error_set(err, ERR_SHUTDOWN, "server is shutting down");
	if (full)
		return error_set(err, ERR_BUSY,
				 "%zu uploads are under way already; try again (limit uploads-max)",
				 server->intake_count_max);
	return true;
}

static void delist(struct net_server *server, struct intake *intake)
{
	pthread_mutex_lock(&server->mutex);
	if (intake->previous)
		intake->previous->next = intake->next;
	else
		server->intakes = intake->next;
	if (intake->next)
		intake->next->previous = intake->previous;
	pthread_mutex_unlock(&server->mutex);
}

static void count_down(struct net_server *server)
{
	pthread_mutex_lock(&server->mutex);
	server->intake_count--;
	pthread_cond_broadcast(&server->changed);
	pthread_mutex_unlock(&server->mutex);
}

void intakes_break(struct net_server *server)
{
	pthread_mutex_lock(&server->mutex);
	for (struct intake *at = server->intakes; at; at = at->next)
		intake_break(at, ERR_SHUTDOWN);
	pthread_mutex_unlock(&server->mutex);
}

// -- life ---------------------------------------------------------------------------------------------

bool intake_begin(struct net_request *request, struct error *err)
{
	struct intake *intake = malloc(sizeof(*intake));
	if (!intake)
		return error_set(err, ERR_MEMORY, "out of memory");
	memset(intake, 0, offsetof(struct intake, ring));
	intake->request = request;
	pthread_mutex_init(&intake->mutex, NULL);
	clock_cond_init(&intake->changed);
	if (!enlist(request->connection->server, intake, err)) {
		intake_free(intake);
		return false;
	}
	keep_head(request);
	request->intake = intake;
	return true;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	pthread_mutex_destroy(&intake->mutex);
	pthread_cond_destroy(&intake->changed);
	free(intake);
}

// -- the network thread's end -------------------------------------------------------------------------

// Only a callback of the library may suspend.
static void suspend_locked(struct intake *intake, enum wait wait)
{
	ASSERT(intake->wait == WAIT_NONE);
	intake->wait = wait;
	MHD_suspend_connection(intake->request->connection->mhd);
}

static void resume_locked(struct intake *intake)
{
	if (intake->wait == WAIT_NONE || intake->closed)
		return;
	intake->wait = WAIT_NONE;
	MHD_resume_connection(intake->request->connection->mhd);
}

static enum intake_turn turn_locked(const struct intake *intake)
{
	if (intake->finished)
		return INTAKE_FINISHED;
	return intake->wait == WAIT_NONE ? INTAKE_RUNNING : INTAKE_SUSPENDED;
}

enum intake_turn intake_await_reader(struct intake *intake)
{
	pthread_mutex_lock(&intake->mutex);
	if (!intake->finished && !intake->wanted)
		suspend_locked(intake, WAIT_READER);
	enum intake_turn turn = turn_locked(intake);
	pthread_mutex_unlock(&intake->mutex);
	return turn;
}

static size_t put_some(struct intake *intake, const char *bytes, size_t size)
{
	size_t at = (intake->begin + intake->size) % RING_BYTES;
	size_t room = RING_BYTES - intake->size;
	size_t run = RING_BYTES - at < room ? RING_BYTES - at : room;
	size_t taken = size < run ? size : run;
	memcpy(intake->ring + at, bytes, taken);
	intake->size += taken;
	return taken;
}

enum intake_turn intake_put(struct intake *intake, const char *bytes, size_t *size)
{
	pthread_mutex_lock(&intake->mutex);
	if (!intake->finished) {
		// At most twice: to the ring's end and from its beginning.
		while (*size > 0 && intake->size < RING_BYTES) {
			size_t taken = put_some(intake, bytes, *size);
			bytes += taken;
			*size -= taken;
		}
		pthread_cond_signal(&intake->changed);
		if (*size > 0)
			suspend_locked(intake, WAIT_ROOM);
	}
	enum intake_turn turn = turn_locked(intake);
	pthread_mutex_unlock(&intake->mutex);
	return turn;
}

static void break_locked(struct intake *intake, enum error_code why)
{
	if (intake->fault == ERR_NONE)
		intake->fault = why;
	pthread_cond_signal(&intake->changed);
}

void intake_break(struct intake *intake, enum error_code why)
{
	pthread_mutex_lock(&intake->mutex);
	break_locked(intake, why);
	pthread_mutex_unlock(&intake->mutex);
}

static enum intake_turn await_reply(struct intake *intake, enum error_code fault)
{
	pthread_mutex_lock(&intake->mutex);
	if (!intake->finished) {
		intake->ended = true;
		break_locked(intake, fault);
		suspend_locked(intake, WAIT_REPLY);
	}
	enum intake_turn turn = turn_locked(intake);
	pthread_mutex_unlock(&intake->mutex);
	return turn;
}

enum intake_turn intake_overflow(struct intake *intake)
{
	return await_reply(intake, ERR_BODY_TOO_LARGE);
}

enum intake_turn intake_end(struct intake *intake)
{
	return await_reply(intake, ERR_NONE);
}

bool intake_close(struct intake *intake, bool timed_out)
{
	pthread_mutex_lock(&intake->mutex);
	intake->closed = true;
	bool finished = intake->finished;
	break_locked(intake, timed_out ? ERR_TIMEOUT : ERR_BAD_REQUEST);
	pthread_mutex_unlock(&intake->mutex);
	return finished;
}

bool intake_orphan(struct intake *intake)
{
	pthread_mutex_lock(&intake->mutex);
	intake->orphaned = true;
	bool finished = intake->finished;
	pthread_mutex_unlock(&intake->mutex);
	return finished;
}

// -- the handler's end --------------------------------------------------------------------------------

static bool fail(const struct net_request *request, enum error_code fault, struct error *err)
{
	switch (fault) {
	case ERR_BODY_TOO_LARGE:
		return error_set(err, fault, "request body is larger than %zu bytes",
				 request->body_bytes_max);
	case ERR_TIMEOUT:
		return error_set(err, fault, "the client stopped sending the request's body");
	case ERR_SHUTDOWN:
		return error_set(err, fault, "server is shutting down");
	default:
		return error_set(err, ERR_BAD_REQUEST, "the request's body was cut off or malformed");
	}
}

static size_t take_some(struct intake *intake, char *out, size_t size)
{
	size_t run = RING_BYTES - intake->begin < intake->size ? RING_BYTES - intake->begin : intake->size;
	size_t taken = size < run ? size : run;
	memcpy(out, intake->ring + intake->begin, taken);
	intake->begin = (intake->begin + taken) % RING_BYTES;
	intake->size -= taken;
	return taken;
}

// Waits until there is something to tell.
static void await_client_locked(struct intake *intake)
{
	struct connection *connection = intake->request->connection;
	int64_t deadline = clock_monotonic_ms() + connection->server->idle_timeout_ms;
	// It is the client's turn: the sweeper may look at what it does.
	atomic_store(&connection->phase, PHASE_RECEIVING);
	while (intake->size == 0 && !intake->ended && intake->fault == ERR_NONE) {
		if (!clock_cond_wait(&intake->changed, &intake->mutex, deadline))
			break_locked(intake, ERR_TIMEOUT);
	}
	atomic_store(&connection->phase, PHASE_HANDLING);
}

bool net_request_read(struct net_request *request, char *out, size_t size, size_t *out_read,
		      struct error *err)
{
	struct intake *intake = request->intake;
	ASSERT(intake && size > 0);
	pthread_mutex_lock(&intake->mutex);
	if (!intake->wanted) {
		intake->wanted = true;
		if (intake->wait == WAIT_READER)
			resume_locked(intake);
	}
	if (intake->size == 0 && !intake->ended && intake->fault == ERR_NONE)
		await_client_locked(intake);
	enum error_code fault = intake->fault;
	size_t taken = 0;
	if (fault == ERR_NONE) {
		taken = take_some(intake, out, size);
		if (intake->wait == WAIT_ROOM && RING_BYTES - intake->size >= ROOM_BYTES)
			resume_locked(intake);
	}
	pthread_mutex_unlock(&intake->mutex);
	if (fault != ERR_NONE)
		return fail(request, fault, err);
	*out_read = taken;
	return true;
}

bool intake_is_closed(struct intake *intake)
{
	pthread_mutex_lock(&intake->mutex);
	bool closed = intake->closed;
	pthread_mutex_unlock(&intake->mutex);
	return closed;
}

void intake_finish(struct net_request *request)
{
	struct intake *intake = request->intake;
	struct connection *connection = request->connection;
	struct net_server *server = connection->server;
	delist(server, intake);
	pthread_mutex_lock(&intake->mutex);
	ASSERT(!intake->finished);
	bool orphaned = intake->orphaned;
	intake->finished = true;
	// From here on the network thread may drop what is left of the body, and then the request.
	atomic_store(&connection->phase, PHASE_RECEIVING);
	// Who sends nothing more would not be heard of before the library's own patience ends.
	if (intake->fault == ERR_TIMEOUT && !intake->closed && intake->wait == WAIT_NONE)
		shutdown(connection->fd, SHUT_RDWR);
	resume_locked(intake);
	pthread_mutex_unlock(&intake->mutex);
	if (orphaned)
		connection_free(connection);
	count_down(server);
}
