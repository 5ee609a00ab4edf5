#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/disk.h"
#include "fleet/format.h"

struct folder {
	char path[40];
	char file[64];
};

static struct folder folder_make(void)
{
	struct folder folder = {.path = "/tmp/format-XXXXXX"};
	assert_non_null(mkdtemp(folder.path));
	snprintf(folder.file, sizeof(folder.file), "%s/format", folder.path);
	return folder;
}

static void folder_cleanup(struct folder *folder)
{
	struct error err;
	bool ignored UNUSED = disk_remove_tree(folder->path, &err);
}

static void expect_number(const struct folder *folder, const char *wanted)
{
	OWNED(buffer) struct buffer content = {0};
	struct error err;
	assert_true(disk_read_file(folder->file, 100, &content, &err));
	assert_string_equal(buffer_text(&content), wanted);
}

static void write_number(const struct folder *folder, const char *text)
{
	struct error err;
	assert_true(disk_write_file(folder->file, text, strlen(text), &err));
}

static void a_new_folder_and_one_without_number_get_it(void **state)
{
	for (int old = 0; old < 2; old++) {
		OWNED(folder) struct folder folder = folder_make();
		struct error err;
		char databases[64];
		snprintf(databases, sizeof(databases), "%s/databases", folder.path);
		assert_true(!old || disk_make_folder(databases, &err));
		assert_true(format_settle(folder.path, &err));
		expect_number(&folder, "1\n");
		assert_true(format_settle(folder.path, &err));
	}
}

static void a_newer_folder_is_refused_with_both_numbers(void **state)
{
	OWNED(folder) struct folder folder = folder_make();
	struct error err;
	write_number(&folder, "7\n");
	assert_false(format_settle(folder.path, &err));
	assert_int_equal(err.code, ERR_STALE);
	assert_non_null(strstr(err.message, "format 7, this one knows 1"));
	expect_number(&folder, "7\n");
}

static void what_is_no_number_is_refused(void **state)
{
	OWNED(folder) struct folder folder = folder_make();
	const char *texts[] = {"", "one\n", "1", "-1\n", "1 2\n", "99999999999\n"};
	for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
		struct error err;
		write_number(&folder, texts[i]);
		assert_false(format_settle(folder.path, &err));
		assert_int_equal(err.code, ERR_CORRUPT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_folder_and_one_without_number_get_it),
		cmocka_unit_test(a_newer_folder_is_refused_with_both_numbers),
		cmocka_unit_test(what_is_no_number_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
