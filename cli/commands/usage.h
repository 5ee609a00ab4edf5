/// usage: what databases, instances and organizations used.
#ifndef ATOLL_CLI_COMMANDS_USAGE_H
#define ATOLL_CLI_COMMANDS_USAGE_H

#include "cli/command.h"

/// The sums of a usage object (spec/platform-api.md §2.10) as a table.
void usage_print(const struct json *sums);

/// The path with --from and --to behind it.
const char *usage_path(struct call *call, const char *path);

#endif
