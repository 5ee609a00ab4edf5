// The file that stands beside a backup, for those who have nothing but the target.

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "platform/backup_internal.h"

enum { MANIFEST_DEPTH_MAX = 4 };

static void write_number(struct json_writer *w, const char *key, uint64_t number)
{
	json_write_key(w, key);
	json_write_unsigned(w, number);
}

void backup_write_manifest(const struct backup *backup, const struct backup_facts *facts, struct buffer *out)
{
	char at[CLOCK_TEXT_BYTES];
	struct json_writer w = json_write_to(out);
	clock_format(facts->at_ms, at);
	json_write_object(&w);
	write_number(&w, "format", BACKUP_FORMAT);
	json_write_member_text(&w, "server", "atolld " ATOLL_VERSION);
	json_write_member_text(&w, "id", backup->id);
	json_write_member_text(&w, "database", backup->name);
	json_write_member_text(&w, "database_id", backup->database);
	json_write_member_text(&w, "log_id", facts->log_id);
	write_number(&w, "frame_no", facts->frame_no);
	json_write_member_text(&w, "at", at);
	write_number(&w, "page_size", BACKUP_PAGE_BYTES);
	write_number(&w, "page_count", facts->page_count);
	write_number(&w, "content_bytes", facts->content_bytes);
	write_number(&w, "stored_bytes", facts->stored_bytes);
	json_write_member_text(&w, "sha256", facts->sha256);
	json_write_end_object(&w);
	buffer_append_byte(out, '\n');
}

static bool has_text(const struct json *root, const char *key, const char *expected)
{
	const struct json *node = json_read_get(root, key);
	const char *text = node ? json_read_text(node, NULL) : NULL;
	return text && strcmp(text, expected) == 0;
}

static bool has_number(const struct json *root, const char *key, uint64_t expected)
{
	const struct json *node = json_read_get(root, key);
	return node && (uint64_t)json_read_integer(node) == expected;
}

static bool tells(const struct json *root, const struct backup *backup)
{
	const struct backup_facts *facts = &backup->facts;
	return has_number(root, "format", BACKUP_FORMAT) && has_text(root, "id", backup->id) &&
	       has_text(root, "database_id", backup->database) && has_text(root, "log_id", facts->log_id) &&
	       has_number(root, "frame_no", facts->frame_no) &&
	       has_number(root, "page_count", facts->page_count) &&
	       has_number(root, "content_bytes", facts->content_bytes) &&
	       has_number(root, "stored_bytes", facts->stored_bytes) &&
	       has_text(root, "sha256", facts->sha256);
}

bool backup_check_manifest(const struct buffer *manifest, const struct backup *backup, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	struct error ignored;
	if (json_read_parse(manifest->data, manifest->size, 0, MANIFEST_DEPTH_MAX, &root, &ignored) &&
	    json_read_kind(root) == JSON_KIND_OBJECT && tells(root, backup))
		return true;
	return error_set(err, ERR_CORRUPT, "the backup is damaged: its description is another one");
}
