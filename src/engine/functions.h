/// functions: SQL functions of SQLite whose cost one call could drive to minutes, in time that grows with the text only.
/// A call cannot be interrupted: on a network thread it would hold up everybody.
#ifndef ATOLL_ENGINE_FUNCTIONS_H
#define ATOLL_ENGINE_FUNCTIONS_H

#include <sqlite3.h>
#include <stdbool.h>

/// Puts them in the place of SQLite's own on this connection. False: out of memory.
bool functions_register(sqlite3 *db);

#endif
