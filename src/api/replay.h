/// replay: the first answer again, for requests that carry an Idempotency-Key (spec/platform-api.md §4.8, row
/// 35).
///
/// Kept in memory only: an answer may hold a password, which is stored nowhere. So a restart forgets the
/// keys, and beyond REPLAY_COUNT_MAX of them the oldest go first.
///
/// Threads: any. replay_begin blocks while the first request with the same key is under way.
#ifndef ATOLL_API_REPLAY_H
#define ATOLL_API_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/crypt.h"

enum { REPLAY_COUNT_MAX = 4096 };

struct replay;

/// Who asks what under which key, and with which body; both are hashes.
struct replay_ticket {
	uint8_t key[CRYPT_HASH_BYTES];
	uint8_t body[CRYPT_HASH_BYTES];
};

enum replay_turn {
	REPLAY_FIRST,      // do the work, then call replay_end
	REPLAY_AGAIN,      // the answer was appended to out_body
	REPLAY_OTHER_BODY, // the key was used with another body
	REPLAY_UNDER_WAY   // the first request did not end before the deadline
};

/// keep_ms is how long an answer is kept, count_max how many are at most.
struct replay *replay_create(int64_t keep_ms, size_t count_max);
void replay_destroy(struct replay *replay);

enum replay_turn replay_begin(struct replay *replay, const struct replay_ticket *ticket, int64_t deadline_ms,
			      struct buffer *out_body, int *out_status);

/// Keeps the answer; body NULL forgets the key, so that a retry does the work anew.
void replay_end(struct replay *replay, const struct replay_ticket *ticket, int status,
		const struct buffer *body);

#endif
