// The file "end" in the log's folder has two places of NOTE_BYTES, written in turn; each holds one line of text:
//
//     atoll-end 1 SEQUENCE LOG_ID FRAME_NO SALT1 SALT2 WAL_FRAME CHECKSUM
//
// and zeros. One that is torn or damaged does not count; then the other does.

#include "log/end.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "base/buffer.h"
#include "base/disk.h"

enum { NOTE_BYTES = 512, NOTES = 2 };

static char *path_of(const char *folder)
{
	struct buffer path = {0};
	buffer_printf(&path, "%s/end", folder);
	return buffer_take(&path, NULL);
}

static void write_line(const struct log_end *end, struct buffer *out)
{
	buffer_printf(out, "atoll-end 1 %" PRIu64 " %s %" PRIu64 " %" PRIu32 " %" PRIu32 " %" PRIu32,
		      end->sequence, end->log_id, end->frame_no, end->wal.salt1, end->wal.salt2,
		      end->wal.frame);
	uint64_t sum = XXH3_64bits(out->data, out->size);
	buffer_printf(out, " %016" PRIx64 "\n", sum);
}

static bool parse(const char *note, struct log_end *out)
{
	OWNED(buffer) struct buffer again = {0};
	*out = (struct log_end){0};
	int fields = sscanf(note, "atoll-end 1 %" SCNu64 " %36s %" SCNu64 " %" SCNu32 " %" SCNu32 " %" SCNu32,
			    &out->sequence, out->log_id, &out->frame_no, &out->wal.salt1, &out->wal.salt2,
			    &out->wal.frame);
	write_line(out, &again);
	return fields == 6 && strcmp(note, buffer_text(&again)) == 0;
}

void end_load(const char *folder, struct log_end *out)
{
	struct error ignored;
	OWNED(text) char *path = path_of(folder);
	OWNED(fd) int fd = -1;
	*out = (struct log_end){0};
	if (!disk_open(path, O_RDONLY, &fd, &ignored))
		return;
	for (int i = 0; i < NOTES; i++) {
		char note[NOTE_BYTES + 1] = {0};
		struct log_end end;
		if (disk_read_at(fd, note, NOTE_BYTES, (uint64_t)i * NOTE_BYTES, &ignored) &&
		    parse(note, &end) && end.sequence > out->sequence)
			*out = end;
	}
}

bool end_write(const char *folder, const struct log_end *end, struct error *err)
{
	OWNED(text) char *path = path_of(folder);
	OWNED(fd) int fd = -1;
	OWNED(buffer) struct buffer line = {0};
	char note[NOTE_BYTES] = {0};
	write_line(end, &line);
	ASSERT(line.size < NOTE_BYTES);
	memcpy(note, line.data, line.size);
	return disk_open(path, O_RDWR | O_CREAT, &fd, err) &&
	       disk_write_at(fd, note, NOTE_BYTES, end->sequence % NOTES * NOTE_BYTES, err);
}
