#include "hrana/stream.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/crypt.h"
#include "base/list.h"
#include "hrana/stored_sql.h"
#include "net/server.h"

enum {
	TICK_MS = 500,
	REMEMBER_MS = 300 * 1000,
	REMEMBER_COUNT_MAX = 65536,
	OWNER_BUCKET_COUNT = 1024,
};

enum stream_state { STREAM_IDLE, STREAM_BUSY, STREAM_CLOSED, STREAM_EXPIRED };

// Guarded by the table's mutex, but for what a busy stream's request alone touches: session (set and cleared
// under the mutex, since a timer may interrupt it), stored, frame_no.
struct stream {
	uint64_t id;
	struct stream *next; // in its bucket
	enum stream_state state;
	bool named;   // a baton of it was given out
	bool passing; // not counted
	bool wrote;   // since its session was opened
	bool held;    // idle with a session that holds only what it wrote
	uint64_t sequence;
	uint64_t frame_no;
	uint64_t credential_id;
	unsigned flags; // baton_flags, as of the last answer
	bool promised;  // busy: the next baton was given out
	unsigned promised_flags;
	struct stream_waiter *waiter; // busy: who has it
	int64_t since_ms;             // idle, closed or expired since
	struct owner *owner;
	struct link link;  // of table.busy, owner.idle or table.remembered
	struct link timed; // of table.timed: idle with a session to be given back
	struct fleet_session *session;
	struct net_request *request; // busy
	// Busy: who may attach what
	struct access *access;
	const struct access_grant *grant;
	atomic_bool abandoned; // its client has gone
	struct stored_sql stored;
};

// The streams of one database.
struct owner {
	char database[CRYPT_UUID_TEXT_BYTES];
	struct owner *next; // in its bucket
	struct link idle;   // longest idle first
	int stream_count;   // idle and busy
	int counted_count;  // of these, without passing ones
	int held_count;
	size_t text_bytes;
};

struct streams {
	struct streams_options options;
	atomic_uint_fast64_t next_id;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct stream **buckets;
	size_t bucket_count; // a power of two
	size_t stream_count; // in the buckets
	struct owner *owners[OWNER_BUCKET_COUNT];
	struct link busy;
	struct link timed; // by since_ms
	struct link remembered;
	int remembered_count;
	struct task tick;
	bool ticking;  // the task is scheduled or runs
	bool working;  // it runs
	bool stopping; // nothing may run any more
	bool closed;
	pthread_cond_t rests; // working became false
};

static struct stream *stream_of_link(struct link *link)
{
	return (struct stream *)(void *)((char *)link - offsetof(struct stream, link));
}

static struct stream *stream_of_timed(struct link *link)
{
	return (struct stream *)(void *)((char *)link - offsetof(struct stream, timed));
}

// -- the tables ---------------------------------------------------------------------------------------

// Ids count up from a random number: the low bits spread them.
static struct stream **bucket_locked(struct streams *streams, uint64_t id)
{
	return &streams->buckets[id & (streams->bucket_count - 1)];
}

static struct stream *find_locked(struct streams *streams, uint64_t id)
{
	struct stream *stream = *bucket_locked(streams, id);
	while (stream && stream->id != id)
		stream = stream->next;
	return stream;
}

static void grow_locked(struct streams *streams)
{
	struct stream **old = streams->buckets;
	size_t old_count = streams->bucket_count;
	streams->bucket_count = old_count * 2;
	streams->buckets = calloc(streams->bucket_count, sizeof(struct stream *));
	ASSERT(streams->buckets != NULL);
	for (size_t i = 0; i < old_count; i++) {
		while (old[i]) {
			struct stream *stream = old[i];
			old[i] = stream->next;
			struct stream **bucket = bucket_locked(streams, stream->id);
			stream->next = *bucket;
			*bucket = stream;
		}
	}
	free(old);
}

static struct owner **owner_bucket_locked(struct streams *streams, const char *database)
{
	uint32_t hash = 2166136261u;
	for (const char *c = database; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &streams->owners[hash % OWNER_BUCKET_COUNT];
}

static struct owner *owner_locked(struct streams *streams, const char *database)
{
	struct owner **bucket = owner_bucket_locked(streams, database);
	for (struct owner *owner = *bucket; owner; owner = owner->next) {
		if (strcmp(owner->database, database) == 0)
			return owner;
	}
	struct owner *owner = calloc(1, sizeof(*owner));
	ASSERT(owner != NULL);
	memcpy(owner->database, database, strnlen(database, sizeof(owner->database) - 1));
	list_init(&owner->idle);
	owner->next = *bucket;
	*bucket = owner;
	return owner;
}

static void drop_owner_locked(struct streams *streams, struct owner *gone)
{
	struct owner **at = owner_bucket_locked(streams, gone->database);
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	free(gone);
}

static struct stream *add_locked(struct streams *streams, const struct access_grant *grant, uint64_t id,
				 bool passing)
{
	if (streams->stream_count >= streams->bucket_count)
		grow_locked(streams);
	struct stream *stream = calloc(1, sizeof(*stream));
	ASSERT(stream != NULL);
	stream->id = id;
	stream->credential_id = grant->credential_id;
	stream->owner = owner_locked(streams, grant->database);
	stream->owner->stream_count++;
	stream->passing = passing;
	stream->owner->counted_count += !passing;
	list_init(&stream->link);
	list_init(&stream->timed);
	struct stream **bucket = bucket_locked(streams, id);
	stream->next = *bucket;
	*bucket = stream;
	streams->stream_count++;
	return stream;
}

static void forget_locked(struct streams *streams, struct stream *stream)
{
	ASSERT(stream->owner == NULL && stream->session == NULL);
	list_remove(&stream->link);
	struct stream **at = bucket_locked(streams, stream->id);
	while (*at != stream)
		at = &(*at)->next;
	*at = stream->next;
	streams->stream_count--;
	free(stream);
}

static void prune_remembered_locked(struct streams *streams, int64_t now_ms)
{
	while (!list_is_empty(&streams->remembered)) {
		struct stream *oldest = stream_of_link(streams->remembered.next);
		if (oldest->since_ms + REMEMBER_MS > now_ms &&
		    streams->remembered_count <= REMEMBER_COUNT_MAX)
			break;
		streams->remembered_count--;
		forget_locked(streams, oldest);
	}
}

static void unhold_locked(struct stream *stream)
{
	stream->owner->held_count -= stream->held;
	stream->held = false;
}

// The request is over. Returns who waited for that, for the caller to let go without the mutex.
static struct stream_waiter *end_promise_locked(struct stream *stream)
{
	stream->promised = false;
	stream->promised_flags = 0;
	return TAKE(stream->waiter);
}

static void let_go(struct stream_waiter *waiter)
{
	if (waiter)
		waiter->go(waiter);
}

// Ends a stream: only its id stays, if anybody may still ask for it. Returns the session, for the caller to
// close without the mutex.
static struct fleet_session *end_locked(struct streams *streams, struct stream *stream,
					enum stream_state state, bool remember)
{
	struct owner *owner = stream->owner;
	struct fleet_session *session = TAKE(stream->session);
	unhold_locked(stream);
	owner->stream_count--;
	owner->counted_count -= !stream->passing;
	owner->text_bytes -= stream->stored.size_bytes;
	stored_sql_cleanup(&stream->stored);
	list_remove(&stream->link);
	list_remove(&stream->timed);
	stream->owner = NULL;
	stream->request = NULL;
	stream->state = state;
	stream->since_ms = clock_monotonic_ms();
	if (remember) {
		list_append(&streams->remembered, &stream->link);
		streams->remembered_count++;
	} else {
		forget_locked(streams, stream);
	}
	if (owner->stream_count == 0)
		drop_owner_locked(streams, owner);
	prune_remembered_locked(streams, clock_monotonic_ms());
	return session;
}

// -- idle streams -------------------------------------------------------------------------------------

// Sets *out_session to a session that must be closed, or NULL. False when there is nothing to do any more.
static bool expire_one_locked(struct streams *streams, int64_t now_ms, struct fleet_session **out_session)
{
	if (list_is_empty(&streams->timed))
		return false;
	struct stream *stream = stream_of_timed(streams->timed.next);
	if (stream->since_ms + streams->options.idle_ms > now_ms)
		return false;
	list_remove(&stream->timed);
	*out_session = NULL;
	if (stream->flags & BATON_TRANSACTION)
		*out_session = end_locked(streams, stream, STREAM_EXPIRED, true);
	else if (stream->flags == 0)
		*out_session = end_locked(streams, stream, STREAM_CLOSED, false); // lives on in its baton
	else if (!(stream->flags & BATON_SETTINGS)) {
		unhold_locked(stream);
		*out_session = TAKE(stream->session);
	}
	return true;
}

static void interrupt_locked(struct stream *stream)
{
	atomic_store(&stream->abandoned, true);
	if (stream->session)
		fleet_session_interrupt(stream->session);
}

static void interrupt_abandoned_locked(struct streams *streams)
{
	for (struct link *at = streams->busy.next; at != &streams->busy; at = at->next) {
		struct stream *stream = stream_of_link(at);
		// Again and again: an interrupt between two statements hits none.
		if (streams->stopping || (stream->request && net_request_is_abandoned(stream->request)))
			interrupt_locked(stream);
	}
}

static void free_streams(struct streams *streams)
{
	pthread_mutex_destroy(&streams->mutex);
	pthread_cond_destroy(&streams->rests);
	free(streams->buckets);
	free(streams);
}

static void start_ticking_locked(struct streams *streams)
{
	if (streams->ticking || streams->closed)
		return;
	streams->ticking = true;
	workers_run_at(streams->options.workers, &streams->tick, clock_monotonic_ms() + TICK_MS);
}

static void tick(struct task *task)
{
	struct streams *streams = CONTAINER_OF(task, struct streams, tick);
	int64_t now_ms = clock_monotonic_ms();
	struct fleet_session *session;
	pthread_mutex_lock(&streams->mutex);
	if (streams->closed) {
		pthread_mutex_unlock(&streams->mutex);
		free_streams(streams);
		return;
	}
	streams->working = true;
	while (expire_one_locked(streams, now_ms, &session)) {
		pthread_mutex_unlock(&streams->mutex);
		fleet_session_close(session);
		pthread_mutex_lock(&streams->mutex);
	}
	interrupt_abandoned_locked(streams);
	prune_remembered_locked(streams, now_ms);
	streams->working = false;
	streams->ticking = false;
	bool more = !list_is_empty(&streams->timed) || !list_is_empty(&streams->busy);
	// At the end timers run at once: going on would never let the pool come to rest.
	if (more && !workers_stopping(streams->options.workers))
		start_ticking_locked(streams);
	pthread_cond_broadcast(&streams->rests);
	pthread_mutex_unlock(&streams->mutex);
}

// Makes room by ending the longest idle stream that loses the least: 1. lives on in its baton, 2. loses its
// texts, 3. loses pragmas or attachments. A transaction is never ended for that.
static bool evict_locked(struct streams *streams, struct owner *owner, struct fleet_session **out_session)
{
	static const unsigned may_hold[] = {0, BATON_STORED_SQL, BATON_STORED_SQL | BATON_SETTINGS};
	for (size_t i = 0; i < ARRAY_LENGTH(may_hold); i++) {
		for (struct link *at = owner->idle.next; at != &owner->idle; at = at->next) {
			struct stream *stream = stream_of_link(at);
			if ((stream->flags & ~may_hold[i]) == 0) {
				*out_session =
					end_locked(streams, stream, STREAM_EXPIRED, stream->flags != 0);
				return true;
			}
		}
	}
	return false;
}

// -- life ---------------------------------------------------------------------------------------------

struct streams *streams_create(const struct streams_options *options)
{
	struct streams *streams = calloc(1, sizeof(*streams));
	ASSERT(streams != NULL);
	streams->options = *options;
	uint64_t first_id;
	crypt_random(&first_id, sizeof(first_id));
	atomic_init(&streams->next_id, first_id);
	pthread_mutex_init(&streams->mutex, NULL);
	streams->bucket_count = 64;
	streams->buckets = calloc(streams->bucket_count, sizeof(struct stream *));
	ASSERT(streams->buckets != NULL);
	clock_cond_init(&streams->rests);
	list_init(&streams->busy);
	list_init(&streams->timed);
	list_init(&streams->remembered);
	streams->tick.run = tick;
	return streams;
}

size_t streams_count(struct streams *streams)
{
	pthread_mutex_lock(&streams->mutex);
	size_t count = streams->stream_count - (size_t)streams->remembered_count;
	pthread_mutex_unlock(&streams->mutex);
	return count;
}

void streams_interrupt(struct streams *streams)
{
	pthread_mutex_lock(&streams->mutex);
	streams->stopping = true;
	for (struct link *at = streams->busy.next; at != &streams->busy; at = at->next)
		interrupt_locked(stream_of_link(at));
	pthread_mutex_unlock(&streams->mutex);
}

void streams_close(struct streams *streams)
{
	if (!streams)
		return;
	pthread_mutex_lock(&streams->mutex);
	streams->closed = true;
	while (streams->working)
		clock_cond_wait(&streams->rests, &streams->mutex, INT64_MAX);
	for (size_t i = 0; i < streams->bucket_count; i++) {
		while (streams->buckets[i]) {
			struct stream *stream = streams->buckets[i];
			struct fleet_session *session = NULL;
			ASSERT(stream->state != STREAM_BUSY);
			if (stream->state == STREAM_IDLE)
				session = end_locked(streams, stream, STREAM_CLOSED, false);
			else
				forget_locked(streams, stream);
			// Without the mutex, which is taken inside of a session's (stream_promise).
			pthread_mutex_unlock(&streams->mutex);
			fleet_session_close(session);
			pthread_mutex_lock(&streams->mutex);
		}
	}
	bool ticking = streams->ticking;
	pthread_mutex_unlock(&streams->mutex);
	if (!ticking)
		free_streams(streams);
}

// -- use ----------------------------------------------------------------------------------------------

static bool reused(struct error *err)
{
	return error_set(err, ERR_BATON_REUSED, "Received a baton that has already been used");
}

static bool is_same_owner(const struct stream *stream, const struct access_grant *grant)
{
	return stream->credential_id == grant->credential_id &&
	       strcmp(stream->owner->database, grant->database) == 0;
}

// *out stays NULL for a stream that lives in its baton alone.
static bool find_named_locked(struct streams *streams, const struct access_grant *grant,
			      const struct baton *baton, struct stream **out, struct error *err)
{
	struct stream *stream = find_locked(streams, baton->id);
	if (!stream) {
		if (baton->flags != 0)
			return error_set(err, ERR_STREAM_EXPIRED, "The stream has expired due to inactivity");
		return true;
	}
	switch (stream->state) {
	case STREAM_CLOSED:
		return error_set(err, ERR_BATON_INVALID, "Received an invalid baton");
	case STREAM_EXPIRED:
		return error_set(err, ERR_STREAM_EXPIRED, "The stream has expired due to inactivity");
	case STREAM_BUSY:
		return reused(err);
	case STREAM_IDLE:
		break;
	}
	// The baton's seal binds both; an id that came up twice must not join strangers.
	if (!is_same_owner(stream, grant))
		return error_set(err, ERR_BATON_INVALID, "Received an invalid baton");
	if (stream->sequence != baton->sequence)
		return reused(err);
	*out = stream;
	return true;
}

static bool make_locked(struct streams *streams, const struct access_grant *grant, const struct baton *baton,
			bool passing, struct stream **out, struct fleet_session **out_evicted,
			struct error *err)
{
	struct owner *owner = owner_locked(streams, grant->database);
	int count_max = streams->options.count_max;
	if (!passing && owner->counted_count >= count_max && !evict_locked(streams, owner, out_evicted))
		return error_set(
			err, ERR_RATE_LIMITED,
			"Too many streams: %d of this database (limit streams-max) hold a transaction or "
			"run a request",
			count_max);
	uint64_t id = baton ? baton->id : atomic_fetch_add(&streams->next_id, 1);
	struct stream *stream = add_locked(streams, grant, id, passing);
	if (baton) {
		stream->named = true;
		stream->sequence = baton->sequence;
		stream->frame_no = baton->frame_no;
	}
	*out = stream;
	return true;
}

static bool open_session(struct streams *streams, const struct access_grant *grant, struct stream *stream,
			 struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	struct fleet_session *session;
	if (!fleet_acquire(streams->options.fleet, grant->database, grant->instance, &instance, err) ||
	    !fleet_session_open(instance, grant->read_only, &session, err))
		return false;
	pthread_mutex_lock(&streams->mutex);
	stream->session = session;
	stream->wrote = false;
	bool stopping = streams->stopping;
	pthread_mutex_unlock(&streams->mutex);
	if (stopping)
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	return stream->frame_no == 0 || fleet_session_wait_for(session, stream->frame_no, err);
}

static bool find_attachable(void *context, const char *name, char out_database[CRYPT_UUID_TEXT_BYTES],
			    struct error *err)
{
	const struct stream *stream = context;
	return access_find_attachable(stream->access, stream->grant, name, out_database, err);
}

bool stream_acquire(struct streams *streams, struct net_request *request, const struct access_grant *grant,
		    const struct baton *baton, bool passing, struct stream **out, struct error *err)
{
	struct stream *stream = NULL;
	struct fleet_session *evicted = NULL;
	pthread_mutex_lock(&streams->mutex);
	bool ok = (!baton || find_named_locked(streams, grant, baton, &stream, err)) &&
		  (stream || make_locked(streams, grant, baton, passing, &stream, &evicted, err));
	if (ok) {
		stream->state = STREAM_BUSY;
		stream->request = request;
		unhold_locked(stream);
		list_remove(&stream->link);
		list_remove(&stream->timed);
		list_append(&streams->busy, &stream->link);
		start_ticking_locked(streams);
	}
	pthread_mutex_unlock(&streams->mutex);
	fleet_session_close(evicted);
	if (!ok)
		return false;
	if (!stream->session && !open_session(streams, grant, stream, err)) {
		stream_close(streams, stream);
		return false;
	}
	fleet_session_set_read_only(stream->session, grant->read_only);
	stream->access = streams->options.access;
	stream->grant = grant;
	fleet_session_let_attach(stream->session, find_attachable, stream);
	*out = stream;
	return true;
}

// The stream whose session is given back so that others get a connection: itself, if it only read, or the
// longest idle one that wrote.
static struct fleet_session *give_back_locked(struct streams *streams, struct stream *stream)
{
	struct owner *owner = stream->owner;
	if (stream->flags & (BATON_TRANSACTION | BATON_SETTINGS))
		return NULL;
	if (!stream->wrote)
		return TAKE(stream->session);
	stream->held = true;
	owner->held_count++;
	if (owner->held_count <= streams->options.held_count_max)
		return NULL;
	struct link *at = owner->idle.next;
	while (!stream_of_link(at)->held)
		at = at->next;
	unhold_locked(stream_of_link(at));
	return TAKE(stream_of_link(at)->session);
}

void stream_release(struct streams *streams, struct stream *stream, const struct access_grant *grant,
		    char text[BATON_TEXT_BYTES])
{
	bool autocommit = fleet_session_is_autocommit(stream->session);
	unsigned flags = (autocommit ? 0 : BATON_TRANSACTION) |
			 (fleet_session_is_plain(stream->session) ? 0 : BATON_SETTINGS) |
			 (stream->stored.count > 0 ? BATON_STORED_SQL : 0);
	stream->frame_no = fleet_session_frame_no(stream->session);
	// Whoever has the promised baton must find the stream by its id.
	if (stream->promised_flags & ~flags)
		flags |= BATON_STORED_SQL;
	struct baton baton = {
		.flags = flags,
		.id = stream->id,
		.sequence = stream->sequence + 1,
		.frame_no = stream->frame_no,
	};
	baton_write(&baton, streams->options.baton_key, grant, text);
	pthread_mutex_lock(&streams->mutex);
	stream->sequence = baton.sequence;
	stream->flags = flags;
	stream->named = true;
	stream->state = STREAM_IDLE;
	stream->request = NULL;
	stream->since_ms = clock_monotonic_ms();
	list_remove(&stream->link);
	list_append(&stream->owner->idle, &stream->link);
	list_append(&streams->timed, &stream->timed);
	struct fleet_session *session = give_back_locked(streams, stream);
	struct stream_waiter *waiter = end_promise_locked(stream);
	start_ticking_locked(streams);
	pthread_mutex_unlock(&streams->mutex);
	fleet_session_close(session);
	let_go(waiter);
}

void stream_close(struct streams *streams, struct stream *stream)
{
	pthread_mutex_lock(&streams->mutex);
	struct stream_waiter *waiter = end_promise_locked(stream);
	struct fleet_session *session = end_locked(streams, stream, STREAM_CLOSED, stream->named);
	pthread_mutex_unlock(&streams->mutex);
	fleet_session_close(session);
	let_go(waiter);
}

void stream_promise(struct streams *streams, struct stream *stream, const struct access_grant *grant,
		    bool may_change, char text[BATON_TEXT_BYTES])
{
	struct baton baton = {
		.flags = stream->flags | (stream->stored.count > 0 ? BATON_STORED_SQL : 0) |
			 (may_change ? BATON_TRANSACTION : 0),
		.id = stream->id,
		.sequence = stream->sequence + 1,
		.frame_no = fleet_session_frame_no(stream->session),
	};
	baton_write(&baton, streams->options.baton_key, grant, text);
	pthread_mutex_lock(&streams->mutex);
	stream->promised = true;
	stream->promised_flags = baton.flags;
	stream->named = true;
	pthread_mutex_unlock(&streams->mutex);
}

bool stream_await(struct streams *streams, const struct access_grant *grant, const struct baton *baton,
		  struct stream_waiter *waiter)
{
	pthread_mutex_lock(&streams->mutex);
	struct stream *stream = find_locked(streams, baton->id);
	bool waits = stream && stream->state == STREAM_BUSY && stream->promised && !stream->waiter &&
		     stream->sequence + 1 == baton->sequence && is_same_owner(stream, grant);
	if (waits)
		stream->waiter = waiter;
	pthread_mutex_unlock(&streams->mutex);
	return waits;
}

struct fleet_session *stream_session(const struct stream *stream)
{
	return stream->session;
}

void stream_wrote(struct stream *stream)
{
	stream->wrote = true;
}

bool stream_has_written(const struct stream *stream)
{
	return stream->wrote;
}

void stream_abandon(struct streams *streams, struct stream *stream)
{
	pthread_mutex_lock(&streams->mutex);
	interrupt_locked(stream);
	pthread_mutex_unlock(&streams->mutex);
}

bool stream_is_abandoned(const struct stream *stream)
{
	return atomic_load(&stream->abandoned);
}

void streams_plain_baton(struct streams *streams, const struct access_grant *grant, uint64_t frame_no,
			 char text[BATON_TEXT_BYTES])
{
	struct baton baton = {.id = atomic_fetch_add(&streams->next_id, 1), .frame_no = frame_no};
	baton_write(&baton, streams->options.baton_key, grant, text);
}

// -- texts --------------------------------------------------------------------------------------------

// Lets idle streams go until the database's texts leave room for `size` bytes more.
static bool make_room_for_text(struct streams *streams, struct owner *owner, size_t size)
{
	bool room = true;
	pthread_mutex_lock(&streams->mutex);
	while (owner->text_bytes + size > streams->options.database_text_bytes_max) {
		struct fleet_session *session = NULL;
		if (!evict_locked(streams, owner, &session)) {
			room = false;
			break;
		}
		pthread_mutex_unlock(&streams->mutex);
		fleet_session_close(session);
		pthread_mutex_lock(&streams->mutex);
	}
	if (room)
		owner->text_bytes += size;
	pthread_mutex_unlock(&streams->mutex);
	return room;
}

bool stream_store_sql(struct streams *streams, struct stream *stream, int32_t id, const char *sql,
		      size_t sql_size, struct error *err)
{
	const struct streams_options *options = &streams->options;
	if (stored_sql_find(&stream->stored, id))
		return error_set(err, ERR_PROTOCOL, "SQL text %d already exists", id);
	if (sql_size > options->text_bytes_max)
		return error_set(err, ERR_SQL_STORE_TOO_LARGE,
				 "The statement is too large to be stored: %zu/%zu", sql_size,
				 options->text_bytes_max);
	if (stream->stored.count >= options->text_count_max ||
	    !make_room_for_text(streams, stream->owner, sql_size))
		return error_set(err, ERR_SQL_STORE_TOO_MANY,
				 "The server already stores %d SQL texts, it cannot store more",
				 stream->stored.count);
	stored_sql_add(&stream->stored, id, sql, sql_size);
	return true;
}

void stream_forget_sql(struct streams *streams, struct stream *stream, int32_t id)
{
	size_t size = stored_sql_remove(&stream->stored, id);
	pthread_mutex_lock(&streams->mutex);
	stream->owner->text_bytes -= size;
	pthread_mutex_unlock(&streams->mutex);
}

bool stream_find_sql(const struct stream *stream, int32_t id, const char **out_sql, size_t *out_size,
		     struct error *err)
{
	const struct stored_text *found = stored_sql_find(&stream->stored, id);
	if (!found)
		return error_set(err, ERR_PROTOCOL, "SQL text %d not found", id);
	*out_sql = found->sql;
	*out_size = found->size;
	return true;
}
