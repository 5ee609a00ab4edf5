#include "base/admission.h"

#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "base/crypt.h"

enum { BUCKET_COUNT = 256 };

// A database that has requests on workers.
struct lane {
	char database[CRYPT_UUID_TEXT_BYTES];
	struct lane *next; // in its bucket
	int running_count;
	int waiting_count;
	struct admission_ticket *first;
	struct admission_ticket **end;
};

struct admission {
	int running_count_max;
	int waiting_count_max;
	pthread_mutex_t mutex;
	struct lane *buckets[BUCKET_COUNT]; // guarded by mutex
};

struct admission *admission_create(int running_count_max, int waiting_count_max)
{
	struct admission *admission = calloc(1, sizeof(*admission));
	ASSERT(admission != NULL);
	admission->running_count_max = running_count_max;
	admission->waiting_count_max = waiting_count_max;
	pthread_mutex_init(&admission->mutex, NULL);
	return admission;
}

void admission_destroy(struct admission *admission)
{
	if (!admission)
		return;
	for (int i = 0; i < BUCKET_COUNT; i++)
		ASSERT(admission->buckets[i] == NULL);
	pthread_mutex_destroy(&admission->mutex);
	free(admission);
}

// The place that points to the lane, or to NULL where it would be appended.
static struct lane **place_locked(struct admission *admission, const char *database)
{
	uint32_t hash = 2166136261u;
	for (const char *c = database; *c; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	struct lane **at = &admission->buckets[hash % BUCKET_COUNT];
	while (*at && strcmp((*at)->database, database) != 0)
		at = &(*at)->next;
	return at;
}

static struct lane *make_lane(const char *database)
{
	struct lane *lane = calloc(1, sizeof(*lane));
	ASSERT(lane != NULL);
	memcpy(lane->database, database, strnlen(database, sizeof(lane->database) - 1));
	lane->end = &lane->first;
	return lane;
}

bool admission_enter(struct admission *admission, const char *database, struct admission_ticket *ticket,
		     bool urgent, struct error *err)
{
	bool starts = false;
	bool refused = false;
	pthread_mutex_lock(&admission->mutex);
	struct lane **place = place_locked(admission, database);
	if (!*place)
		*place = make_lane(database);
	struct lane *lane = *place;
	if (urgent || lane->running_count < admission->running_count_max) {
		lane->running_count++;
		starts = true;
	} else if (lane->waiting_count < admission->waiting_count_max) {
		ticket->next = NULL;
		*lane->end = ticket;
		lane->end = &ticket->next;
		lane->waiting_count++;
	} else {
		refused = true;
	}
	pthread_mutex_unlock(&admission->mutex);
	if (refused)
		return error_set(err, ERR_RATE_LIMITED,
				 "Too many concurrent requests: %d of this database run, %d wait",
				 admission->running_count_max, admission->waiting_count_max);
	if (starts)
		ticket->start(ticket);
	return true;
}

void admission_leave(struct admission *admission, const char *database)
{
	struct admission_ticket *ticket = NULL;
	pthread_mutex_lock(&admission->mutex);
	struct lane **place = place_locked(admission, database);
	struct lane *lane = *place;
	ASSERT(lane != NULL && lane->running_count > 0);
	lane->running_count--;
	// Urgent ones may have passed the limit: then nobody follows.
	if (lane->first && lane->running_count < admission->running_count_max) {
		ticket = lane->first;
		lane->first = ticket->next;
		if (!lane->first)
			lane->end = &lane->first;
		lane->waiting_count--;
		lane->running_count++;
	}
	if (lane->running_count == 0) {
		ASSERT(lane->first == NULL);
		*place = lane->next;
		free(lane);
	}
	pthread_mutex_unlock(&admission->mutex);
	if (ticket)
		ticket->start(ticket);
}
