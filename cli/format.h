/// format: numbers as people read them.
#ifndef ATOLL_CLI_FORMAT_H
#define ATOLL_CLI_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/// "12 B", "3.4 MiB".
void format_bytes(uint64_t bytes, char *text, size_t size);
/// A time span without small change: "8 s", "2 min 05 s", "1 h 20 min".
void format_seconds(int64_t seconds, char *text, size_t size);

#endif
