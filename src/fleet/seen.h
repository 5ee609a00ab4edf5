/// seen: how many of them were seen lately, told apart by a number. Bounded: of more than SEEN_MAX within the time some are
/// not counted. Not for other modules. Threads: one at a time.
#ifndef ATOLL_FLEET_SEEN_H
#define ATOLL_FLEET_SEEN_H

#include <stddef.h>
#include <stdint.h>

enum { SEEN_MAX = 8192, SEEN_MS = 5 * 60 * 1000 };

/// All zeroes at first.
struct seen {
	struct seen_entry *entries; // a hash table
	size_t slot_count;
	size_t used;
	int64_t swept_ms;
};

void seen_note(struct seen *seen, uint64_t key, int64_t now_ms);
/// Of those that were noted in the SEEN_MS before now_ms.
size_t seen_count(const struct seen *seen, int64_t now_ms);
void seen_cleanup(struct seen *seen);

#endif
