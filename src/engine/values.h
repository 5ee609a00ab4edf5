/// values: what goes into a statement and what comes out, without a word about wires.
///
/// hrana, sync and platform fill a `struct statement` and hand over a `struct result_sink`; the engine calls
/// the sink for the columns and for each row while SQLite steps, so that rows go straight into the caller's
/// buffer.
#ifndef ATOLL_ENGINE_VALUES_H
#define ATOLL_ENGINE_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum value_kind { VALUE_NULL, VALUE_INTEGER, VALUE_REAL, VALUE_TEXT, VALUE_BLOB };

struct value {
	enum value_kind kind;
	union {
		int64_t integer;
		double real;
		size_t size; // bytes of a TEXT or BLOB
	};
	const char *bytes; // TEXT or BLOB; not NUL-terminated; borrowed
};

struct named_value {
	const char *name; // as the client spelled it, with or without prefix
	struct value value;
};

/// One statement with its arguments (spec/hrana.md §2). Everything is borrowed for the call.
struct statement {
	const char *sql;
	size_t sql_size;
	const struct value *args;
	size_t arg_count;
	const struct named_value *named_args;
	size_t named_arg_count;
};

struct column {
	const char *name;
	const char *decltype_text; // as declared, or NULL
};

/// Where a result goes. A function that returns false stops the statement with the error it filled (for
/// instance ERR_RESPONSE_TOO_LARGE). `columns` is called once before the first row, also with count 0;
/// `restart` says that execution begins anew: forget everything of this statement. Bytes are borrowed for the
/// call.
struct result_sink {
	bool (*columns)(struct result_sink *sink, const struct column *columns, int count, struct error *err);
	bool (*row)(struct result_sink *sink, const struct value *values, int count, struct error *err);
	void (*restart)(struct result_sink *sink);
	/// Called now and then (about each 0.1 ms) while the statement works without giving a row: to send what was
	/// kept back. False stops it. May be NULL.
	bool (*tick)(struct result_sink *sink, struct error *err);
	/// Set by the engine before `columns`: nothing of this result is true before the statement has ended (an autocommit
	/// write), so nothing may be shown and `pause` has no effect.
	bool provisional;
	/// Set by `columns` or `row`: enough for now. Looked at by fleet_session_begin and _resume alone, which unset it.
	bool pause;
};

/// What is known of a statement after it ran.
struct statement_result {
	uint64_t affected_row_count;
	int64_t last_insert_rowid;
	bool has_last_insert_rowid;
	uint64_t frame_no; // position of the history that the statement has seen or made: the replication
			   // index
	uint64_t rows_read;
	uint64_t rows_written;
	double duration_ms;
};

/// What a prepared statement says of itself; memory belongs to the describe_result until
/// describe_result_cleanup.
struct describe_result {
	char **param_names; // NULL for a nameless one
	size_t param_count;
	char **column_names;
	char **column_decltypes; // NULL where unknown
	size_t column_count;
	bool is_explain;
	bool is_readonly;
};
void describe_result_cleanup(struct describe_result *result);

#endif
