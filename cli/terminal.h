/// terminal: what the person in front of the program can see and be asked.
///
/// Results go to stdout, all else to stderr: a question is asked on stderr and only when stdin is a terminal
/// too.
#ifndef ATOLL_CLI_TERMINAL_H
#define ATOLL_CLI_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/// Colours are for a terminal, and not wanted there when NO_COLOR is set or TERM is "dumb".
bool terminal_has_color(FILE *stream);
/// A person answers: stdin and stderr are terminals.
bool terminal_can_ask(void);

/// Has a word typed to confirm something. False when anything else was.
bool terminal_confirm(const char *word);

/// Reads one line. Fails: ERR_USAGE when there is none.
MUST_USE bool terminal_read_line(const char *prompt, struct buffer *out, struct error *err);

/// Reads one line without its end: a secret that is not shown while it is typed, or the line that another
/// program sent. Fails: ERR_USAGE when there is none.
MUST_USE bool terminal_read_secret(const char *prompt, struct buffer *out, struct error *err);

#endif
