#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

// A cut in the middle of a UTF-8 sequence would make the JSON that carries the message invalid.
static void cut_at_character(char *text, size_t capacity)
{
	size_t length = strnlen(text, capacity - 1);
	text[length] = '\0';
	if (length < capacity - 1)
		return;
	while (length > 0 && ((unsigned char)text[length - 1] & 0xC0) == 0x80)
		length--;
	if (length > 0 && (unsigned char)text[length - 1] >= 0xC0)
		length--;
	text[length] = '\0';
}

static void format_into(char *text, size_t capacity, const char *format, va_list args)
{
	vsnprintf(text, capacity, format, args);
	cut_at_character(text, capacity);
}

bool error_set(struct error *err, enum error_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	err->code = code;
	err->sqlite_code = 0;
	err->detail[0] = '\0';
	format_into(err->message, sizeof(err->message), format, args);
	va_end(args);
	return false;
}

bool error_errno(struct error *err, int errno_value, const char *what, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	bool full = errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG;
	err->code = full ? ERR_FULL : ERR_IO;
	err->sqlite_code = 0;
	format_into(err->message, sizeof(err->message), format, args);
	va_end(args);
	char reason[96];
	return error_detail(err, "%s: %s", what, strerror_r(errno_value, reason, sizeof(reason)));
}

bool error_detail(struct error *err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	format_into(err->detail, sizeof(err->detail), format, args);
	va_end(args);
	return false;
}

bool error_context(struct error *err, const char *format, ...)
{
	char whole[sizeof(err->message)];
	va_list args;
	va_start(args, format);
	int used = vsnprintf(whole, sizeof(whole), format, args);
	va_end(args);
	ASSERT(used >= 0);
	size_t at = (size_t)used < sizeof(whole) ? (size_t)used : sizeof(whole) - 1;
	if (at + 2 < sizeof(whole)) {
		memcpy(whole + at, ": ", 2);
		size_t room = sizeof(whole) - at - 3;
		size_t size = strnlen(err->message, room);
		memcpy(whole + at + 2, err->message, size);
		at += 2 + size;
	}
	whole[at] = '\0';
	memcpy(err->message, whole, sizeof(whole));
	cut_at_character(err->message, sizeof(err->message));
	return false;
}

const char *error_code_name(enum error_code code)
{
	static const char *const names[] = {
		[ERR_NONE] = "NONE",
#define ERROR_CODE(name, meaning) [name] = &#name[4],
#include "base/error.def"
#undef ERROR_CODE
	};
	return code < ERROR_CODE_COUNT ? names[code] : "UNKNOWN";
}

// By SQLite's primary result code. 1 (SQLITE_ERROR) says nothing by itself: "unknown", as sqld has it.
static const char *const sqlite_names[] = {
	[1] = "SQLITE_UNKNOWN",   [2] = "SQLITE_INTERNAL",  [3] = "SQLITE_PERM",
	[4] = "SQLITE_ABORT",     [5] = "SQLITE_BUSY",      [6] = "SQLITE_LOCKED",
	[7] = "SQLITE_NOMEM",     [8] = "SQLITE_READONLY",  [9] = "SQLITE_INTERRUPT",
	[10] = "SQLITE_IOERR",    [11] = "SQLITE_CORRUPT",  [12] = "SQLITE_NOTFOUND",
	[13] = "SQLITE_FULL",     [14] = "SQLITE_CANTOPEN", [15] = "SQLITE_PROTOCOL",
	[17] = "SQLITE_SCHEMA",   [18] = "SQLITE_TOOBIG",   [19] = "SQLITE_CONSTRAINT",
	[20] = "SQLITE_MISMATCH", [21] = "SQLITE_MISUSE",   [22] = "SQLITE_NOLFS",
	[23] = "SQLITE_AUTH",     [25] = "SQLITE_RANGE",    [26] = "SQLITE_NOTADB",
};

const char *error_sqlite_name(int sqlite_code)
{
	unsigned primary = (unsigned)sqlite_code & 0xFF;
	return primary < ARRAY_LENGTH(sqlite_names) ? sqlite_names[primary] : NULL;
}
