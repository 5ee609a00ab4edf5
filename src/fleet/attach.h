/// attach: the databases that a session has attached. Private to the fleet.
///
/// The session keeps what is attached; each of its streams (here, on the primary) is brought up to date before it runs
/// something. An attached instance is held, so that it stays open.
#ifndef ATOLL_FLEET_ATTACH_H
#define ATOLL_FLEET_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/policy.h"
#include "fleet/fleet.h"

struct engine_stream;

struct attachment {
	char name[ATTACH_NAME_BYTES];
	char alias[ATTACH_NAME_BYTES];
	struct fleet_instance *instance;
};

/// All zeroes are none.
struct attachments {
	struct attachment *items;
	size_t count;
};

/// Attaches in `stream` and notes it for the others. `database`: the UUID of what `request` names.
/// Fails: all of fleet_acquire and engine_stream_attach.
MUST_USE bool attachments_add(struct attachments *attachments, struct fleet *fleet, const char *database,
			      const struct policy_attachment *request, struct engine_stream *stream,
			      struct error *err);
/// Detaches from the streams (NULL: not open) and forgets.
MUST_USE bool attachments_remove(struct attachments *attachments, const char *alias,
				 struct engine_stream *const streams[2], int64_t deadline_ms,
				 struct error *err);
/// What is attached may still be read. Fails: ERR_FORBIDDEN, ERR_BLOCKED.
MUST_USE bool attachments_check(const struct attachments *attachments, struct error *err);
/// Attaches in a stream what is not attached there yet.
MUST_USE bool attachments_ensure(const struct attachments *attachments, struct engine_stream *stream,
				 struct error *err);
/// After the streams were closed.
void attachments_cleanup(struct attachments *attachments);

#endif
