/// roaring: a set of 32-bit numbers in the portable serialization of Roaring bitmaps, read in place.
///
/// The form is checked once, as a whole, in time proportional to the bytes; nothing is unpacked.
/// Source: the Roaring format specification (cookies 12346 and 12347; array, bitmap and run containers).
#ifndef ATOLL_SYNC_ROARING_H
#define ATOLL_SYNC_ROARING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

struct roaring_container;

struct roaring {
	struct roaring_container *containers; // by ascending key
	size_t count;
};

/// The set borrows `bytes`; its table is the arena's. Fails: ERR_BAD_REQUEST.
MUST_USE bool roaring_read(struct arena *arena, const void *bytes, size_t size, struct roaring *out,
			   struct error *err);
/// The least number of the set that is not less than `from`.
bool roaring_next(const struct roaring *set, uint32_t from, uint32_t *out);
bool roaring_has(const struct roaring *set, uint32_t number);

#endif
