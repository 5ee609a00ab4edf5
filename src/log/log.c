// The local backend: a folder of segment files named by the frame_no they begin after.
//
// Invariants: applied ≤ durable ≤ appended. Records are appended at `end` of the newest segment and become
// readable when durable. A failed append leaves bytes behind `end`; the next one overwrites them, and
// recovery never takes them for a record since the checksum chain does not reach them.

#include "log/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/crypt.h"
#include "base/disk.h"
#include "base/trace.h"
#include "log/internal.h"

char *segment_path(const char *folder, uint64_t base_frame_no)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/%020llu.log", folder, (unsigned long long)base_frame_no);
	return buffer_take(&path, NULL);
}

static int compare_segments(const void *a, const void *b)
{
	const struct segment *left = a;
	const struct segment *right = b;
	return left->base_frame_no < right->base_frame_no ? -1 : left->base_frame_no > right->base_frame_no;
}

static void add_segment(struct log *log, struct segment segment)
{
	struct segment *grown = realloc(log->segments, (log->segment_count + 1) * sizeof(segment));
	ASSERT(grown != NULL);
	log->segments = grown;
	log->segments[log->segment_count++] = segment;
}

static bool list_segments(struct log *log, struct error *err)
{
	DIR *folder = opendir(log->folder);
	if (!folder)
		return error_set(err, ERR_IO, "cannot list the log's folder");
	struct dirent *entry;
	while ((entry = readdir(folder))) {
		char *end = NULL;
		unsigned long long base = strtoull(entry->d_name, &end, 10);
		if (end == entry->d_name + 20 && strcmp(end, ".log") == 0)
			add_segment(log, (struct segment){.base_frame_no = base});
	}
	closedir(folder);
	if (log->segment_count > 1)
		qsort(log->segments, log->segment_count, sizeof(struct segment), compare_segments);
	return true;
}

bool segment_read_header(int fd, struct segment_header *out, uint64_t *out_chain, struct error *err)
{
	char bytes[SEGMENT_HEADER_BYTES];
	if (!disk_read_at(fd, bytes, sizeof(bytes), 0, err) || !segment_decode_header(bytes, out, err))
		return false;
	*out_chain = segment_chain_start(bytes);
	return true;
}

bool segment_read_record(int fd, uint64_t offset, uint64_t file_size, uint64_t chain, struct buffer *payload,
			 struct record *out, bool *out_intact, struct error *err)
{
	char bytes[RECORD_HEADER_BYTES];
	*out_intact = false;
	if (file_size < offset + RECORD_HEADER_BYTES)
		return true;
	if (!disk_read_at(fd, bytes, sizeof(bytes), offset, err))
		return false;
	if (!record_decode(bytes, out) || out->size_bytes > file_size - offset)
		return true;
	size_t payload_size = (size_t)(out->size_bytes - RECORD_HEADER_BYTES);
	buffer_truncate(payload, 0);
	char *at = buffer_reserve(payload, payload_size + 1);
	if (!disk_read_at(fd, at, payload_size, offset + RECORD_HEADER_BYTES, err))
		return false;
	out->txn.page_nos = (const uint32_t *)(const void *)at;
	out->txn.pages = at + out->txn.frame_count * sizeof(uint32_t);
	*out_intact = record_is_intact(out, chain, bytes);
	return true;
}

// Whether `position` lies behind `limit` in the same life of the WAL. No limit (frame UINT32_MAX) is never
// passed.
static bool is_beyond(struct wal_position position, struct wal_position limit)
{
	return position.salt1 == limit.salt1 && position.salt2 == limit.salt2 && position.frame > limit.frame;
}

// After a transaction that now ends the newest segment; the mutex is held, or nobody else knows the log.
static void note_mark(struct log *log, const struct log_txn *txn)
{
	const struct log_mark mark = {
		.frame_no = txn->frame_no, .offset = log->end, .chain = log->chain, .size = txn->size_after};
	marks_note(&log->marks, &mark);
}

static void note_commit(struct segment *segment, int64_t at_ms)
{
	if (segment->first_ms == 0)
		segment->first_ms = at_ms;
	segment->last_ms = at_ms;
}

// Walks the newest segment from its header to its last intact record that does not lie beyond `limit`.
static bool scan_newest(struct log *log, struct wal_position limit, struct error *err)
{
	struct segment_header header;
	uint64_t chain;
	uint64_t file_size;
	if (!segment_read_header(log->fd, &header, &chain, err) || !disk_size(log->fd, &file_size, err))
		return false;
	memcpy(log->id, header.log_id, sizeof(log->id));
	log->end = SEGMENT_HEADER_BYTES;
	log->chain = chain;
	log->wal = header.wal;
	log->sealed = header.sealed;
	struct segment *newest = &log->segments[log->segment_count - 1];
	newest->first_ms = 0;
	newest->last_ms = header.last_ms;
	uint64_t appended = header.base_frame_no;
	OWNED(buffer) struct buffer payload = {0};
	pthread_mutex_lock(&log->mutex);
	marks_clear(&log->marks);
	pthread_mutex_unlock(&log->mutex);
	for (;;) {
		struct record record;
		bool intact;
		// What cannot be read is no record either.
		if (!segment_read_record(log->fd, log->end, file_size, log->chain, &payload, &record, &intact,
					 err))
			break;
		if (!intact || (record.kind == RECORD_TXN && is_beyond(record.txn.wal, limit)))
			break;
		appended = record.txn.frame_no;
		if (record.kind == RECORD_TXN)
			note_commit(newest, record.txn.committed_wall_ms);
		log->end += record.size_bytes;
		log->chain = record.checksum;
		log->wal = record.txn.wal;
		log->sealed = record.kind == RECORD_SEAL;
		pthread_mutex_lock(&log->mutex);
		if (record.kind == RECORD_TXN)
			note_mark(log, &record.txn);
		pthread_mutex_unlock(&log->mutex);
	}
	if (file_size > log->end) {
		trace_info("history.end_cut", "folder", log->folder, "segment",
			   TRACE_INT(header.base_frame_no), "offset", TRACE_INT(log->end), "bytes",
			   TRACE_INT(file_size - log->end));
		if (ftruncate(log->fd, (off_t)log->end) != 0)
			return error_set(err, ERR_IO, "cannot cut a log segment");
		// What was cut continues the chain: were it to come back, it would stand for what is appended next.
		if (!log_sync(log, err))
			return false;
	}
	newest->size_bytes = log->end;
	atomic_store(&log->appended, appended);
	return true;
}

static bool begin_segment(struct log *log, uint64_t base_frame_no, struct error *err)
{
	OWNED(text) char *path = segment_path(log->folder, base_frame_no);
	OWNED(fd) int fd = -1;
	struct segment_header header = {
		.base_frame_no = base_frame_no, .wal = log->wal, .sealed = log->sealed};
	struct segment fresh = {.base_frame_no = base_frame_no, .size_bytes = SEGMENT_HEADER_BYTES};
	pthread_mutex_lock(&log->mutex);
	fresh.last_ms = log->segment_count > 0 ? log->segments[log->segment_count - 1].last_ms : 0;
	header.last_ms = fresh.last_ms;
	header.begun_empty_ms = log->begun_empty_ms;
	pthread_mutex_unlock(&log->mutex);
	memcpy(header.log_id, log->id, sizeof(header.log_id));
	char bytes[SEGMENT_HEADER_BYTES];
	segment_encode_header(&header, bytes);
	if (!disk_open(path, O_RDWR | O_CREAT | O_TRUNC, &fd, err) ||
	    !disk_write_at(fd, bytes, sizeof(bytes), 0, err) || !disk_sync(fd, err) ||
	    !disk_sync_folder(log->folder, err))
		return false;
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	fd = -1;
	log->end = SEGMENT_HEADER_BYTES;
	log->chain = segment_chain_start(bytes);
	pthread_mutex_lock(&log->mutex);
	// An empty newest segment may be begun again at the same place.
	if (log->segment_count > 0 && log->segments[log->segment_count - 1].base_frame_no == base_frame_no) {
		log->segment_count--;
		log->is_damaged = log->is_damaged && log->damaged_base != base_frame_no;
	}
	add_segment(log, fresh);
	marks_clear(&log->marks);
	pthread_mutex_unlock(&log->mutex);
	return true;
}

static bool open_newest(struct log *log, struct error *err)
{
	uint64_t base = log->segments[log->segment_count - 1].base_frame_no;
	OWNED(text) char *path = segment_path(log->folder, base);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	return disk_open(path, O_RDWR, &log->fd, err);
}

static void drop_segment_file(struct log *log, uint64_t base_frame_no)
{
	OWNED(text) char *path = segment_path(log->folder, base_frame_no);
	unlink(path);
}

// -- damage -------------------------------------------------------------------------------------------

static void report_damage(const struct log *log, uint64_t base, uint64_t offset, const char *what)
{
	OWNED(text) char *path = segment_path(log->folder, base);
	trace_warn("history.damaged", "file", path, "offset", TRACE_INT(offset), "error", what);
}

bool log_note_damage(struct log *log, uint64_t base, uint64_t offset, const char *what)
{
	bool listed = false;
	pthread_mutex_lock(&log->mutex);
	for (size_t i = 0; i < log->segment_count && !listed; i++)
		listed = log->segments[i].base_frame_no == base;
	bool known = log->is_damaged && log->damaged_base >= base;
	if (listed && !known) {
		log->is_damaged = true;
		log->damaged_base = base;
	}
	pthread_mutex_unlock(&log->mutex);
	if (listed && !known)
		report_damage(log, base, offset, what);
	return listed;
}

// Whether the header is that of the segment which the file's name promises.
static bool check_header(const struct segment *segment, const char *log_id,
			 const struct segment_header *header, struct error *err)
{
	if (header->base_frame_no != segment->base_frame_no)
		return error_set(err, ERR_CORRUPT, "a log segment stands in the place of another");
	if (log_id[0] != '\0' && strcmp(header->log_id, log_id) != 0)
		return error_set(err, ERR_CORRUPT, "a log segment is of another history");
	return true;
}

static void drop_newest(struct log *log, const char *why)
{
	uint64_t base = log->segments[log->segment_count - 1].base_frame_no;
	report_damage(log, base, 0, why);
	drop_segment_file(log, base);
	log->segment_count--;
}

// A segment whose header never reached the disk holds nothing; the one before is then the newest. It is the same with one
// that is damaged, but then the end of the history is lost: see log_lost_end.
static bool open_existing(struct log *log, struct error *err)
{
	while (log->segment_count > 0) {
		if (!open_newest(log, err))
			return false;
		struct segment_header header;
		uint64_t chain;
		if (segment_read_header(log->fd, &header, &chain, err) &&
		    check_header(&log->segments[log->segment_count - 1], "", &header, err))
			return scan_newest(log, (struct wal_position){.frame = UINT32_MAX}, err);
		drop_newest(log, err->message);
	}
	return true;
}

// What lies before a segment that is of no use leads nowhere.
static void drop_oldest(struct log *log, size_t count)
{
	for (size_t i = 0; i < count; i++)
		drop_segment_file(log, log->segments[i].base_frame_no);
	log->segment_count -= count;
	memmove(log->segments, log->segments + count, log->segment_count * sizeof(struct segment));
	trace_warn("history.shortened", "folder", log->folder, "segments_dropped", TRACE_INT(count),
		   "begins_after_frame", TRACE_INT(log->segments[0].base_frame_no));
}

static bool look_at_closed(struct log *log, const struct segment *segment, struct segment_header *out_header,
			   struct stat *out_status, struct error *err)
{
	uint64_t chain;
	OWNED(text) char *path = segment_path(log->folder, segment->base_frame_no);
	OWNED(fd) int fd = -1;
	return disk_open(path, O_RDONLY, &fd, err) &&
	       (fstat(fd, out_status) == 0 || error_errno(err, errno, path, "cannot look at a file")) &&
	       segment_read_header(fd, out_header, &chain, err) &&
	       check_header(segment, log->id, out_header, err);
}

// When the last transaction of a closed segment was committed is told by the header of the next one; if not there
// (an older version wrote it), it was not after the file's last change.
static void fill_closed(struct log *log)
{
	int64_t next_last_ms = 0;
	for (size_t i = log->segment_count; i > 0; i--) {
		struct segment *segment = &log->segments[i - 1];
		struct segment_header header = {0};
		struct stat status = {0};
		struct error err;
		if (!look_at_closed(log, segment, &header, &status, &err)) {
			report_damage(log, segment->base_frame_no, 0, err.message);
			drop_oldest(log, i);
			return;
		}
		if (i < log->segment_count) {
			segment->size_bytes = (uint64_t)status.st_size;
			segment->last_ms = next_last_ms ? next_last_ms : (int64_t)status.st_mtime * 1000;
		}
		next_last_ms = header.last_ms;
		// The oldest segment's header, which comes last, tells how the history began.
		log->begun_empty_ms = header.begun_empty_ms;
	}
}

// -- the end ------------------------------------------------------------------------------------------

static bool note_end(struct log *log, struct error *err)
{
	struct log_end end = {
		.sequence = log->noted_end.sequence + 1, .frame_no = log_appended(log), .wal = log->wal};
	memcpy(end.log_id, log->id, sizeof(end.log_id));
	if (!end_write(log->folder, &end, err))
		return false;
	log->noted_end = end;
	return true;
}

bool log_mark_end(struct log *log, struct error *err)
{
	const struct log_end *noted = &log->noted_end;
	bool is_same = noted->sequence > 0 && noted->frame_no == log_appended(log) &&
		       strcmp(noted->log_id, log->id) == 0 && noted->wal.salt1 == log->wal.salt1 &&
		       noted->wal.salt2 == log->wal.salt2 && noted->wal.frame == log->wal.frame;
	return is_same || note_end(log, err);
}

bool log_lost_end(const struct log *log, struct log_lost *out)
{
	const struct log_end *noted = &log->noted_end;
	*out = (struct log_lost){.frame_no = noted->frame_no, .wal = noted->wal};
	return noted->sequence > 0 &&
	       (strcmp(noted->log_id, log->id) != 0 || log_appended(log) < noted->frame_no);
}

// Nothing was lost but the word that all is there.
static void heal_seal(struct log *log)
{
	const struct log_end *noted = &log->noted_end;
	if (noted->sequence > 0 && strcmp(noted->log_id, log->id) == 0 &&
	    noted->frame_no == log_appended(log) && noted->wal.salt1 == log->wal.salt1 &&
	    noted->wal.salt2 == log->wal.salt2 && noted->wal.frame == log->wal.frame)
		log->sealed = true;
}

// A base without the setting, of another history, or with a gap behind it, leads nowhere.
static void open_base(struct log *log)
{
	base_load(log->folder, &log->base);
	bool fits = log->age_ms_max > 0 && strcmp(log->base.position.log_id, log->id) == 0 &&
		    log->base.position.frame_no >= log->segments[0].base_frame_no;
	if (log->base.exists && fits)
		return;
	base_remove(log->folder);
	log->base.exists = false;
}

static bool begin_history(struct log *log, bool begins_empty, struct error *err)
{
	if (log->noted_end.sequence > 0)
		trace_warn("history.lost", "folder", log->folder, "error",
			   "no segment of the history is left: it begins anew");
	crypt_uuid(log->id);
	log->begun_empty_ms = begins_empty ? clock_wall_ms() : 0;
	log->wal = (struct wal_position){0};
	log->sealed = true;
	return begin_segment(log, 0, err) && note_end(log, err);
}

bool log_open(const struct log_options *options, struct log **out, struct error *err)
{
	if (!disk_make_folder(options->folder, err))
		return false;
	struct log *log = calloc(1, sizeof(*log));
	ASSERT(log != NULL);
	log->folder = strdup(options->folder);
	ASSERT(log->folder != NULL);
	log_limit(log, options->segment_bytes_max, options->bytes_max, options->age_ms_max);
	log->fd = -1;
	log->sealed = true;
	pthread_mutex_init(&log->mutex, NULL);
	pthread_mutex_init(&log->base_mutex, NULL);
	log->open_cursors = readers_make();
	end_load(log->folder, &log->noted_end);
	bool ok = list_segments(log, err) && open_existing(log, err);
	if (ok && log->segment_count == 0)
		ok = begin_history(log, options->begins_empty, err);
	if (!ok) {
		log_close(log);
		return error_context(err, "open the log");
	}
	fill_closed(log);
	heal_seal(log);
	open_base(log);
	*out = log;
	return true;
}

void log_close(struct log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->mutex);
	pthread_mutex_destroy(&log->base_mutex);
	readers_release(log->open_cursors);
	marks_free(&log->marks);
	free(log->segments);
	free(log->folder);
	free(log);
}

bool log_is_blank(const char *folder)
{
	struct log log = {.folder = (char *)(uintptr_t)folder};
	struct error ignored;
	bool blank = !disk_exists(folder) || list_segments(&log, &ignored);
	if (blank && log.segment_count > 0) {
		struct stat status;
		OWNED(text) char *path = segment_path(folder, 0);
		blank = log.segment_count == 1 && stat(path, &status) == 0 &&
			status.st_size <= SEGMENT_HEADER_BYTES;
	}
	free(log.segments);
	return blank;
}

const char *log_id(const struct log *log)
{
	return log->id;
}

void log_copy_id(struct log *log, char out[LOG_ID_TEXT_BYTES])
{
	pthread_mutex_lock(&log->mutex);
	memcpy(out, log->id, LOG_ID_TEXT_BYTES);
	pthread_mutex_unlock(&log->mutex);
}

uint64_t log_appended(const struct log *log)
{
	return atomic_load(&log->appended);
}

uint64_t log_durable(const struct log *log)
{
	return atomic_load(&log->durable);
}

struct wal_position log_wal_position(const struct log *log, bool *out_sealed)
{
	*out_sealed = log->sealed;
	return log->wal;
}

int64_t log_last_ms(struct log *log)
{
	pthread_mutex_lock(&log->mutex);
	int64_t last_ms = log->segment_count > 0 ? log->segments[log->segment_count - 1].last_ms : 0;
	pthread_mutex_unlock(&log->mutex);
	return last_ms;
}

void log_drop_segments(struct log *log, uint64_t frame_no)
{
	size_t count = 0;
	pthread_mutex_lock(&log->mutex);
	while (count + 1 < log->segment_count && log->segments[count + 1].base_frame_no <= frame_no)
		drop_segment_file(log, log->segments[count++].base_frame_no);
	log->segment_count -= count;
	memmove(log->segments, log->segments + count, log->segment_count * sizeof(struct segment));
	bool healed = log->is_damaged && log->damaged_base < log->segments[0].base_frame_no;
	log->is_damaged = log->is_damaged && !healed;
	uint64_t begin = log->segments[0].base_frame_no;
	pthread_mutex_unlock(&log->mutex);
	if (healed)
		trace_warn("history.shortened", "folder", log->folder, "segments_dropped", TRACE_INT(count),
			   "begins_after_frame", TRACE_INT(begin));
}

bool log_close_segment(struct log *log, struct error *err)
{
	return log_sync(log, err) && begin_segment(log, log_appended(log), err);
}

static bool close_full_segment(struct log *log, struct error *err)
{
	return log->end < log->segment_bytes_max || log_close_segment(log, err);
}

static bool write_pieces(int fd, struct iovec *pieces, int count, uint64_t offset, struct error *err)
{
	while (count > 0) {
		ssize_t written = pwritev(fd, pieces, count, (off_t)offset);
		if (written < 0)
			return error_errno(err, errno, "pwritev", "cannot append to the log");
		offset += (uint64_t)written;
		size_t left = (size_t)written;
		while (count > 0 && left >= pieces->iov_len) {
			left -= pieces->iov_len;
			pieces++;
			count--;
		}
		if (count > 0) {
			pieces->iov_base = (char *)pieces->iov_base + left;
			pieces->iov_len -= left;
		}
	}
	return true;
}

static bool append_record(struct log *log, struct record *record, struct error *err)
{
	char bytes[RECORD_HEADER_BYTES];
	uint64_t sum = record_encode(record, log->chain, bytes);
	size_t count = record->kind == RECORD_TXN ? record->txn.frame_count : 0;
	// iovec wants pointers to non-const bytes although writing only reads them.
	struct iovec pieces[3] = {
		{bytes, sizeof(bytes)},
		{(void *)(uintptr_t)record->txn.page_nos, count * sizeof(uint32_t)},
		{(void *)(uintptr_t)record->txn.pages, count * LOG_PAGE_BYTES},
	};
	if (!write_pieces(log->fd, pieces, count > 0 ? 3 : 1, log->end, err))
		return false;
	log->end += sizeof(bytes) + count * (sizeof(uint32_t) + LOG_PAGE_BYTES);
	log->chain = sum;
	log->wal = record->txn.wal;
	log->sealed = record->kind == RECORD_SEAL;
	pthread_mutex_lock(&log->mutex);
	struct segment *newest = &log->segments[log->segment_count - 1];
	newest->size_bytes = log->end;
	if (record->kind == RECORD_TXN) {
		note_commit(newest, record->txn.committed_wall_ms);
		note_mark(log, &record->txn);
	}
	pthread_mutex_unlock(&log->mutex);
	return true;
}

bool log_append(struct log *log, struct log_txn *txn, struct error *err)
{
	ASSERT(txn->frame_count > 0 && txn->size_after > 0);
	if (!close_full_segment(log, err))
		return false;
	struct record record = {.kind = RECORD_TXN, .txn = *txn};
	record.txn.frame_no = log_appended(log) + txn->frame_count;
	if (!append_record(log, &record, err))
		return false;
	txn->frame_no = record.txn.frame_no;
	atomic_store(&log->appended, txn->frame_no);
	return true;
}

bool log_seal(struct log *log, struct wal_position position, struct error *err)
{
	struct record record = {.kind = RECORD_SEAL, .txn = {.frame_no = log_appended(log), .wal = position}};
	return append_record(log, &record, err);
}

bool log_sync(struct log *log, struct error *err)
{
	return disk_sync(log->fd, err);
}

// Through a descriptor of its own: a failure is told to each descriptor once, and log_sync must hear of it.
void log_sync_ahead(struct log *log)
{
	struct error ignored;
	OWNED(fd) int fd = -1;
	pthread_mutex_lock(&log->mutex);
	size_t count = log->segment_count;
	uint64_t base = count > 0 ? log->segments[count - 1].base_frame_no : 0;
	pthread_mutex_unlock(&log->mutex);
	OWNED(text) char *path = segment_path(log->folder, base);
	if (count > 0 && disk_open(path, O_RDWR, &fd, &ignored) && !disk_sync(fd, &ignored))
		trace_warn("history.sync_failed", "file", path, "detail", ignored.detail);
}

void log_mark_durable(struct log *log, uint64_t frame_no)
{
	ASSERT(frame_no <= log_appended(log));
	atomic_store(&log->durable, frame_no);
}

bool log_cut(struct log *log, struct wal_position limit, struct error *err)
{
	// Transactions of the WAL's present life may have begun in an older segment; the header says where.
	for (;;) {
		struct segment_header header;
		uint64_t chain;
		if (!segment_read_header(log->fd, &header, &chain, err))
			return false;
		if (!is_beyond(header.wal, limit) || log->segment_count == 1)
			return scan_newest(log, limit, err) && disk_sync_folder(log->folder, err);
		pthread_mutex_lock(&log->mutex);
		drop_segment_file(log, log->segments[--log->segment_count].base_frame_no);
		marks_clear(&log->marks);
		pthread_mutex_unlock(&log->mutex);
		if (!open_newest(log, err))
			return false;
	}
}

bool log_restart(struct log *log, uint64_t frame_no, struct error *err)
{
	pthread_mutex_lock(&log->mutex);
	while (log->segment_count > 0)
		drop_segment_file(log, log->segments[--log->segment_count].base_frame_no);
	marks_clear(&log->marks);
	crypt_uuid(log->id);
	log->begun_empty_ms = 0;
	log->is_damaged = false;
	pthread_mutex_unlock(&log->mutex);
	log->wal = (struct wal_position){0};
	log->sealed = true;
	atomic_store(&log->appended, frame_no);
	return begin_segment(log, frame_no, err) && note_end(log, err);
}
