#include "cli/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_copy.h"
#include "cli/table.h"
#include "cli/terminal.h"

const struct option global_options[] = {
	{"url", 0, "URL", "address of the server"},
	{"token", 0, "TOKEN", "platform token (for db shell with a URL: database token)"},
	{"org", 0, "SLUG", "organization to work on"},
	{"json", 0, NULL, "print machine-readable JSON"},
	{"no-color", 0, NULL, "no colours"},
	{"help", 'h', NULL, "show help"},
	{"version", 0, NULL, "show the version"},
};
const size_t global_option_count = ARRAY_LENGTH(global_options);

// How many words of `words` a command of this name has at its beginning; 0 when they differ.
static size_t matching_words(const char *name, const char *const *words, size_t word_count)
{
	size_t matched = 0;
	while (*name) {
		size_t size = strcspn(name, " ");
		if (matched == word_count || strlen(words[matched]) != size ||
		    strncmp(words[matched], name, size) != 0)
			return 0;
		matched++;
		name += size + (name[size] == ' ');
	}
	return matched;
}

static bool begins_with(const char *name, const char *const *words, size_t word_count)
{
	for (size_t i = 0; i < word_count; i++) {
		size_t size = strlen(words[i]);
		if (strncmp(name, words[i], size) != 0 || (name[size] != ' ' && name[size] != '\0'))
			return false;
		name += size + (name[size] == ' ');
	}
	return true;
}

static const struct command *find_command(const char *const *words, size_t word_count, size_t *out_matched)
{
	const struct command *found = NULL;
	*out_matched = 0;
	for (size_t i = 0; i < command_count; i++) {
		size_t matched = matching_words(commands[i].words, words, word_count);
		if (matched > *out_matched) {
			found = &commands[i];
			*out_matched = matched;
		}
	}
	return found;
}

bool command_group_exists(const char *const *words, size_t word_count)
{
	for (size_t i = 0; i < command_count; i++) {
		if (begins_with(commands[i].words, words, word_count))
			return true;
	}
	return false;
}

static const struct option *find_in(const struct option *options, size_t count, const char *name, size_t size,
				    char letter)
{
	for (size_t i = 0; i < count && options[i].name; i++) {
		if (letter ? options[i].letter == letter
			   : strlen(options[i].name) == size && strncmp(options[i].name, name, size) == 0)
			return &options[i];
	}
	return NULL;
}

// A command's own option goes before a global one of the same name (db show --url). Before the words that
// name the command, the option may be that of any command.
static const struct option *find_option(const struct call *call, const char *name, size_t size, char letter,
					bool *out_global)
{
	size_t matched;
	const struct command *command = find_command(call->words, call->word_count, &matched);
	const struct option *found = NULL;
	*out_global = false;
	if (command)
		found = find_in(command->options, COMMAND_OPTIONS_MAX, name, size, letter);
	if (!found) {
		found = find_in(global_options, global_option_count, name, size, letter);
		*out_global = found != NULL;
	}
	for (size_t i = 0; i < command_count && !found; i++)
		found = find_in(commands[i].options, COMMAND_OPTIONS_MAX, name, size, letter);
	return found;
}

static bool take_option(struct call *call, int argc, char **argv, int *at, struct error *err)
{
	const char *text = argv[*at];
	bool is_long = text[1] == '-';
	const char *name = text + (is_long ? 2 : 1);
	size_t size = is_long ? strcspn(name, "=") : 1;
	const char *value =
		is_long ? (name[size] == '=' ? name + size + 1 : NULL) : (name[1] ? name + 1 : NULL);
	bool global;
	const struct option *option = find_option(call, name, size, (char)(is_long ? 0 : name[0]), &global);
	if (!option)
		return error_set(err, ERR_USAGE, "unknown option %.*s", (int)(size + (is_long ? 2 : 1)),
				 text);
	if (!option->value && value)
		return error_set(err, ERR_USAGE, "option --%s takes no value", option->name);
	if (option->value && !value) {
		if (*at + 1 >= argc)
			return error_set(err, ERR_USAGE, "option --%s needs a value (%s)", option->name,
					 option->value);
		value = argv[++*at];
	}
	call->given[call->given_count++] = (struct given_option){option->name, value ? value : "", global};
	return true;
}

// Required, optional and endless arguments, counted from their description.
static void count_arguments(const char *arguments, size_t *out_min, size_t *out_max)
{
	*out_min = *out_max = 0;
	for (const char *at = arguments; *at;) {
		size_t size = strcspn(at, " ");
		(*out_max)++;
		if (*at != '[')
			(*out_min)++;
		at += size + (at[size] == ' ');
	}
	if (strstr(arguments, "…"))
		*out_max = SIZE_MAX;
}

static bool check_arguments(const struct call *call, struct error *err)
{
	const struct command *command = call->command;
	size_t min, max, count = call_argument_count(call);
	count_arguments(command->arguments, &min, &max);
	if (count > max)
		return error_set(err, ERR_USAGE, "%s: \"%s\" is one argument too many", command->words,
				 call_argument(call, max));
	if (count >= min)
		return true;
	const char *missing = command->arguments;
	for (size_t i = 0; i < count; i++)
		missing += strcspn(missing, " ") + 1;
	return error_set(err, ERR_USAGE, "%s: %.*s is missing", command->words, (int)strcspn(missing, " "),
			 missing);
}

static bool check_options(const struct call *call, struct error *err)
{
	for (size_t i = 0; i < call->given_count; i++) {
		const char *name = call->given[i].name;
		if (!call->given[i].is_global &&
		    !find_in(call->command->options, COMMAND_OPTIONS_MAX, name, strlen(name), 0))
			return error_set(err, ERR_USAGE, "%s: there is no option --%s here",
					 call->command->words, name);
	}
	return true;
}

bool command_parse(struct arena *arena, int argc, char **argv, struct call *out, struct error *err)
{
	struct call *call = out;
	*call = (struct call){
		.arena = arena,
		.words = arena_alloc(arena, (size_t)argc * sizeof(*call->words)),
		.given = arena_alloc(arena, (size_t)argc * sizeof(*call->given)),
	};
	bool only_words = false;
	struct error failure = {0};
	for (int at = 1; at < argc; at++) {
		if (!only_words && strcmp(argv[at], "--") == 0)
			only_words = true;
		else if (only_words || argv[at][0] != '-' || argv[at][1] == '\0')
			call->words[call->word_count++] = argv[at];
		else if (!failure.code)
			(void)(take_option(call, argc, argv, &at, &failure) || true);
	}
	// "atoll help db create" is "atoll db create --help".
	if (call->word_count > 0 && strcmp(call->words[0], "help") == 0) {
		call->words++;
		call->word_count--;
		call->given[call->given_count++] = (struct given_option){"help", "", true};
	}
	call->command = find_command(call->words, call->word_count, &call->name_word_count);
	call->json = call_global_option(call, "json") != NULL;
	call->color = !call_global_option(call, "no-color") && terminal_has_color(stdout);
	if (failure.code) {
		*err = failure;
		return false;
	}
	if (call_global_option(call, "help") || call_global_option(call, "version"))
		return true;
	if (call->word_count == 0)
		return error_set(err, ERR_USAGE, "no command given");
	if (!call->command && command_group_exists(call->words, call->word_count))
		return error_set(err, ERR_USAGE, "\"%s\" needs a verb", call->words[call->word_count - 1]);
	if (!call->command)
		return error_set(err, ERR_USAGE, "there is no command \"%s%s%s\"", call->words[0],
				 call->word_count > 1 ? " " : "", call->word_count > 1 ? call->words[1] : "");
	return check_options(call, err) && check_arguments(call, err);
}

size_t call_argument_count(const struct call *call)
{
	return call->word_count - call->name_word_count;
}

const char *call_argument(const struct call *call, size_t index)
{
	return index < call_argument_count(call) ? call->words[call->name_word_count + index] : NULL;
}

static const char *given_value(const struct call *call, const char *name, bool global)
{
	for (size_t i = call->given_count; i > 0; i--) {
		const struct given_option *given = &call->given[i - 1];
		if (given->is_global == global && strcmp(given->name, name) == 0)
			return given->value;
	}
	return NULL;
}

const char *call_option(const struct call *call, const char *name)
{
	return given_value(call, name, false);
}

const char *call_global_option(const struct call *call, const char *name)
{
	return given_value(call, name, true);
}

bool call_switch(const struct call *call, const char *name)
{
	return call_option(call, name) != NULL;
}

unsigned call_table_style(const struct call *call)
{
	return call->color ? TABLE_BOLD : TABLE_PLAIN;
}

void call_print_json(const struct buffer *json)
{
	fwrite(json->data, 1, json->size, stdout);
	fputc('\n', stdout);
}

void call_print_json_text(const char *name, const char *value)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_write_object(&w);
	json_write_member_text(&w, name, value);
	json_write_end_object(&w);
	call_print_json(&text);
}

void call_print_answer(const struct json *answer)
{
	OWNED(buffer) struct buffer text = {0};
	struct json_writer w = json_write_to(&text);
	json_copy(&w, answer);
	call_print_json(&text);
}

bool call_confirm(const struct call *call, struct error *err, const char *question, ...)
{
	if (call_switch(call, "yes"))
		return true;
	if (!terminal_can_ask())
		return error_set(err, ERR_USAGE, "%s: nobody can be asked here, so say --yes",
				 call->command->words);
	char text[300];
	va_list args;
	va_start(args, question);
	vsnprintf(text, sizeof(text), question, args);
	va_end(args);
	if (!terminal_confirm(text))
		return error_set(err, ERR_BAD_REQUEST, "nothing was done");
	return true;
}

static void print_option(struct table *table, const struct option *option)
{
	char letter[8] = "    ";
	if (option->letter)
		snprintf(letter, sizeof(letter), "-%c, ", option->letter);
	table_addf(table, "  %s--%s%s%s", letter, option->name, option->value ? " " : "",
		   option->value ? option->value : "");
	table_add(table, option->help);
}

static void print_options(FILE *out, const char *title, const struct option *options, size_t count)
{
	OWNED(table) struct table table = table_of((const char *const[]){"", ""}, 2);
	for (size_t i = 0; i < count && options[i].name; i++)
		print_option(&table, &options[i]);
	if (table_row_count(&table) == 0)
		return;
	fprintf(out, "\n%s\n", title);
	table_print(&table, out, TABLE_UNTITLED);
}

static void print_commands(FILE *out, const char *const *words, size_t word_count)
{
	OWNED(table) struct table table = table_of((const char *const[]){"", ""}, 2);
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &commands[i];
		if (!begins_with(command->words, words, word_count))
			continue;
		table_addf(&table, "  %s%s%s", command->words, *command->arguments ? " " : "",
			   command->arguments);
		table_add(&table, command->summary);
	}
	table_print(&table, out, TABLE_UNTITLED);
}

void command_print_overview(FILE *out)
{
	fputs("usage: atoll [OPTIONS] NOUN VERB [ARGUMENTS]\n\nCommands:\n", out);
	print_commands(out, NULL, 0);
	print_options(out, "Options of all commands:", global_options, global_option_count);
	fputs("\nThe server, the token and the organization come from the first of: these options; "
	      "ATOLL_URL,\n"
	      "ATOLL_TOKEN, ATOLL_ORG; TURSO_API_BASE_URL, TURSO_API_TOKEN; ~/.config/atoll/config.ini, "
	      "which\n"
	      "\"atoll auth login\" writes; ./atoll-data/bootstrap.json, which a server writes at its first "
	      "start.\n"
	      "SSL_CERT_FILE may name a file with certificates to trust for https.\n"
	      "\nExit status: 0 done; 1 the server or a statement said no; 2 wrong use; 3 the server cannot "
	      "be\n"
	      "reached; 4 not authenticated.\n\n"
	      "\"atoll COMMAND --help\" says more about one.\n",
	      out);
}

void command_print_group(FILE *out, const char *const *words, size_t word_count)
{
	fputs("usage: atoll", out);
	for (size_t i = 0; i < word_count; i++)
		fprintf(out, " %s", words[i]);
	fputs(" VERB [ARGUMENTS]\n\nCommands:\n", out);
	print_commands(out, words, word_count);
}

void command_print_usage(FILE *out, const struct command *command)
{
	fprintf(out, "usage: atoll %s%s%s", command->words, *command->arguments ? " " : "",
		command->arguments);
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++) {
		const struct option *option = &command->options[i];
		fprintf(out, " [--%s%s%s]", option->name, option->value ? " " : "",
			option->value ? option->value : "");
	}
	fputc('\n', out);
}

void command_print_help(FILE *out, const struct command *command)
{
	command_print_usage(out, command);
	fprintf(out, "\n%s.\n", command->summary);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	print_options(out, "Options:", command->options, COMMAND_OPTIONS_MAX);
	print_options(out, "Options of all commands:", global_options, global_option_count);
}

enum exit_code command_exit_code(const struct error *err)
{
	switch (err->code) {
	case ERR_USAGE:
		return EXIT_USAGE;
	case ERR_UNAVAILABLE:
	case ERR_TIMEOUT:
		return EXIT_UNREACHABLE;
	case ERR_UNAUTHORIZED:
		return EXIT_UNAUTHENTICATED;
	default:
		return EXIT_REFUSED;
	}
}
