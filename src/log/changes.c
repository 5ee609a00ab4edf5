#include "log/changes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/disk.h"
#include "log/internal.h"

enum { FILES_OPEN_MAX = 16, IMAGES_MIN = 64 };

struct image {
	uint32_t page_no;
	uint32_t file; // its place in `files`
	uint64_t offset;
	uint64_t sum;
};

struct segment_file {
	uint64_t base_frame_no;
	int fd; // -1: not open
};

struct log_changes {
	struct log *log;
	struct image *images; // by page number and then age, newest last; each page once when it is complete
	size_t count;
	size_t capacity;
	struct segment_file *files; // oldest first
	size_t file_count;
	int open_count;
	uint32_t size_before;
	uint32_t size_after;
	uint32_t new_from;  // pages from here on came with the range
	bool has_beginning; // the content before the range can be had
	bool has_base;      // and it has pages
	struct base_files base;
	char page[LOG_PAGE_BYTES];
};

// -- gathering ----------------------------------------------------------------------------------------

static int compare_images(const void *a, const void *b)
{
	const struct image *left = a;
	const struct image *right = b;
	if (left->page_no != right->page_no)
		return left->page_no < right->page_no ? -1 : 1;
	if (left->file != right->file)
		return left->file < right->file ? -1 : 1;
	return left->offset < right->offset ? -1 : left->offset > right->offset;
}

// Leaves the newest image of each page.
static void settle_images(struct log_changes *changes)
{
	size_t kept = 0;
	if (changes->count == 0)
		return;
	qsort(changes->images, changes->count, sizeof(struct image), compare_images);
	for (size_t i = 0; i < changes->count; i++) {
		bool is_newest = i + 1 == changes->count ||
				 changes->images[i + 1].page_no != changes->images[i].page_no;
		if (is_newest)
			changes->images[kept++] = changes->images[i];
	}
	changes->count = kept;
}

// Pages that change again and again take no more room than once: the table grows only when it is half full of
// different ones.
static void make_room(struct log_changes *changes)
{
	if (changes->count < changes->capacity)
		return;
	settle_images(changes);
	if (changes->capacity > 0 && changes->count <= changes->capacity / 2)
		return;
	size_t capacity = changes->capacity ? 2 * changes->capacity : IMAGES_MIN;
	struct image *grown = realloc(changes->images, capacity * sizeof(*grown));
	ASSERT(grown != NULL);
	changes->images = grown;
	changes->capacity = capacity;
}

static uint32_t file_of(struct log_changes *changes, uint64_t base_frame_no)
{
	size_t count = changes->file_count;
	if (count > 0 && changes->files[count - 1].base_frame_no == base_frame_no)
		return (uint32_t)(count - 1);
	struct segment_file *grown = realloc(changes->files, (count + 1) * sizeof(*grown));
	ASSERT(grown != NULL);
	grown[count] = (struct segment_file){.base_frame_no = base_frame_no, .fd = -1};
	changes->files = grown;
	changes->file_count++;
	return (uint32_t)count;
}

static void add_transaction(struct log_changes *changes, const struct log_cursor *cursor,
			    const struct log_txn *txn)
{
	uint64_t base;
	uint64_t end;
	cursor_place(cursor, &base, &end);
	uint32_t file = file_of(changes, base);
	uint64_t offset = end - (uint64_t)txn->frame_count * LOG_PAGE_BYTES;
	for (uint32_t i = 0; i < txn->frame_count; i++) {
		make_room(changes);
		changes->images[changes->count++] = (struct image){
			.page_no = txn->page_nos[i],
			.file = file,
			.offset = offset + (uint64_t)i * LOG_PAGE_BYTES,
			.sum = XXH3_64bits(txn->pages + (size_t)i * LOG_PAGE_BYTES, LOG_PAGE_BYTES),
		};
	}
	changes->size_after = txn->size_after;
}

static bool gather(struct log_changes *changes, struct log_cursor *cursor, uint64_t after, uint64_t to,
		   const struct job *job, struct error *err)
{
	struct log_txn txn = {.frame_no = after};
	while (txn.frame_no < to) {
		bool found;
		if (!job_goes_on(job, err) || !log_cursor_next(cursor, &txn, &found, err))
			return false;
		if (!found)
			break;
		add_transaction(changes, cursor, &txn);
	}
	settle_images(changes);
	return txn.frame_no == to ||
	       error_set(err, ERR_NOT_FOUND, "no transaction of this history ends there");
}

static bool read_range(struct log_changes *changes, uint64_t after, uint64_t to, const struct job *job,
		       struct error *err)
{
	struct log_cursor *cursor;
	if (!log_cursor_open(changes->log, after, &cursor, err))
		return false;
	if (changes->size_before == 0)
		changes->size_before = cursor_size_before(cursor);
	changes->size_after = changes->size_before;
	// An empty beginning is known only as a base.
	bool is_known = changes->size_before > 0 || changes->has_beginning;
	changes->new_from = is_known ? changes->size_before + 1 : UINT32_MAX;
	bool ok = gather(changes, cursor, after, to, job, err);
	log_cursor_close(cursor);
	return ok;
}

// -- life ---------------------------------------------------------------------------------------------

static struct log_changes *make(struct log *log)
{
	struct log_changes *changes = calloc(1, sizeof(*changes));
	ASSERT(changes != NULL);
	changes->log = log;
	return changes;
}

static bool take_base(struct log_changes *changes, const struct base_position *base, struct error *err)
{
	changes->size_before = base->page_count;
	changes->has_beginning = true;
	if (base->page_count == 0)
		return true;
	changes->has_base = base_open_to_read(changes->log->folder, base->page_count, &changes->base, err);
	return changes->has_base;
}

static bool open_reader(struct log *log, const uint64_t *after, uint64_t to, const struct job *job,
			struct log_changes **out, struct error *err)
{
	struct base_position base;
	bool whole;
	if (!past_begin_reading(log, &base, &whole, err))
		return false;
	struct log_changes *changes = make(log);
	bool ok = after || !whole || take_base(changes, &base, err);
	if (ok && !after && base.frame_no > to)
		ok = error_set(err, ERR_NOT_FOUND, "this part of the history is no longer kept");
	if (!ok || !read_range(changes, after ? *after : base.frame_no, to, job, err)) {
		log_changes_close(changes);
		return false;
	}
	*out = changes;
	return true;
}

bool log_changes_open(struct log *log, uint64_t after, uint64_t to, const struct job *job,
		      struct log_changes **out, struct error *err)
{
	return open_reader(log, &after, to, job, out, err);
}

bool log_content_open(struct log *log, uint64_t at, const struct job *job, struct log_changes **out,
		      struct error *err)
{
	return open_reader(log, NULL, at, job, out, err);
}

static void close_files(struct log_changes *changes)
{
	for (size_t i = 0; i < changes->file_count; i++)
		fd_cleanup(&changes->files[i].fd);
	changes->open_count = 0;
}

void log_changes_close(struct log_changes *changes)
{
	if (!changes)
		return;
	close_files(changes);
	if (changes->has_base)
		base_close(&changes->base);
	past_end_reading(changes->log);
	free(changes->files);
	free(changes->images);
	free(changes);
}

// -- asking -------------------------------------------------------------------------------------------

uint32_t log_changes_size_after(const struct log_changes *changes)
{
	return changes->size_after;
}

uint32_t log_changes_size_before(const struct log_changes *changes)
{
	return changes->size_before;
}

// The first image of a page that has no lower number.
static size_t find(const struct log_changes *changes, uint32_t page_no)
{
	size_t low = 0;
	size_t high = changes->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (changes->images[middle].page_no >= page_no)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

bool log_changes_next(const struct log_changes *changes, uint32_t from, uint32_t *out_page_no)
{
	size_t at = find(changes, from);
	uint32_t next = at < changes->count ? changes->images[at].page_no : UINT32_MAX;
	uint32_t fresh = from > changes->new_from ? from : changes->new_from;
	if (fresh <= changes->size_after && fresh < next)
		next = fresh;
	*out_page_no = next;
	return next != UINT32_MAX;
}

bool log_changes_has(const struct log_changes *changes, uint32_t page_no)
{
	uint32_t found;
	return log_changes_next(changes, page_no, &found) && found == page_no;
}

bool log_changes_gives(const struct log_changes *changes, uint32_t page_no)
{
	return log_changes_has(changes, page_no) ||
	       (changes->has_base && page_no >= 1 && page_no <= changes->base.page_count);
}

static bool open_file(struct log_changes *changes, struct segment_file *file, struct error *err)
{
	if (file->fd >= 0)
		return true;
	if (changes->open_count == FILES_OPEN_MAX)
		close_files(changes);
	OWNED(text) char *path = segment_path(changes->log->folder, file->base_frame_no);
	if (!disk_open(path, O_RDONLY, &file->fd, err))
		return false;
	changes->open_count++;
	return true;
}

static bool read_image(struct log_changes *changes, const struct image *image, struct error *err)
{
	struct segment_file *file = &changes->files[image->file];
	if (!open_file(changes, file, err) ||
	    !disk_read_at(file->fd, changes->page, LOG_PAGE_BYTES, image->offset, err))
		return false;
	if (XXH3_64bits(changes->page, LOG_PAGE_BYTES) == image->sum)
		return true;
	log_note_damage(changes->log, file->base_frame_no, image->offset, "a page does not fit its checksum");
	return error_set(err, ERR_CORRUPT, "a log segment is damaged");
}

static bool read_base(struct log_changes *changes, uint32_t page_no, struct error *err)
{
	if (base_read_page(&changes->base, page_no, changes->page, err))
		return true;
	if (err->code == ERR_CORRUPT)
		log_note_base_damage(changes->log);
	return false;
}

bool log_changes_page(struct log_changes *changes, uint32_t page_no, const char **out, struct error *err)
{
	bool ok = true;
	size_t at = find(changes, page_no);
	if (at < changes->count && changes->images[at].page_no == page_no)
		ok = read_image(changes, &changes->images[at], err);
	else if (changes->has_base && page_no >= 1 && page_no <= changes->base.page_count)
		ok = read_base(changes, page_no, err);
	else if (page_no >= changes->new_from && page_no <= changes->size_after)
		memset(changes->page, 0,
		       LOG_PAGE_BYTES); // freed by the transaction that made it, never written
	else
		ok = error_set(err, ERR_NOT_FOUND, "this part of the history is no longer kept");
	*out = changes->page;
	return ok;
}
