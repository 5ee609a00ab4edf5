/// sql_value: values as the SQL protocol sends them (spec/hrana.md §2), as texts.
#ifndef ATOLL_CLI_SQL_VALUE_H
#define ATOLL_CLI_SQL_VALUE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/json_read.h"

enum sql_kind { SQL_NULL, SQL_INTEGER, SQL_REAL, SQL_TEXT, SQL_BLOB };

enum sql_kind sql_value_kind(const struct json *value);

/// For people: NULL, 1, 1.5, the text as it is, x'0a0b'.
void sql_value_append(struct buffer *out, const struct json *value);

/// For SQL: a literal that is the same value again.
void sql_value_append_literal(struct buffer *out, const struct json *value);

/// An infinite real: the protocol carries it without its sign.
bool sql_value_is_infinite(const struct json *value);

/// A quoted name.
void sql_append_name(struct buffer *out, const char *name);

#endif
