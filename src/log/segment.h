/// segment: the file format of the log. See segment.c.
#ifndef ATOLL_LOG_SEGMENT_H
#define ATOLL_LOG_SEGMENT_H

#include "log/log.h"

enum { SEGMENT_HEADER_BYTES = 80, RECORD_HEADER_BYTES = 64 };

struct segment_header {
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t base_frame_no;  // frame_no before the first record
	struct wal_position wal; // position before the first record
	bool sealed;             // whether the record before was a seal
	int64_t begun_empty_ms;  // the history began then with an empty database; 0 = not so, or not told
	int64_t last_ms;         // commit of the last transaction before; 0 = none, or not told
};

enum record_kind { RECORD_TXN = 1, RECORD_SEAL = 2 };

struct record {
	enum record_kind kind;
	struct log_txn txn;  // of a SEAL only wal and frame_no
	uint64_t checksum;   // of this record, chained to the one before
	uint64_t size_bytes; // header and payload
};

void segment_encode_header(const struct segment_header *header, char bytes[SEGMENT_HEADER_BYTES]);
MUST_USE bool segment_decode_header(const char bytes[SEGMENT_HEADER_BYTES], struct segment_header *out,
				    struct error *err);
/// The checksum that the first record is chained to.
uint64_t segment_chain_start(const char bytes[SEGMENT_HEADER_BYTES]);

/// Fills the header bytes of a record and returns its checksum; the payload is page_nos, then pages.
uint64_t record_encode(const struct record *record, uint64_t chain, char bytes[RECORD_HEADER_BYTES]);
/// Header only; the payload is not looked at. False when these bytes are no record header.
bool record_decode(const char bytes[RECORD_HEADER_BYTES], struct record *out);
/// Whether payload and header agree with the stored checksum.
bool record_is_intact(const struct record *record, uint64_t chain, const char bytes[RECORD_HEADER_BYTES]);

#endif
