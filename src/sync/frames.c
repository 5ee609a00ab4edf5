#include "sync/frames.h"

#include "base/protobuf_write.h"
#include "log/log.h"

enum { HEAD_BYTES = 24, FRAME_BYTES = HEAD_BYTES + LOG_PAGE_BYTES };
enum { FIELD_DATA = 1, FIELD_TIMESTAMP = 2 };

size_t frame_message_size(int64_t committed_ms)
{
	size_t size = 1 + protobuf_varint_size(FRAME_BYTES) + FRAME_BYTES;
	return committed_ms ? size + 1 + protobuf_varint_size((uint64_t)committed_ms) : size;
}

static void put_little_endian(char *at, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		at[i] = (char)(value >> 8 * i);
}

void frame_write(struct buffer *out, const struct frame *frame)
{
	char head[HEAD_BYTES] = {0}; // no client checks the checksum
	put_little_endian(head, frame->frame_no, 8);
	put_little_endian(head + 16, frame->page_no, 4);
	put_little_endian(head + 20, frame->size_after, 4);
	protobuf_write_head(out, FIELD_DATA, FRAME_BYTES);
	buffer_append(out, head, sizeof(head));
	buffer_append(out, frame->page, LOG_PAGE_BYTES);
	if (frame->committed_ms)
		protobuf_write_integer(out, FIELD_TIMESTAMP, (uint64_t)frame->committed_ms);
}
