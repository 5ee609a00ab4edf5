// Requests for pages as replicas send them (`POST /pull-updates`): the message, and the bitmap in it.
//
// Beyond memory: a bitmap's numbers come in order, each that comes is in it, and what comes is the next.

#include <string.h>

#include "base/buffer.h"
#include "sync/updates_message.h"

#include "fuzz/fuzz.h"

enum { NUMBERS_MAX = 4096 };

static void look_at_set(const struct roaring *set)
{
	uint32_t number;
	uint32_t from = 0;
	for (int i = 0; i < NUMBERS_MAX && roaring_next(set, from, &number); i++) {
		ASSERT(number >= from && roaring_has(set, number));
		ASSERT(number == from || !roaring_has(set, number - 1));
		if (number == UINT32_MAX)
			break;
		from = number + 1;
	}
}

static void look_at_revision(const struct revision *revision)
{
	size_t size = strnlen(revision->log_id, sizeof(revision->log_id));
	ASSERT(size == 0 || (revision->present && size == LOG_ID_TEXT_BYTES - 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	// A copy of exactly this size, so that reading past it is seen.
	OWNED(text) char *copy = malloc(size ? size : 1);
	OWNED(arena) struct arena arena = {0};
	struct updates_request request;
	struct roaring set;
	struct error err = {0};
	if (size > 0)
		memcpy(copy, data, size);
	if (roaring_read(&arena, copy, size, &set, &err))
		look_at_set(&set);
	if (!updates_decode(&arena, copy, size, &request, &err)) {
		ASSERT(err.code == ERR_BAD_REQUEST);
		return 0;
	}
	look_at_revision(&request.client);
	look_at_revision(&request.server);
	if (request.selects)
		look_at_set(&request.selector);
	return 0;
}
