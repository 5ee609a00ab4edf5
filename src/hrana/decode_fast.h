/// decode_fast: the commonest pipeline, and the commonest message of a WebSocket, without a JSON tree.
///
/// A tree of the shortest pipeline costs more than all the rest of a point select's way through this module.
/// Here are taken: `execute` and `close`, their members in the order in which clients write them, texts of
/// ASCII without \u. All else is left to decode_json.c, which alone refuses: what is taken here means there
/// exactly the same (the unit test holds both against each other).
#ifndef ATOLL_HRANA_DECODE_FAST_H
#define ATOLL_HRANA_DECODE_FAST_H

#include "hrana/decode.h"

/// False: ask decode_json.c; *out is undefined then. Borrows from the body and the arena.
bool decode_fast(struct arena *arena, const struct buffer *body, struct pipeline *out);

/// A request to execute a statement.
bool decode_fast_message(struct arena *arena, const struct buffer *body, struct message *out);

#endif
