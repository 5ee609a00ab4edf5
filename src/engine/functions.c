// instr and replace compare byte by byte at each position in SQLite: a needle that almost fits everywhere costs the
// product of both lengths, ten minutes at row-size-max. memmem is linear. Results are those of SQLite.

#include "engine/functions.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

struct bytes {
	const char *at;
	size_t size;
};

static struct bytes text_of(sqlite3_value *value)
{
	// In this order: the size is that of the text.
	const char *at = (const char *)sqlite3_value_text(value);
	return (struct bytes){at, (size_t)sqlite3_value_bytes(value)};
}

static struct bytes blob_of(sqlite3_value *value)
{
	const char *at = sqlite3_value_blob(value);
	return (struct bytes){at, (size_t)sqlite3_value_bytes(value)};
}

static bool any_null(int count, sqlite3_value **values)
{
	for (int i = 0; i < count; i++) {
		if (sqlite3_value_type(values[i]) == SQLITE_NULL)
			return true;
	}
	return false;
}

static sqlite3_int64 characters(const char *from, const char *to)
{
	sqlite3_int64 count = 0;
	for (; from < to; from++)
		count += ((unsigned char)*from & 0xc0) != 0x80;
	return count;
}

static void answer_instr(sqlite3_context *context, struct bytes hay, struct bytes needle, bool blobs)
{
	if ((!hay.at && hay.size > 0) || (!needle.at && needle.size > 0)) {
		sqlite3_result_error_nomem(context);
		return;
	}
	if (needle.size == 0) {
		sqlite3_result_int(context, 1);
		return;
	}
	const char *found = hay.size > 0 ? memmem(hay.at, hay.size, needle.at, needle.size) : NULL;
	if (!found)
		sqlite3_result_int(context, 0);
	else
		sqlite3_result_int64(context, 1 + (blobs ? found - hay.at : characters(hay.at, found)));
}

static void sql_instr(sqlite3_context *context, int count, sqlite3_value **values)
{
	if (any_null(count, values))
		return;
	if (sqlite3_value_type(values[0]) == SQLITE_BLOB && sqlite3_value_type(values[1]) == SQLITE_BLOB) {
		answer_instr(context, blob_of(values[0]), blob_of(values[1]), true);
		return;
	}
	// Reading a blob as text would change the caller's value.
	sqlite3_value *hay = sqlite3_value_dup(values[0]);
	sqlite3_value *needle = sqlite3_value_dup(values[1]);
	if (hay && needle)
		answer_instr(context, text_of(hay), text_of(needle), false);
	else
		sqlite3_result_error_nomem(context);
	sqlite3_value_free(hay);
	sqlite3_value_free(needle);
}

static void sql_replace(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	if (any_null(2, values))
		return;
	struct bytes text = text_of(values[0]);
	struct bytes old = text_of(values[1]);
	if (!text.at || !old.at) {
		sqlite3_result_error_nomem(context);
		return;
	}
	// As SQLite does, also for a pattern that begins with NUL, and before it looks at the third argument.
	if (old.at[0] == '\0') {
		sqlite3_result_text64(context, text.at, text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
		return;
	}
	if (any_null(1, values + 2))
		return;
	struct bytes new = text_of(values[2]);
	if (!new.at) {
		sqlite3_result_error_nomem(context);
		return;
	}
	sqlite3 *db = sqlite3_context_db_handle(context);
	OWNED(buffer) struct buffer out = {.limit_bytes = (size_t)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, -1)};
	const char *end = text.at + text.size;
	const char *found;
	while ((found = memmem(text.at, (size_t)(end - text.at), old.at, old.size)) && !out.overflowed) {
		buffer_append(&out, text.at, (size_t)(found - text.at));
		buffer_append(&out, new.at, new.size);
		text.at = found + old.size;
	}
	buffer_append(&out, text.at, (size_t)(end - text.at));
	if (out.overflowed)
		sqlite3_result_error_toobig(context);
	else
		sqlite3_result_text64(context, out.size > 0 ? out.data : "", out.size, SQLITE_TRANSIENT,
				      SQLITE_UTF8);
}

bool functions_register(sqlite3 *db)
{
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
	return sqlite3_create_function_v2(db, "instr", 2, flags, NULL, sql_instr, NULL, NULL, NULL) ==
		       SQLITE_OK &&
	       sqlite3_create_function_v2(db, "replace", 3, flags, NULL, sql_replace, NULL, NULL, NULL) ==
		       SQLITE_OK;
}
