#include "cli/command.h"

#include <string.h>

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

bool command_begins_with(const struct command *command, const char *const *words, size_t word_count)
{
	const char *name = command->words;
	for (size_t i = 0; i < word_count; i++) {
		size_t size = strlen(words[i]);
		if (strncmp(name, words[i], size) != 0 || (name[size] != ' ' && name[size] != '\0'))
			return false;
		name += size + (name[size] == ' ');
	}
	return true;
}

const struct command *command_find(const char *const *words, size_t word_count, size_t *out_matched)
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
		if (command_begins_with(&commands[i], words, word_count))
			return true;
	}
	return false;
}

const char *command_next_argument(const char *arguments)
{
	size_t size = strcspn(arguments, " ");
	return arguments + size + (arguments[size] == ' ');
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

const struct option *command_option(const struct command *command, const char *name, size_t size, char letter,
				    bool *out_global)
{
	const struct option *found = NULL;
	*out_global = false;
	if (command)
		found = find_in(command->options, COMMAND_OPTIONS_MAX, name, size, letter);
	if (!found) {
		found = find_in(global_options, global_option_count, name, size, letter);
		*out_global = found != NULL;
	}
	return found;
}

// Before the words that name the command, the option may be that of any command. A letter may then mean more than
// one thing; a name never does.
static bool find_option(const struct call *call, const char *name, size_t size, char letter,
			const struct option **out, bool *out_global, struct error *err)
{
	size_t matched;
	const struct command *command = command_find(call->words, call->word_count, &matched);
	const struct option *found = command_option(command, name, size, letter, out_global);
	bool own = found != NULL;
	for (size_t i = 0; i < command_count && !own; i++) {
		const struct option *other =
			find_in(commands[i].options, COMMAND_OPTIONS_MAX, name, size, letter);
		if (letter && found && other && strcmp(found->name, other->name) != 0)
			return error_set(err, ERR_USAGE, "option -%c means different things: write it %s",
					 letter, command ? "out" : "behind the command");
		if (other)
			found = other;
	}
	if (!found)
		return error_set(err, ERR_USAGE, "unknown option %s%.*s", letter ? "-" : "--", (int)size,
				 name);
	*out = found;
	return true;
}

static bool is_choice(const char *choices, size_t size, const char *word)
{
	size_t word_size = strlen(word);
	for (const char *at = choices; at < choices + size;) {
		size_t one = strcspn(at, "| ");
		if (one == word_size && strncmp(at, word, one) == 0)
			return true;
		at += one + 1;
	}
	return false;
}

// "enable|disable" is, "DATABASE|URL" is not.
static bool is_choice_list(const char *placeholder)
{
	return *placeholder >= 'a' && *placeholder <= 'z' && placeholder[strcspn(placeholder, " |")] == '|';
}

static bool take_option(struct call *call, int argc, char **argv, int *at, struct error *err)
{
	const char *text = argv[*at];
	bool is_long = text[1] == '-';
	const char *name = text + (is_long ? 2 : 1);
	size_t size = is_long ? strcspn(name, "=") : 1;
	const char *value =
		is_long ? (name[size] == '=' ? name + size + 1 : NULL) : (name[1] ? name + 1 : NULL);
	bool global = false;
	const struct option *option = NULL;
	if (!find_option(call, name, size, (char)(is_long ? 0 : name[0]), &option, &global, err))
		return false;
	if (!option->value && value)
		return error_set(err, ERR_USAGE, "option --%s takes no value", option->name);
	if (option->value && !value) {
		if (*at + 1 >= argc)
			return error_set(err, ERR_USAGE, "option --%s needs a value (%s)", option->name,
					 option->value);
		value = argv[++*at];
	}
	if (option->value && is_choice_list(option->value) &&
	    !is_choice(option->value, strlen(option->value), value))
		return error_set(err, ERR_USAGE, "option --%s: \"%s\" is not one of %s", option->name, value,
				 option->value);
	call->given[call->given_count++] = (struct given_option){option->name, value ? value : "", global};
	return true;
}

// Required, optional and endless arguments, counted from their description.
static void count_arguments(const char *arguments, size_t *out_min, size_t *out_max)
{
	*out_min = *out_max = 0;
	for (const char *at = arguments; *at; at = command_next_argument(at)) {
		(*out_max)++;
		if (*at != '[')
			(*out_min)++;
	}
	if (strstr(arguments, "…"))
		*out_max = SIZE_MAX;
}

// Arguments that are one of some words: "enable|disable".
static bool check_choices(const struct call *call, struct error *err)
{
	const char *at = call->command->arguments;
	for (size_t i = 0; i < call_argument_count(call) && *at; i++, at = command_next_argument(at)) {
		size_t size = strcspn(at, " ");
		const char *word = call_argument(call, i);
		if (is_choice_list(at) && !is_choice(at, size, word))
			return error_set(err, ERR_USAGE, "%s: \"%s\" is not one of %.*s",
					 call->command->words, word, (int)size, at);
	}
	return true;
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
		missing = command_next_argument(missing);
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
	call->command = command_find(call->words, call->word_count, &call->name_word_count);
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
	return check_options(call, err) && check_choices(call, err) && check_arguments(call, err);
}
