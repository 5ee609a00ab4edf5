#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

enum { WORDS_MAX = 16 };

// Reads a command line given as one text with blanks between its words.
static bool parse(struct arena *arena, const char *line, struct call *out, struct error *err)
{
	char **words = arena_alloc(arena, (WORDS_MAX + 1) * sizeof(*words));
	char *text = arena_text(arena, line);
	int count = 0;
	words[count++] = arena_text(arena, "atoll");
	while (*text) {
		size_t size = strcspn(text, " ");
		words[count++] = text;
		text += size;
		if (*text)
			*text++ = '\0';
	}
	return command_parse(arena, count, words, out, err);
}

static void finds_the_command_and_its_arguments(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err;
	assert_true(parse(&arena, "db replicate my-db ord name --json", &call, &err));
	assert_string_equal(call.command->words, "db replicate");
	assert_int_equal(call_argument_count(&call), 3);
	assert_string_equal(call_argument(&call, 0), "my-db");
	assert_string_equal(call_argument(&call, 2), "name");
	assert_null(call_argument(&call, 3));
	assert_true(call.json);
	assert_true(parse(&arena, "auth api-tokens mint ci", &call, &err));
	assert_string_equal(call.command->words, "auth api-tokens mint");
}

static void takes_options_anywhere_and_in_each_form(void **state)
{
	static const char *const lines[] = {
		"db tokens create x --expiration 7d --read-only",
		"db tokens create x --expiration=7d -r",
		"--expiration 7d db tokens create -r x",
		"db tokens create -e 7d x -r",
		"db tokens create x -r -e7d",
	};
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		OWNED(arena) struct arena arena = {0};
		struct call call;
		struct error err;
		assert_true(parse(&arena, lines[i], &call, &err));
		assert_string_equal(call_option(&call, "expiration"), "7d");
		assert_true(call_switch(&call, "read-only"));
		assert_int_equal(call_argument_count(&call), 1);
	}
}

// db show has a switch --url, every command an option --url: the place decides.
static void tells_an_own_option_from_a_global_one(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err;
	assert_true(parse(&arena, "--url http://h db show x --url", &call, &err));
	assert_string_equal(call_global_option(&call, "url"), "http://h");
	assert_true(call_switch(&call, "url"));
	assert_true(parse(&arena, "db list --url http://h", &call, &err));
	assert_string_equal(call_global_option(&call, "url"), "http://h");
	assert_true(parse(&arena, "db show --url x", &call, &err));
	assert_null(call_global_option(&call, "url"));
	assert_string_equal(call_argument(&call, 0), "x");
}

static void gives_each_value_of_an_option(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err;
	assert_true(parse(&arena, "db tokens create x --attach a -r --attach=b", &call, &err));
	size_t at = 0;
	assert_string_equal(call_option_each(&call, "attach", &at), "a");
	assert_string_equal(call_option_each(&call, "attach", &at), "b");
	assert_null(call_option_each(&call, "attach", &at));
	assert_string_equal(call_option(&call, "attach"), "b");
}

// One letter may mean different things to different commands.
static void letters_belong_to_the_command(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err;
	assert_true(parse(&arena, "org audit-logs list -p 2 -s 5", &call, &err));
	assert_string_equal(call_option(&call, "page"), "2");
	assert_string_equal(call_option(&call, "limit"), "5");
	assert_true(parse(&arena, "db list -s parent", &call, &err));
	assert_string_equal(call_option(&call, "schema"), "parent");
	assert_true(parse(&arena, "auth logout -a", &call, &err));
	assert_true(call_switch(&call, "all"));
	assert_true(parse(&arena, "org members add -a someone", &call, &err));
	assert_true(call_switch(&call, "admin"));
}

static void words_after_two_dashes_are_arguments(void **state)
{
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err;
	assert_true(parse(&arena, "db shell x -- --select", &call, &err));
	assert_string_equal(call_argument(&call, 1), "--select");
}

static void says_what_is_wrong_with_a_command_line(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{"", "no command given"},
		{"db", "\"db\" needs a verb"},
		{"auth api-tokens", "\"api-tokens\" needs a verb"},
		{"db fly", "there is no command \"db fly\""},
		{"db replicate x", "db replicate: LOCATION is missing"},
		{"db replicate", "db replicate: DATABASE is missing"},
		{"db list x", "db list: \"x\" is one argument too many"},
		{"db list --yes", "db list: there is no option --yes here"},
		{"db list --frobnicate", "unknown option --frobnicate"},
		{"db list --frobnicate=1", "unknown option --frobnicate"},
		{"db list -z", "unknown option -z"},
		{"db list --json=1", "option --json takes no value"},
		{"db create x --location", "option --location needs a value (CODE)"},
		{"-p 2 org audit-logs list", "option -p means different things: write it behind the command"},
		{"db list -p 2", "option -p means different things: write it out"},
		{"db config attach maybe x", "db config attach: \"maybe\" is not one of allow|disallow|show"},
		{"db create --type odd", "option --type: \"odd\" is not one of regular|schema"},
	};
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		OWNED(arena) struct arena arena = {0};
		struct call call;
		struct error err = {0};
		assert_false(parse(&arena, cases[i].line, &call, &err));
		assert_string_equal(err.message, cases[i].message);
		assert_int_equal(command_exit_code(&err), EXIT_USAGE);
	}
}

static void help_needs_no_arguments(void **state)
{
	static const char *const lines[] = {"db replicate --help", "-h db replicate", "help db replicate"};
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		OWNED(arena) struct arena arena = {0};
		struct call call;
		struct error err;
		assert_true(parse(&arena, lines[i], &call, &err));
		assert_non_null(call_global_option(&call, "help"));
		assert_string_equal(call.command->words, "db replicate");
	}
}

static char *printed_help(const struct command *command)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	command_print_help(out, command);
	fclose(out);
	return text;
}

static void every_command_explains_itself(void **state)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &commands[i];
		assert_non_null(command->run);
		OWNED(text) char *help = printed_help(command);
		assert_non_null(strstr(help, command->words));
		assert_non_null(strstr(help, command->summary));
		for (size_t k = 0; k < COMMAND_OPTIONS_MAX && command->options[k].name; k++)
			assert_non_null(strstr(help, command->options[k].help));
	}
}

// Options may stand before the command, so one name must mean the same everywhere.
static void options_of_one_name_are_alike(void **state)
{
	for (size_t a = 0; a < command_count * COMMAND_OPTIONS_MAX; a++) {
		const struct option *one =
			&commands[a / COMMAND_OPTIONS_MAX].options[a % COMMAND_OPTIONS_MAX];
		for (size_t b = 0; one->name && b < a; b++) {
			const struct option *other =
				&commands[b / COMMAND_OPTIONS_MAX].options[b % COMMAND_OPTIONS_MAX];
			if (!other->name)
				continue;
			if (strcmp(one->name, other->name) == 0)
				assert_int_equal(one->value == NULL, other->value == NULL);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_command_and_its_arguments),
		cmocka_unit_test(takes_options_anywhere_and_in_each_form),
		cmocka_unit_test(tells_an_own_option_from_a_global_one),
		cmocka_unit_test(gives_each_value_of_an_option),
		cmocka_unit_test(letters_belong_to_the_command),
		cmocka_unit_test(words_after_two_dashes_are_arguments),
		cmocka_unit_test(says_what_is_wrong_with_a_command_line),
		cmocka_unit_test(help_needs_no_arguments),
		cmocka_unit_test(every_command_explains_itself),
		cmocka_unit_test(options_of_one_name_are_alike),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
