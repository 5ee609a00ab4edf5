#include "engine/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/disk.h"
#include "engine/page_set.h"

enum { TICK_LATE_MS_MAX = 1000 };

struct wal_file {
	int fd;
	uint64_t size;
	int64_t changed_wall_ms; // as its file system knows it
	bool big_endian_sums;
	uint32_t salt1, salt2;
	uint32_t sum[2];
};

uint32_t wal_get32(const void *bytes)
{
	const unsigned char *b = bytes;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

static uint32_t native_word(const unsigned char *b, bool big_endian)
{
	if (big_endian)
		return wal_get32(b);
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void add_to_sum(struct wal_file *wal, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;
	uint32_t s0 = wal->sum[0];
	uint32_t s1 = wal->sum[1];
	for (size_t i = 0; i < size; i += 8) {
		s0 += native_word(at + i, wal->big_endian_sums) + s1;
		s1 += native_word(at + i + 4, wal->big_endian_sums) + s0;
	}
	wal->sum[0] = s0;
	wal->sum[1] = s1;
}

// False without an error: there is no usable WAL.
static bool open_wal(const char *path, struct wal_file *wal, bool *out_usable, struct error *err)
{
	*out_usable = false;
	wal->fd = -1;
	if (!disk_open(path, O_RDONLY, &wal->fd, err))
		return err->code == ERR_NOT_FOUND;
	unsigned char header[WAL_HEADER_BYTES];
	struct stat status;
	if (fstat(wal->fd, &status) != 0)
		return error_errno(err, errno, path, "cannot learn a file's size");
	wal->size = (uint64_t)status.st_size;
	wal->changed_wall_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
	if (wal->size < sizeof(header))
		return true;
	if (!disk_read_at(wal->fd, header, sizeof(header), 0, err))
		return false;
	uint32_t magic = wal_get32(header);
	if ((magic & ~1U) != 0x377f0682 || wal_get32(header + 8) != LOG_PAGE_BYTES)
		return true;
	wal->big_endian_sums = magic & 1;
	wal->salt1 = wal_get32(header + 16);
	wal->salt2 = wal_get32(header + 20);
	wal->sum[0] = wal->sum[1] = 0;
	add_to_sum(wal, header, 24);
	*out_usable = wal->sum[0] == wal_get32(header + 24) && wal->sum[1] == wal_get32(header + 28);
	return true;
}

// Reads frame `number` (from 1) and checks it against the chain; *out_valid false at the WAL's end.
static bool read_frame(struct wal_file *wal, uint32_t number, unsigned char *frame, bool *out_valid,
		       struct error *err)
{
	uint64_t offset = WAL_HEADER_BYTES + (uint64_t)(number - 1) * WAL_FRAME_BYTES;
	*out_valid = false;
	if (offset + WAL_FRAME_BYTES > wal->size)
		return true;
	if (!disk_read_at(wal->fd, frame, WAL_FRAME_BYTES, offset, err))
		return false;
	if (wal_get32(frame + 8) != wal->salt1 || wal_get32(frame + 12) != wal->salt2 ||
	    wal_get32(frame) == 0)
		return true;
	add_to_sum(wal, frame, 8);
	add_to_sum(wal, frame + WAL_FRAME_HEADER_BYTES, LOG_PAGE_BYTES);
	*out_valid = wal->sum[0] == wal_get32(frame + 16) && wal->sum[1] == wal_get32(frame + 20);
	return true;
}

bool wal_summarize(const char *path, struct wal_summary *out, struct error *err)
{
	struct wal_file wal;
	*out = (struct wal_summary){0};
	bool ok = open_wal(path, &wal, &out->valid, err);
	if (ok && out->valid) {
		out->committed = (struct wal_position){.salt1 = wal.salt1, .salt2 = wal.salt2};
		unsigned char *frame = malloc(WAL_FRAME_BYTES);
		ASSERT(frame != NULL);
		for (uint32_t number = 1;; number++) {
			bool valid;
			ok = read_frame(&wal, number, frame, &valid, err);
			if (!ok || !valid)
				break;
			if (wal_get32(frame + 4) != 0)
				out->committed.frame = number;
		}
		free(frame);
	}
	fd_cleanup(&wal.fd);
	return ok;
}

struct collected {
	struct buffer page_nos;
	struct buffer pages;
	struct page_set places;
	uint32_t count;
};

static void collect(struct collected *txn, uint32_t page_no, const unsigned char *page)
{
	uint32_t at = page_set_place(&txn->places, page_no, txn->count);
	if (at < txn->count) {
		memcpy(txn->pages.data + (size_t)at * LOG_PAGE_BYTES, page, LOG_PAGE_BYTES);
		return;
	}
	buffer_append(&txn->page_nos, &page_no, sizeof(page_no));
	buffer_append(&txn->pages, page, LOG_PAGE_BYTES);
	txn->count++;
}

// A file system dates by the last tick of the clock, which comes late where others have the processor.
static int64_t latest_wall_ms(const struct wal_file *wal)
{
	int64_t now_ms = clock_wall_ms();
	int64_t latest_ms = wal->changed_wall_ms + TICK_LATE_MS_MAX;
	return latest_ms < now_ms ? latest_ms : now_ms;
}

static bool deliver(struct collected *txn, const struct wal_file *wal, uint32_t number, uint32_t size_after,
		    bool (*each)(void *, struct log_txn *, struct error *), void *context, struct error *err)
{
	struct log_txn whole = {.frame_count = txn->count,
				.size_after = size_after,
				.page_nos = (const uint32_t *)(const void *)txn->page_nos.data,
				.pages = txn->pages.data,
				.committed_wall_ms = latest_wall_ms(wal),
				.earliest_wall_ms = wal->changed_wall_ms,
				.wal = {wal->salt1, wal->salt2, number}};
	bool ok = each(context, &whole, err);
	buffer_truncate(&txn->page_nos, 0);
	buffer_truncate(&txn->pages, 0);
	page_set_cleanup(&txn->places);
	txn->count = 0;
	return ok;
}

bool wal_read(const char *path, uint32_t after,
	      bool (*each)(void *context, struct log_txn *txn, struct error *err), void *context,
	      struct error *err)
{
	struct wal_file wal;
	bool usable;
	bool ok = open_wal(path, &wal, &usable, err);
	struct collected txn = {0};
	unsigned char *frame = malloc(WAL_FRAME_BYTES);
	ASSERT(frame != NULL);
	for (uint32_t number = 1; ok && usable; number++) {
		bool valid;
		ok = read_frame(&wal, number, frame, &valid, err);
		if (!ok || !valid)
			break;
		if (number <= after)
			continue;
		collect(&txn, wal_get32(frame), frame + WAL_FRAME_HEADER_BYTES);
		uint32_t size_after = wal_get32(frame + 4);
		if (size_after != 0)
			ok = deliver(&txn, &wal, number, size_after, each, context, err);
	}
	free(frame);
	page_set_cleanup(&txn.places);
	buffer_cleanup(&txn.page_nos);
	buffer_cleanup(&txn.pages);
	fd_cleanup(&wal.fd);
	return ok;
}
