#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "cli/progress.h"

enum { MIB = 1 << 20 };

// A display that writes into memory, as on a terminal or not.
struct screen {
	struct progress progress;
	char *text;
	size_t size;
};

static void screen_open(struct screen *screen, int64_t total, bool rewrites)
{
	*screen = (struct screen){0};
	progress_start(&screen->progress, "Uploading books.db", total, 0);
	screen->progress.out = open_memstream(&screen->text, &screen->size);
	assert_non_null(screen->progress.out);
	screen->progress.rewrites = rewrites;
}

static const char *screen_text(struct screen *screen)
{
	fflush(screen->progress.out);
	return screen->text;
}

static void screen_close(struct screen *screen)
{
	fclose(screen->progress.out);
	free(screen->text);
}

static void tells_percent_bytes_rate_and_time_left(void **state)
{
	struct screen screen;
	char line[320];
	screen_open(&screen, 100LL * MIB, true);
	progress_set(&screen.progress, 25 * MIB, 1000);
	progress_line(&screen.progress, line, sizeof(line));
	assert_string_equal(line, "Uploading books.db:  25 %, 25.0 MiB of 100.0 MiB, 25.0 MiB/s, 4 s left");
	screen_close(&screen);
}

static void tells_bytes_alone_when_the_whole_is_unknown(void **state)
{
	struct screen screen;
	char line[320];
	screen_open(&screen, -1, true);
	progress_line(&screen.progress, line, sizeof(line));
	assert_string_equal(line, "Uploading books.db: 0 B");
	progress_set(&screen.progress, 3 * MIB, 1000);
	progress_line(&screen.progress, line, sizeof(line));
	assert_string_equal(line, "Uploading books.db: 3.0 MiB, 3.0 MiB/s");
	screen_close(&screen);
}

static void an_empty_file_is_complete(void **state)
{
	struct screen screen;
	char line[320];
	screen_open(&screen, 0, true);
	progress_line(&screen.progress, line, sizeof(line));
	assert_string_equal(line, "Uploading books.db: 100 %, 0 B of 0 B");
	screen_close(&screen);
}

static void a_part_sent_again_takes_the_amount_back_and_no_rate_below_nothing(void **state)
{
	struct screen screen;
	screen_open(&screen, 100LL * MIB, true);
	progress_set(&screen.progress, 50 * MIB, 1000);
	progress_set(&screen.progress, 10 * MIB, 2000);
	assert_true(screen.progress.rate >= 0);
	char line[320];
	progress_line(&screen.progress, line, sizeof(line));
	assert_non_null(strstr(line, " 10 %, 10.0 MiB of"));
	screen_close(&screen);
}

static void tells_why_nothing_moves(void **state)
{
	struct screen screen;
	char line[320];
	screen_open(&screen, 100LL * MIB, true);
	progress_set(&screen.progress, 25 * MIB, 1000);
	screen.progress.note = "trying again";
	progress_line(&screen.progress, line, sizeof(line));
	assert_string_equal(line,
			    "Uploading books.db:  25 %, 25.0 MiB of 100.0 MiB, 25.0 MiB/s, trying again");
	screen_close(&screen);
}

static void a_terminal_has_one_line_written_again(void **state)
{
	struct screen screen;
	screen_open(&screen, 100, true);
	for (uint64_t done = 0; done <= 100; done++)
		progress_set(&screen.progress, done, (int64_t)done * 50);
	assert_null(strchr(screen_text(&screen), '\n'));
	assert_non_null(strstr(screen_text(&screen), "\r\033[K"));
	progress_stop(&screen.progress, true);
	const char *text = screen_text(&screen);
	assert_string_equal(strchr(text, '\n'), "\n");
	assert_non_null(strstr(text, "100 %"));
	screen_close(&screen);
}

static void a_failed_transfer_leaves_no_line(void **state)
{
	struct screen screen;
	screen_open(&screen, 100, true);
	progress_set(&screen.progress, 50, 1000);
	progress_stop(&screen.progress, false);
	const char *text = screen_text(&screen);
	assert_string_equal(text + strlen(text) - 4, "\r\033[K");
	screen_close(&screen);
}

static size_t line_count(const char *text)
{
	size_t count = 0;
	for (; (text = strchr(text, '\n')); text++)
		count++;
	return count;
}

static void elsewhere_each_tenth_has_a_line(void **state)
{
	struct screen screen;
	screen_open(&screen, 1000LL * MIB, false);
	for (uint64_t done = 0; done <= 1000; done++)
		progress_set(&screen.progress, done * MIB, (int64_t)done * 10);
	progress_set(&screen.progress, 500LL * MIB, 20000); // sent again: not told again
	progress_stop(&screen.progress, true);
	assert_int_equal(line_count(screen_text(&screen)), 10);
	assert_null(strchr(screen_text(&screen), '\r'));
	screen_close(&screen);
}

static void elsewhere_an_unknown_whole_has_a_line_at_each_doubling(void **state)
{
	struct screen screen;
	screen_open(&screen, -1, false);
	for (uint64_t done = 0; done <= 1024; done++)
		progress_set(&screen.progress, done * MIB, (int64_t)done * 10);
	assert_int_equal(line_count(screen_text(&screen)), 11);
	screen_close(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_percent_bytes_rate_and_time_left),
		cmocka_unit_test(tells_bytes_alone_when_the_whole_is_unknown),
		cmocka_unit_test(an_empty_file_is_complete),
		cmocka_unit_test(a_part_sent_again_takes_the_amount_back_and_no_rate_below_nothing),
		cmocka_unit_test(tells_why_nothing_moves),
		cmocka_unit_test(a_terminal_has_one_line_written_again),
		cmocka_unit_test(a_failed_transfer_leaves_no_line),
		cmocka_unit_test(elsewhere_each_tenth_has_a_line),
		cmocka_unit_test(elsewhere_an_unknown_whole_has_a_line_at_each_doubling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
