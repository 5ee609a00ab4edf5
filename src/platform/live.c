#include "platform/live.h"

#include "platform/internal.h"

static void add_status(struct platform *platform, const struct database *database, struct live_instance *live,
		       struct live_database *out)
{
	struct fleet_status status;
	struct error ignored;
	// One that is about to be closed or destroyed has no numbers at the moment.
	if (live->instance.state != INSTANCE_READY ||
	    !fleet_instance_status(platform->fleet, database->uuid, live->instance.uuid, &status, &ignored))
		return;
	live->frame_no = status.frame_no;
	live->lag_ms = status.lag_ms;
	live->storage_bytes = status.storage_bytes;
	if (status.primary_frame_no > status.frame_no)
		live->lag_frames = status.primary_frame_no - status.frame_no;
	if (status.history_bytes > 0) {
		out->history_bytes = status.history_bytes;
		out->history_oldest_ms = status.history_oldest_ms;
	}
}

bool platform_look_at(struct platform *platform, const struct organization *organization,
		      const struct database *database, struct arena *arena, struct live_database *out,
		      struct error *err)
{
	struct instance_found *found;
	size_t count;
	if (!instances_list(platform, organization, database, arena, &found, &count, err))
		return false;
	struct live_instance *live = arena_alloc(arena, (count + 1) * sizeof(*live));
	*out = (struct live_database){.instances = live, .instance_count = count};
	for (size_t i = 0; i < count; i++) {
		live[i] = (struct live_instance){.instance = found[i].view, .failure = ""};
		if (found[i].view.state == INSTANCE_FAILED && found[i].failure)
			live[i].failure = found[i].failure;
		add_status(platform, database, &live[i], out);
	}
	return true;
}
