// A segment is a header and records, all integers little-endian.
//
//   header   0 magic "ATOLLOG1" · 8 u32 version (1) · 12 u32 page size · 16 log id, 16 bytes
//            32 u64 base_frame_no · 40 u32 salt1 · 44 u32 salt2 · 48 u32 wal frame · 52 u32 sealed
//            56 i64 begun_empty_ms · 64 i64 last_ms · 72 u64 checksum of bytes 0–71
//   record   0 u32 magic ("ATXN" or "ASEL") · 4 u32 frame_count · 8 u64 frame_no of the last frame
//            16 u32 size_after · 20 u32 salt1 · 24 u32 salt2 · 28 u32 wal frame · 32 i64 wall clock of the
//            commit, ms · 40 i64 earliest moment of the commit, 0 = it is the wall clock's · 48 reserved, zero · 56 u64 checksum then frame_count u32 page numbers, then
//            frame_count pages
//
// A record's checksum is XXH3-64 over its first 56 bytes, then over the page numbers, then over the pages,
// each seeded with the result before; the first seed is the previous record's checksum, or the header's. A
// record of another history, or one that stood here before a cut, therefore never continues the chain.
//
// Recovery rule: a segment ends at its first record that is not intact.

#include "log/segment.h"

#include <string.h>
#include <xxhash.h>

#include "base/crypt.h"

static const char header_magic[8] = {'A', 'T', 'O', 'L', 'L', 'O', 'G', '1'};
enum { TXN_MAGIC = 0x4E585441, SEAL_MAGIC = 0x4C455341, VERSION = 1 };

static void put32(char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (char)(value >> (8 * i));
}

static void put64(char *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (char)(value >> (8 * i));
}

static uint32_t get32(const char *at)
{
	const unsigned char *b = (const unsigned char *)at;
	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint64_t get64(const char *at)
{
	return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

// The id is kept as 16 bytes: a UUID's text without hyphens, read as hex.
static void put_id(char *at, const char *text)
{
	char hex[33];
	size_t length = 0;
	for (; *text && length < 32; text++) {
		if (*text != '-')
			hex[length++] = *text;
	}
	hex[length] = '\0';
	bool ok = crypt_hex_decode(hex, at, 16);
	ASSERT(ok);
}

static void get_id(const char *at, char text[LOG_ID_TEXT_BYTES])
{
	char hex[33];
	crypt_hex_encode(at, 16, hex);
	snprintf(text, LOG_ID_TEXT_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}

void segment_encode_header(const struct segment_header *header, char bytes[SEGMENT_HEADER_BYTES])
{
	memset(bytes, 0, SEGMENT_HEADER_BYTES);
	memcpy(bytes, header_magic, sizeof(header_magic));
	put32(bytes + 8, VERSION);
	put32(bytes + 12, LOG_PAGE_BYTES);
	put_id(bytes + 16, header->log_id);
	put64(bytes + 32, header->base_frame_no);
	put32(bytes + 40, header->wal.salt1);
	put32(bytes + 44, header->wal.salt2);
	put32(bytes + 48, header->wal.frame);
	put32(bytes + 52, header->sealed);
	put64(bytes + 56, (uint64_t)header->begun_empty_ms);
	put64(bytes + 64, (uint64_t)header->last_ms);
	put64(bytes + 72, XXH3_64bits(bytes, 72));
}

bool segment_decode_header(const char bytes[SEGMENT_HEADER_BYTES], struct segment_header *out,
			   struct error *err)
{
	if (memcmp(bytes, header_magic, sizeof(header_magic)) != 0 ||
	    get64(bytes + 72) != XXH3_64bits(bytes, 72))
		return error_set(err, ERR_CORRUPT, "a log segment's header is damaged");
	if (get32(bytes + 8) != VERSION || get32(bytes + 12) != LOG_PAGE_BYTES)
		return error_set(err, ERR_CORRUPT,
				 "a log segment was written by another version of the server");
	get_id(bytes + 16, out->log_id);
	out->base_frame_no = get64(bytes + 32);
	out->wal = (struct wal_position){get32(bytes + 40), get32(bytes + 44), get32(bytes + 48)};
	out->sealed = get32(bytes + 52) != 0;
	out->begun_empty_ms = (int64_t)get64(bytes + 56);
	out->last_ms = (int64_t)get64(bytes + 64);
	return true;
}

uint64_t segment_chain_start(const char bytes[SEGMENT_HEADER_BYTES])
{
	return get64(bytes + 72);
}

static uint64_t checksum_of(const struct record *record, uint64_t chain, const char *header_bytes)
{
	uint64_t sum = XXH3_64bits_withSeed(header_bytes, 56, chain);
	size_t count = record->kind == RECORD_TXN ? record->txn.frame_count : 0;
	if (count > 0) {
		sum = XXH3_64bits_withSeed(record->txn.page_nos, count * sizeof(uint32_t), sum);
		sum = XXH3_64bits_withSeed(record->txn.pages, count * LOG_PAGE_BYTES, sum);
	}
	return sum;
}

uint64_t record_encode(const struct record *record, uint64_t chain, char bytes[RECORD_HEADER_BYTES])
{
	const struct log_txn *txn = &record->txn;
	memset(bytes, 0, RECORD_HEADER_BYTES);
	put32(bytes, record->kind == RECORD_TXN ? TXN_MAGIC : SEAL_MAGIC);
	put32(bytes + 4, record->kind == RECORD_TXN ? txn->frame_count : 0);
	put64(bytes + 8, txn->frame_no);
	put32(bytes + 16, txn->size_after);
	put32(bytes + 20, txn->wal.salt1);
	put32(bytes + 24, txn->wal.salt2);
	put32(bytes + 28, txn->wal.frame);
	put64(bytes + 32, (uint64_t)txn->committed_wall_ms);
	put64(bytes + 40, (uint64_t)txn->earliest_wall_ms);
	uint64_t sum = checksum_of(record, chain, bytes);
	put64(bytes + 56, sum);
	return sum;
}

bool record_decode(const char bytes[RECORD_HEADER_BYTES], struct record *out)
{
	uint32_t magic = get32(bytes);
	if (magic != TXN_MAGIC && magic != SEAL_MAGIC)
		return false;
	uint32_t count = get32(bytes + 4);
	*out = (struct record){
		.kind = magic == TXN_MAGIC ? RECORD_TXN : RECORD_SEAL,
		.txn = {.frame_no = get64(bytes + 8),
			.frame_count = count,
			.size_after = get32(bytes + 16),
			.wal = {get32(bytes + 20), get32(bytes + 24), get32(bytes + 28)},
			.committed_wall_ms = (int64_t)get64(bytes + 32),
			.earliest_wall_ms = (int64_t)get64(bytes + 40)},
		.checksum = get64(bytes + 56),
		.size_bytes = RECORD_HEADER_BYTES + (uint64_t)count * (sizeof(uint32_t) + LOG_PAGE_BYTES),
	};
	return (out->kind == RECORD_TXN) == (count > 0);
}

bool record_is_intact(const struct record *record, uint64_t chain, const char bytes[RECORD_HEADER_BYTES])
{
	return checksum_of(record, chain, bytes) == record->checksum;
}
