/// arena: memory of one request, freed at once.
///
/// Allocation never fails (it ends the process) and is never freed singly. What outlives the arena is copied.
/// A zeroed struct is an empty arena. One thread at a time.
#ifndef ATOLL_BASE_ARENA_H
#define ATOLL_BASE_ARENA_H

#include <stddef.h>

#include "base/attributes.h"

struct arena_block;
struct arena {
	struct arena_block *blocks;
	char *next;
	size_t left;
};

/// Zeroed memory, aligned for any type.
void *arena_alloc(struct arena *arena, size_t size);

/// A NUL-terminated copy of `size` bytes, or of a text.
char *arena_copy(struct arena *arena, const void *bytes, size_t size);
char *arena_text(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

/// Frees everything but one block, for the next request. arena_cleanup frees all; for OWNED(arena).
void arena_reset(struct arena *arena);
void arena_cleanup(struct arena *arena);

#endif
