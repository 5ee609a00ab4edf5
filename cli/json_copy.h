/// json_copy: puts a node that was read back into a text, for answers that are passed on.
#ifndef ATOLL_CLI_JSON_COPY_H
#define ATOLL_CLI_JSON_COPY_H

#include "base/json_read.h"
#include "base/json_write.h"

void json_copy(struct json_writer *w, const struct json *node); // NULL is null
void json_copy_member(struct json_writer *w, const char *key, const struct json *node);

/// The text at a key of an object, "" when it is absent or none.
const char *json_text_at(const struct json *object, const char *key);

#endif
