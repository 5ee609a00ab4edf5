/// format: the number of the data folder's layout, in its file "format". It grows when a version lays out files so that
/// older ones would misread them; what the platform's own tables look like has numbers of its own (platform/store.h).
///
///     0  before there was a number: Atoll up to 0.1.0's first previews
///     1  the same files; the number is written
#ifndef ATOLL_FLEET_FORMAT_H
#define ATOLL_FLEET_FORMAT_H

#include "base/error.h"

enum { FORMAT_NEWEST = 1 };

/// Refuses a folder of a newer format before anything in it is touched, brings an older one up to date, and writes the
/// number into a new one, which is made. The folder is this process's own.
/// Fails: ERR_STALE    it is newer; the message has both numbers
///        ERR_CORRUPT  the file holds no number
MUST_USE bool format_settle(const char *data_folder, struct error *err);

#endif
