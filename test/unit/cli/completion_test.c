#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"
#include "cli/completion.h"

enum { WORDS_MAX = 16 };

static void names(void *context, enum completion_names which, const char *prefix, struct buffer *out)
{
	static const char *const kinds[] = {
		[COMPLETION_DATABASES] = "a-database",
		[COMPLETION_GROUPS] = "a-group",
		[COMPLETION_ORGANIZATIONS] = "an-organization",
		[COMPLETION_LOCATIONS] = "a-location",
		[COMPLETION_MEMBERS] = "a-member",
	};
	(void)context;
	completion_add(out, prefix, kinds[which], NULL);
}

// What may stand at the end of a line whose words have one blank between; a blank at its end begins a new one.
static char *candidates(const char *line)
{
	OWNED(arena) struct arena arena = {0};
	const char *words[WORDS_MAX];
	size_t count = 0;
	char *at = arena_text(&arena, line);
	for (;;) {
		size_t size = strcspn(at, " ");
		bool last = at[size] == '\0';
		at[size] = '\0';
		words[count++] = at;
		if (last)
			break;
		at += size + 1;
	}
	OWNED(buffer) struct buffer out = {0};
	completion_candidates(words, count, names, NULL, &out);
	return strdup(buffer_text(&out));
}

static void assert_candidates(const char *line, const char *expected)
{
	OWNED(text) char *got = candidates(line);
	if (strcmp(got, expected) != 0)
		print_error("after \"%s\"\n", line);
	assert_string_equal(got, expected);
}

static void gives_the_words_of_commands(void **state)
{
	assert_candidates("hea", "health\tAsk whether the server is alive (for container health checks)\n");
	assert_candidates("group t",
			  "tokens\ntransfer\tGive a group with its databases to another organization\n");
	assert_candidates("db tokens c", "create\tMake a token that opens a database, and print it\n");
	assert_candidates("help db tokens c", "create\tMake a token that opens a database, and print it\n");
	assert_candidates("fly ", "");
}

static void gives_each_noun_once(void **state)
{
	OWNED(text) char *got = candidates("");
	const char *first = strstr(got, "db\n");
	assert_non_null(first);
	assert_null(strstr(first + 1, "\ndb\n"));
}

static void gives_what_an_argument_stands_for(void **state)
{
	assert_candidates("db show ", "a-database\n");
	assert_candidates("db show a-d", "a-database\n");
	assert_candidates("db show b", "");
	assert_candidates("db replicate x ", "a-location\n");
	assert_candidates("db destroy x y ", "a-database\n");
	assert_candidates("db list ", "");
	assert_candidates("db import ", ":files\n");
	assert_candidates("group show ", "a-group\n");
	assert_candidates("group locations add g x ", "a-location\n");
	assert_candidates("org switch ", "an-organization\n");
	assert_candidates("org members role ", "a-member\n");
	assert_candidates("org members role x a", "admin\n");
	assert_candidates("db config attach ", "allow\ndisallow\nshow\n");
	assert_candidates("db config attach allow ", "a-database\n");
}

static void gives_options_and_their_values(void **state)
{
	assert_candidates("db destroy --y", "--yes\tdo not ask\n");
	assert_candidates("db create --group ", "a-group\n");
	assert_candidates("db create -g ", "a-group\n");
	assert_candidates("db create --from-db=", "a-database\n");
	assert_candidates("db create --from-file ", ":files\n");
	assert_candidates("db create --type ", "regular\nschema\n");
	assert_candidates("db create --type=s", "schema\n");
	assert_candidates("--org ", "an-organization\n");
	assert_candidates("--org x db show ", "a-database\n");
	assert_candidates("db shell x --mode ta", "table\n");
	assert_candidates("db create --no-wait ", "a-database\n");
}

static void after_two_dashes_nothing_is_an_option(void **state)
{
	assert_candidates("db show -- --y", "");
	assert_candidates("db show -- ", "a-database\n");
}

// Whatever the table has can be reached word by word.
static void every_command_and_option_is_offered(void **state)
{
	for (size_t i = 0; i < command_count; i++) {
		OWNED(arena) struct arena arena = {0};
		const char *words = commands[i].words;
		for (const char *at = words; *at; at = command_next_argument(at)) {
			size_t size = strcspn(at, " ");
			OWNED(text)
			char *got = candidates(arena_printf(&arena, "%.*s", (int)(at - words + 1), words));
			assert_non_null(strstr(got, arena_printf(&arena, "%.*s", (int)size, at)));
		}
		for (size_t k = 0; k < COMMAND_OPTIONS_MAX && commands[i].options[k].name; k++) {
			OWNED(text) char *got = candidates(arena_printf(&arena, "%s --", words));
			assert_non_null(strstr(got, commands[i].options[k].name));
		}
	}
}

static void has_a_script_for_each_shell(void **state)
{
	assert_non_null(strstr(completion_script("bash"), "complete -F _atoll atoll"));
	assert_non_null(strstr(completion_script("zsh"), "#compdef atoll"));
	assert_non_null(strstr(completion_script("fish"), "complete -c atoll"));
	assert_null(completion_script("tcsh"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_words_of_commands),
		cmocka_unit_test(gives_each_noun_once),
		cmocka_unit_test(gives_what_an_argument_stands_for),
		cmocka_unit_test(gives_options_and_their_values),
		cmocka_unit_test(after_two_dashes_nothing_is_an_option),
		cmocka_unit_test(every_command_and_option_is_offered),
		cmocka_unit_test(has_a_script_for_each_shell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
