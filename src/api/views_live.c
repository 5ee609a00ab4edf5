#include "api/views.h"
#include "base/clock.h"
#include "platform/live.h"

static void write_live_instance(struct json_writer *w, const struct live_instance *live)
{
	const struct instance *instance = &live->instance;
	json_write_object(w);
	json_write_member_text(w, "uuid", instance->uuid);
	json_write_member_text(w, "name", instance->name);
	json_write_member_text(w, "type", instance->type);
	json_write_member_text(w, "region", instance->region);
	json_write_member_text(w, "hostname", instance->hostname);
	json_write_member_text(w, "state", instance_state_name(instance->state));
	json_write_member_text(w, "failure", live->failure);
	json_write_member_integer(w, "frame_no", (int64_t)live->frame_no);
	json_write_member_integer(w, "lag_frames", (int64_t)live->lag_frames);
	json_write_member_integer(w, "lag_ms", live->lag_ms);
	json_write_member_integer(w, "storage_bytes", (int64_t)live->storage_bytes);
	json_write_end_object(w);
}

static void write_history(struct json_writer *w, const struct live_database *live)
{
	char oldest[CLOCK_TEXT_BYTES];
	clock_format(live->history_oldest_ms, oldest);
	json_write_object(w);
	json_write_member_integer(w, "bytes", (int64_t)live->history_bytes);
	json_write_member_text(w, "oldest", live->history_oldest_ms > 0 ? oldest : NULL);
	json_write_end_object(w);
}

void view_live_database(struct json_writer *w, const struct live_database *live,
			const struct usage_figures *used)
{
	json_write_object(w);
	json_write_key(w, "instances");
	json_write_array(w);
	for (size_t i = 0; i < live->instance_count; i++)
		write_live_instance(w, &live->instances[i]);
	json_write_end_array(w);
	json_write_key(w, "usage");
	json_write_object(w);
	json_write_member_integer(w, "rows_read", (int64_t)used->rows_read);
	json_write_member_integer(w, "rows_written", (int64_t)used->rows_written);
	json_write_member_integer(w, "bytes_synced", (int64_t)used->bytes_synced);
	json_write_end_object(w);
	json_write_key(w, "history");
	write_history(w, live);
	json_write_end_object(w);
}
