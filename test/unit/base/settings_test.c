#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/settings.h"

static char *no_environment[] = {NULL};

static int count(char *const *list)
{
	int length = 0;
	while (list[length])
		length++;
	return length;
}

static bool read_settings(char *const *argv, char *const *environment, struct settings *out,
			  struct error *err)
{
	return settings_read(count(argv), argv, environment, out, err);
}

#define WORD(text) ((char *)(uintptr_t)(text))

static void has_the_documented_defaults(void **state)
{
	OWNED(settings) struct settings settings;
	struct error err;
	assert_true(read_settings((char *[]){WORD("atolld"), NULL}, no_environment, &settings, &err));
	assert_string_equal(settings.data, "./atoll-data");
	assert_string_equal(settings.listen, "127.0.0.1:8080");
	assert_string_equal(settings.domain, "localhost");
	assert_string_equal(settings.organization, "default");
	assert_string_equal(settings.log_level, "info");
	assert_int_equal(settings.transaction_timeout, 5000);
	assert_int_equal(settings.stream_idle_timeout, 10000);
	assert_int_equal(settings.request_body_max, 64 * 1024 * 1024);
	assert_int_equal(settings.result_bytes_max, 10000000);
	assert_int_equal(settings.word_count, 0);
}

static void takes_both_forms_of_a_flag_and_words(void **state)
{
	OWNED(settings) struct settings settings;
	struct error err;
	char *argv[] = {WORD("atolld"),
			WORD("token"),
			WORD("--data"),
			WORD("/d a"),
			WORD("mint"),
			WORD("--domain=a=b"),
			WORD("--write-wait=60ms"),
			NULL};
	assert_true(read_settings(argv, no_environment, &settings, &err));
	assert_string_equal(settings.data, "/d a");
	assert_string_equal(settings.domain, "a=b");
	assert_int_equal(settings.write_wait, 60);
	assert_int_equal(settings.word_count, 2);
	assert_string_equal(settings.words[0], "token");
	assert_string_equal(settings.words[1], "mint");
}

static void reads_units(void **state)
{
	const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"60ms", 60},    {"5s", 5000}, {"5", 5000}, {"2m", 120000},
		    {"1h", 3600000}, {"0", 0},     {"7MS", 7}};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int64_t ms = -1;
		assert_true(settings_parse_duration(rows[i].text, &ms));
		assert_int_equal(ms, rows[i].ms);
	}
	const char *bad[] = {"",
			     "s",
			     "-1s",
			     "1.5s",
			     "5 s",
			     "5x",
			     "1d",
			     " 5s",
			     "99999999999999999999s",
			     "9223372036854775807h"};
	for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
		int64_t ms = -1;
		assert_false(settings_parse_duration(bad[i], &ms));
		assert_int_equal(ms, -1);
	}
	OWNED(settings) struct settings settings;
	struct error err;
	char *argv[] = {WORD("atolld"), WORD("--request-body-max=10mb"), WORD("--sql-length-max=4096"),
			WORD("--row-size-max=64KB"), NULL};
	assert_true(read_settings(argv, no_environment, &settings, &err));
	assert_int_equal(settings.request_body_max, 10 * 1024 * 1024);
	assert_int_equal(settings.sql_length_max, 4096);
	assert_int_equal(settings.row_size_max, 64 * 1024);
}

// A file in a folder of its own, gone with it.
struct config {
	char folder[32];
	char path[64];
};

static void config_write(struct config *config, const char *content)
{
	struct error err;
	*config = (struct config){.folder = "/tmp/settings-XXXXXX"};
	assert_non_null(mkdtemp(config->folder));
	snprintf(config->path, sizeof(config->path), "%s/atolld.ini", config->folder);
	assert_true(disk_write_file(config->path, content, strlen(content), &err));
}

static void config_cleanup(struct config *config)
{
	struct error err;
	bool ignored UNUSED = disk_remove_tree(config->folder, &err);
}

static void flags_win_over_environment_over_file(void **state)
{
	OWNED(config) struct config config;
	config_write(&config, "# of the operator\n[atolld]\ndata = /file\n domain=file.example \r\n; more\n\n"
			      "organization = \"from file\"\nwrite-wait = 7s");
	char *argv[] = {WORD("atolld"), WORD("--config"), config.path, WORD("--data=/flag"), NULL};
	char *environment[] = {WORD("ATOLLD_DATA=/environment"), WORD("ATOLLD_DOMAIN=environment.example"),
			       WORD("ATOLLD_WRITE_WAITX=1"), WORD("OTHER=1"), NULL};
	OWNED(settings) struct settings settings;
	struct error err;
	assert_true(read_settings(argv, environment, &settings, &err));
	assert_string_equal(settings.data, "/flag");
	assert_string_equal(settings.domain, "environment.example");
	assert_string_equal(settings.organization, "from file");
	assert_int_equal(settings.write_wait, 7000);
	assert_string_equal(settings.username, "");
}

static void the_environment_may_name_the_file(void **state)
{
	OWNED(config) struct config config;
	config_write(&config, "domain = file.example\n");
	char variable[100];
	snprintf(variable, sizeof(variable), "ATOLLD_CONFIG=%s", config.path);
	char *environment[] = {variable, NULL};
	OWNED(settings) struct settings settings;
	struct error err;
	assert_true(read_settings((char *[]){WORD("atolld"), NULL}, environment, &settings, &err));
	assert_string_equal(settings.domain, "file.example");
}

static void expect_usage(char *const *argv, char *const *environment, const char *part_one,
			 const char *part_two)
{
	struct settings settings;
	struct error err = {0};
	assert_false(read_settings(argv, environment, &settings, &err));
	assert_int_equal(err.code, ERR_USAGE);
	print_message("%s\n", err.message);
	assert_non_null(strstr(err.message, part_one));
	assert_non_null(strstr(err.message, part_two));
}

static void names_a_wrong_value_and_its_origin(void **state)
{
	char *flag[] = {WORD("atolld"), WORD("--write-wait"), WORD("soon"), NULL};
	expect_usage(flag, no_environment, "write-wait", "flag --write-wait");
	char *bounds[] = {WORD("atolld"), WORD("--workers-max=1"), NULL};
	expect_usage(bounds, no_environment, "workers-max", "out of bounds");
	char *choice[] = {WORD("atolld"), WORD("--log-level=loud"), NULL};
	expect_usage(choice, no_environment, "loud", "error|warn|info|debug");
	char *none[] = {WORD("atolld"), NULL};
	char *environment[] = {WORD("ATOLLD_STREAMS_MAX=many"), NULL};
	expect_usage(none, environment, "streams-max", "environment ATOLLD_STREAMS_MAX");
	char *unknown[] = {WORD("atolld"), WORD("--dta=/x"), NULL};
	expect_usage(unknown, no_environment, "--dta", "--help");
	char *short_flag[] = {WORD("atolld"), WORD("-d"), NULL};
	expect_usage(short_flag, no_environment, "-d", "--help");
	char *no_value[] = {WORD("atolld"), WORD("--data"), NULL};
	expect_usage(no_value, no_environment, "--data", "DIR");
	char *half_tls[] = {WORD("atolld"), WORD("--tls-cert=/c"), NULL};
	expect_usage(half_tls, no_environment, "tls-cert", "tls-key");
	char *no_file[] = {WORD("atolld"), WORD("--config=/nowhere/atolld.ini"), NULL};
	expect_usage(no_file, no_environment, "config", "/nowhere/atolld.ini");
}

static void names_the_line_of_a_file(void **state)
{
	const struct {
		const char *content;
		const char *complaint;
	} rows[] = {
		{"\nwrite-wait = soon\n", "atolld.ini:2"},
		{"\n\ndta = x\n", "atolld.ini:3"},
		{"data\n", "NAME = VALUE"},
		{"config = other.ini\n", "config"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		OWNED(config) struct config config;
		config_write(&config, rows[i].content);
		char *argv[] = {WORD("atolld"), WORD("--config"), config.path, NULL};
		expect_usage(argv, no_environment, "atolld.ini", rows[i].complaint);
	}
}

static void help_and_version_need_no_valid_settings(void **state)
{
	OWNED(settings) struct settings settings;
	struct error err;
	char *environment[] = {WORD("ATOLLD_STREAMS_MAX=many"), NULL};
	assert_true(read_settings((char *[]){WORD("atolld"), WORD("--help"), NULL}, environment, &settings,
				  &err));
	assert_true(settings.wants_help);
	OWNED(settings) struct settings other;
	assert_true(read_settings((char *[]){WORD("atolld"), WORD("--version"), NULL}, environment, &other,
				  &err));
	assert_true(other.wants_version);
}

static void tells_where_each_value_came_from(void **state)
{
	OWNED(config) struct config config;
	config_write(&config, "\norganization = acme\noauth-clients = app hush https://app.example/\n");
	char *argv[] = {WORD("atolld"),         WORD("--config"),          config.path,
			WORD("--print-config"), WORD("--write-wait=60ms"), NULL};
	char *environment[] = {WORD("ATOLLD_DOMAIN=db.example"), NULL};
	OWNED(settings) struct settings settings;
	struct error err;
	assert_true(read_settings(argv, environment, &settings, &err));
	assert_true(settings.wants_print);
	assert_false(settings.wants_check);
	OWNED(buffer) struct buffer text = {0};
	settings_print(&settings, &text);
	char line[200];
	const char *rows[][3] = {{"write-wait", "60ms", "flag --write-wait"},
				 {"domain", "db.example", "environment ATOLLD_DOMAIN"},
				 {"organization", "acme", NULL},
				 {"oauth-clients", "(hidden)", NULL},
				 {"streams-max", "512", "default"}};
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		snprintf(line, sizeof(line), "\n%s = %s ", rows[i][0], rows[i][1]);
		const char *at = strstr(buffer_text(&text), line);
		assert_non_null(at);
		snprintf(line, sizeof(line), "  # %s\n", rows[i][2] ? rows[i][2] : config.path);
		line[rows[i][2] ? strlen(line) : strlen(line) - 1] = '\0';
		const char *origin = strstr(at, "  # ");
		assert_non_null(origin);
		assert_memory_equal(origin, line, strlen(line));
	}
	assert_null(strstr(buffer_text(&text), "hush"));
	error_set(&err, ERR_USAGE, "organization: too long");
	assert_false(settings_explain(&settings, &err));
	snprintf(line, sizeof(line), "setting \"organization\" (%s:2): too long", config.path);
	assert_string_equal(err.message, line);
	error_set(&err, ERR_IO, "other: bad");
	assert_false(settings_explain(&settings, &err));
	assert_string_equal(err.message, "other: bad");
}

static void what_is_to_be_checked_is_known_after_a_failure(void **state)
{
	struct settings settings;
	struct error err;
	char *argv[] = {WORD("atolld"), WORD("--write-wait=soon"), WORD("--check-config"), NULL};
	assert_false(read_settings(argv, no_environment, &settings, &err));
	assert_true(settings.wants_check);
}

static void help_lists_every_setting(void **state)
{
	OWNED(buffer) struct buffer help = {0};
	settings_help(&help);
	const char *names[] = {
#define SETTING(field, name, ...) "  --" name " ",
#include "base/settings.def"
#undef SETTING
	};
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		assert_non_null(strstr(buffer_text(&help), names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_the_documented_defaults),
		cmocka_unit_test(takes_both_forms_of_a_flag_and_words),
		cmocka_unit_test(reads_units),
		cmocka_unit_test(flags_win_over_environment_over_file),
		cmocka_unit_test(the_environment_may_name_the_file),
		cmocka_unit_test(names_a_wrong_value_and_its_origin),
		cmocka_unit_test(names_the_line_of_a_file),
		cmocka_unit_test(help_and_version_need_no_valid_settings),
		cmocka_unit_test(tells_where_each_value_came_from),
		cmocka_unit_test(what_is_to_be_checked_is_known_after_a_failure),
		cmocka_unit_test(help_lists_every_setting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
