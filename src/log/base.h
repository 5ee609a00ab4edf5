/// base: the pages of a database at one frame of its history: what the kept history goes on from. See base.c for its
/// files. Not for other modules.
#ifndef ATOLL_LOG_BASE_H
#define ATOLL_LOG_BASE_H

#include "base/job.h"
#include "log/log.h"

struct base_position {
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no;
	uint32_t page_count;
	int64_t since_ms; // the content is that of this moment, and on to the next transaction
	uint64_t
		folding; // transactions up to here are being folded in: until that is done, the pages are a mixture. 0 = none
};

struct base {
	bool exists;
	struct base_position position;
};

/// What the folder holds; a base that is not whole does not exist.
void base_load(const char *folder, struct base *out);
void base_remove(const char *folder);
/// Durable when it returns.
MUST_USE bool base_write_position(const char *folder, const struct base_position *position,
				  struct error *err);

/// Takes the file at `path` (in the same file system) for its pages, and the position.
MUST_USE bool base_install(const char *folder, const char *path, const struct base_position *position,
			   const struct job *job, struct error *err);

/// Writes a verified copy of the pages into an empty file. Fails: ERR_CORRUPT, ERR_SHUTDOWN, …
MUST_USE bool base_copy(const char *folder, uint32_t page_count, int to, const struct job *job,
			struct error *err);

/// Its files, opened for folding at what `position` says.
struct base_files {
	int pages;
	int sums;
	uint32_t page_count;
};
MUST_USE bool base_open(const char *folder, const struct base_position *position, struct base_files *out,
			struct error *err);
/// To be read only: page_count of them.
MUST_USE bool base_open_to_read(const char *folder, uint32_t page_count, struct base_files *out,
				struct error *err);
/// Fails: ERR_CORRUPT, …
MUST_USE bool base_read_page(const struct base_files *files, uint32_t page_no, char out[LOG_PAGE_BYTES],
			     struct error *err);
MUST_USE bool base_apply(struct base_files *files, const struct log_txn *txn, struct error *err);
MUST_USE bool base_sync(struct base_files *files, struct error *err);
void base_close(struct base_files *files);

/// The same for a plain file: writes a transaction's pages; *page_count moves to its size.
MUST_USE bool pages_apply(int fd, const struct log_txn *txn, uint32_t *page_count, struct error *err);

#endif
