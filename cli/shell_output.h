/// shell_output: results of statements, in the form the user chose.
#ifndef ATOLL_CLI_SHELL_OUTPUT_H
#define ATOLL_CLI_SHELL_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

#include "base/json_read.h"

enum output_mode {
	OUTPUT_TABLE,    // aligned columns
	OUTPUT_LIST,     // a|b
	OUTPUT_CSV,      // RFC 4180; NULL is an empty field, an empty text is ""
	OUTPUT_JSON,     // an array of objects for each statement
	OUTPUT_LINE,     // column = value, one a line
	OUTPUT_MARKDOWN, //
};

struct output {
	FILE *file;
	enum output_mode mode;
	bool headers;
	bool color;
	bool harmless; // file is a terminal, which control characters in texts must not reach
};

/// False when there is no mode of this name.
bool output_mode_of(const char *name, enum output_mode *out);
const char *output_mode_name(enum output_mode mode);

/// Prints a StmtResult. One without columns prints nothing.
void output_result(const struct output *output, const struct json *result);

#endif
