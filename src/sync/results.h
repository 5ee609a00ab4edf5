/// results: what the steps of a program gave, as messages (spec/replication.md §3), straight into the reply while the
/// statements run.
///
/// Life:    results_begin → for each step: results_begin_step, then the sink is filled and results_end_step, or
///          results_fail_step, or results_skip_step → results_end.
#ifndef ATOLL_SYNC_RESULTS_H
#define ATOLL_SYNC_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "fleet/session.h" // struct result_sink

struct results {
	struct result_sink sink;
	struct buffer *out;
	size_t begun;     // where the reply's message began
	size_t bytes_max; // of the whole
	bool skip_rows;   // of the step under way
	size_t result;    // where its messages began
	size_t rows;
};

void results_begin(struct results *results, struct buffer *out, size_t bytes_max);
/// Its rows go to &results->sink, which fails with ERR_RESPONSE_TOO_LARGE.
void results_begin_step(struct results *results, bool skip_rows);
void results_end_step(struct results *results, const struct statement_result *result);
/// In the place of what the step has written.
void results_fail_step(struct results *results, const struct error *err);
void results_skip_step(struct results *results);
void results_end(struct results *results, bool autocommit, uint64_t frame_no);

/// The whole answer of Describe. err NULL: it went well. counts_from_one: for clients that look the first parameter's name up as
/// the second one of the list, and end their process when they find none.
void results_describe(struct buffer *out, const struct describe_result *result, bool counts_from_one,
		      const struct error *err);

#endif
