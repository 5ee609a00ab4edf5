/// disk: files and folders as Atoll makes them: files 0600, folders 0700, durable when it says so.
#ifndef ATOLL_BASE_DISK_H
#define ATOLL_BASE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/// Closes a descriptor held in an int local (-1 = none): OWNED(fd) int fd = -1;
void fd_cleanup(int *fd);

/// Creates the folder and its missing parents; an existing one is fine.
MUST_USE bool disk_make_folder(const char *path, struct error *err);
/// Removes a file, or a folder with all it holds; absent is fine.
MUST_USE bool disk_remove_tree(const char *path, struct error *err);
bool disk_exists(const char *path);

/// Whether files can be made in the folder; leaves none. Fails: ERR_FULL, ERR_IO.
MUST_USE bool disk_is_writable(const char *folder, struct error *err);
/// What an ordinary user may still write on the folder's file system.
MUST_USE bool disk_free_bytes(const char *folder, uint64_t *out, struct error *err);

/// Opens with O_CLOEXEC and mode 0600. Fails: ERR_NOT_FOUND, ERR_EXISTS (O_EXCL), ERR_FULL, ERR_IO.
MUST_USE bool disk_open(const char *path, int flags, int *out_fd, struct error *err);
/// Whole-buffer positioned input and output; a short read fails with ERR_CORRUPT "… ends early".
MUST_USE bool disk_write_at(int fd, const void *bytes, size_t size, uint64_t offset, struct error *err);
MUST_USE bool disk_read_at(int fd, void *bytes, size_t size, uint64_t offset, struct error *err);
/// Lets the file `to` (empty) share all blocks of `from`, at once. False where the file system cannot.
bool disk_clone(int from, int to);
/// Makes the file `to` (empty) hold what `from` holds: shares the blocks where the file system can, else copies.
MUST_USE bool disk_copy(int from, int to, struct error *err);
/// fdatasync. After a failure the file must be considered damaged: close it and recover.
MUST_USE bool disk_sync(int fd, struct error *err);
MUST_USE bool disk_sync_folder(const char *path, struct error *err);
MUST_USE bool disk_size(int fd, uint64_t *out_size, struct error *err);

/// Whole file in. Fails also with ERR_LIMIT when it is larger than `size_max`.
MUST_USE bool disk_read_file(const char *path, size_t size_max, struct buffer *out, struct error *err);
/// Whole file out, atomically and durably: temporary file, fsync, rename, fsync of the folder.
MUST_USE bool disk_write_file(const char *path, const void *bytes, size_t size, struct error *err);

/// Takes the exclusive lock file of a data folder and writes this process's id into it.
/// Fails: ERR_BUSY "data folder is used by process N". The lock ends with the descriptor.
MUST_USE bool disk_lock(const char *path, int *out_fd, struct error *err);

#endif
