#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/disk.h"
#include "cli/config.h"

static const char *const variables[] = {
	"ATOLL_URL", "ATOLL_TOKEN", "ATOLL_ORG", "TURSO_API_BASE_URL", "TURSO_API_BASEURL", "TURSO_API_TOKEN",
};

struct world {
	struct arena arena;
	char folder[64];
};

// A home and a current folder of its own, and nothing set in the environment.
static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	assert_non_null(world);
	snprintf(world->folder, sizeof(world->folder), "/tmp/atoll-config-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	assert_int_equal(chdir(world->folder), 0);
	setenv("HOME", world->folder, 1);
	unsetenv("XDG_CONFIG_HOME");
	for (size_t i = 0; i < ARRAY_LENGTH(variables); i++)
		unsetenv(variables[i]);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	struct error err;
	arena_cleanup(&world->arena);
	assert_int_equal(chdir("/"), 0);
	assert_true(disk_remove_tree(world->folder, &err));
	free(world);
	return 0;
}

static void write_bootstrap(const char *json)
{
	struct error err;
	assert_true(disk_make_folder("atoll-data", &err));
	assert_true(disk_write_file("atoll-data/bootstrap.json", json, strlen(json), &err));
}

static void write_config(struct world *world, const struct config_file *content)
{
	struct error err;
	const char *path = arena_printf(&world->arena, "%s/.config/atoll/config.ini", world->folder);
	assert_true(config_write_file(path, content, &err));
}

static struct settings load(struct world *world, const char *url, const char *token, const char *org)
{
	struct settings_flags flags = {url, token, org};
	struct settings settings = {0};
	struct error err = {0};
	if (!config_load(&world->arena, &flags, &settings, &err))
		fail_msg("%s", err.message);
	return settings;
}

static void expect(struct setting setting, const char *value, const char *origin)
{
	if (!value) {
		assert_null(setting.value);
		return;
	}
	assert_non_null(setting.value);
	assert_string_equal(setting.value, value);
	assert_non_null(strstr(setting.origin, origin));
}

static void knows_a_default_and_nothing_else(void **state)
{
	struct settings settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://127.0.0.1:8080", "default");
	expect(settings.token, NULL, NULL);
	expect(settings.org, NULL, NULL);
}

// Each source in turn is put before those that were there already.
static void prefers_the_nearer_source(void **state)
{
	write_bootstrap(
		"{\"url\":\"http://h:1\",\"organization\":\"o1\",\"username\":\"u\",\"token\":\"t1\"}");
	struct settings settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://h:1", "bootstrap.json");
	expect(settings.token, "t1", "bootstrap.json");
	expect(settings.org, "o1", "bootstrap.json");

	write_config(*state, &(struct config_file){.url = "http://h:1", .token = "t2", .org = "o2"});
	settings = load(*state, NULL, NULL, NULL);
	expect(settings.token, "t2", "config.ini");
	expect(settings.org, "o2", "config.ini");

	setenv("TURSO_API_TOKEN", "t3", 1);
	setenv("TURSO_API_BASEURL", "http://h:1", 1);
	settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://h:1", "TURSO_API_BASEURL");
	expect(settings.token, "t3", "TURSO_API_TOKEN");

	setenv("ATOLL_TOKEN", "t4", 1);
	setenv("ATOLL_ORG", "o4", 1);
	setenv("ATOLL_URL", "http://h:1/", 1);
	settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://h:1", "ATOLL_URL");
	expect(settings.token, "t4", "ATOLL_TOKEN");
	expect(settings.org, "o4", "ATOLL_ORG");

	settings = load(*state, "http://h:5", "t5", "o5");
	expect(settings.url, "http://h:5", "--url");
	expect(settings.token, "t5", "--token");
	expect(settings.org, "o5", "--org");
}

static void an_empty_variable_is_none(void **state)
{
	setenv("ATOLL_URL", "", 1);
	setenv("ATOLL_TOKEN", "", 1);
	setenv("TURSO_API_TOKEN", "t", 1);
	struct settings settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://127.0.0.1:8080", "default");
	expect(settings.token, "t", "TURSO_API_TOKEN");
}

static void takes_the_base_url_of_the_sdk(void **state)
{
	setenv("TURSO_API_BASEURL", "http://wrong", 1);
	setenv("TURSO_API_BASE_URL", "http://h:1/v1/", 1);
	struct settings settings = load(*state, NULL, NULL, NULL);
	expect(settings.url, "http://h:1", "TURSO_API_BASE_URL");
}

static void sends_no_token_of_a_file_to_another_server(void **state)
{
	write_config(*state, &(struct config_file){.url = "http://h:1", .token = "secret", .org = "o"});
	struct settings settings = load(*state, "http://evil:1", NULL, NULL);
	expect(settings.token, NULL, NULL);
	expect(settings.org, NULL, NULL);
	assert_non_null(strstr(settings.note, "config.ini is for http://h:1"));
	settings = load(*state, "http://H:1/", NULL, NULL);
	expect(settings.token, "secret", "config.ini");
}

static void a_file_for_another_server_hides_no_other(void **state)
{
	write_bootstrap("{\"url\":\"http://127.0.0.1:9\",\"organization\":\"o1\",\"token\":\"t1\"}");
	write_config(*state, &(struct config_file){.url = "http://h:1", .token = "t2", .org = "o2"});
	struct settings settings = load(*state, "http://localhost:9", NULL, NULL);
	expect(settings.token, "t1", "bootstrap.json");
	expect(settings.org, "o1", "bootstrap.json");
}

static void keeps_its_file_to_its_owner(void **state)
{
	struct world *world = *state;
	write_config(world, &(struct config_file){.url = "http://h:1", .token = "t", .org = NULL});
	struct stat status;
	assert_int_equal(stat(".config/atoll/config.ini", &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	setenv("XDG_CONFIG_HOME", "/tmp/elsewhere", 1);
	assert_string_equal(load(world, NULL, NULL, NULL).file, "/tmp/elsewhere/atoll/config.ini");
}

static void says_where_a_mistake_is(void **state)
{
	struct world *world = *state;
	struct settings settings;
	struct error err = {0};
	setenv("ATOLL_URL", "somewhere", 1);
	assert_false(config_load(&world->arena, &(struct settings_flags){0}, &settings, &err));
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.message, "ATOLL_URL"));
	unsetenv("ATOLL_URL");

	write_bootstrap("{\"url\":");
	assert_false(config_load(&world->arena, &(struct settings_flags){0}, &settings, &err));
	assert_non_null(strstr(err.message, "bootstrap.json"));
	write_bootstrap("{}");

	assert_true(disk_make_folder(".config/atoll", &err));
	assert_true(disk_write_file(".config/atoll/config.ini", "# x\nurl\n", 8, &err));
	assert_false(config_load(&world->arena, &(struct settings_flags){0}, &settings, &err));
	assert_non_null(strstr(err.message, "config.ini: line 2"));
}

static void refuses_a_token_that_would_break_its_header(void **state)
{
	struct world *world = *state;
	struct settings settings;
	struct error err = {0};
	struct settings_flags flags = {.token = "a\r\nX-Evil: 1"};
	assert_false(config_load(&world->arena, &flags, &settings, &err));
	assert_int_equal(err.code, ERR_USAGE);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(knows_a_default_and_nothing_else),
		IN_WORLD(prefers_the_nearer_source),
		IN_WORLD(an_empty_variable_is_none),
		IN_WORLD(takes_the_base_url_of_the_sdk),
		IN_WORLD(sends_no_token_of_a_file_to_another_server),
		IN_WORLD(a_file_for_another_server_hides_no_other),
		IN_WORLD(keeps_its_file_to_its_owner),
		IN_WORLD(says_where_a_mistake_is),
		IN_WORLD(refuses_a_token_that_would_break_its_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
