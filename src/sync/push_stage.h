/// push_stage: frames of a transaction that a client has not sent the end of. They are kept under a name, for its next
/// request; who does not come back makes room for others.
///
/// Life:    push_stage_take or push_stage_new → push_stage_add → push_stage_keep or push_stage_drop.
/// Threads: any; a stage that was taken is one thread's.
#ifndef ATOLL_SYNC_PUSH_STAGE_H
#define ATOLL_SYNC_PUSH_STAGE_H

#include "base/buffer.h"
#include "base/error.h"
#include "platform/access.h"

struct push_stages;

enum { PUSH_BATON_BYTES = 33, PUSH_STAGES_MAX = 64, PUSH_STAGES_DATABASE_MAX = 8, PUSH_STAGES_FACTOR = 4 };

struct push_stage {
	char baton[PUSH_BATON_BYTES];
	char database[CRYPT_UUID_TEXT_BYTES];
	uint64_t credential_id;
	uint32_t generation;
	uint32_t first; // number of the first frame
	uint32_t count;
	struct buffer page_nos; // uint32_t
	struct buffer pages;
	struct push_stage *next;
};

struct push_stages *push_stages_create(size_t bytes_max);
void push_stages_free(struct push_stages *stages);

struct push_stage *push_stage_new(const struct access_grant *grant, uint32_t generation, uint32_t first);
/// NULL: there is none of this name, or it is another's.
struct push_stage *push_stage_take(struct push_stages *stages, const struct access_grant *grant,
				   const char *baton);
/// Fails: ERR_BODY_TOO_LARGE
MUST_USE bool push_stage_add(struct push_stages *stages, struct push_stage *stage, uint32_t page_no,
			     const char *page, struct error *err);
/// Its frames were taken; the next ones begin behind them.
void push_stage_clear(struct push_stage *stage);
void push_stage_keep(struct push_stages *stages, struct push_stage *stage);
void push_stage_drop(struct push_stage *stage); // NULL is fine

#endif
