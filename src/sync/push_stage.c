#include "sync/push_stage.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct push_stages {
	size_t bytes_max;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct push_stage *first; // the newest
	size_t count;
	size_t bytes;
};

struct push_stages *push_stages_create(size_t bytes_max)
{
	struct push_stages *stages = calloc(1, sizeof(*stages));
	ASSERT(stages != NULL);
	stages->bytes_max = bytes_max;
	pthread_mutex_init(&stages->mutex, NULL);
	return stages;
}

void push_stage_drop(struct push_stage *stage)
{
	if (!stage)
		return;
	buffer_cleanup(&stage->page_nos);
	buffer_cleanup(&stage->pages);
	free(stage);
}

void push_stages_free(struct push_stages *stages)
{
	if (!stages)
		return;
	while (stages->first) {
		struct push_stage *stage = stages->first;
		stages->first = stage->next;
		push_stage_drop(stage);
	}
	pthread_mutex_destroy(&stages->mutex);
	free(stages);
}

struct push_stage *push_stage_new(const struct access_grant *grant, uint32_t generation, uint32_t first)
{
	struct push_stage *stage = calloc(1, sizeof(*stage));
	uint8_t random[(PUSH_BATON_BYTES - 1) / 2];
	ASSERT(stage != NULL);
	crypt_random(random, sizeof(random));
	crypt_hex_encode(random, sizeof(random), stage->baton);
	memcpy(stage->database, grant->database, sizeof(stage->database));
	stage->credential_id = grant->credential_id;
	stage->generation = generation;
	stage->first = first;
	return stage;
}

static void unlink_locked(struct push_stages *stages, struct push_stage **at)
{
	struct push_stage *stage = *at;
	*at = stage->next;
	stages->count--;
	stages->bytes -= stage->pages.size;
	stage->next = NULL;
}

struct push_stage *push_stage_take(struct push_stages *stages, const struct access_grant *grant,
				   const char *baton)
{
	struct push_stage *found = NULL;
	pthread_mutex_lock(&stages->mutex);
	for (struct push_stage **at = &stages->first; *at && !found; at = *at ? &(*at)->next : at) {
		struct push_stage *stage = *at;
		if (strcmp(stage->baton, baton) == 0 && stage->credential_id == grant->credential_id &&
		    strcmp(stage->database, grant->database) == 0) {
			found = stage;
			unlink_locked(stages, at);
			break;
		}
	}
	pthread_mutex_unlock(&stages->mutex);
	return found;
}

bool push_stage_add(struct push_stages *stages, struct push_stage *stage, uint32_t page_no, const char *page,
		    struct error *err)
{
	enum { PAGE_BYTES = 4096 };
	if (stage->pages.size + PAGE_BYTES > stages->bytes_max)
		return error_set(err, ERR_BODY_TOO_LARGE,
				 "a transaction has more than %zu bytes (limit offline-push-max)",
				 stages->bytes_max);
	buffer_append(&stage->page_nos, &page_no, sizeof(page_no));
	buffer_append(&stage->pages, page, PAGE_BYTES);
	stage->count++;
	return true;
}

void push_stage_clear(struct push_stage *stage)
{
	stage->first += stage->count;
	stage->count = 0;
	buffer_truncate(&stage->page_nos, 0);
	buffer_truncate(&stage->pages, 0);
}

// One database does not push out what others have waiting.
static bool has_its_share_locked(const struct push_stages *stages, const struct push_stage *added)
{
	size_t count = 0;
	size_t bytes = added->pages.size;
	for (const struct push_stage *stage = stages->first; stage; stage = stage->next) {
		if (strcmp(stage->database, added->database) != 0)
			continue;
		count++;
		bytes += stage->pages.size;
	}
	return count > 0 && (count >= PUSH_STAGES_DATABASE_MAX || bytes > stages->bytes_max);
}

// The oldest; of this database, or NULL: of any.
static struct push_stage *evict_locked(struct push_stages *stages, const char *database)
{
	struct push_stage **oldest_at = NULL;
	for (struct push_stage **at = &stages->first; *at; at = &(*at)->next)
		if (!database || strcmp((*at)->database, database) == 0)
			oldest_at = at;
	ASSERT(oldest_at != NULL);
	struct push_stage *oldest = *oldest_at;
	unlink_locked(stages, oldest_at);
	return oldest;
}

static bool is_full_locked(const struct push_stages *stages, const struct push_stage *added)
{
	return stages->first && (stages->count >= PUSH_STAGES_MAX ||
				 stages->bytes + added->pages.size > PUSH_STAGES_FACTOR * stages->bytes_max);
}

void push_stage_keep(struct push_stages *stages, struct push_stage *stage)
{
	struct push_stage *evicted = NULL;
	pthread_mutex_lock(&stages->mutex);
	for (;;) {
		bool own = has_its_share_locked(stages, stage);
		if (!own && !is_full_locked(stages, stage))
			break;
		struct push_stage *oldest = evict_locked(stages, own ? stage->database : NULL);
		oldest->next = evicted;
		evicted = oldest;
	}
	stage->next = stages->first;
	stages->first = stage;
	stages->count++;
	stages->bytes += stage->pages.size;
	pthread_mutex_unlock(&stages->mutex);
	while (evicted) {
		struct push_stage *next = evicted->next;
		push_stage_drop(evicted);
		evicted = next;
	}
}
