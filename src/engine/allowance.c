#include "engine/allowance.h"

#include <pthread.h>
#include <stddef.h>

#include <sqlite3.h>

#include "base/attributes.h"

// The pool is asked for this much at a time, and by whoever takes less not at all.
enum { POOL_STEP_BYTES = 1024 * 1024 };

// SQLite's allocator and files get no context of ours: who they work for can only be the thread's.
static _Thread_local struct allowance *at_work;

// Written once, before SQLite starts.
static sqlite3_mem_methods plain;

static bool exceed(struct allowance *allowance, enum allowance_limit limit)
{
	allowance->exceeded = limit;
	return false;
}

static bool take_of_pool(struct allowance *allowance)
{
	struct allowance_pool *pool = allowance->pool;
	int64_t missing = allowance->memory - allowance->memory_in_pool;
	int64_t step = missing > POOL_STEP_BYTES ? missing : POOL_STEP_BYTES;
	if (atomic_fetch_add_explicit(&pool->memory, step, memory_order_relaxed) + step > pool->memory_max) {
		atomic_fetch_sub_explicit(&pool->memory, step, memory_order_relaxed);
		return false;
	}
	allowance->memory_in_pool += step;
	return true;
}

static bool take(struct allowance *allowance, int64_t bytes)
{
	if (allowance->memory_max > 0 && allowance->memory + bytes > allowance->memory_max)
		return exceed(allowance, ALLOWANCE_MEMORY);
	allowance->memory += bytes;
	if (allowance->memory <= allowance->memory_in_pool + POOL_STEP_BYTES || !allowance->pool ||
	    allowance->pool->memory_max == 0 || take_of_pool(allowance))
		return true;
	allowance->memory -= bytes;
	return exceed(allowance, ALLOWANCE_MEMORY_OF_ALL);
}

static void *counted_malloc(int bytes)
{
	struct allowance *allowance = at_work;
	if (!allowance)
		return plain.xMalloc(bytes);
	// What is refused must not be fetched first.
	if (!take(allowance, bytes))
		return NULL;
	void *memory = plain.xMalloc(bytes);
	allowance->memory += (memory ? plain.xSize(memory) : 0) - bytes;
	return memory;
}

static void counted_free(void *memory)
{
	struct allowance *allowance = at_work;
	if (allowance)
		allowance->memory -= plain.xSize(memory);
	plain.xFree(memory);
}

static void *counted_realloc(void *memory, int bytes)
{
	struct allowance *allowance = at_work;
	if (!allowance)
		return plain.xRealloc(memory, bytes);
	int before = plain.xSize(memory);
	if (bytes > before && !take(allowance, bytes - before))
		return NULL;
	void *moved = plain.xRealloc(memory, bytes);
	int counted = bytes > before ? bytes : before;
	allowance->memory += (moved ? plain.xSize(moved) : before) - counted;
	return moved;
}

static bool started;

static void start_once(void)
{
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) != SQLITE_OK)
		return;
	sqlite3_mem_methods counted = plain;
	counted.xMalloc = counted_malloc;
	counted.xFree = counted_free;
	counted.xRealloc = counted_realloc;
	started = sqlite3_config(SQLITE_CONFIG_MALLOC, &counted) == SQLITE_OK;
}

bool allowance_start(struct error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, start_once);
	return started || error_set(err, ERR_INTERNAL, "SQLite was in use before its allocator could be set");
}

void allowance_enter(struct allowance *allowance)
{
	at_work = allowance;
}

void allowance_leave(void)
{
	at_work = NULL;
}

void allowance_end(struct allowance *allowance)
{
	if (allowance->memory_in_pool > 0)
		atomic_fetch_sub_explicit(&allowance->pool->memory, allowance->memory_in_pool,
					  memory_order_relaxed);
	allowance->memory_in_pool = 0;
	allowance->memory = 0;
	allowance->temp = 0;
	allowance->exceeded = ALLOWANCE_KEPT;
}

bool allowance_take_temp(int64_t bytes)
{
	struct allowance *allowance = at_work;
	if (!allowance)
		return true;
	if (bytes > 0 && allowance->temp_max > 0 && allowance->temp + bytes > allowance->temp_max)
		return exceed(allowance, ALLOWANCE_TEMP);
	allowance->temp += bytes;
	return true;
}
