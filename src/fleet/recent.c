#include "fleet/recent.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "log/log.h"

enum {
	PAGES_MAX = 1024,          // of a database
	ALL_PAGES_MAX = 16 * 1024, // 64 MiB
	FRAMES_BEHIND_MAX = 4096,  // further back nothing is read into memory
	BUCKET_COUNT = 1024,
};

struct kept_page {
	struct link order;
	struct kept_page *next; // in its bucket
	uint64_t frame_no;
	uint32_t page_no;
	char image[LOG_PAGE_BYTES];
};

struct recent {
	struct recent_budget *budget;
	pthread_mutex_t mutex;
	// guarded by mutex
	struct log_cursor *cursor; // NULL: nothing is kept
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t floor;    // changes up to here are not all kept
	uint64_t frame_no; // changes up to here are known
	uint32_t size_after;
	struct link order; // by frame_no
	struct kept_page *buckets[BUCKET_COUNT];
	int count;
};

struct recent *recent_create(struct recent_budget *budget)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	ASSERT(recent != NULL);
	recent->budget = budget;
	pthread_mutex_init(&recent->mutex, NULL);
	list_init(&recent->order);
	return recent;
}

static struct kept_page *page_of_link(struct link *link)
{
	return (struct kept_page *)(void *)((char *)link - offsetof(struct kept_page, order));
}

static struct kept_page **place_locked(struct recent *recent, uint32_t page_no)
{
	struct kept_page **at = &recent->buckets[page_no % BUCKET_COUNT];
	while (*at && (*at)->page_no != page_no)
		at = &(*at)->next;
	return at;
}

static void drop_page_locked(struct recent *recent, struct kept_page *page)
{
	*place_locked(recent, page->page_no) = page->next;
	list_remove(&page->order);
	recent->floor = page->frame_no > recent->floor ? page->frame_no : recent->floor;
	recent->count--;
	atomic_fetch_sub(&recent->budget->pages, 1);
	free(page);
}

static void drop_all_locked(struct recent *recent)
{
	while (!list_is_empty(&recent->order))
		drop_page_locked(recent, page_of_link(recent->order.next));
	log_cursor_close(TAKE(recent->cursor));
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	drop_all_locked(recent);
	pthread_mutex_destroy(&recent->mutex);
	free(recent);
}

// -- filling ----------------------------------------------------------------------------------------------

// The page that changed the longest ago gives way, here and not elsewhere.
static void make_room_locked(struct recent *recent)
{
	bool full = recent->count >= PAGES_MAX || atomic_load(&recent->budget->pages) >= ALL_PAGES_MAX;
	if (full && recent->count > 0)
		drop_page_locked(recent, page_of_link(recent->order.next));
}

static void keep_locked(struct recent *recent, uint64_t frame_no, uint32_t page_no, const char *image)
{
	struct kept_page **place = place_locked(recent, page_no);
	struct kept_page *page = *place;
	if (page) {
		list_remove(&page->order);
	} else {
		make_room_locked(recent);
		page = malloc(sizeof(*page));
		ASSERT(page != NULL);
		page->page_no = page_no;
		page->next = recent->buckets[page_no % BUCKET_COUNT];
		recent->buckets[page_no % BUCKET_COUNT] = page;
		recent->count++;
		atomic_fetch_add(&recent->budget->pages, 1);
	}
	page->frame_no = frame_no;
	memcpy(page->image, image, LOG_PAGE_BYTES);
	list_append(&recent->order, &page->order);
}

static void keep_transaction_locked(struct recent *recent, const struct log_txn *txn)
{
	uint64_t first = txn->frame_no - txn->frame_count + 1;
	for (uint32_t i = 0; i < txn->frame_count; i++)
		keep_locked(recent, first + i, txn->page_nos[i], txn->pages + (size_t)i * LOG_PAGE_BYTES);
	recent->frame_no = txn->frame_no;
	recent->size_after = txn->size_after;
}

static bool begin_locked(struct recent *recent, struct log *log, uint64_t next)
{
	struct error ignored;
	drop_all_locked(recent);
	log_copy_id(log, recent->log_id);
	if (log_durable(log) - (next - 1) > FRAMES_BEHIND_MAX ||
	    !log_cursor_open(log, next - 1, &recent->cursor, &ignored))
		return false;
	recent->floor = next - 1;
	recent->frame_no = next - 1;
	return true;
}

static bool read_on_locked(struct recent *recent, uint64_t durable)
{
	struct error ignored;
	bool found = true;
	while (found && recent->frame_no < durable) {
		struct log_txn txn;
		// What is wrong with the log is found, and told, by whoever reads it for his own sake.
		if (!log_cursor_next(recent->cursor, &txn, &found, &ignored)) {
			drop_all_locked(recent);
			return false;
		}
		if (found)
			keep_transaction_locked(recent, &txn);
	}
	return true;
}

static bool is_of_log_locked(const struct recent *recent, struct log *log)
{
	char id[LOG_ID_TEXT_BYTES];
	log_copy_id(log, id);
	return strcmp(recent->log_id, id) == 0;
}

static bool bring_up_locked(struct recent *recent, struct log *log, uint64_t next, bool may_read)
{
	uint64_t durable = log_durable(log);
	bool known = recent->cursor && is_of_log_locked(recent, log) &&
		     durable - recent->frame_no <= FRAMES_BEHIND_MAX;
	if (known && recent->frame_no >= durable)
		return true;
	return may_read && (known || begin_locked(recent, log, next)) && read_on_locked(recent, durable);
}

// -- giving -----------------------------------------------------------------------------------------------

static void visit_locked(struct recent *recent, uint64_t next, recent_visit *visit, void *context)
{
	struct link *at = recent->order.previous;
	while (at != &recent->order && page_of_link(at)->frame_no >= next)
		at = at->previous;
	for (at = at->next; at != &recent->order; at = at->next) {
		const struct kept_page *kept = page_of_link(at);
		bool last = at->next == &recent->order;
		struct recent_page page = {.frame_no = kept->frame_no,
					   .page_no = kept->page_no,
					   .size_after = last ? recent->size_after : 0,
					   .page = kept->image};
		if (last || kept->page_no <= recent->size_after)
			visit(context, &page);
	}
}

bool recent_changes(struct recent *recent, struct log *log, uint64_t next, bool may_read, recent_visit *visit,
		    void *context)
{
	if (may_read)
		pthread_mutex_lock(&recent->mutex);
	else if (pthread_mutex_trylock(&recent->mutex) != 0)
		return false;
	bool ok = bring_up_locked(recent, log, next, may_read) && next > recent->floor &&
		  next <= recent->frame_no;
	if (ok)
		visit_locked(recent, next, visit, context);
	pthread_mutex_unlock(&recent->mutex);
	return ok;
}
