#include "hrana/stored_sql.h"

#include <string.h>

#include "base/attributes.h"

const struct stored_text *stored_sql_find(const struct stored_sql *stored, int32_t id)
{
	for (int i = 0; i < stored->count; i++) {
		if (stored->texts[i].id == id)
			return &stored->texts[i];
	}
	return NULL;
}

void stored_sql_add(struct stored_sql *stored, int32_t id, const char *sql, size_t size)
{
	struct stored_text *texts =
		realloc(stored->texts, ((size_t)stored->count + 1) * sizeof(struct stored_text));
	char *copy = malloc(size + 1);
	ASSERT(texts != NULL && copy != NULL);
	memcpy(copy, sql, size);
	copy[size] = '\0';
	texts[stored->count] = (struct stored_text){.id = id, .size = size, .sql = copy};
	stored->texts = texts;
	stored->count++;
	stored->size_bytes += size;
}

size_t stored_sql_remove(struct stored_sql *stored, int32_t id)
{
	for (int i = 0; i < stored->count; i++) {
		if (stored->texts[i].id != id)
			continue;
		size_t size = stored->texts[i].size;
		free(stored->texts[i].sql);
		stored->texts[i] = stored->texts[--stored->count];
		stored->size_bytes -= size;
		return size;
	}
	return 0;
}

void stored_sql_cleanup(struct stored_sql *stored)
{
	for (int i = 0; i < stored->count; i++)
		free(stored->texts[i].sql);
	free(stored->texts);
	*stored = (struct stored_sql){0};
}
