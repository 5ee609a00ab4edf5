#include "api/views.h"
#include "base/clock.h"

static void write_moment(struct json_writer *w, int64_t ms)
{
	char text[CLOCK_TEXT_BYTES];
	clock_format(ms, text);
	json_write_text(w, ms > 0 ? text : NULL);
}

static const char *state_name(enum backup_state state)
{
	static const char *const names[] = {"queued", "running", "complete", "failed"};
	return names[state];
}

static void write_content(struct json_writer *w, const struct backup_facts *facts)
{
	json_write_object(w);
	json_write_member_text(w, "log_id", facts->log_id);
	json_write_member_integer(w, "frame_no", (int64_t)facts->frame_no);
	json_write_key(w, "at");
	write_moment(w, facts->at_ms);
	json_write_member_integer(w, "page_count", facts->page_count);
	json_write_member_integer(w, "bytes", (int64_t)facts->content_bytes);
	json_write_member_integer(w, "stored_bytes", (int64_t)facts->stored_bytes);
	json_write_member_text(w, "sha256", facts->sha256);
	json_write_end_object(w);
}

static void write_verification(struct json_writer *w, const struct backup *backup)
{
	static const char *const verdicts[] = {"none", "ok", "failed"};
	json_write_object(w);
	json_write_member_text(w, "verdict", verdicts[backup->verdict]);
	json_write_member_text(w, "error", backup->verify_error[0] ? backup->verify_error : NULL);
	json_write_key(w, "verified_at");
	write_moment(w, backup->verified_ms);
	json_write_member_bool(w, "pending", backup->verification_due);
	json_write_end_object(w);
}

static void write_progress(struct json_writer *w, const struct backup *backup)
{
	if (backup->progress_all == 0) {
		json_write_null(w);
		return;
	}
	json_write_object(w);
	json_write_member_integer(w, "done_bytes", (int64_t)backup->progress_done);
	json_write_member_integer(w, "all_bytes", (int64_t)backup->progress_all);
	json_write_end_object(w);
}

static void write_backup(struct json_writer *w, const struct backup *backup)
{
	json_write_object(w);
	json_write_member_text(w, "id", backup->id);
	json_write_member_text(w, "database", backup->name);
	json_write_member_text(w, "database_id", backup->database);
	json_write_member_bool(w, "automatic", backup->automatic);
	json_write_member_text(w, "state", state_name(backup->state));
	json_write_member_text(w, "error", backup->error[0] ? backup->error : NULL);
	json_write_member_integer(w, "attempts", backup->attempts);
	json_write_key(w, "created_at");
	write_moment(w, backup->created_ms);
	json_write_key(w, "completed_at");
	write_moment(w, backup->completed_ms);
	json_write_key(w, "content");
	if (backup->state == BACKUP_COMPLETE)
		write_content(w, &backup->facts);
	else
		json_write_null(w);
	json_write_key(w, "verification");
	write_verification(w, backup);
	json_write_key(w, "progress");
	write_progress(w, backup);
	json_write_end_object(w);
}

void view_backup(struct json_writer *w, const struct backup *backup)
{
	json_write_object(w);
	json_write_key(w, "backup");
	write_backup(w, backup);
	json_write_end_object(w);
}

void view_backups(struct json_writer *w, const struct backup *backups, size_t count)
{
	json_write_object(w);
	json_write_key(w, "backups");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_backup(w, &backups[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}
