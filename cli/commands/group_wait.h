/// group_wait: until the instances of a group can serve somewhere.
#ifndef ATOLL_CLI_COMMANDS_GROUP_WAIT_H
#define ATOLL_CLI_COMMANDS_GROUP_WAIT_H

#include "cli/command.h"

/// Waits with a spinner until all databases of the group have an instance in the location that can serve.
MUST_USE bool group_wait(struct call *call, const char *group, const char *location, struct error *err);

#endif
