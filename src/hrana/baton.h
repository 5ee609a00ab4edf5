/// baton: the token by which a client names its stream, and all that a plain stream needs to live on.
///
/// A baton is sealed with a key of the server and bound to the database and the credential that opened the
/// stream. It says of itself whether the stream holds anything beyond its place in history: one that does not
/// can be opened anew from its baton alone.
///
/// Form: base64 (standard, no padding) of version 1, flags 1, id 8, sequence 8, frame_no 8, seal 16 bytes;
/// numbers little-endian; the seal is BLAKE2b over these, the database's UUID and the credential's id.
#ifndef ATOLL_HRANA_BATON_H
#define ATOLL_HRANA_BATON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "platform/access.h"

enum { BATON_TEXT_BYTES = 57 }; // 56 characters and NUL

enum baton_flags {
	BATON_TRANSACTION = 1, // a transaction was open
	BATON_STORED_SQL = 2,  // the stream stores SQL texts
	BATON_SETTINGS = 4,    // pragmas or attachments that another connection would not have
};

struct baton {
	unsigned flags;
	uint64_t id;
	uint64_t sequence; // grows by one with each answer; the newest alone is good
	uint64_t frame_no; // what the stream has seen: its next read is not older
};

void baton_write(const struct baton *baton, const uint8_t key[32], const struct access_grant *grant,
		 char text[BATON_TEXT_BYTES]);

/// False for a text that is no baton of this server, database and credential.
bool baton_read(const char *text, size_t size, const uint8_t key[32], const struct access_grant *grant,
		struct baton *out);

#endif
