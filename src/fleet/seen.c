#include "fleet/seen.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/attributes.h"
#include "base/error.h"

enum { SLOTS_MIN = 16, SWEEP_MS = 10000 };

struct seen_entry {
	uint64_t key;
	int64_t at_ms; // 0: free
};

// At most half of the slots are used.
static struct seen_entry *place_of(struct seen_entry *entries, size_t slot_count, uint64_t key)
{
	size_t at = key % slot_count;
	while (entries[at].at_ms != 0 && entries[at].key != key)
		at = (at + 1) % slot_count;
	return &entries[at];
}

// Takes those that count into a table that has room for as many again.
static void rebuild(struct seen *seen, int64_t now_ms)
{
	size_t kept = seen_count(seen, now_ms);
	size_t slot_count = SLOTS_MIN;
	while (slot_count < 4 * kept)
		slot_count *= 2;
	struct seen_entry *entries = calloc(slot_count, sizeof(*entries));
	ASSERT(entries != NULL);
	for (size_t i = 0; i < seen->slot_count; i++) {
		const struct seen_entry *entry = &seen->entries[i];
		if (entry->at_ms != 0 && entry->at_ms >= now_ms - SEEN_MS)
			*place_of(entries, slot_count, entry->key) = *entry;
	}
	free(seen->entries);
	*seen = (struct seen){.entries = entries, .slot_count = slot_count, .used = kept, .swept_ms = now_ms};
}

void seen_note(struct seen *seen, uint64_t key, int64_t now_ms)
{
	bool full = seen->used >= SEEN_MAX && now_ms > seen->swept_ms + SWEEP_MS;
	if (full || 2 * (seen->used + 1) > seen->slot_count)
		rebuild(seen, now_ms);
	struct seen_entry *entry = place_of(seen->entries, seen->slot_count, key);
	if (entry->at_ms == 0 && seen->used >= SEEN_MAX)
		return;
	seen->used += entry->at_ms == 0;
	*entry = (struct seen_entry){key, now_ms > 0 ? now_ms : 1};
}

size_t seen_count(const struct seen *seen, int64_t now_ms)
{
	size_t count = 0;
	for (size_t i = 0; i < seen->slot_count; i++)
		count += seen->entries[i].at_ms != 0 && seen->entries[i].at_ms >= now_ms - SEEN_MS;
	return count;
}

void seen_cleanup(struct seen *seen)
{
	free(seen->entries);
	*seen = (struct seen){0};
}
