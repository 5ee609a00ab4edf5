#include "fleet/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "base/trace.h"
#include "fleet/internal.h"

enum { FILE_BYTES_MAX = 64 };

// "12\n"
static bool parse_number(const char *text, long *out)
{
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return false;
	*out = strtol(text, &end, 10);
	return end - text < 10 && strcmp(end, "\n") == 0;
}

static bool read_number(const char *path, long *out, struct error *err)
{
	OWNED(buffer) struct buffer content = {0};
	if (!disk_exists(path)) {
		*out = 0;
		return true;
	}
	if (!disk_read_file(path, FILE_BYTES_MAX, &content, err))
		return false;
	if (parse_number(buffer_text(&content), out))
		return true;
	error_set(err, ERR_CORRUPT, "the file \"format\" of the data folder holds no number");
	return error_detail(err, "%s", path);
}

bool format_settle(const char *data_folder, struct error *err)
{
	OWNED(text) char *path = fleet_path_inside(data_folder, "format");
	OWNED(text) char *databases = fleet_path_inside(data_folder, "databases");
	long found;
	if (!disk_make_folder(data_folder, err) || !read_number(path, &found, err))
		return false;
	if (found > FORMAT_NEWEST)
		return error_set(
			err, ERR_STALE,
			"the data folder was written by a newer Atoll (format %ld, this one knows %d):"
			" start that version, or restore a backup",
			found, FORMAT_NEWEST);
	if (found == FORMAT_NEWEST)
		return true;
	// From 0 to 1 no file changes but this one.
	char text[24];
	snprintf(text, sizeof(text), "%d\n", FORMAT_NEWEST);
	bool is_new = !disk_exists(databases);
	if (!disk_write_file(path, text, strlen(text), err))
		return false;
	if (!is_new)
		trace_info("data.upgraded", "from", TRACE_INT(found), "to", TRACE_INT(FORMAT_NEWEST));
	return true;
}
