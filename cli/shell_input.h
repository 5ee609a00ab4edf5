/// shell_input: lines from a terminal, edited and remembered.
///
/// The history is kept in ~/.local/state/atoll/history (XDG_STATE_HOME), readable for its owner only. Lines
/// that begin with a blank are not kept.
#ifndef ATOLL_CLI_SHELL_INPUT_H
#define ATOLL_CLI_SHELL_INPUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"

struct shell_input;

enum shell_input_event {
	SHELL_INPUT_LINE,
	SHELL_INPUT_CANCELLED, // Ctrl-C
	SHELL_INPUT_END,       // Ctrl-D on an empty line
};

/// `write_prompt` is asked for each line and writes at most `size` bytes.
MUST_USE bool shell_input_open(void (*write_prompt)(void *context, char *text, size_t size), void *context,
			       struct shell_input **out, struct error *err);

/// The line, with its end, is valid until the next call.
enum shell_input_event shell_input_read(struct shell_input *input, const char **out_line, size_t *out_size);

/// Saves the history. NULL is fine.
void shell_input_close(struct shell_input *input);
void shell_input_cleanup(struct shell_input **input); // OWNED(shell_input)

#endif
