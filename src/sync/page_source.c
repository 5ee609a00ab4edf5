#include "sync/page_source.h"

#include <stdlib.h>
#include <string.h>

#include "log/changes.h"

struct page_source {
	struct fleet_history *history;
	const struct updates_request *request;
	const struct job *job;
	char log_id[LOG_ID_TEXT_BYTES];
	uint64_t frame_no;
	uint32_t page_count;
	uint32_t next; // no page before it is sent any more; 0: none is

	struct log_changes *changes; // the pages are these, or all (NULL):
	struct fleet_snapshot *snapshot;
	struct log_changes *since;   // what has changed in the snapshot since the revision; NULL: nothing
	struct log_changes *content; // at the revision; NULL: not needed
};

static bool stale(struct error *err)
{
	return error_set(err, ERR_STALE,
			 "this revision of the database is no longer kept: begin with an empty replica");
}

static bool is_of(const struct revision *revision, const char *log_id)
{
	return revision->present && strcmp(revision->log_id, log_id) == 0;
}

static bool is_gap(const struct error *err)
{
	return err->code == ERR_NOT_FOUND || err->code == ERR_CORRUPT;
}

// -- the newest revision ------------------------------------------------------------------------------

static bool take_all(struct page_source *source, struct error *err)
{
	if (!fleet_snapshot_begin(source->history, &source->snapshot, err))
		return false;
	memcpy(source->log_id, fleet_snapshot_log_id(source->snapshot), sizeof(source->log_id));
	source->frame_no = fleet_snapshot_frame_no(source->snapshot);
	source->page_count = fleet_snapshot_page_count(source->snapshot);
	return true;
}

// The history may have begun anew since the position was read.
static bool is_still(struct page_source *source)
{
	struct fleet_position position;
	struct error ignored;
	return fleet_history_position(source->history, &position, &ignored) &&
	       strcmp(position.log_id, source->log_id) == 0;
}

// *out_kept false: the range is not there any more, or damaged.
static bool take_changes(struct page_source *source, uint64_t after, uint64_t to, bool *out_kept,
			 struct error *err)
{
	struct log *log = fleet_history_log(source->history);
	*out_kept = log_changes_open(log, after, to, source->job, &source->changes, err);
	if (!*out_kept)
		return is_gap(err);
	*out_kept = is_still(source);
	source->frame_no = to;
	source->page_count = log_changes_size_after(source->changes);
	if (!*out_kept) {
		log_changes_close(source->changes);
		source->changes = NULL;
	}
	return true;
}

// While others commit, only a snapshot tells how large the database is at a known position.
static bool take_nothing(struct page_source *source, struct error *err)
{
	uint64_t frame_no = source->frame_no;
	if (fleet_history_page_count(source->history, frame_no, &source->page_count)) {
		source->next = 0;
		return true;
	}
	if (!take_all(source, err))
		return false;
	if (source->frame_no == frame_no)
		source->next = 0;
	return true;
}

static bool open_newest(struct page_source *source, struct error *err)
{
	const struct revision *client = &source->request->client;
	bool kept = false;
	if (is_of(client, source->log_id) && client->frame_no == source->frame_no)
		return take_nothing(source, err);
	if (is_of(client, source->log_id) && client->frame_no < source->frame_no &&
	    !take_changes(source, client->frame_no, source->frame_no, &kept, err))
		return false;
	return kept || take_all(source, err);
}

// -- a revision of before -----------------------------------------------------------------------------

static bool is_selected(const struct page_source *source, uint32_t page_no)
{
	const struct updates_request *request = source->request;
	return !request->selects || roaring_has(&request->selector, page_no - 1);
}

static bool is_in_snapshot(const struct page_source *source, uint32_t page_no)
{
	return page_no <= fleet_snapshot_page_count(source->snapshot) &&
	       !(source->since && log_changes_has(source->since, page_no));
}

static bool open_content(struct page_source *source, struct error *err)
{
	struct log *log = fleet_history_log(source->history);
	if (source->content)
		return true;
	if (log_content_open(log, source->frame_no, source->job, &source->content, err))
		return true;
	return is_gap(err) ? stale(err) : false;
}

static bool next_of_all(const struct page_source *source, uint32_t from, uint32_t *out)
{
	const struct updates_request *request = source->request;
	*out = from;
	if (request->selects) {
		if (!roaring_next(&request->selector, from - 1, out) || *out == UINT32_MAX)
			return false;
		++*out;
	}
	return *out <= source->page_count;
}

// Once the reply has begun it is too late to say that a page is lost.
static bool check_content(struct page_source *source, struct error *err)
{
	uint32_t page_no;
	for (uint32_t from = 1; next_of_all(source, from, &page_no); from = page_no + 1) {
		if (is_in_snapshot(source, page_no))
			continue;
		if (!open_content(source, err))
			return false;
		if (!log_changes_gives(source->content, page_no))
			return stale(err);
	}
	return true;
}

static bool find_size(struct page_source *source, struct error *err)
{
	if (source->since)
		source->page_count = log_changes_size_before(source->since);
	if (source->page_count > 0)
		return true;
	if (!open_content(source, err))
		return false;
	source->page_count = log_changes_size_after(source->content);
	return source->page_count > 0 || stale(err);
}

static bool open_all_at(struct page_source *source, uint64_t frame_no, struct error *err)
{
	char log_id[LOG_ID_TEXT_BYTES];
	memcpy(log_id, source->log_id, sizeof(log_id));
	if (!take_all(source, err))
		return false;
	if (strcmp(source->log_id, log_id) != 0 || source->frame_no < frame_no)
		return stale(err);
	uint64_t newest = source->frame_no;
	source->frame_no = frame_no;
	if (newest > frame_no && !log_changes_open(fleet_history_log(source->history), frame_no, newest,
						   source->job, &source->since, err))
		return is_gap(err) ? stale(err) : false;
	return find_size(source, err) && check_content(source, err);
}

static bool open_at(struct page_source *source, const struct revision *server, struct error *err)
{
	const struct revision *client = &source->request->client;
	bool kept = false;
	if (!is_of(server, source->log_id) || server->frame_no > source->frame_no)
		return stale(err);
	if (is_of(client, source->log_id) && client->frame_no < server->frame_no &&
	    !take_changes(source, client->frame_no, server->frame_no, &kept, err))
		return false;
	if (kept)
		return true;
	if (!open_all_at(source, server->frame_no, err))
		return false;
	if (is_of(client, source->log_id) && client->frame_no == server->frame_no)
		source->next = 0;
	return true;
}

// -- life ---------------------------------------------------------------------------------------------

bool page_source_open(struct fleet_history *history, const struct updates_request *request,
		      const struct job *job, struct page_source **out, struct error *err)
{
	struct fleet_position position;
	if (!fleet_history_position(history, &position, err))
		return false;
	struct page_source *source = calloc(1, sizeof(*source));
	ASSERT(source != NULL);
	source->history = history;
	source->request = request;
	source->job = job;
	source->next = 1;
	source->frame_no = position.frame_no;
	memcpy(source->log_id, position.log_id, sizeof(source->log_id));
	bool ok = request->server.present ? open_at(source, &request->server, err) : open_newest(source, err);
	if (!ok) {
		page_source_close(source);
		return false;
	}
	*out = source;
	return true;
}

void page_source_close(struct page_source *source)
{
	if (!source)
		return;
	log_changes_close(source->changes);
	log_changes_close(source->since);
	log_changes_close(source->content);
	fleet_snapshot_end(source->snapshot);
	free(source);
}

const char *page_source_log_id(const struct page_source *source)
{
	return source->log_id;
}

uint64_t page_source_frame_no(const struct page_source *source)
{
	return source->frame_no;
}

uint32_t page_source_page_count(const struct page_source *source)
{
	return source->page_count;
}

// -- pages --------------------------------------------------------------------------------------------

// Of changed pages: those that are selected and still part of the database.
static bool next_of_changes(const struct page_source *source, uint32_t from, uint32_t *out)
{
	while (log_changes_next(source->changes, from, out)) {
		if (*out > source->page_count)
			return false;
		if (is_selected(source, *out))
			return true;
		from = *out + 1;
	}
	return false;
}

static bool read_page(struct page_source *source, uint32_t page_no, const char **out, struct error *err)
{
	if (source->changes)
		return log_changes_page(source->changes, page_no, out, err);
	if (is_in_snapshot(source, page_no))
		return fleet_snapshot_page(source->snapshot, page_no, out, err);
	return log_changes_page(source->content, page_no, out, err);
}

bool page_source_next(struct page_source *source, uint32_t *out_page_no, const char **out_page,
		      struct error *err)
{
	uint32_t page_no = 0;
	*out_page = NULL;
	bool found = source->next > 0 && (source->changes ? next_of_changes(source, source->next, &page_no)
							  : next_of_all(source, source->next, &page_no));
	source->next = found ? page_no + 1 : 0;
	*out_page_no = page_no;
	return !found || read_page(source, page_no, out_page, err);
}
