/// page_source: the pages that bring a client from one revision of a database to another, each once, by ascending number.
///
/// Where the range of the history that lies between is kept, those that changed in it; else all. Images are those of the
/// newer revision, whatever is committed meanwhile.
///
/// Life:    page_source_open (blocks) → page_source_next* → page_source_close, before the history is closed.
/// Threads: one at a time; between two calls no thread is held.
#ifndef ATOLL_SYNC_PAGE_SOURCE_H
#define ATOLL_SYNC_PAGE_SOURCE_H

#include "base/job.h"
#include "fleet/history.h"
#include "sync/updates_message.h"

struct page_source;

/// The request and the job stay as long as the source.
/// Fails: ERR_STALE  the revision whose pages are asked for is no longer kept, or was never one of this history
///        and as fleet_history_position, fleet_snapshot_begin, log_changes_open
MUST_USE bool page_source_open(struct fleet_history *history, const struct updates_request *request,
			       const struct job *job, struct page_source **out, struct error *err);
void page_source_close(struct page_source *source); // NULL is fine

/// The revision that the pages lead to, and its number of pages.
const char *page_source_log_id(const struct page_source *source);
uint64_t page_source_frame_no(const struct page_source *source);
uint32_t page_source_page_count(const struct page_source *source);

/// *out_page NULL behind the last. It stays until the next call.
MUST_USE bool page_source_next(struct page_source *source, uint32_t *out_page_no, const char **out_page,
			       struct error *err);

#endif
