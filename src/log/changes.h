/// changes: the pages of a database by their numbers, as the kept history has them: what a range of transactions changed,
/// or the whole content at one position. For readers that want each page once, whatever happened to it meanwhile.
///
/// Opening reads the range once and checks it; an image is read when it is asked for, and checked again. Nothing of the
/// history is folded or dropped until the reader is closed. Memory: 24 bytes for each page that the range changed.
///
/// Threads: any; one at a time.
#ifndef ATOLL_LOG_CHANGES_H
#define ATOLL_LOG_CHANGES_H

#include "log/log.h"

struct log_changes;

/// The pages that the transactions after `after`, up to `to`, have changed, with their images as of `to`. Both are durable
/// positions.
/// Fails: ERR_NOT_FOUND  no longer kept, or no boundary of this history
///        ERR_CORRUPT, ERR_IO, ERR_SHUTDOWN
MUST_USE bool log_changes_open(struct log *log, uint64_t after, uint64_t to, const struct job *job,
			       struct log_changes **out, struct error *err);
/// The content at `at`: the pages that changed since the oldest kept position, and behind them what the kept history
/// begins with. Fails as log_changes_open.
MUST_USE bool log_content_open(struct log *log, uint64_t at, const struct job *job, struct log_changes **out,
			       struct error *err);
void log_changes_close(struct log_changes *changes); // NULL is fine

/// Pages of the database at the end of the range, and where it begins. 0: not known.
uint32_t log_changes_size_after(const struct log_changes *changes);
uint32_t log_changes_size_before(const struct log_changes *changes);
/// The least page that changed, or came with the range, and has no lower number than `from`; also if it lies behind
/// size_after. False: there is none.
bool log_changes_next(const struct log_changes *changes, uint32_t from, uint32_t *out_page_no);
bool log_changes_has(const struct log_changes *changes, uint32_t page_no);
/// Whether log_changes_page gives an image of the page.
bool log_changes_gives(const struct log_changes *changes, uint32_t page_no);
/// The image of a page; of log_content_open also of those that did not change. It stays until the next call.
/// Fails: ERR_NOT_FOUND  the kept history does not have it
///        ERR_CORRUPT, ERR_IO
MUST_USE bool log_changes_page(struct log_changes *changes, uint32_t page_no, const char **out,
			       struct error *err);

#endif
