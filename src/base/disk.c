#include "base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

void fd_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool disk_make_folder(const char *path, struct error *err)
{
	OWNED(text) char *copy = strdup(path);
	ASSERT(copy != NULL);
	for (char *at = copy + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char saved = *at;
		*at = '\0';
		if (mkdir(copy, 0700) != 0 && errno != EEXIST)
			return error_errno(err, errno, copy, "cannot create a folder");
		*at = saved;
		if (saved == '\0')
			return true;
	}
}

static bool remove_entries(int folder_fd, struct error *err);

static bool remove_entry(int parent_fd, const char *name, struct error *err)
{
	if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
		return true;
	if (errno != EISDIR && errno != EPERM)
		return error_errno(err, errno, name, "cannot remove a file");
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_errno(err, errno, name, "cannot open a folder");
	if (!remove_entries(fd, err)) // takes fd
		return false;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
		return error_errno(err, errno, name, "cannot remove a folder");
	return true;
}

static bool remove_entries(int folder_fd, struct error *err)
{
	DIR *folder = fdopendir(folder_fd);
	if (!folder) {
		close(folder_fd);
		return error_errno(err, errno, "fdopendir", "cannot list a folder");
	}
	bool ok = true;
	struct dirent *entry;
	while (ok && (entry = readdir(folder))) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = remove_entry(dirfd(folder), entry->d_name, err);
	}
	closedir(folder);
	return ok;
}

bool disk_remove_tree(const char *path, struct error *err)
{
	return remove_entry(AT_FDCWD, path, err);
}

bool disk_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

bool disk_is_writable(const char *folder, struct error *err)
{
	OWNED(fd) int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	// A file system without unnamed files says so, when it could make them otherwise.
	if (fd >= 0 || ((errno == EOPNOTSUPP || errno == EISDIR) && access(folder, W_OK) == 0))
		return true;
	error_errno(err, errno, folder, "cannot write to the folder");
	return false;
}

bool disk_free_bytes(const char *folder, uint64_t *out, struct error *err)
{
	struct statvfs numbers;
	if (statvfs(folder, &numbers) != 0) {
		error_errno(err, errno, folder, "cannot look at the file system");
		return false;
	}
	*out = (uint64_t)numbers.f_bavail * numbers.f_frsize;
	return true;
}

bool disk_open(const char *path, int flags, int *out_fd, struct error *err)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd >= 0) {
		*out_fd = fd;
		return true;
	}
	int reason = errno;
	error_errno(err, reason, path, "cannot open a file");
	if (reason == ENOENT)
		err->code = ERR_NOT_FOUND;
	if (reason == EEXIST)
		err->code = ERR_EXISTS;
	return false;
}

bool disk_write_at(int fd, const void *bytes, size_t size, uint64_t offset, struct error *err)
{
	const char *from = bytes;
	while (size > 0) {
		ssize_t written = pwrite(fd, from, size, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return error_errno(err, written < 0 ? errno : ENOSPC, "pwrite",
					   "cannot write to a file");
		from += written;
		offset += (uint64_t)written;
		size -= (size_t)written;
	}
	return true;
}

bool disk_read_at(int fd, void *bytes, size_t size, uint64_t offset, struct error *err)
{
	char *to = bytes;
	while (size > 0) {
		ssize_t got = pread(fd, to, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, errno, "pread", "cannot read a file");
		if (got == 0)
			return error_set(err, ERR_CORRUPT, "a file ends early");
		to += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

static bool copy_by_reading(int from, int to, uint64_t offset, uint64_t size, struct error *err)
{
	enum { PIECE_BYTES = 256 * 1024 };
	OWNED(text) char *piece = malloc(PIECE_BYTES);
	ASSERT(piece != NULL);
	while (offset < size) {
		size_t count = size - offset < PIECE_BYTES ? (size_t)(size - offset) : PIECE_BYTES;
		if (!disk_read_at(from, piece, count, offset, err) ||
		    !disk_write_at(to, piece, count, offset, err))
			return false;
		offset += count;
	}
	return true;
}

bool disk_clone(int from, int to)
{
	return ioctl(to, FICLONE, from) == 0;
}

bool disk_copy(int from, int to, struct error *err)
{
	uint64_t size;
	if (disk_clone(from, to))
		return true;
	if (!disk_size(from, &size, err))
		return false;
	off_t read_at = 0;
	off_t write_at = 0;
	while ((uint64_t)write_at < size) {
		ssize_t copied = copy_file_range(from, &read_at, to, &write_at,
						 (size_t)(size - (uint64_t)write_at), 0);
		if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return error_errno(err, errno, "copy_file_range", "cannot copy a file");
		if (copied <= 0)
			return copy_by_reading(from, to, (uint64_t)write_at, size, err);
	}
	return true;
}

bool disk_sync(int fd, struct error *err)
{
	if (fdatasync(fd) != 0)
		return error_errno(err, errno, "fdatasync", "cannot make a file durable");
	return true;
}

bool disk_sync_folder(const char *path, struct error *err)
{
	OWNED(fd) int fd = -1;
	if (!disk_open(path, O_RDONLY | O_DIRECTORY, &fd, err))
		return false;
	if (fsync(fd) != 0)
		return error_errno(err, errno, path, "cannot make a folder durable");
	return true;
}

bool disk_size(int fd, uint64_t *out_size, struct error *err)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		return error_errno(err, errno, "fstat", "cannot learn a file's size");
	*out_size = (uint64_t)status.st_size;
	return true;
}

bool disk_read_file(const char *path, size_t size_max, struct buffer *out, struct error *err)
{
	OWNED(fd) int fd = -1;
	uint64_t size = 0;
	if (!disk_open(path, O_RDONLY, &fd, err) || !disk_size(fd, &size, err))
		return false;
	if (size > size_max)
		return error_set(err, ERR_LIMIT, "file is larger than %zu bytes", size_max);
	char *at = buffer_reserve(out, (size_t)size + 1);
	if (!at)
		return error_set(err, ERR_LIMIT, "file does not fit its buffer");
	if (!disk_read_at(fd, at, (size_t)size, 0, err))
		return false;
	out->size += (size_t)size;
	return true;
}

static bool write_and_rename(const char *temporary, const char *path, const void *bytes, size_t size,
			     struct error *err)
{
	OWNED(fd) int fd = -1;
	if (!disk_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, &fd, err) ||
	    !disk_write_at(fd, bytes, size, 0, err) || !disk_sync(fd, err))
		return false;
	if (rename(temporary, path) != 0)
		return error_errno(err, errno, path, "cannot rename a file");
	return true;
}

bool disk_write_file(const char *path, const void *bytes, size_t size, struct error *err)
{
	OWNED(buffer) struct buffer temporary = {0};
	buffer_printf(&temporary, "%s.new", path);
	if (!write_and_rename(buffer_text(&temporary), path, bytes, size, err)) {
		unlink(buffer_text(&temporary));
		return false;
	}
	const char *slash = strrchr(path, '/');
	OWNED(text) char *folder = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	ASSERT(folder != NULL);
	return disk_sync_folder(folder[0] ? folder : "/", err);
}

bool disk_lock(const char *path, int *out_fd, struct error *err)
{
	OWNED(fd) int fd = -1;
	if (!disk_open(path, O_RDWR | O_CREAT, &fd, err))
		return false;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		char holder[24] = {0};
		ssize_t got = pread(fd, holder, sizeof(holder) - 1, 0);
		holder[got > 0 ? strcspn(holder, "\n") : 0] = '\0';
		return error_set(err, ERR_BUSY, "data folder is already used by process %s",
				 holder[0] ? holder : "(unknown)");
	}
	char mine[24];
	int length = snprintf(mine, sizeof(mine), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0)
		return error_errno(err, errno, path, "cannot write the lock file");
	if (!disk_write_at(fd, mine, (size_t)length, 0, err))
		return false;
	*out_fd = fd;
	fd = -1;
	return true;
}
