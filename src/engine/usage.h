/// usage: what clients' statements read and wrote, and which texts cost most.
///
/// Counting costs a few adds to the statement's own cache entry, which its run has in hand anyway. What was counted is
/// collected when somebody asks, or when an entry makes room for another.
///
/// Threads: a struct usage belongs to its owner; engine_take_usage from any.
#ifndef ATOLL_ENGINE_USAGE_H
#define ATOLL_ENGINE_USAGE_H

#include <stddef.h>
#include <stdint.h>

struct engine_database;

/// Of more texts than USAGE_TEXTS_MAX the cheapest are forgotten; a text is cut at USAGE_SQL_BYTES_MAX.
enum { USAGE_TEXTS_MAX = 128, USAGE_SQL_BYTES_MAX = 2048 };

struct usage_counts {
	uint64_t runs;
	uint64_t rows_read;
	uint64_t rows_written;
};

struct usage_text {
	uint64_t hash; // of the whole text
	char *sql;
	size_t sql_size;
	struct usage_counts counts;
};

/// All zeroes is an empty one.
struct usage {
	struct usage_counts counts; // of all statements, also of those whose texts are forgotten
	struct usage_text *texts;
	int text_count;
};

void usage_cleanup(struct usage *usage);
/// Adds a statement's counts to the whole and to its text.
void usage_add(struct usage *usage, uint64_t hash, const char *sql, size_t sql_size,
	       const struct usage_counts *counts);
/// Adds the texts of another one, not its counts.
void usage_add_texts(struct usage *usage, const struct usage *other);
/// The costliest texts first.
void usage_sort(struct usage *usage);

/// Adds what was counted since the last call, and counts anew.
void engine_take_usage(struct engine_database *db, struct usage *into);

#endif
