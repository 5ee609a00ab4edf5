#include "engine/usage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/internal.h"

void usage_cleanup(struct usage *usage)
{
	for (int i = 0; i < usage->text_count; i++)
		free(usage->texts[i].sql);
	free(usage->texts);
	*usage = (struct usage){0};
}

static uint64_t cost(const struct usage_counts *counts)
{
	return counts->rows_read + counts->rows_written;
}

static void add_counts(struct usage_counts *to, const struct usage_counts *counts)
{
	to->runs += counts->runs;
	to->rows_read += counts->rows_read;
	to->rows_written += counts->rows_written;
}

// A new place, or the cheapest one's, or NULL when the text would be the cheapest itself.
static struct usage_text *make_place(struct usage *usage, uint64_t wanted)
{
	if (!usage->texts) {
		usage->texts = calloc(USAGE_TEXTS_MAX, sizeof(*usage->texts));
		ASSERT(usage->texts != NULL);
	}
	if (usage->text_count < USAGE_TEXTS_MAX)
		return &usage->texts[usage->text_count++];
	struct usage_text *cheapest = &usage->texts[0];
	for (int i = 1; i < usage->text_count; i++) {
		if (cost(&usage->texts[i].counts) < cost(&cheapest->counts))
			cheapest = &usage->texts[i];
	}
	if (cost(&cheapest->counts) >= wanted)
		return NULL;
	free(cheapest->sql);
	*cheapest = (struct usage_text){0};
	return cheapest;
}

// Not inside a character of UTF-8.
static size_t cut_size(const char *sql, size_t size)
{
	if (size <= USAGE_SQL_BYTES_MAX)
		return size;
	size = USAGE_SQL_BYTES_MAX;
	while (size > 0 && ((unsigned char)sql[size] & 0xC0) == 0x80)
		size--;
	return size;
}

static void add_text(struct usage *usage, uint64_t hash, const char *sql, size_t sql_size,
		     const struct usage_counts *counts)
{
	// BEGIN and COMMIT would only fill the list.
	if (cost(counts) == 0)
		return;
	for (int i = 0; i < usage->text_count; i++) {
		if (usage->texts[i].hash == hash) {
			add_counts(&usage->texts[i].counts, counts);
			return;
		}
	}
	struct usage_text *place = make_place(usage, cost(counts));
	if (!place)
		return;
	size_t size = cut_size(sql, sql_size);
	*place = (struct usage_text){.hash = hash, .sql_size = size, .counts = *counts};
	place->sql = malloc(size + 1);
	ASSERT(place->sql != NULL);
	memcpy(place->sql, sql, size);
	place->sql[size] = '\0';
}

void usage_add(struct usage *usage, uint64_t hash, const char *sql, size_t sql_size,
	       const struct usage_counts *counts)
{
	add_counts(&usage->counts, counts);
	add_text(usage, hash, sql, sql_size, counts);
}

void usage_add_texts(struct usage *usage, const struct usage *other)
{
	for (int i = 0; i < other->text_count; i++) {
		const struct usage_text *text = &other->texts[i];
		add_text(usage, text->hash, text->sql, text->sql_size, &text->counts);
	}
}

static int by_cost(const void *a, const void *b)
{
	uint64_t left = cost(&((const struct usage_text *)a)->counts);
	uint64_t right = cost(&((const struct usage_text *)b)->counts);
	return left < right ? 1 : left > right ? -1 : 0;
}

void usage_sort(struct usage *usage)
{
	if (usage->text_count > 1)
		qsort(usage->texts, (size_t)usage->text_count, sizeof(*usage->texts), by_cost);
}

// -- of statements ------------------------------------------------------------------------------------

static struct usage_counts counted(const struct cached_statement *cached)
{
	// The first of the loads tells that the text may be read, too.
	struct usage_counts counts = {.runs = atomic_load_explicit(&cached->runs, memory_order_acquire)};
	counts.rows_read = atomic_load_explicit(&cached->rows_read, memory_order_relaxed);
	counts.rows_written = atomic_load_explicit(&cached->rows_written, memory_order_relaxed);
	return counts;
}

static uint64_t untaken(uint64_t *taken, uint64_t now)
{
	uint64_t more = now - *taken;
	*taken = now;
	return more;
}

// The database's usage_mutex is held.
static void take_locked(struct cached_statement *cached, struct usage *into)
{
	struct usage_counts now = counted(cached);
	if (now.runs == cached->taken.runs)
		return;
	struct usage_counts more = {
		.runs = untaken(&cached->taken.runs, now.runs),
		.rows_read = untaken(&cached->taken.rows_read, now.rows_read),
		.rows_written = untaken(&cached->taken.rows_written, now.rows_written),
	};
	usage_add(into, cached->hash, cached->sql, cached->sql_size, &more);
}

void usage_forget_statement(struct connection *connection, struct cached_statement *cached)
{
	struct engine_database *db = connection->database;
	pthread_mutex_lock(&db->usage_mutex);
	take_locked(cached, &db->usage);
	atomic_store_explicit(&cached->runs, 0, memory_order_relaxed);
	atomic_store_explicit(&cached->rows_read, 0, memory_order_relaxed);
	atomic_store_explicit(&cached->rows_written, 0, memory_order_relaxed);
	cached->taken = (struct usage_counts){0};
	pthread_mutex_unlock(&db->usage_mutex);
}

void usage_begin_shared(struct connection *sharer)
{
	sharer->shared_number++;
}

static void set_back(_Atomic(uint64_t) *count, uint64_t before, uint64_t *taken, uint64_t *overtaken)
{
	atomic_store_explicit(count, before, memory_order_relaxed);
	if (*taken > before) {
		*overtaken += *taken - before;
		*taken = before;
	}
}

void usage_lose_shared(struct connection *sharer)
{
	struct engine_database *db = sharer->database;
	struct usage_counts *overtaken = &db->usage_overtaken;
	pthread_mutex_lock(&db->usage_mutex);
	for (int i = 0; i < STATEMENT_SETS * STATEMENT_WAYS; i++) {
		struct cached_statement *cached = &sharer->cache[i / STATEMENT_WAYS][i % STATEMENT_WAYS];
		if (!cached->stmt || cached->shared_number != sharer->shared_number)
			continue;
		const struct usage_counts *before = &cached->before_shared;
		set_back(&cached->rows_read, before->rows_read, &cached->taken.rows_read,
			 &overtaken->rows_read);
		set_back(&cached->rows_written, before->rows_written, &cached->taken.rows_written,
			 &overtaken->rows_written);
		set_back(&cached->runs, before->runs, &cached->taken.runs, &overtaken->runs);
	}
	pthread_mutex_unlock(&db->usage_mutex);
}

void usage_count(struct connection *connection, struct cached_statement *cached,
		 const struct statement_result *result)
{
	struct usage_counts counts = {
		.runs = atomic_load_explicit(&cached->runs, memory_order_relaxed),
		.rows_read = atomic_load_explicit(&cached->rows_read, memory_order_relaxed),
		.rows_written = atomic_load_explicit(&cached->rows_written, memory_order_relaxed),
	};
	if (connection->shared_number != cached->shared_number) {
		cached->shared_number = connection->shared_number;
		cached->before_shared = counts;
	}
	// One writer, the connection's user: no read-modify-write.
	atomic_store_explicit(&cached->rows_read, counts.rows_read + result->rows_read, memory_order_relaxed);
	atomic_store_explicit(&cached->rows_written, counts.rows_written + result->rows_written,
			      memory_order_relaxed);
	atomic_store_explicit(&cached->runs, counts.runs + 1, memory_order_release);
}

static void take_connection(struct engine_database *db, struct connection *connection, struct usage *into)
{
	pthread_mutex_lock(&db->usage_mutex);
	for (int i = 0; i < STATEMENT_SETS * STATEMENT_WAYS; i++)
		take_locked(&connection->cache[i / STATEMENT_WAYS][i % STATEMENT_WAYS], into);
	pthread_mutex_unlock(&db->usage_mutex);
}

static void give_back(uint64_t *count, uint64_t *overtaken)
{
	uint64_t back = *overtaken < *count ? *overtaken : *count;
	*count -= back;
	*overtaken -= back;
}

void engine_take_usage(struct engine_database *db, struct usage *into)
{
	// Connections are only added, in front, until the database is closed.
	pthread_mutex_lock(&db->pool.mutex);
	struct connection *connection = db->pool.all;
	pthread_mutex_unlock(&db->pool.mutex);
	for (; connection; connection = connection->all_next)
		take_connection(db, connection, into);
	if (db->group.sharer)
		take_connection(db, db->group.sharer, into);
	pthread_mutex_lock(&db->usage_mutex);
	struct usage forgotten = db->usage;
	db->usage = (struct usage){0};
	add_counts(&into->counts, &forgotten.counts);
	give_back(&into->counts.runs, &db->usage_overtaken.runs);
	give_back(&into->counts.rows_read, &db->usage_overtaken.rows_read);
	give_back(&into->counts.rows_written, &db->usage_overtaken.rows_written);
	pthread_mutex_unlock(&db->usage_mutex);
	usage_add_texts(into, &forgotten);
	usage_cleanup(&forgotten);
}
