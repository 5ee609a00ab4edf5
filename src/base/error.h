/// error: the one way in which Atoll says that something failed.
///
/// A fallible function returns false and fills its last parameter `err` exactly then; `out` parameters are
/// written only on success. An error is a plain value: it allocates nothing, may be copied and forgotten.
#ifndef ATOLL_BASE_ERROR_H
#define ATOLL_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

enum error_code {
	ERR_NONE = 0,
#define ERROR_CODE(name, meaning) name,
#include "base/error.def"
#undef ERROR_CODE
	ERROR_CODE_COUNT
};

struct error {
	enum error_code code;
	int sqlite_code;   // SQLite's extended result code for ERR_SQLITE, else 0
	char message[480]; // for the caller: what is wrong and what to do; no secrets, no paths
	char detail[240];  // for the log only: path, errno, SQLite's words
};

/// Fills *err and returns false, so that a function can end with `return error_set(err, ERR_…, "…", …);`.
/// The message is cut at the end of a UTF-8 character when it does not fit. Clears `detail` and
/// `sqlite_code`.
bool error_set(struct error *err, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/// As error_set, with errno's text and `what` (often a path) in `detail`. ENOSPC, EDQUOT and EFBIG turn
/// ERR_IO into ERR_FULL.
bool error_errno(struct error *err, int errno_value, const char *what, const char *format, ...)
	PRINTF_LIKE(4, 5);

/// Sets the detail of an error that is already set. Returns false.
bool error_detail(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/// Puts "context: " before the message of an error that is already set. Returns false.
bool error_context(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/// The code's name as in error.def, without "ERR_": "FULL".
const char *error_code_name(enum error_code code);

/// The name of a result code of SQLite without what extends it, as clients know it: "SQLITE_CONSTRAINT"; NULL if there is
/// none.
const char *error_sqlite_name(int sqlite_code);

#endif
