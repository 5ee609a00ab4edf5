/// form: what a browser sends from a page of ours (application/x-www-form-urlencoded), and what may stand in such a page.
#ifndef ATOLL_API_FORM_H
#define ATOLL_API_FORM_H

#include "base/arena.h"
#include "base/buffer.h"

/// The field, decoded into the arena; NULL when it is absent, empty, or wrongly encoded.
const char *form_text(const struct buffer *body, const char *name, struct arena *arena);

/// Appends the text with the characters escaped that mean something in HTML, inside attributes too.
void form_escape(struct buffer *out, const char *text);

#endif
