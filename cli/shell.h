/// shell: SQL and dot-commands from the keyboard, an argument, a file or standard input.
///
/// On a terminal it edits lines, keeps a history and goes on after errors. Otherwise it stops at the first
/// statement that fails.
#ifndef ATOLL_CLI_SHELL_H
#define ATOLL_CLI_SHELL_H

#include <stdbool.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "cli/session.h"
#include "cli/shell_output.h"
#include "cli/sql_scanner.h"

struct shell {
	struct session *session; // borrowed
	struct output output;
	const char *name; // of the database, for the prompt
	bool interactive;
	bool one_line; // the input is a single line: a place says nothing
	bool timer;
	bool leaving;     // .quit
	int nested_reads; // .read inside .read

	struct sql_scanner scanner;
	struct buffer pending; // a statement that has not ended yet
	int line;              // of the text that comes next
	int statement_line;    // where the pending statement begins
	const char *source;    // file that is read, NULL for the main input
};

/// Runs a text that is complete.
MUST_USE bool shell_run_text(struct shell *shell, const char *text, struct error *err);
/// Runs standard input to its end.
MUST_USE bool shell_run_input(struct shell *shell, struct error *err);
/// Talks to the person at the terminal until they leave. Fails only when that cannot begin.
MUST_USE bool shell_run_terminal(struct shell *shell, struct error *err);

/// Runs a file, for .read.
MUST_USE bool shell_run_file(struct shell *shell, const char *path, struct error *err);

void shell_cleanup(struct shell *shell); // OWNED(shell)

/// Runs a line that begins with a dot, without its end. In shell_dot.c.
MUST_USE bool shell_dot(struct shell *shell, const char *line, struct error *err);

/// Writes the whole database as SQL. In shell_dump.c.
MUST_USE bool shell_dump(struct session *session, FILE *out, struct error *err);

#endif
