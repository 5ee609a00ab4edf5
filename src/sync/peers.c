#include "sync/peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/workers.h"
#include "fleet/fleet.h"
#include "fleet/session.h"
#include "net/server.h"

enum {
	TICK_MS = 1000,
	BUCKET_COUNT = 4096,
	OWNER_BUCKET_COUNT = 1024,
	TURNS_MAX = 64,       // that wait for one connection
	PLAIN_COUNT_MAX = 16, // of a database: kept for nothing but what their last write did
	REMEMBER_MS = 300 * 1000,
	REMEMBER_COUNT_MAX = 65536,
};

// The connections of one database.
struct owner {
	char database[CRYPT_UUID_TEXT_BYTES];
	struct owner *next; // in its bucket
	int peer_count;
	int session_count;
	int plain_count;
	struct link plain; // idle ones that hold no transaction and no settings, longest idle first
};

// Guarded by the table's mutex, but for the session, which who has the turn uses.
struct peer {
	char name[PEER_NAME_BYTES_MAX];
	size_t name_size;
	uint64_t credential_id;
	struct owner *owner;
	struct peer *next; // in its bucket
	struct peer_turn *turn;
	struct peer_turn *waiting;
	int waiting_count;
	struct fleet_session *session;
	bool wrote;
	bool holds_transaction;
	bool expired; // its transaction is no more, and the client does not know
	int64_t since_ms;
	struct link link;  // of peers.busy, peers.idle or peers.remembered
	struct link plain; // of owner.plain
};

struct peers {
	struct peers_options options;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct peer *buckets[BUCKET_COUNT];
	struct owner *owners[OWNER_BUCKET_COUNT];
	struct link busy;
	struct link idle;       // with a session, longest idle first
	struct link remembered; // expired ones
	int remembered_count;
	struct task tick;
	bool ticking;
	bool working; // the tick closes sessions
	bool stopping;
	bool closed;
	pthread_cond_t rests;
};

// -- the tables -----------------------------------------------------------------------------------------

static uint32_t hash_bytes(uint32_t hash, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
	return hash;
}

static struct peer **bucket_locked(struct peers *peers, uint64_t credential_id, const char *name,
				   size_t name_size)
{
	uint32_t hash = hash_bytes((uint32_t)credential_id ^ 2166136261u, name, name_size);
	return &peers->buckets[hash % BUCKET_COUNT];
}

// The credential's number belongs to a database, too.
static struct peer *find_locked(struct peers *peers, const struct access_grant *grant, const char *name,
				size_t name_size)
{
	struct peer *peer = *bucket_locked(peers, grant->credential_id, name, name_size);
	while (peer && !(peer->credential_id == grant->credential_id && peer->name_size == name_size &&
			 memcmp(peer->name, name, name_size) == 0 &&
			 strcmp(peer->owner->database, grant->database) == 0))
		peer = peer->next;
	return peer;
}

static struct owner **owner_bucket_locked(struct peers *peers, const char *database)
{
	return &peers->owners[hash_bytes(2166136261u, database, strlen(database)) % OWNER_BUCKET_COUNT];
}

static struct owner *owner_locked(struct peers *peers, const char *database)
{
	struct owner **bucket = owner_bucket_locked(peers, database);
	for (struct owner *owner = *bucket; owner; owner = owner->next) {
		if (strcmp(owner->database, database) == 0)
			return owner;
	}
	struct owner *owner = calloc(1, sizeof(*owner));
	ASSERT(owner != NULL);
	memcpy(owner->database, database, strnlen(database, sizeof(owner->database) - 1));
	list_init(&owner->plain);
	owner->next = *bucket;
	*bucket = owner;
	return owner;
}

static struct peer *add_locked(struct peers *peers, const struct access_grant *grant, const char *name,
			       size_t name_size)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	ASSERT(peer != NULL);
	memcpy(peer->name, name, name_size);
	peer->name_size = name_size;
	peer->credential_id = grant->credential_id;
	peer->owner = owner_locked(peers, grant->database);
	peer->owner->peer_count++;
	list_init(&peer->link);
	list_init(&peer->plain);
	struct peer **bucket = bucket_locked(peers, grant->credential_id, name, name_size);
	peer->next = *bucket;
	*bucket = peer;
	return peer;
}

static void forget_owner_locked(struct peers *peers, struct owner *gone)
{
	struct owner **at = owner_bucket_locked(peers, gone->database);
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	free(gone);
}

static void forget_locked(struct peers *peers, struct peer *gone)
{
	ASSERT(gone->session == NULL && gone->turn == NULL);
	struct peer **at = bucket_locked(peers, gone->credential_id, gone->name, gone->name_size);
	while (*at != gone)
		at = &(*at)->next;
	*at = gone->next;
	list_remove(&gone->link);
	peers->remembered_count -= gone->expired;
	if (--gone->owner->peer_count == 0)
		forget_owner_locked(peers, gone->owner);
	free(gone);
}

// -- sessions -------------------------------------------------------------------------------------------

static struct peer *peer_of_link(struct link *link)
{
	return (struct peer *)(void *)((char *)link - offsetof(struct peer, link));
}

static struct peer *peer_of_plain(struct link *link)
{
	return (struct peer *)(void *)((char *)link - offsetof(struct peer, plain));
}

static void unlist_plain_locked(struct peer *peer)
{
	if (!list_is_empty(&peer->plain))
		peer->owner->plain_count--;
	list_remove(&peer->plain);
}

// Of an idle connection. The caller closes it, without the mutex.
static struct fleet_session *take_session_locked(struct peer *peer)
{
	unlist_plain_locked(peer);
	peer->owner->session_count--;
	return TAKE(peer->session);
}

static struct fleet_session *evict_plain_locked(struct peers *peers, struct owner *owner)
{
	if (list_is_empty(&owner->plain))
		return NULL;
	struct peer *oldest = peer_of_plain(owner->plain.next);
	struct fleet_session *session = take_session_locked(oldest);
	forget_locked(peers, oldest);
	return session;
}

// -- time -----------------------------------------------------------------------------------------------

static void remember_locked(struct peers *peers, struct peer *peer)
{
	peer->since_ms = clock_monotonic_ms();
	list_append(&peers->remembered, &peer->link);
	if (peers->remembered_count > REMEMBER_COUNT_MAX)
		forget_locked(peers, peer_of_link(peers->remembered.next));
}

static void expire_locked(struct peers *peers, struct peer *peer)
{
	list_remove(&peer->link);
	if (!peer->holds_transaction) {
		forget_locked(peers, peer);
		return;
	}
	peer->expired = true;
	peer->holds_transaction = false;
	peers->remembered_count++;
	remember_locked(peers, peer);
}

// The next session that has been idle for too long; NULL: none.
static struct fleet_session *next_idle_locked(struct peers *peers, int64_t now_ms)
{
	if (list_is_empty(&peers->idle))
		return NULL;
	struct peer *oldest = peer_of_link(peers->idle.next);
	if (oldest->since_ms + peers->options.idle_ms > now_ms)
		return NULL;
	struct fleet_session *session = take_session_locked(oldest);
	expire_locked(peers, oldest);
	return session;
}

static void forget_remembered_locked(struct peers *peers, int64_t now_ms)
{
	while (!list_is_empty(&peers->remembered)) {
		struct peer *oldest = peer_of_link(peers->remembered.next);
		if (oldest->since_ms + REMEMBER_MS > now_ms)
			return;
		forget_locked(peers, oldest);
	}
}

// A statement that nobody waits for any more is stopped.
static void interrupt_abandoned_locked(struct peers *peers)
{
	for (struct link *at = peers->busy.next; at != &peers->busy; at = at->next) {
		struct peer *peer = peer_of_link(at);
		if (peer->session && (peers->stopping || net_request_is_abandoned(peer->turn->request)))
			fleet_session_interrupt(peer->session);
	}
}

static void start_ticking_locked(struct peers *peers)
{
	if (peers->ticking || peers->closed)
		return;
	peers->ticking = true;
	workers_run_at(peers->options.workers, &peers->tick, clock_monotonic_ms() + TICK_MS);
}

static void free_peers(struct peers *peers)
{
	pthread_cond_destroy(&peers->rests);
	pthread_mutex_destroy(&peers->mutex);
	free(peers);
}

static void on_tick(struct task *task)
{
	struct peers *peers = CONTAINER_OF(task, struct peers, tick);
	struct fleet_session *session;
	pthread_mutex_lock(&peers->mutex);
	if (peers->closed) {
		pthread_mutex_unlock(&peers->mutex);
		free_peers(peers);
		return;
	}
	peers->working = true;
	int64_t now_ms = clock_monotonic_ms();
	while ((session = next_idle_locked(peers, now_ms)) != NULL) {
		pthread_mutex_unlock(&peers->mutex);
		fleet_session_close(session);
		pthread_mutex_lock(&peers->mutex);
	}
	forget_remembered_locked(peers, now_ms);
	interrupt_abandoned_locked(peers);
	peers->working = false;
	peers->ticking = false;
	bool more = !list_is_empty(&peers->idle) || !list_is_empty(&peers->busy) ||
		    !list_is_empty(&peers->remembered);
	// At the end timers run at once: going on would never let the pool come to rest.
	if (more && !workers_stopping(peers->options.workers))
		start_ticking_locked(peers);
	pthread_cond_broadcast(&peers->rests);
	pthread_mutex_unlock(&peers->mutex);
}

// -- life -----------------------------------------------------------------------------------------------

struct peers *peers_create(const struct peers_options *options)
{
	struct peers *peers = calloc(1, sizeof(*peers));
	ASSERT(peers != NULL);
	peers->options = *options;
	peers->tick.run = on_tick;
	pthread_mutex_init(&peers->mutex, NULL);
	clock_cond_init(&peers->rests);
	list_init(&peers->busy);
	list_init(&peers->idle);
	list_init(&peers->remembered);
	return peers;
}

void peers_interrupt(struct peers *peers)
{
	pthread_mutex_lock(&peers->mutex);
	peers->stopping = true;
	interrupt_abandoned_locked(peers);
	pthread_mutex_unlock(&peers->mutex);
}

void peers_close(struct peers *peers)
{
	if (!peers)
		return;
	pthread_mutex_lock(&peers->mutex);
	peers->closed = true;
	while (peers->working)
		clock_cond_wait(&peers->rests, &peers->mutex, INT64_MAX);
	for (size_t i = 0; i < BUCKET_COUNT; i++) {
		while (peers->buckets[i]) {
			struct peer *peer = peers->buckets[i];
			struct fleet_session *session = peer->session ? take_session_locked(peer) : NULL;
			forget_locked(peers, peer);
			pthread_mutex_unlock(&peers->mutex);
			fleet_session_close(session);
			pthread_mutex_lock(&peers->mutex);
		}
	}
	bool ticking = peers->ticking;
	pthread_mutex_unlock(&peers->mutex);
	if (!ticking)
		free_peers(peers);
}

// -- turns ----------------------------------------------------------------------------------------------

static void begin_turn_locked(struct peers *peers, struct peer *peer, struct peer_turn *turn)
{
	turn->peer = peer;
	turn->urgent = peer->holds_transaction;
	peer->turn = turn;
	unlist_plain_locked(peer);
	list_remove(&peer->link);
	list_append(&peers->busy, &peer->link);
	start_ticking_locked(peers);
}

static bool wait_locked(struct peer *peer, struct peer_turn *turn, struct error *err)
{
	struct peer_turn **end = &peer->waiting;
	if (peer->waiting_count >= TURNS_MAX)
		return error_set(err, ERR_RATE_LIMITED, "%d programs wait for this connection already",
				 TURNS_MAX);
	while (*end)
		end = &(*end)->next;
	*end = turn;
	peer->waiting_count++;
	return true;
}

bool peers_enter(struct peers *peers, const char *name, size_t name_size, struct peer_turn *turn,
		 struct error *err)
{
	bool ok = true;
	if (name_size == 0 || name_size > PEER_NAME_BYTES_MAX)
		return error_set(err, ERR_BAD_REQUEST, "client_id must have 1 to %d bytes",
				 PEER_NAME_BYTES_MAX);
	turn->peers = peers;
	turn->next = NULL;
	pthread_mutex_lock(&peers->mutex);
	struct peer *peer = find_locked(peers, turn->grant, name, name_size);
	bool waits = peer && peer->turn;
	if (waits) {
		ok = wait_locked(peer, turn, err);
	} else {
		if (!peer)
			peer = add_locked(peers, turn->grant, name, name_size);
		begin_turn_locked(peers, peer, turn);
	}
	pthread_mutex_unlock(&peers->mutex);
	if (ok && !waits)
		turn->go(turn);
	return ok;
}

// Counts one session more of the database, if need be in the place of one that little is lost with.
static bool take_room_locked(struct peers *peers, struct owner *owner, struct fleet_session **out_evicted,
			     struct error *err)
{
	if (peers->stopping)
		return error_set(err, ERR_SHUTDOWN, "the server is stopping");
	if (owner->session_count >= peers->options.count_max) {
		*out_evicted = evict_plain_locked(peers, owner);
		if (!*out_evicted)
			return error_set(err, ERR_RATE_LIMITED,
					 "%d replicas hold a transaction of this database, or run a program "
					 "(limit replica-connections-max)",
					 owner->session_count);
	}
	owner->session_count++;
	return true;
}

static bool open_session(struct peers *peers, struct peer_turn *turn, struct error *err)
{
	OWNED(fleet_instance) struct fleet_instance *instance = NULL;
	struct fleet_session *evicted = NULL;
	struct fleet_session *session = NULL;
	struct owner *owner = turn->peer->owner;
	pthread_mutex_lock(&peers->mutex);
	bool ok = take_room_locked(peers, owner, &evicted, err);
	pthread_mutex_unlock(&peers->mutex);
	fleet_session_close(evicted);
	if (!ok)
		return false;
	ok = fleet_acquire(peers->options.fleet, turn->grant->database, NULL, &instance, err) &&
	     fleet_session_open(instance, turn->grant->read_only, &session, err);
	pthread_mutex_lock(&peers->mutex);
	if (ok)
		turn->peer->session = session;
	else
		owner->session_count--;
	turn->peer->wrote = false;
	pthread_mutex_unlock(&peers->mutex);
	return ok;
}

static bool find_attachable(void *context, const char *name, char out_database[CRYPT_UUID_TEXT_BYTES],
			    struct error *err)
{
	struct peer_turn *turn = context;
	return access_find_attachable(turn->peers->options.access, turn->grant, name, out_database, err);
}

// The client goes on with a transaction that is no more.
static bool tell_expired(struct peers *peers, struct peer_turn *turn, struct error *err)
{
	struct peer *peer = turn->peer;
	if (!turn->takes_news)
		return false;
	pthread_mutex_lock(&peers->mutex);
	bool expired = peer->expired;
	peers->remembered_count -= expired;
	peer->expired = false;
	pthread_mutex_unlock(&peers->mutex);
	if (expired)
		error_set(err, ERR_TRANSACTION_TIMEOUT,
			  "Transaction timed out: it was rolled back, after a failure or %lld ms without a "
			  "statement (limit replica-idle-timeout)",
			  (long long)peers->options.idle_ms);
	return expired;
}

bool peer_open(struct peers *peers, struct peer_turn *turn, struct fleet_session **out, struct error *err)
{
	struct peer *peer = turn->peer;
	if (tell_expired(peers, turn, err) || (!peer->session && !open_session(peers, turn, err)))
		return false;
	fleet_session_set_read_only(peer->session, turn->grant->read_only);
	fleet_session_let_attach(peer->session, find_attachable, turn);
	*out = peer->session;
	return true;
}

void peer_wrote(struct peer *peer)
{
	peer->wrote = true;
}

// Puts the connection aside, or ends it; returns a session to be closed.
static struct fleet_session *rest_locked(struct peers *peers, struct peer *peer, bool keep, bool plain,
					 bool autocommit)
{
	struct owner *owner = peer->owner;
	struct fleet_session *closed = NULL;
	list_remove(&peer->link);
	if (!keep && peer->session)
		closed = take_session_locked(peer);
	peer->holds_transaction = peer->session && !autocommit;
	if (!peer->session)
		return closed;
	peer->since_ms = clock_monotonic_ms();
	list_append(&peers->idle, &peer->link);
	if (plain) {
		list_append(&owner->plain, &peer->plain);
		if (++owner->plain_count > PLAIN_COUNT_MAX)
			closed = evict_plain_locked(peers, owner);
	}
	return closed;
}

void peers_leave(struct peers *peers, struct peer_turn *turn, bool close)
{
	struct peer *peer = turn->peer;
	bool lost = close && !turn->ends && peer->session && !fleet_session_is_autocommit(peer->session);
	bool open = peer->session && !close;
	bool plain = open && fleet_session_is_plain(peer->session);
	bool autocommit = !open || fleet_session_is_autocommit(peer->session);
	bool keep = open && (!plain || peer->wrote);
	pthread_mutex_lock(&peers->mutex);
	struct peer_turn *next = peer->waiting;
	peer->turn = NULL;
	peers->remembered_count += lost && !peer->expired;
	peer->expired = peer->expired || lost;
	struct fleet_session *closed = NULL;
	if (next) {
		// Those behind use the session, too, unless it is to be ended.
		closed = close && peer->session ? take_session_locked(peer) : NULL;
		peer->holds_transaction = !autocommit;
		peer->waiting = next->next;
		peer->waiting_count--;
		begin_turn_locked(peers, peer, next);
	} else {
		closed = rest_locked(peers, peer, keep, plain, autocommit);
		if (!peer->session && !peer->expired)
			forget_locked(peers, peer);
		else if (!peer->session)
			remember_locked(peers, peer);
	}
	pthread_mutex_unlock(&peers->mutex);
	fleet_session_close(closed);
	if (next)
		next->go(next);
}
