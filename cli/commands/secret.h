/// secret: passwords on their way in. They come from the keyboard without being shown, or from standard input; never
/// from the command line, which others can read.
#ifndef ATOLL_CLI_COMMANDS_SECRET_H
#define ATOLL_CLI_COMMANDS_SECRET_H

#include "cli/command.h"

/// The password of an existing account. Fails: ERR_USAGE when nobody can be asked and --password-stdin is missing.
MUST_USE bool secret_read(struct call *call, const char *prompt, const char **out, struct error *err);
/// A new one: asked for twice on a terminal.
MUST_USE bool secret_choose(struct call *call, const char **out, struct error *err);

#endif
