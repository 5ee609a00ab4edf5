/// allowance: the memory and the temporary files that SQLite takes for one statement, and their limits.
///
/// SQLite bounds both only for the whole process, where one client's statement would make all others fail. So its allocator
/// and its files are asked, each time they take something, on whose behalf: the thread knows whose statement it runs.
/// What is freed later, or by others, was taken all the same; what belongs to nobody's statement is not counted.
///
/// Life:    allowance_start, then for each statement: allowance_enter, allowance_leave, as often as it runs on, and
///          allowance_end.
/// Threads: an allowance is one thread's at a time.
#ifndef ATOLL_ENGINE_ALLOWANCE_H
#define ATOLL_ENGINE_ALLOWANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/// Of all statements together; small ones are not counted.
struct allowance_pool {
	_Atomic(int64_t) memory;
	int64_t memory_max; // 0 = no limit
};

enum allowance_limit { ALLOWANCE_KEPT, ALLOWANCE_MEMORY, ALLOWANCE_MEMORY_OF_ALL, ALLOWANCE_TEMP };

struct allowance {
	int64_t memory_max; // 0 = no limit
	int64_t temp_max;   // the same
	struct allowance_pool *pool;
	int64_t memory;
	int64_t memory_in_pool;
	int64_t temp;
	enum allowance_limit exceeded; // the last that was, since the statement began
};

/// Before SQLite's first use in the process.
MUST_USE bool allowance_start(struct error *err);

/// From now on the calling thread works for the statement, for that one alone.
void allowance_enter(struct allowance *allowance);
void allowance_leave(void);
/// The statement has ended: the next one begins with nothing.
void allowance_end(struct allowance *allowance);

/// By SQLite's files: a temporary one of the statement at work grows (or shrinks). False: it may not.
bool allowance_take_temp(int64_t bytes);

#endif
