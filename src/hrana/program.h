/// program: what a client's statements run on and where their results go, however they came: a part of an HTTP call and
/// of a WebSocket's request.
#ifndef ATOLL_HRANA_PROGRAM_H
#define ATOLL_HRANA_PROGRAM_H

#include <stdbool.h>

#include "base/error.h"
#include "hrana/encode.h"
#include "hrana/internal.h"
#include "hrana/stream.h"

struct program {
	struct hrana *hrana;
	struct arena *arena;   // for what lives as long as the program
	struct stream *stream; // whose session runs it
	struct encode_out out;
	struct gauge gauge;
	/// Asked between statements: fails with ERR_SHUTDOWN once nobody waits for the results any more.
	bool (*has_client)(struct program *program, struct error *err);
};

struct program program_begin(struct hrana *hrana, struct arena *arena, const struct wire *wire,
			     struct buffer *buffer);

static inline struct fleet_session *program_session(const struct program *program)
{
	return stream_session(program->stream);
}

#endif
