/// process: what the operating system and the base know of this process, as metrics.
#ifndef ATOLL_CONSOLE_PROCESS_H
#define ATOLL_CONSOLE_PROCESS_H

#include "base/buffer.h"

struct workers;

/// Names that Prometheus' own libraries use (process_…), and Atoll's of workers, memory and disk.
void process_write_metrics(struct workers *workers, const char *data_folder, struct buffer *out);

#endif
