// The file, text:
//   atoll-generations 1 LOG_ID COUNT
//   NUMBER FRAME_NO          one line for each, by ascending number

#include "fleet/generations.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "base/trace.h"
#include "log/log.h"

enum { FILE_BYTES_MAX = 1024 * 1024, JUMP = 16 };

struct part {
	uint32_t number;
	uint64_t begin;
};

struct generations {
	char *path;
	pthread_mutex_t mutex;
	// guarded by mutex
	bool loaded;
	char log_id[LOG_ID_TEXT_BYTES];
	struct part parts[GENERATIONS_KEPT_MAX];
	size_t count;
	uint64_t looked_at; // no end of the newest was found in what was durable then
};

struct generations *generations_create(const char *path)
{
	struct generations *generations = calloc(1, sizeof(*generations));
	ASSERT(generations != NULL);
	generations->path = strdup(path);
	ASSERT(generations->path != NULL);
	pthread_mutex_init(&generations->mutex, NULL);
	return generations;
}

void generations_free(struct generations *generations)
{
	if (!generations)
		return;
	pthread_mutex_destroy(&generations->mutex);
	free(generations->path);
	free(generations);
}

// -- the file -------------------------------------------------------------------------------------------

static bool parse_locked(struct generations *generations, const char *text)
{
	size_t count;
	int at = 0;
	if (sscanf(text, "atoll-generations 1 %36s %zu\n%n", generations->log_id, &count, &at) != 2 ||
	    at == 0 || count > GENERATIONS_KEPT_MAX)
		return false;
	for (size_t i = 0; i < count; i++) {
		struct part *part = &generations->parts[i];
		int size = 0;
		text += at;
		if (sscanf(text, "%" SCNu32 " %" SCNu64 "\n%n", &part->number, &part->begin, &size) != 2 ||
		    size == 0 || (i > 0 && (part->number <= part[-1].number || part->begin < part[-1].begin)))
			return false;
		at = size;
	}
	generations->count = count;
	return true;
}

// A list that cannot be read is begun anew, with numbers that are not near the old ones.
static bool load_locked(struct generations *generations, struct error *err)
{
	OWNED(buffer) struct buffer text = {0};
	if (generations->loaded)
		return true;
	if (disk_exists(generations->path)) {
		if (!disk_read_file(generations->path, FILE_BYTES_MAX, &text, err))
			return false;
		if (!parse_locked(generations, buffer_text(&text))) {
			trace_warn("generations.damaged", "path", generations->path);
			generations->count = 0;
		}
	}
	generations->loaded = true;
	return true;
}

static bool save(const struct generations *generations, const char *id, const struct part *parts,
		 size_t count, struct error *err)
{
	OWNED(buffer) struct buffer text = {0};
	buffer_printf(&text, "atoll-generations 1 %s %zu\n", id, count);
	for (size_t i = 0; i < count; i++)
		buffer_printf(&text, "%" PRIu32 " %" PRIu64 "\n", parts[i].number, parts[i].begin);
	return disk_write_file(generations->path, text.data, text.size, err);
}

// -- numbers --------------------------------------------------------------------------------------------

// Clients keep 32 bits, and go from one number to the next: those of another history must not follow.
static uint32_t first_number(const struct generations *generations)
{
	uint32_t random;
	crypt_random(&random, sizeof(random));
	if (generations->count == 0)
		return 1 + (random & 0x3FFFFFFF);
	return generations->parts[generations->count - 1].number + GENERATIONS_KEPT_MAX + (random & 0xFFFF);
}

// What was kept of another history goes with it.
static bool add_locked(struct generations *generations, const char *id, uint64_t begin, bool anew,
		       struct error *err)
{
	struct part parts[GENERATIONS_KEPT_MAX];
	size_t count = 0;
	uint32_t number =
		anew ? first_number(generations) : generations->parts[generations->count - 1].number + 1;
	if (!anew) {
		size_t dropped = generations->count == GENERATIONS_KEPT_MAX;
		count = generations->count - dropped;
		memcpy(parts, generations->parts + dropped, count * sizeof(*parts));
	}
	parts[count++] = (struct part){.number = number, .begin = begin};
	if (!save(generations, id, parts, count, err))
		return false;
	memcpy(generations->parts, parts, count * sizeof(*parts));
	memmove(generations->log_id, id, LOG_ID_TEXT_BYTES);
	generations->count = count;
	return true;
}

// -- where one ends ---------------------------------------------------------------------------------------

// The first boundary with so many frames before it, and others behind it. *out 0: there is none yet.
static bool find_end(struct log *log, uint64_t begin, uint64_t durable, uint32_t frames_max, uint64_t *out,
		     struct error *err)
{
	struct log_cursor *cursor;
	struct log_txn txn = {.frame_no = begin};
	bool found = true;
	*out = 0;
	if (!log_cursor_open(log, begin, &cursor, err))
		return false;
	bool ok = true;
	while (ok && found && txn.frame_no - begin < frames_max)
		ok = log_cursor_next(cursor, &txn, &found, err);
	log_cursor_close(cursor);
	if (ok && found && txn.frame_no < durable)
		*out = txn.frame_no;
	return ok;
}

// A generation that is far too long, because nobody asked, ends here: to read it all would take its time.
static bool turn_locked(struct generations *generations, struct log *log, uint64_t durable,
			uint32_t frames_max, struct error *err)
{
	uint64_t begin = generations->parts[generations->count - 1].begin;
	uint64_t end = durable;
	struct log_numbers numbers;
	log_tell_numbers(log, &numbers);
	if (begin < numbers.first_frame_no)
		return add_locked(generations, generations->log_id, durable, false, err);
	while (durable - begin > frames_max && generations->looked_at != durable) {
		bool finds = durable - begin <= (uint64_t)JUMP * frames_max;
		if (finds && !find_end(log, begin, durable, frames_max, &end, err)) {
			if (err->code != ERR_NOT_FOUND && err->code != ERR_CORRUPT)
				return false;
			finds = false;
		}
		if (!finds)
			end = durable;
		if (end == 0)
			generations->looked_at = durable;
		else if (!add_locked(generations, generations->log_id, end, false, err))
			return false;
		begin = generations->parts[generations->count - 1].begin;
	}
	return true;
}

// -- asking -----------------------------------------------------------------------------------------------

static bool find_locked(const struct generations *generations, uint32_t number, uint64_t durable,
			struct generation *out, struct error *err)
{
	size_t last = generations->count - 1;
	size_t at = last;
	if (number != 0)
		for (at = 0; at <= last && generations->parts[at].number != number;)
			at++;
	if (at > last)
		return error_set(err, ERR_STALE,
				 "generation %" PRIu32
				 " is not of this history, or no longer kept: delete the "
				 "local files, and begin with an empty replica",
				 number);
	*out = (struct generation){.number = generations->parts[at].number,
				   .newest = generations->parts[last].number,
				   .begin = generations->parts[at].begin,
				   .durable = durable,
				   .end = at == last ? durable : generations->parts[at + 1].begin};
	memcpy(out->log_id, generations->log_id, sizeof(out->log_id));
	return true;
}

bool generations_find(struct generations *generations, struct log *log, uint32_t number, uint32_t frames_max,
		      struct generation *out, struct error *err)
{
	char id[LOG_ID_TEXT_BYTES];
	pthread_mutex_lock(&generations->mutex);
	log_copy_id(log, id);
	uint64_t durable = log_durable(log);
	bool ok = load_locked(generations, err);
	if (ok && (generations->count == 0 || strcmp(generations->log_id, id) != 0))
		ok = add_locked(generations, id, durable, true, err);
	else if (ok)
		ok = turn_locked(generations, log, durable, frames_max, err);
	ok = ok && find_locked(generations, number, durable, out, err);
	pthread_mutex_unlock(&generations->mutex);
	return ok;
}
