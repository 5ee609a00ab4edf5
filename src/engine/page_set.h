/// page_set: at which place of a list each page number stands, for transactions of any size.
#ifndef ATOLL_ENGINE_PAGE_SET_H
#define ATOLL_ENGINE_PAGE_SET_H

#include <stdint.h>

struct page_set {
	struct page_place *slots;
	uint32_t capacity; // a power of two
	uint32_t count;
};

/// The place that was remembered for the page; else remembers `place` and returns it.
uint32_t page_set_place(struct page_set *set, uint32_t page_no, uint32_t place);
void page_set_cleanup(struct page_set *set);

#endif
