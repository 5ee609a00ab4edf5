#include "cli/completion.h"

#include <string.h>

#include "cli/command.h"
#include "cli/completion_scripts.h"

struct question {
	const char *const *words; // those that are no options
	size_t word_count;
	const struct option *value_of; // the option whose value is asked for
	const char *prefix;
	bool only_words; // after "--"
	completion_source *source;
	void *context;
	struct buffer *out;
};

void completion_add(struct buffer *out, const char *prefix, const char *word, const char *what)
{
	if (strncmp(word, prefix, strlen(prefix)) != 0)
		return;
	buffer_append_text(out, word);
	if (what && *what) {
		buffer_append_byte(out, '\t');
		buffer_append_text(out, what);
	}
	buffer_append_byte(out, '\n');
}

// The words of "a|b|c".
static void add_choices(const struct question *question, const char *choices, size_t size)
{
	for (size_t at = 0; at < size;) {
		char word[64];
		size_t one = 0;
		while (at + one < size && choices[at + one] != '|')
			one++;
		if (one < sizeof(word)) {
			memcpy(word, choices + at, one);
			word[one] = '\0';
			completion_add(question->out, question->prefix, word, NULL);
		}
		at += one + 1;
	}
}

// What a placeholder of the table stands for: "DATABASE", "[FILE]", "GROUP", "enable|disable".
static void add_values(const struct question *question, const char *placeholder, size_t size)
{
	static const struct {
		const char *word;
		enum completion_names names;
	} kinds[] = {
		{"DATABASE", COMPLETION_DATABASES},         {"GROUP", COMPLETION_GROUPS},
		{"ORGANIZATION", COMPLETION_ORGANIZATIONS}, {"SLUG", COMPLETION_ORGANIZATIONS},
		{"LOCATION", COMPLETION_LOCATIONS},         {"CODE", COMPLETION_LOCATIONS},
		{"USERNAME", COMPLETION_MEMBERS},
	};
	while (size > 0 && *placeholder == '[') {
		placeholder++;
		size--;
	}
	if (size > 0 && *placeholder >= 'a' && *placeholder <= 'z') {
		add_choices(question, placeholder, placeholder[size - 1] == ']' ? size - 1 : size);
		return;
	}
	size_t word = strspn(placeholder, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
	if (word == 4 && strncmp(placeholder, "FILE", 4) == 0) {
		buffer_append_text(question->out, ":files\n");
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
		if (strlen(kinds[i].word) == word && strncmp(kinds[i].word, placeholder, word) == 0)
			question->source(question->context, kinds[i].names, question->prefix, question->out);
	}
}

static void add_options(const struct question *question, const struct option *options, size_t count)
{
	for (size_t i = 0; i < count && options[i].name; i++) {
		OWNED(buffer) struct buffer text = {0};
		buffer_printf(&text, "--%s", options[i].name);
		completion_add(question->out, question->prefix, buffer_text(&text), options[i].help);
	}
}

static void add_arguments(const struct question *question, const struct command *command, size_t index)
{
	const char *at = command->arguments;
	for (; index > 0 && *at; index--) {
		const char *next = command_next_argument(at);
		if (!*next && strstr(at, "…"))
			break;
		at = next;
	}
	if (*at)
		add_values(question, at, strcspn(at, " "));
}

// The next word of the names of commands that begin with those given.
static void add_words(const struct question *question)
{
	const char *last = "";
	size_t last_size = 0;
	for (size_t i = 0; i < command_count; i++) {
		const char *next = commands[i].words;
		if (!command_begins_with(&commands[i], question->words, question->word_count))
			continue;
		for (size_t k = 0; k < question->word_count; k++)
			next = command_next_argument(next);
		size_t size = strcspn(next, " ");
		// Commands of one noun stand together in the table.
		if (size == 0 || (size == last_size && strncmp(next, last, size) == 0))
			continue;
		last = next;
		last_size = size;
		OWNED(buffer) struct buffer word = {0};
		buffer_append(&word, next, size);
		completion_add(question->out, question->prefix, buffer_text(&word),
			       next[size] ? NULL : commands[i].summary);
	}
	if (question->word_count == 0)
		completion_add(question->out, question->prefix, "help", "Explain a command");
}

static void answer(struct question *question)
{
	size_t matched = 0;
	const struct command *command = command_find(question->words, question->word_count, &matched);
	const char *equals = strchr(question->prefix, '=');
	if (question->value_of) {
		add_values(question, question->value_of->value, strlen(question->value_of->value));
	} else if (!question->only_words && question->prefix[0] == '-' && equals) {
		bool global;
		const struct option *option = command_option(
			command, question->prefix + 2, (size_t)(equals - question->prefix - 2), 0, &global);
		question->prefix = equals + 1;
		if (option && option->value)
			add_values(question, option->value, strlen(option->value));
	} else if (!question->only_words && question->prefix[0] == '-') {
		if (command)
			add_options(question, command->options, COMMAND_OPTIONS_MAX);
		add_options(question, global_options, global_option_count);
	} else if (command) {
		add_arguments(question, command, question->word_count - matched);
	} else {
		add_words(question);
	}
}

// The option that takes the next word as its value; NULL when none does.
static const struct option *waiting_option(const struct question *question, const char *word)
{
	bool is_long = word[1] == '-', global;
	const char *name = word + (is_long ? 2 : 1);
	size_t size = strlen(name), matched;
	if (is_long ? strchr(name, '=') != NULL : size != 1)
		return NULL;
	const struct command *command = command_find(question->words, question->word_count, &matched);
	const struct option *option =
		command_option(command, name, is_long ? size : 1, (char)(is_long ? 0 : name[0]), &global);
	return option && option->value ? option : NULL;
}

void completion_candidates(const char *const *words, size_t word_count, completion_source *source,
			   void *context, struct buffer *out)
{
	OWNED(arena) struct arena arena = {0};
	const char **plain = arena_alloc(&arena, (word_count + 1) * sizeof(*plain));
	struct question question = {
		.words = plain,
		.prefix = word_count > 0 ? words[word_count - 1] : "",
		.source = source,
		.context = context,
		.out = out,
	};
	for (size_t i = 0; i + 1 < word_count; i++) {
		const char *word = words[i];
		if (question.value_of)
			question.value_of = NULL;
		else if (!question.only_words && strcmp(word, "--") == 0)
			question.only_words = true;
		else if (!question.only_words && word[0] == '-' && word[1])
			question.value_of = waiting_option(&question, word);
		else if (!(question.word_count == 0 && strcmp(word, "help") == 0))
			plain[question.word_count++] = word;
	}
	answer(&question);
}

const char *completion_script(const char *shell)
{
	static const struct {
		const char *shell;
		const char *script;
	} scripts[] = {
#define COMPLETION_SCRIPT(name, text) {name, text},
		COMPLETION_SCRIPTS
#undef COMPLETION_SCRIPT
	};
	for (size_t i = 0; i < ARRAY_LENGTH(scripts); i++) {
		if (strcmp(scripts[i].shell, shell) == 0)
			return scripts[i].script;
	}
	return NULL;
}
