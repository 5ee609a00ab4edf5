/// list: doubly linked rings, embedded in their members. A head is a link that points to itself.
#ifndef ATOLL_BASE_LIST_H
#define ATOLL_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next;
	struct link *previous;
};

static inline void list_init(struct link *head)
{
	head->next = head;
	head->previous = head;
}

static inline bool list_is_empty(const struct link *head)
{
	return head->next == head;
}

static inline void list_append(struct link *head, struct link *link)
{
	link->next = head;
	link->previous = head->previous;
	head->previous->next = link;
	head->previous = link;
}

/// Leaves the link as a ring of its own, so that removing it again does nothing.
static inline void list_remove(struct link *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	list_init(link);
}

#endif
