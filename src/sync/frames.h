/// frames: one frame as clients' replicas take it (spec/replication.md §1): a head of 24 bytes and a page, in a message.
///
/// Positions are those of the log: the content before its first transaction is 0, its first frame is 1. That content is in no
/// log, so whoever asks from 0 on needs a snapshot.
#ifndef ATOLL_SYNC_FRAMES_H
#define ATOLL_SYNC_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct frame {
	uint64_t frame_no;
	uint32_t page_no;
	uint32_t size_after; // 0: more of its transaction follows
	const char *page;
	int64_t committed_ms; // 0: not told
};

/// Bytes of the message `Frame`, which depend on committed_ms alone.
size_t frame_message_size(int64_t committed_ms);
/// Appends that message, without its length before it.
void frame_write(struct buffer *out, const struct frame *frame);

#endif
