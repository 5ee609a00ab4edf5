/// stored_sql: the SQL texts that a client stored under numbers of its own (spec/hrana.md §3.1).
#ifndef ATOLL_HRANA_STORED_SQL_H
#define ATOLL_HRANA_STORED_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stored_text {
	int32_t id;
	size_t size;
	char *sql;
};

/// A zeroed struct holds nothing.
struct stored_sql {
	struct stored_text *texts;
	int count;
	size_t size_bytes;
};

/// NULL when there is none of this number.
const struct stored_text *stored_sql_find(const struct stored_sql *stored, int32_t id);
/// The number must be free.
void stored_sql_add(struct stored_sql *stored, int32_t id, const char *sql, size_t size);
/// Returns the size of the text that went, 0 for an unknown number.
size_t stored_sql_remove(struct stored_sql *stored, int32_t id);
void stored_sql_cleanup(struct stored_sql *stored);

#endif
