/// recent: the pages of a primary that changed a moment ago, in memory, each once with its newest image. Many replicas in
/// clients' processes ask for nearly the same: the log is read once for all of them, and who was away for two hundred
/// transactions gets the few pages that they changed.
///
/// Others reach it by fleet/history.h. The pages are bounded, of a database and of all; who needs more reads the log.
/// Threads: any.
#ifndef ATOLL_FLEET_RECENT_H
#define ATOLL_FLEET_RECENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct log;
struct recent;

/// Pages in memory, of all databases.
struct recent_budget {
	_Atomic(int) pages;
};

struct recent_page {
	uint64_t frame_no; // when it changed last
	uint32_t page_no;
	uint32_t size_after; // of the last of them: pages of the database; else 0
	const char *page;
};
typedef void recent_visit(void *context, const struct recent_page *page);

struct recent *recent_create(struct recent_budget *budget);
void recent_free(struct recent *recent);

/// Calls `visit` for every page that was changed by frame `next` or later, in the order of these changes; the last one's frame_no
/// is a durable position, at which the pages are the database's. False, and nothing was called: they are not all here, or
/// (unless may_read) the log would have to be read for it, which blocks.
bool recent_changes(struct recent *recent, struct log *log, uint64_t next, bool may_read, recent_visit *visit,
		    void *context);

#endif
