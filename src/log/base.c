// Files in the log's folder:
//
//   base.db   pages of LOG_PAGE_BYTES, as a SQLite file without a write-ahead log has them
//   base.sum  for each page a u64, little-endian: XXH3-64 of the page, seeded with its number. 0: the page was never
//             written and is all zeros (SQLite does not write pages that it frees in the transaction that
//             makes them)
//   base      text, one line, replaced atomically; without it there is no base:
//             atoll-base 1 LOG_ID FRAME_NO PAGE_COUNT SINCE_MS FOLDING CHECKSUM
//
// Folding writes whole pages in place, so it may be done again from the start: FOLDING is durable before the first
// page is written and 0 again after the last one is durable.

#include "log/base.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/disk.h"

enum { SUM_BYTES = 8, PIECE_PAGES = 64, POSITION_BYTES_MAX = 512 };

static char *path_in(const char *folder, const char *name)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/%s", folder, name);
	return buffer_take(&path, NULL);
}

// -- position -----------------------------------------------------------------------------------------

static void write_line(const struct base_position *position, struct buffer *out)
{
	buffer_printf(out, "atoll-base 1 %s %" PRIu64 " %" PRIu32 " %" PRId64 " %" PRIu64, position->log_id,
		      position->frame_no, position->page_count, position->since_ms, position->folding);
	uint64_t sum = XXH3_64bits(out->data, out->size);
	buffer_printf(out, " %016" PRIx64 "\n", sum);
}

void base_load(const char *folder, struct base *out)
{
	OWNED(text) char *path = path_in(folder, "base");
	OWNED(buffer) struct buffer text = {0};
	OWNED(buffer) struct buffer again = {0};
	struct error ignored;
	struct base_position *position = &out->position;
	*out = (struct base){0};
	if (!disk_read_file(path, POSITION_BYTES_MAX, &text, &ignored))
		return;
	int fields =
		sscanf(buffer_text(&text), "atoll-base 1 %36s %" SCNu64 " %" SCNu32 " %" SCNd64 " %" SCNu64,
		       position->log_id, &position->frame_no, &position->page_count, &position->since_ms,
		       &position->folding);
	write_line(position, &again);
	out->exists = fields == 5 && strcmp(buffer_text(&text), buffer_text(&again)) == 0;
}

bool base_write_position(const char *folder, const struct base_position *position, struct error *err)
{
	OWNED(text) char *path = path_in(folder, "base");
	OWNED(buffer) struct buffer line = {0};
	write_line(position, &line);
	return disk_write_file(path, line.data, line.size, err);
}

void base_remove(const char *folder)
{
	// The position first: without it nothing else is looked at.
	static const char *const names[] = {"base", "base.db", "base.sum", "base.new.sum"};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
		OWNED(text) char *path = path_in(folder, names[i]);
		unlink(path);
	}
}

// -- sums ---------------------------------------------------------------------------------------------

static void put_sum(unsigned char *at, uint64_t sum)
{
	for (int i = 0; i < SUM_BYTES; i++)
		at[i] = (unsigned char)(sum >> (8 * i));
}

static uint64_t get_sum(const unsigned char *at)
{
	uint64_t sum = 0;
	for (int i = SUM_BYTES - 1; i >= 0; i--)
		sum = sum << 8 | at[i];
	return sum;
}

static uint64_t sum_of(const char *page, uint32_t page_no)
{
	uint64_t sum = XXH3_64bits_withSeed(page, LOG_PAGE_BYTES, page_no);
	return sum ? sum : 1; // 0 has a meaning of its own
}

static bool is_zero(const char *page)
{
	return page[0] == 0 && memcmp(page, page + 1, LOG_PAGE_BYTES - 1) == 0;
}

// Calls `each` for every piece of up to PIECE_PAGES pages; page_no is that of the first.
static bool for_each_piece(int pages_fd, uint32_t page_count, const struct job *job,
			   bool (*each)(void *context, const char *pages, uint32_t page_no, uint32_t count,
					struct error *err),
			   void *context, struct error *err)
{
	OWNED(text) char *piece = malloc((size_t)PIECE_PAGES * LOG_PAGE_BYTES);
	ASSERT(piece != NULL);
	for (uint32_t at = 0; at < page_count;) {
		uint32_t count = page_count - at < PIECE_PAGES ? page_count - at : PIECE_PAGES;
		if (!job_goes_on(job, err) ||
		    !disk_read_at(pages_fd, piece, (size_t)count * LOG_PAGE_BYTES,
				  (uint64_t)at * LOG_PAGE_BYTES, err) ||
		    !each(context, piece, at + 1, count, err))
			return false;
		at += count;
	}
	return true;
}

static bool write_sums(void *context, const char *pages, uint32_t page_no, uint32_t count, struct error *err)
{
	const int *sums_fd = context;
	unsigned char sums[PIECE_PAGES * SUM_BYTES];
	for (uint32_t i = 0; i < count; i++)
		put_sum(sums + (size_t)i * SUM_BYTES,
			sum_of(pages + (size_t)i * LOG_PAGE_BYTES, page_no + i));
	return disk_write_at(*sums_fd, sums, (size_t)count * SUM_BYTES, (uint64_t)(page_no - 1) * SUM_BYTES,
			     err);
}

static bool compare_sums(void *context, const char *pages, uint32_t page_no, uint32_t count,
			 struct error *err)
{
	const int *sums_fd = context;
	unsigned char sums[PIECE_PAGES * SUM_BYTES];
	if (!disk_read_at(*sums_fd, sums, (size_t)count * SUM_BYTES, (uint64_t)(page_no - 1) * SUM_BYTES,
			  err))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		const char *page = pages + (size_t)i * LOG_PAGE_BYTES;
		uint64_t sum = get_sum(sums + (size_t)i * SUM_BYTES);
		bool whole = sum == 0 ? is_zero(page) : sum == sum_of(page, page_no + i);
		if (!whole)
			return error_set(err, ERR_CORRUPT,
					 "the content that the history begins with is damaged");
	}
	return true;
}

// -- the whole ----------------------------------------------------------------------------------------

static bool move(const char *from, const char *to, struct error *err)
{
	return rename(from, to) == 0 || error_errno(err, errno, to, "cannot rename a file");
}

static bool make_sums(const char *pages_path, const char *sums_path, uint32_t page_count,
		      const struct job *job, struct error *err)
{
	OWNED(fd) int pages = -1;
	OWNED(fd) int sums = -1;
	return disk_open(pages_path, O_RDWR, &pages, err) &&
	       disk_open(sums_path, O_RDWR | O_CREAT | O_TRUNC, &sums, err) &&
	       for_each_piece(pages, page_count, job, write_sums, &sums, err) && disk_sync(pages, err) &&
	       disk_sync(sums, err);
}

bool base_install(const char *folder, const char *path, const struct base_position *position,
		  const struct job *job, struct error *err)
{
	OWNED(text) char *sums_new = path_in(folder, "base.new.sum");
	OWNED(text) char *sums_path = path_in(folder, "base.sum");
	OWNED(text) char *pages_path = path_in(folder, "base.db");
	OWNED(text) char *position_path = path_in(folder, "base");
	if (!make_sums(path, sums_new, position->page_count, job, err))
		return false;
	// Between here and the new position there is no base.
	unlink(position_path);
	return disk_sync_folder(folder, err) && move(path, pages_path, err) &&
	       move(sums_new, sums_path, err) && base_write_position(folder, position, err);
}

bool base_copy(const char *folder, uint32_t page_count, int to, const struct job *job, struct error *err)
{
	OWNED(text) char *pages_path = path_in(folder, "base.db");
	OWNED(text) char *sums_path = path_in(folder, "base.sum");
	OWNED(fd) int pages = -1;
	OWNED(fd) int sums = -1;
	// What is verified is the copy, not what it was made of.
	return disk_open(pages_path, O_RDONLY, &pages, err) && disk_open(sums_path, O_RDONLY, &sums, err) &&
	       disk_copy(pages, to, err) && for_each_piece(to, page_count, job, compare_sums, &sums, err);
}

bool base_open_to_read(const char *folder, uint32_t page_count, struct base_files *out, struct error *err)
{
	OWNED(text) char *pages_path = path_in(folder, "base.db");
	OWNED(text) char *sums_path = path_in(folder, "base.sum");
	OWNED(fd) int pages = -1;
	OWNED(fd) int sums = -1;
	if (!disk_open(pages_path, O_RDONLY, &pages, err) || !disk_open(sums_path, O_RDONLY, &sums, err))
		return false;
	*out = (struct base_files){.pages = pages, .sums = sums, .page_count = page_count};
	pages = sums = -1;
	return true;
}

bool base_read_page(const struct base_files *files, uint32_t page_no, char out[LOG_PAGE_BYTES],
		    struct error *err)
{
	ASSERT(page_no >= 1 && page_no <= files->page_count);
	return disk_read_at(files->pages, out, LOG_PAGE_BYTES, (uint64_t)(page_no - 1) * LOG_PAGE_BYTES,
			    err) &&
	       compare_sums((void *)(uintptr_t)&files->sums, out, page_no, 1, err);
}

// -- folding ------------------------------------------------------------------------------------------

static bool cut(int fd, uint64_t size, struct error *err)
{
	return ftruncate(fd, (off_t)size) == 0 || error_errno(err, errno, "ftruncate", "cannot cut a file");
}

bool base_open(const char *folder, const struct base_position *position, struct base_files *out,
	       struct error *err)
{
	OWNED(text) char *pages_path = path_in(folder, "base.db");
	OWNED(text) char *sums_path = path_in(folder, "base.sum");
	OWNED(fd) int pages = -1;
	OWNED(fd) int sums = -1;
	int flags = O_RDWR | (position->page_count == 0 ? O_CREAT : 0);
	// What an interrupted folding left behind the end goes.
	if (!disk_open(pages_path, flags, &pages, err) || !disk_open(sums_path, flags, &sums, err) ||
	    !cut(pages, (uint64_t)position->page_count * LOG_PAGE_BYTES, err) ||
	    !cut(sums, (uint64_t)position->page_count * SUM_BYTES, err))
		return false;
	*out = (struct base_files){.pages = pages, .sums = sums, .page_count = position->page_count};
	pages = sums = -1;
	return true;
}

// Pages that follow one another in the file go out in one call.
static uint32_t run_length(const struct log_txn *txn, uint32_t at)
{
	uint32_t count = 1;
	while (at + count < txn->frame_count && txn->page_nos[at + count] == txn->page_nos[at] + count)
		count++;
	return count;
}

bool pages_apply(int fd, const struct log_txn *txn, uint32_t *page_count, struct error *err)
{
	for (uint32_t at = 0; at < txn->frame_count;) {
		uint32_t count = run_length(txn, at);
		if (!disk_write_at(fd, txn->pages + (size_t)at * LOG_PAGE_BYTES,
				   (size_t)count * LOG_PAGE_BYTES,
				   (uint64_t)(txn->page_nos[at] - 1) * LOG_PAGE_BYTES, err))
			return false;
		at += count;
	}
	if (txn->size_after != *page_count && !cut(fd, (uint64_t)txn->size_after * LOG_PAGE_BYTES, err))
		return false;
	*page_count = txn->size_after;
	return true;
}

bool base_apply(struct base_files *files, const struct log_txn *txn, struct error *err)
{
	uint32_t page_count = files->page_count;
	for (uint32_t i = 0; i < txn->frame_count; i++) {
		unsigned char sum[SUM_BYTES];
		uint32_t page_no = txn->page_nos[i];
		put_sum(sum, sum_of(txn->pages + (size_t)i * LOG_PAGE_BYTES, page_no));
		if (!disk_write_at(files->sums, sum, sizeof(sum), (uint64_t)(page_no - 1) * SUM_BYTES, err))
			return false;
	}
	if (txn->size_after != page_count && !cut(files->sums, (uint64_t)txn->size_after * SUM_BYTES, err))
		return false;
	return pages_apply(files->pages, txn, &files->page_count, err);
}

bool base_sync(struct base_files *files, struct error *err)
{
	return disk_sync(files->pages, err) && disk_sync(files->sums, err);
}

void base_close(struct base_files *files)
{
	fd_cleanup(&files->pages);
	fd_cleanup(&files->sums);
}
