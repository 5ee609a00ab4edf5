/// dump_text: names and values as SQL text that any SQLite reads back equal. Private to the engine.
#ifndef ATOLL_ENGINE_DUMP_TEXT_H
#define ATOLL_ENGINE_DUMP_TEXT_H

#include "base/buffer.h"
#include "engine/values.h"

/// In double quotes where it needs them.
void dump_text_name(struct buffer *out, const char *name);
void dump_text_value(struct buffer *out, const struct value *value);
/// A statement of the schema, and what ends it: also where a comment stands at its end.
void dump_text_schema(struct buffer *out, const char *sql);

#endif
