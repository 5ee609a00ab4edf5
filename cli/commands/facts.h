/// facts: what lists and single things show in the same way everywhere.
#ifndef ATOLL_CLI_COMMANDS_FACTS_H
#define ATOLL_CLI_COMMANDS_FACTS_H

#include "cli/command.h"
#include "cli/table.h"

/// A table of two columns without titles; a fact without a value is left out.
struct table facts_table(void);
void facts_add(struct table *facts, const char *title, const char *value);
void facts_add_bytes(struct table *facts, const char *title, uint64_t bytes);
void facts_add_count(struct table *facts, const char *title, uint64_t count);
void facts_print(struct table *facts);

/// The texts of an array with ", " between.
const char *facts_joined(struct call *call, const struct json *texts);

#endif
