#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/disk.h"

struct folder {
	char path[32];
	char file[64];
};

static void folder_init(struct folder *folder)
{
	*folder = (struct folder){.path = "/tmp/disk-test-XXXXXX"};
	assert_non_null(mkdtemp(folder->path));
	snprintf(folder->file, sizeof(folder->file), "%s/file", folder->path);
}

static void folder_cleanup(struct folder *folder)
{
	struct error err;
	bool ignored UNUSED = disk_remove_tree(folder->path, &err);
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 0777;
}

static void folders_and_files_are_private(void **state)
{
	OWNED(folder) struct folder folder;
	folder_init(&folder);
	struct error err;
	char deep[80];
	snprintf(deep, sizeof(deep), "%s/a/b/c", folder.path);
	assert_true(disk_make_folder(deep, &err));
	assert_true(disk_make_folder(deep, &err));
	assert_int_equal(mode_of(deep), 0700);
	assert_true(disk_write_file(folder.file, "x", 1, &err));
	assert_int_equal(mode_of(folder.file), 0600);
}

static void a_file_comes_back_as_it_was_written(void **state)
{
	OWNED(folder) struct folder folder;
	folder_init(&folder);
	OWNED(buffer) struct buffer content = {0};
	struct error err;
	assert_true(disk_write_file(folder.file, "old content", 11, &err));
	assert_true(disk_write_file(folder.file, "n\0w", 3, &err));
	assert_true(disk_read_file(folder.file, 100, &content, &err));
	assert_int_equal(content.size, 3);
	assert_memory_equal(content.data, "n\0w", 3);
	assert_false(disk_read_file(folder.file, 2, &content, &err));
	assert_int_equal(err.code, ERR_LIMIT);
}

static void absent_and_existing_files_are_told_apart(void **state)
{
	OWNED(folder) struct folder folder;
	folder_init(&folder);
	OWNED(fd) int fd = -1;
	struct error err;
	assert_false(disk_open(folder.file, O_RDONLY, &fd, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(fd, -1);
	assert_false(disk_exists(folder.file));
	assert_true(disk_open(folder.file, O_RDWR | O_CREAT | O_EXCL, &fd, &err));
	assert_true(disk_exists(folder.file));
	OWNED(fd) int again = -1;
	assert_false(disk_open(folder.file, O_RDWR | O_CREAT | O_EXCL, &again, &err));
	assert_int_equal(err.code, ERR_EXISTS);
}

static void reading_past_the_end_is_corruption(void **state)
{
	OWNED(folder) struct folder folder;
	folder_init(&folder);
	OWNED(fd) int fd = -1;
	struct error err;
	char bytes[4];
	uint64_t size = 0;
	assert_true(disk_open(folder.file, O_RDWR | O_CREAT, &fd, &err));
	assert_true(disk_write_at(fd, "abcd", 4, 6, &err));
	assert_true(disk_size(fd, &size, &err));
	assert_int_equal(size, 10);
	assert_true(disk_read_at(fd, bytes, 4, 6, &err));
	assert_memory_equal(bytes, "abcd", 4);
	assert_false(disk_read_at(fd, bytes, 4, 7, &err));
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_true(disk_sync(fd, &err));
	assert_true(disk_sync_folder(folder.path, &err));
}

static void a_tree_is_removed_without_following_links(void **state)
{
	OWNED(folder) struct folder folder;
	OWNED(folder) struct folder outside;
	folder_init(&folder);
	folder_init(&outside);
	struct error err;
	char path[80];
	assert_true(disk_write_file(outside.file, "stays", 5, &err));
	snprintf(path, sizeof(path), "%s/a/b", folder.path);
	assert_true(disk_make_folder(path, &err));
	snprintf(path, sizeof(path), "%s/a/link", folder.path);
	assert_int_equal(symlink(outside.path, path), 0);
	assert_true(disk_remove_tree(folder.path, &err));
	assert_false(disk_exists(folder.path));
	assert_true(disk_exists(outside.file));
	assert_true(disk_remove_tree(folder.path, &err));
}

static void a_second_lock_is_told_who_holds_the_first(void **state)
{
	OWNED(folder) struct folder folder;
	folder_init(&folder);
	struct error err;
	int fd = -1;
	int other = -1;
	char holder[24];
	snprintf(holder, sizeof(holder), "process %ld", (long)getpid());
	assert_true(disk_lock(folder.file, &fd, &err));
	assert_false(disk_lock(folder.file, &other, &err));
	assert_int_equal(err.code, ERR_BUSY);
	assert_non_null(strstr(err.message, holder));
	fd_cleanup(&fd);
	assert_int_equal(fd, -1);
	assert_true(disk_lock(folder.file, &other, &err));
	fd_cleanup(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folders_and_files_are_private),
		cmocka_unit_test(a_file_comes_back_as_it_was_written),
		cmocka_unit_test(absent_and_existing_files_are_told_apart),
		cmocka_unit_test(reading_past_the_end_is_corruption),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(a_second_lock_is_told_who_holds_the_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
