/// upload_internal: what the files of uploads share (upload.c, upload_content.c, upload_chunks.c).
#ifndef ATOLL_PLATFORM_UPLOAD_INTERNAL_H
#define ATOLL_PLATFORM_UPLOAD_INTERNAL_H

#include "base/workers.h"
#include "platform/internal.h"
#include "platform/upload.h"

/// A database whose content is being received or taken over. Chunks share it, whoever takes it over has it alone.
struct upload_claim {
	struct upload_claim *next;
	char database[CRYPT_UUID_TEXT_BYTES];
	int share_count;
	bool alone;
};

struct upload_sweeper;
struct uploads {
	struct workers *workers; // NULL: no timer
	uint64_t bytes_max;
	struct platform_fetcher fetcher;
	struct upload_sweeper *sweeper;

	pthread_mutex_t mutex;
	struct upload_claim *claims; // guarded by mutex
};

// -- upload.c
/// In the upload folder; malloc'd.
char *upload_path(const struct platform *platform, const char *prefix, const char *name);
/// One that the next start removes.
char *upload_new_path(const struct platform *platform);
/// The file has another name and another owner now.
void upload_file_handed_on(struct upload_file *file);
/// "… (limit upload-size-max)"
bool upload_too_large(const struct platform *platform, struct error *err);

// -- upload_content.c
/// Fails: ERR_UNAVAILABLE
MUST_USE bool upload_claim(struct platform *platform, const char *database, bool alone, struct error *err);
void upload_unclaim(struct platform *platform, const char *database, bool alone);
/// platform_fill_draft for who has claimed the database alone.
MUST_USE bool draft_fill(struct platform *platform, const char *database, struct upload_file *file,
			 struct error *err);
/// True for a database that is a draft, and when the store cannot tell.
bool draft_may_be(struct platform *platform, const char *database);
/// Finishes drafts whose content was taken over before the process ended.
MUST_USE bool drafts_resume(struct platform *platform, struct error *err);

// -- upload_chunks.c
extern const char chunks_prefix[];
/// Whether nobody will go on with the upload at `path`.
bool chunks_are_over(struct platform *platform, const char *database, const char *path);

#endif
