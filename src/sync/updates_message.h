/// updates_message: the protobuf messages of `POST /pull-updates` (spec/replication.md §6).
#ifndef ATOLL_SYNC_UPDATES_MESSAGE_H
#define ATOLL_SYNC_UPDATES_MESSAGE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "log/log.h"
#include "sync/roaring.h"

/// A committed state. Clients know only its text: "{log id}.{frame_no}".
struct revision {
	bool present;
	char log_id[LOG_ID_TEXT_BYTES]; // "": another server's
	uint64_t frame_no;
};

struct updates_request {
	struct revision server; // whose pages are asked for; absent: the newest
	struct revision client; // what the client has; absent: nothing
	uint64_t long_poll_ms;
	bool selects;
	struct roaring selector; // of pages from 0; borrows the message
};

/// What asks for a form that is not served (compressed pages, a log of rows) gets pages: the reply says so. A selection by
/// a query is one by all pages.
/// Fails: ERR_BAD_REQUEST
MUST_USE bool updates_decode(struct arena *arena, const void *bytes, size_t size, struct updates_request *out,
			     struct error *err);

void updates_write_header(struct buffer *out, const char *log_id, uint64_t frame_no, uint32_t page_count);
/// page_no from 1.
void updates_write_page(struct buffer *out, uint32_t page_no, const char *page);

#endif
