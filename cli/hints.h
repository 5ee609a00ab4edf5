/// hints: what helps against a refusal of the server, by its machine code.
#ifndef ATOLL_CLI_HINTS_H
#define ATOLL_CLI_HINTS_H

/// One line, "" when nothing is known to help.
const char *hint_of(const char *server_code);

#endif
