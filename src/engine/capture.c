#include "engine/capture.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/allowance.h"
#include "engine/page_set.h"
#include "engine/wal.h"

struct captured_frame {
	uint32_t page_no;
	uint32_t size_after;
};

// SQLite's WAL-index locks, kept in this process only. The file belongs to us alone, so asking the kernel at
// the beginning and end of each read would buy nothing; it costs as much as a point select.
struct index_locks {
	pthread_mutex_t mutex;
	int holders[SQLITE_SHM_NLOCK]; // shared holders, or -1 for an exclusive one; guarded by mutex
};

struct capture {
	struct index_locks locks;
	uint32_t salt1, salt2;
	_Atomic(uint32_t)
		first;   // number of the frame after the last commit taken; the flusher looks at it, too
	uint32_t commit; // number of the last frame written that carries a commit, 0 = none since the last
			 // take
	uint32_t count;  // frames held, from `first`
	uint32_t capacity;
	uint32_t count_max; // frames of a transaction; 0 = no limit
	_Atomic(enum capture_full) full;
	bool complete;
	struct captured_frame *frames;
	char *pages;
	uint32_t *page_nos; // of the transaction taken
};

enum {
	TEMP_FLAGS = SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TEMP_JOURNAL | SQLITE_OPEN_TRANSIENT_DB |
		     SQLITE_OPEN_SUBJOURNAL
};
enum { KEEP_FRAMES = 256 }; // memory kept between transactions

struct capture *capture_create(void)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	ASSERT(capture != NULL);
	capture->first = 1;
	capture->complete = true;
	pthread_mutex_init(&capture->locks.mutex, NULL);
	return capture;
}

static void release_frames(struct capture *capture)
{
	free(capture->frames);
	free(capture->pages);
	free(capture->page_nos);
	capture->frames = NULL;
	capture->pages = NULL;
	capture->page_nos = NULL;
	capture->capacity = 0;
}

void capture_destroy(struct capture *capture)
{
	if (!capture)
		return;
	release_frames(capture);
	pthread_mutex_destroy(&capture->locks.mutex);
	free(capture);
}

static void reserve_frames(struct capture *capture, uint32_t count)
{
	if (count <= capture->capacity)
		return;
	uint32_t capacity = capture->capacity ? capture->capacity : 16;
	while (capacity < count)
		capacity *= 2;
	capture->frames = realloc(capture->frames, capacity * sizeof(*capture->frames));
	capture->page_nos = realloc(capture->page_nos, capacity * sizeof(*capture->page_nos));
	capture->pages = realloc(capture->pages, (size_t)capacity * LOG_PAGE_BYTES);
	ASSERT(capture->frames && capture->page_nos && capture->pages);
	capture->capacity = capacity;
}

static void saw_wal_header(struct capture *capture, const unsigned char *bytes)
{
	capture->salt1 = wal_get32(bytes + 16);
	capture->salt2 = wal_get32(bytes + 20);
	capture->first = 1;
	capture->count = 0;
	capture->commit = 0;
	capture->complete = true;
}

static void saw_frame_header(struct capture *capture, uint32_t number, const unsigned char *bytes)
{
	if (number < capture->first || number > capture->first + capture->count) {
		capture->complete = false;
		return;
	}
	uint32_t at = number - capture->first;
	if (at == capture->count) {
		reserve_frames(capture, at + 1);
		capture->count++;
	}
	capture->frames[at] = (struct captured_frame){wal_get32(bytes), wal_get32(bytes + 4)};
	if (capture->frames[at].size_after != 0)
		capture->commit = number;
}

static void saw_page(struct capture *capture, uint32_t number, const void *bytes)
{
	if (number < capture->first || number >= capture->first + capture->count) {
		capture->complete = false;
		return;
	}
	memcpy(capture->pages + (size_t)(number - capture->first) * LOG_PAGE_BYTES, bytes, LOG_PAGE_BYTES);
}

static void saw_write(struct capture *capture, const void *bytes, int size, int64_t offset)
{
	if (offset == 0 && size == WAL_HEADER_BYTES) {
		saw_wal_header(capture, bytes);
		return;
	}
	int64_t place = offset - WAL_HEADER_BYTES;
	uint32_t number = (uint32_t)(place / WAL_FRAME_BYTES) + 1;
	int64_t within = place % WAL_FRAME_BYTES;
	if (place >= 0 && within == 0 && size == WAL_FRAME_HEADER_BYTES)
		saw_frame_header(capture, number, bytes);
	else if (place >= 0 && within == WAL_FRAME_HEADER_BYTES && size == LOG_PAGE_BYTES)
		saw_page(capture, number, bytes);
	else
		capture->complete = false;
}

static uint32_t place_among(const uint32_t *page_nos, uint32_t count, uint32_t page_no)
{
	uint32_t at = 0;
	while (at < count && page_nos[at] != page_no)
		at++;
	return at;
}

// Keeps the last image of each page, in place. Transactions are mostly a few frames, for which a search is quickest.
static uint32_t drop_earlier_images(struct capture *capture, uint32_t count)
{
	enum { SEARCHED_MAX = 32 };
	struct page_set places = {0};
	uint32_t kept = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t page_no = capture->frames[i].page_no;
		uint32_t at = count > SEARCHED_MAX ? page_set_place(&places, page_no, kept)
						   : place_among(capture->page_nos, kept, page_no);
		capture->page_nos[at] = page_no;
		if (at != i)
			memmove(capture->pages + (size_t)at * LOG_PAGE_BYTES,
				capture->pages + (size_t)i * LOG_PAGE_BYTES, LOG_PAGE_BYTES);
		kept += at == kept;
	}
	page_set_cleanup(&places);
	return kept;
}

void capture_limit(struct capture *capture, uint32_t frame_count_max)
{
	capture->count_max = frame_count_max;
}

enum capture_full capture_full_cause(struct capture *capture)
{
	return atomic_exchange(&capture->full, CAPTURE_FULL_NONE);
}

bool capture_holds_commit(const struct capture *capture)
{
	return capture->commit != 0 || !capture->complete;
}

bool capture_take(struct capture *capture, struct log_txn *out, bool *out_complete)
{
	*out_complete = capture->complete;
	if (!capture_holds_commit(capture))
		return false;
	uint32_t count = capture->commit ? capture->commit - capture->first + 1 : 0;
	*out = (struct log_txn){.committed_wall_ms = clock_wall_ms(),
				.wal = {capture->salt1, capture->salt2, capture->commit}};
	if (capture->complete) {
		out->size_after = capture->frames[count - 1].size_after;
		out->frame_count = drop_earlier_images(capture, count);
		out->page_nos = capture->page_nos;
		out->pages = capture->pages;
		capture->first = capture->commit + 1;
	}
	capture->commit = 0;
	capture->count = 0;
	return true;
}

void capture_drop(struct capture *capture)
{
	capture->commit = 0;
	capture->count = 0;
	capture->complete = true;
	if (capture->capacity > KEEP_FRAMES)
		release_frames(capture);
}

uint32_t capture_wal_frames(const struct capture *capture)
{
	return capture->first - 1;
}

struct wal_position capture_position(const struct capture *capture)
{
	return (struct wal_position){capture->salt1, capture->salt2, capture->first - 1};
}

void capture_resume(struct capture *capture, struct wal_position position)
{
	capture->salt1 = position.salt1;
	capture->salt2 = position.salt2;
	capture->first = position.frame + 1;
	capture_drop(capture);
}

// -- the shim -----------------------------------------------------------------------------------------

enum { FCNTL_ATTACH = 0x41544F4C }; // a file control of ours: remember this capture

struct shim_file {
	sqlite3_file base;
	_Atomic(struct capture *) capture; // of a main file: for its WAL; of a WAL: where frames go
	sqlite3_file *real;                // lies behind this struct
	sqlite3_int64 temp_size;           // of a temporary file
};

static struct shim_file *shim_of(sqlite3_file *file)
{
	return (struct shim_file *)(void *)file;
}

static sqlite3_file *real_of(sqlite3_file *file)
{
	return shim_of(file)->real;
}

static int shim_close(sqlite3_file *file)
{
	sqlite3_file *real = real_of(file);
	int rc = real->pMethods ? real->pMethods->xClose(real) : SQLITE_OK;
	file->pMethods = NULL;
	return rc;
}

static int shim_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
	return real_of(file)->pMethods->xRead(real_of(file), bytes, size, offset);
}

static int shim_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	return real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset);
}

// Temporary files are counted for the statement that fills them.
static int shim_write_temp(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	struct shim_file *shim = shim_of(file);
	sqlite3_int64 growth = offset + size - shim->temp_size;
	if (growth > 0) {
		if (!allowance_take_temp(growth))
			return SQLITE_FULL;
		shim->temp_size += growth;
	}
	return shim_write(file, bytes, size, offset);
}

static void shrink_temp(sqlite3_file *file, sqlite3_int64 size)
{
	struct shim_file *shim = shim_of(file);
	if (size >= shim->temp_size)
		return;
	bool allowed = allowance_take_temp(size - shim->temp_size);
	ASSERT(allowed);
	shim->temp_size = size;
}

// Before the write: SQLite then rolls back, as on a full disk.
static bool refuse_frame(struct capture *capture, int size, int64_t offset)
{
	if (capture->count_max == 0 || size != WAL_FRAME_HEADER_BYTES)
		return false;
	int64_t number = (offset - WAL_HEADER_BYTES) / WAL_FRAME_BYTES + 1;
	bool refuse = number >= (int64_t)capture->first + capture->count_max;
	if (refuse)
		atomic_store(&capture->full, CAPTURE_FULL_TRANSACTION);
	return refuse;
}

static int shim_write_wal(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
	struct capture *capture = atomic_load_explicit(&shim_of(file)->capture, memory_order_relaxed);
	if (capture && refuse_frame(capture, size, offset))
		return SQLITE_FULL;
	int rc = real_of(file)->pMethods->xWrite(real_of(file), bytes, size, offset);
	if (rc == SQLITE_FULL && capture)
		atomic_store(&capture->full, CAPTURE_FULL_DISK);
	if (rc == SQLITE_OK && capture)
		saw_write(capture, bytes, size, offset);
	return rc;
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real_of(file)->pMethods->xTruncate(real_of(file), size);
}

static int shim_truncate_temp(sqlite3_file *file, sqlite3_int64 size)
{
	shrink_temp(file, size);
	return shim_truncate(file, size);
}

static int shim_close_temp(sqlite3_file *file)
{
	shrink_temp(file, 0);
	return shim_close(file);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	return real_of(file)->pMethods->xSync(real_of(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int shim_lock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xLock(real_of(file), lock);
}

static int shim_unlock(sqlite3_file *file, int lock)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), lock);
}

static int shim_check_reserved(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *argument)
{
	if (op == FCNTL_ATTACH) {
		atomic_store(&shim_of(file)->capture, (struct capture *)argument);
		return SQLITE_OK;
	}
	return real_of(file)->pMethods->xFileControl(real_of(file), op, argument);
}

static int shim_sector_size(sqlite3_file *file)
{
	return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int shim_characteristics(sqlite3_file *file)
{
	return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int shim_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static bool take_index_locks(struct index_locks *locks, int offset, int n, bool exclusive)
{
	for (int i = offset; i < offset + n; i++) {
		if (exclusive ? locks->holders[i] != 0 : locks->holders[i] < 0)
			return false;
	}
	for (int i = offset; i < offset + n; i++)
		locks->holders[i] = exclusive ? -1 : locks->holders[i] + 1;
	return true;
}

static void drop_index_locks(struct index_locks *locks, int offset, int n, bool exclusive)
{
	for (int i = offset; i < offset + n; i++)
		locks->holders[i] = exclusive ? 0 : locks->holders[i] - 1;
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	struct capture *capture = atomic_load_explicit(&shim_of(file)->capture, memory_order_relaxed);
	if (!capture)
		return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
	struct index_locks *locks = &capture->locks;
	bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
	bool ok = true;
	pthread_mutex_lock(&locks->mutex);
	if (flags & SQLITE_SHM_LOCK)
		ok = take_index_locks(locks, offset, n, exclusive);
	else
		drop_index_locks(locks, offset, n, exclusive);
	pthread_mutex_unlock(&locks->mutex);
	return ok ? SQLITE_OK : SQLITE_BUSY;
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shim_shm_unmap(sqlite3_file *file, int delete_flag)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete_flag);
}

static int shim_fetch(sqlite3_file *file, sqlite3_int64 offset, int size, void **out)
{
	return real_of(file)->pMethods->xFetch(real_of(file), offset, size, out);
}

static int shim_unfetch(sqlite3_file *file, sqlite3_int64 offset, void *page)
{
	return real_of(file)->pMethods->xUnfetch(real_of(file), offset, page);
}

#define SHIM_METHODS(close, write, truncate)                                                                 \
	{                                                                                                    \
		3, close, shim_read, write, truncate, shim_sync, shim_size, shim_lock, shim_unlock,          \
			shim_check_reserved, shim_control, shim_sector_size, shim_characteristics,           \
			shim_shm_map, shim_shm_lock, shim_shm_barrier, shim_shm_unmap, shim_fetch,           \
			shim_unfetch                                                                         \
	}
static const sqlite3_io_methods plain_methods = SHIM_METHODS(shim_close, shim_write, shim_truncate);
static const sqlite3_io_methods wal_methods = SHIM_METHODS(shim_close, shim_write_wal, shim_truncate);
static const sqlite3_io_methods temp_methods =
	SHIM_METHODS(shim_close_temp, shim_write_temp, shim_truncate_temp);

// A number in a URI of ours: clients write no URIs, since nothing that they say names a file.
static struct capture *capture_of_uri(sqlite3_filename name)
{
	const char *text = name ? sqlite3_uri_parameter(name, "capture") : NULL;
	return text ? (struct capture *)(uintptr_t)strtoull(text, NULL, 16) : NULL;
}

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
	sqlite3_vfs *parent = vfs->pAppData;
	struct shim_file *shim = shim_of(file);
	*shim = (struct shim_file){.real = (sqlite3_file *)(void *)(shim + 1)};
	shim->real->pMethods = NULL;
	int rc = parent->xOpen(parent, name, shim->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	file->pMethods = &plain_methods;
	if (flags & SQLITE_OPEN_MAIN_DB)
		atomic_store(&shim->capture, capture_of_uri(name));
	if (flags & SQLITE_OPEN_WAL) {
		// The WAL is opened by the connection whose main file carries the capture.
		struct shim_file *main_file = shim_of(sqlite3_database_file_object(name));
		atomic_store(&shim->capture, atomic_load(&main_file->capture));
		file->pMethods = &wal_methods;
	}
	if (flags & TEMP_FLAGS)
		file->pMethods = &temp_methods;
	return SQLITE_OK;
}

bool capture_register_vfs(struct error *err)
{
	// SQLite keeps the struct for as long as it lives; a second registration only repeats the first.
	static sqlite3_vfs shim;
	sqlite3_vfs *parent = sqlite3_vfs_find(NULL);
	if (sqlite3_vfs_find(CAPTURE_VFS))
		return true;
	shim = *parent;
	shim.pNext = NULL;
	shim.zName = CAPTURE_VFS;
	shim.pAppData = parent;
	shim.szOsFile = (int)sizeof(struct shim_file) + parent->szOsFile;
	shim.xOpen = shim_open;
	// The remaining functions of the platform VFS do not look at pAppData.
	return sqlite3_vfs_register(&shim, 0) == SQLITE_OK ||
	       error_set(err, ERR_INTERNAL, "SQLite refused the capture's VFS");
}

bool capture_own_file(sqlite3 *db, struct error *err)
{
	enum { INDEX_PAGE_BYTES = 32768 };
	sqlite3_file *file = NULL;
	void volatile *index = NULL;
	int rc = sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (rc == SQLITE_OK)
		rc = shim_shm_map(file, 0, INDEX_PAGE_BYTES, 1, &index);
	sqlite3_file *real = rc == SQLITE_OK ? real_of(file) : NULL;
	if (real)
		rc = real->pMethods->xShmLock(real, 0, SQLITE_SHM_NLOCK,
					      SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);
	if (rc == SQLITE_OK)
		return true;
	// SQLite did not map the index itself and will not unmap it.
	if (file)
		real_of(file)->pMethods->xShmUnmap(real_of(file), 0);
	error_set(err, rc == SQLITE_BUSY ? ERR_BUSY : ERR_IO,
		  rc == SQLITE_BUSY ? "the database file is open in another program: close that first"
				    : "the database file cannot be locked");
	return error_detail(err, "%s", sqlite3_errstr(rc));
}

void capture_write_uri(const struct capture *capture, const char *path, struct buffer *out)
{
	buffer_append_text(out, "file:");
	for (const char *at = path; *at; at++) {
		if (*at == '%' || *at == '?' || *at == '#')
			buffer_printf(out, "%%%02x", (unsigned)(unsigned char)*at);
		else
			buffer_append_byte(out, *at);
	}
	buffer_printf(out, "?mode=ro&capture=%" PRIxPTR, (uintptr_t)capture);
}

bool capture_attach(struct capture *capture, sqlite3 *db, struct error *err)
{
	if (sqlite3_file_control(db, "main", FCNTL_ATTACH, capture) != SQLITE_OK)
		return error_set(err, ERR_INTERNAL, "the capture could not be attached to a database");
	return true;
}
