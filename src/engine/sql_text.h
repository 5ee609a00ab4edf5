/// sql_text: a file of SQL text, statement by statement, through a window that grows to the longest of them.
#ifndef ATOLL_ENGINE_SQL_TEXT_H
#define ATOLL_ENGINE_SQL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sql_text;

struct sql_text_statement {
	char *sql; // NUL behind it; valid until the next one
	size_t size;
};

MUST_USE bool sql_text_open(const char *path, size_t statement_bytes_max, struct sql_text **out,
			    struct error *err);
void sql_text_close(struct sql_text *text);

/// *out_found false at the end. Fails: ERR_BAD_REQUEST "line N: …" (longer than the limit, a NUL character), ERR_IO.
MUST_USE bool sql_text_next(struct sql_text *text, struct sql_text_statement *out, bool *out_found,
			    struct error *err);

/// The line, from 1, of a place in the present statement.
uint64_t sql_text_line(const struct sql_text *text, size_t offset);

#endif
