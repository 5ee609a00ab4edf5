#include "engine/counters.h"

#include "engine/internal.h"

void engine_database_tell_numbers(struct engine_database *db, struct engine_numbers *out)
{
	*out = (struct engine_numbers){.wal_frames = capture_wal_frames(db->capture),
				       .failed = flush_has_failed(db)};
	uint64_t flushed = atomic_load(&db->commits_flushed);
	uint64_t counted = atomic_load(&db->commits_counted);
	out->commits_pending = counted > flushed ? counted - flushed : 0;
	pthread_mutex_lock(&db->pool.mutex);
	out->connections = db->pool.count;
	pthread_mutex_unlock(&db->pool.mutex);
}
