/// generations: the history of a primary in parts that are numbered for clients which work offline (spec/replication.md §5).
/// A generation begins with the content at one position and holds the frames behind it, counted from 1, up to where the
/// next one begins.
///
/// A number is given once: a history that began anew has others, so that a client of the old one is told so. Where a
/// generation ends is decided when something stands behind it, and never changed: whoever has all of the newest can go on
/// in it, however long it is, and beyond its end, for its frames and the history's are the same. The list is durable before a number of it is told.
///
/// Others reach it by fleet/history.h. Threads: any.
#ifndef ATOLL_FLEET_GENERATIONS_H
#define ATOLL_FLEET_GENERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypt.h"
#include "base/error.h"

struct generations;
struct log;

enum { GENERATIONS_KEPT_MAX = 1024 };

struct generation {
	uint32_t number;
	uint32_t newest; // number of the newest
	char log_id[CRYPT_UUID_TEXT_BYTES];
	uint64_t begin; // frame_no
	uint64_t end;   // frame_no; of the newest: what is durable now
	uint64_t durable;
};

/// The list is in the file at `path`, which may be absent.
struct generations *generations_create(const char *path);
void generations_free(struct generations *generations); // NULL is fine

/// number 0: the newest. Makes the next one when the newest has frames_max frames and something behind them.
/// Fails: ERR_STALE  it is not of this history, or no longer kept
///        ERR_CORRUPT, ERR_IO, ERR_FULL
MUST_USE bool generations_find(struct generations *generations, struct log *log, uint32_t number,
			       uint32_t frames_max, struct generation *out, struct error *err);

#endif
