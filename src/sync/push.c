#include "sync/push.h"

#include <string.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "log/log.h"
#include "sync/offline.h"
#include "sync/push_stage.h"

enum { PUSH_FRAMES_MAX = 1024 };

struct push {
	struct sync *sync;
	struct net_request *request;
	struct access_grant grant;
	struct fleet_history *history;
	struct generation generation;
	struct push_stage *stage;
	uint32_t number; // of the generation
	uint32_t first;  // frames, up to the one before `behind`
	uint32_t behind;
	uint32_t held;  // frames of the generation that are durable
	bool conflicts; // with what others wrote
};

static uint32_t get32(const char *bytes)
{
	const unsigned char *b = (const unsigned char *)bytes;
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static const char *frame_at(const struct push *push, uint32_t number)
{
	return net_request_body(push->request)->data + (size_t)(number - push->first) * OFFLINE_FRAME_BYTES;
}

static void answer(struct push *push, bool conflict, uint32_t max_frame_no, const char *baton)
{
	struct json_writer w = json_write_to(net_reply_body(push->request));
	json_write_object(&w);
	json_write_member_text(&w, "status", conflict ? "conflict" : "ok");
	json_write_key(&w, "generation");
	json_write_unsigned(&w, push->generation.newest);
	json_write_key(&w, "max_frame_no");
	json_write_unsigned(&w, max_frame_no);
	json_write_member_text(&w, "baton", baton);
	json_write_end_object(&w);
	net_request_finish(push->request);
}

// -- what stands there already ------------------------------------------------------------------------

// Salts and checksums are each side's own.
static bool is_same_frame(const char *left, const char *right)
{
	return memcmp(left, right, 8) == 0 &&
	       memcmp(left + OFFLINE_FRAME_HEAD_BYTES, right + OFFLINE_FRAME_HEAD_BYTES, LOG_PAGE_BYTES) == 0;
}

// A client that did not hear of its last push sends it again.
static bool compare_held(struct push *push, bool *out_same, struct error *err)
{
	OWNED(buffer) struct buffer frames = {0};
	uint32_t last = push->behind - 1 < push->held ? push->behind - 1 : push->held;
	uint32_t count = last - push->first + 1;
	if (!offline_read(push->history, &push->generation, push->first, count, &frames, err))
		return false;
	*out_same = frames.size == (size_t)count * OFFLINE_FRAME_BYTES;
	for (uint32_t i = 0; i < count && *out_same; i++)
		*out_same = is_same_frame(frames.data + (size_t)i * OFFLINE_FRAME_BYTES,
					  frame_at(push, push->first + i));
	return true;
}

// -- taking it ----------------------------------------------------------------------------------------

static bool take_transaction(struct push *push, uint32_t size_after, struct error *err)
{
	struct push_stage *stage = push->stage;
	const struct log_txn txn = {.frame_count = stage->count,
				    .size_after = size_after,
				    .page_nos = (const uint32_t *)(const void *)stage->page_nos.data,
				    .pages = stage->pages.data};
	if (!fleet_history_push(push->history, push->generation.log_id, push->generation.begin + push->held,
				&txn, err)) {
		push->conflicts = err->code == ERR_STALE;
		return push->conflicts;
	}
	push->held += stage->count;
	push_stage_clear(stage);
	return true;
}

static bool take_frames(struct push *push, uint32_t from, struct error *err)
{
	for (uint32_t i = from; i < push->behind && !push->conflicts; i++) {
		const char *frame = frame_at(push, i);
		uint32_t size_after = get32(frame + 4);
		if (!push_stage_add(push->sync->stages, push->stage, get32(frame),
				    frame + OFFLINE_FRAME_HEAD_BYTES, err) ||
		    (size_after != 0 && !take_transaction(push, size_after, err)))
			return false;
	}
	return true;
}

// Frames wait under the baton that the client was given with the last reply.
static void find_stage(struct push *push)
{
	const char *baton = net_request_param(push->request, "baton");
	struct push_stage *stage = baton ? push_stage_take(push->sync->stages, &push->grant, baton) : NULL;
	bool fits = stage && stage->generation == push->number && stage->first == push->held + 1 &&
		    stage->first + stage->count == push->first;
	if (!fits) {
		push_stage_drop(stage);
		stage = NULL;
	}
	push->stage = stage;
}

// A gap is no conflict: what waited was lost, and the client goes back to what is held.
static bool run(struct push *push, struct error *err)
{
	bool same = true;
	uint32_t from = push->first;
	find_stage(push);
	if (!push->stage && push->first <= push->held) {
		if (!compare_held(push, &same, err))
			return false;
		from = push->held + 1;
	}
	if (!same) {
		answer(push, true, push->held, NULL);
		return true;
	}
	if (!push->stage && push->first > push->held + 1) {
		answer(push, false, push->held, NULL);
		return true;
	}
	if (!push->stage)
		push->stage = push_stage_new(&push->grant, push->number, push->held + 1);
	if (!take_frames(push, from, err))
		return false;
	if (push->conflicts || push->stage->count == 0) {
		answer(push, push->conflicts, push->conflicts ? push->held : push->behind - 1, NULL);
		return true;
	}
	char baton[PUSH_BATON_BYTES];
	memcpy(baton, push->stage->baton, sizeof(baton));
	push_stage_keep(push->sync->stages, push->stage);
	push->stage = NULL;
	answer(push, false, push->behind - 1, baton);
	return true;
}

static bool open(struct push *push, struct error *err)
{
	if (!offline_open(push->sync, &push->grant, &push->history, err) ||
	    !fleet_history_generation(push->history, push->number, push->sync->generation_frames,
				      &push->generation, err))
		return false;
	// A client that pushes cannot go to the next generation: this one goes on for it, over its end.
	push->generation.end = push->generation.durable;
	push->generation.newest = push->number;
	uint64_t held = push->generation.end - push->generation.begin;
	if (held + push->sync->generation_frames > UINT32_MAX - PUSH_FRAMES_MAX)
		return error_set(err, ERR_LIMIT, "the generation has too many frames");
	push->held = (uint32_t)held;
	return true;
}

static void on_worker(void *context, struct net_request *request)
{
	struct push push = *(const struct push *)context; // which goes with the request
	struct error err;
	if (!open(&push, &err) || !run(&push, &err))
		sync_refuse(request, &err);
	push_stage_drop(push.stage);
	fleet_history_close(push.history);
}

static bool read_request(struct push *push, struct error *err)
{
	struct net_request *request = push->request;
	if (!offline_param(request, "g", &push->number, err) ||
	    !offline_param(request, "a", &push->first, err) ||
	    !offline_param(request, "b", &push->behind, err))
		return false;
	if (push->behind <= push->first || push->behind - push->first > PUSH_FRAMES_MAX)
		return error_set(err, ERR_BAD_REQUEST, "1 to %d frames may be sent at once", PUSH_FRAMES_MAX);
	size_t size = (size_t)(push->behind - push->first) * OFFLINE_FRAME_BYTES;
	return net_request_body(request)->size == size ||
	       error_set(err, ERR_BAD_REQUEST, "%zu bytes of frames are expected", size);
}

void push_handle(void *context, struct net_request *request)
{
	struct push *push = arena_alloc(net_request_arena(request), sizeof(*push));
	struct error err;
	push->sync = context;
	push->request = request;
	if (!sync_authorize(context, request, &push->grant, &err) || !read_request(push, &err))
		sync_refuse(request, &err);
	else if (push->grant.read_only)
		sync_refuse(request, (error_set(&err, ERR_FORBIDDEN, "a read-only token cannot push"), &err));
	else
		net_request_run(request, on_worker, push, false);
}
