#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, ALIGNMENT = 16 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ALIGNMENT) char bytes[];
};

static void add_block(struct arena *arena, size_t size)
{
	struct arena_block *block = malloc(sizeof(*block) + size);
	ASSERT(block != NULL);
	block->next = arena->blocks;
	block->size = size;
	arena->blocks = block;
	arena->next = block->bytes;
	arena->left = size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	ASSERT(size <= SIZE_MAX / 2);
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (size > arena->left || !arena->next)
		add_block(arena, size > BLOCK_BYTES ? size : BLOCK_BYTES);
	char *at = arena->next;
	arena->next += size;
	arena->left -= size;
	memset(at, 0, size);
	return at;
}

char *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
	char *copy = arena_alloc(arena, size + 1);
	if (size > 0)
		memcpy(copy, bytes, size);
	return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	ASSERT(format != NULL);
	va_list args;
	va_list again;
	va_start(args, format);
	va_copy(again, args);
	int length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	ASSERT(length >= 0);
	char *text = arena_alloc(arena, (size_t)length + 1);
	vsnprintf(text, (size_t)length + 1, format, again);
	va_end(again);
	return text;
}

void arena_reset(struct arena *arena)
{
	struct arena_block *kept = NULL;
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		if (!kept && block->size == BLOCK_BYTES)
			kept = block;
		else
			free(block);
	}
	if (kept)
		kept->next = NULL;
	arena->blocks = kept;
	arena->next = kept ? kept->bytes : NULL;
	arena->left = kept ? kept->size : 0;
}

void arena_cleanup(struct arena *arena)
{
	arena_reset(arena);
	free(arena->blocks);
	*arena = (struct arena){0};
}
