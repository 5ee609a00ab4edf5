#include "engine/page_set.h"

#include <stdlib.h>

#include "base/attributes.h"

struct page_place {
	uint32_t page_no; // 0: free; pages are numbered from 1
	uint32_t place;
};

static struct page_place *find(const struct page_set *set, uint32_t page_no)
{
	uint32_t mask = set->capacity - 1;
	uint32_t at = (page_no * 2654435761U) & mask;
	while (set->slots[at].page_no != 0 && set->slots[at].page_no != page_no)
		at = (at + 1) & mask;
	return &set->slots[at];
}

static void grow(struct page_set *set)
{
	struct page_set grown = {.capacity = set->capacity ? set->capacity * 2 : 64, .count = set->count};
	grown.slots = calloc(grown.capacity, sizeof(*grown.slots));
	ASSERT(grown.slots != NULL);
	for (uint32_t i = 0; i < set->capacity; i++) {
		if (set->slots[i].page_no != 0)
			*find(&grown, set->slots[i].page_no) = set->slots[i];
	}
	free(set->slots);
	*set = grown;
}

uint32_t page_set_place(struct page_set *set, uint32_t page_no, uint32_t place)
{
	if (set->count >= set->capacity / 2)
		grow(set);
	struct page_place *found = find(set, page_no);
	if (found->page_no == 0) {
		*found = (struct page_place){page_no, place};
		set->count++;
	}
	return found->place;
}

void page_set_cleanup(struct page_set *set)
{
	free(set->slots);
	*set = (struct page_set){0};
}
