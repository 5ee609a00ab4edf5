// Makes a manual page of its written part, on standard input, and of the tables that the programs themselves go by.
//
//     pages < atoll.1.in > atoll.1
//
// A line of the written part that is @commands@, @options@, @flags@ or @keys@ is replaced; @version@ in a line is the
// version. So a page can tell of no command, option or setting that there is not, and leave none out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

enum { TEXT_COLUMNS = 70 };
enum setting_type { TEXT, SECRET, CHOICE, COUNT, DURATION, SIZE };

static const struct {
	const char *name;
	enum setting_type type;
	const char *fallback;
	const char *value;
	const char *help;
} setting_rows[] = {
#define SETTING(field, name, type, fallback, least, most, value, help) {name, type, fallback, value, help},
#include "base/settings.def"
#undef SETTING
};

// One character beyond ASCII, as the formatter names it. Returns its bytes.
static size_t print_special(const unsigned char *text)
{
	size_t size = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
	unsigned code = text[0] & (0xFFU >> (size + 1));
	for (size_t i = 1; i < size; i++)
		code = code << 6 | (text[i] & 0x3FU);
	printf("\\[u%04X]", code);
	return size;
}

static size_t word_end(const char *text)
{
	return strcspn(text, " \n");
}

// Text that stands for itself: no request at the beginning of a line, no escape inside, "-" as it is typed. The lines
// are made anew, so that none is long; 0 as `width` makes one.
static void print_wrapped(const char *text, size_t width)
{
	size_t column = 0;
	while (*text) {
		size_t size = word_end(text);
		if (column > 0) {
			bool full = width > 0 && column + 1 + size > width;
			putchar(full ? '\n' : ' ');
			column = full ? 0 : column + 1;
		}
		if (column == 0 && (*text == '.' || *text == '\''))
			fputs("\\&", stdout);
		column += size;
		for (size_t i = 0; i < size;) {
			unsigned char c = (unsigned char)text[i];
			if (c >= 0x80) {
				i += print_special((const unsigned char *)text + i);
				continue;
			}
			if (c == '\\' || c == '-' || c == '~')
				fputs(c == '\\' ? "\\e" : c == '-' ? "\\-" : "\\(ti", stdout);
			else
				putchar(c);
			i++;
		}
		text += size;
		text += strspn(text, " \n");
	}
}

static void print_text(const char *text)
{
	print_wrapped(text, 0);
}

static void print_sentence(const char *text)
{
	static const char *const ends[] = {".", ":", ";"};
	print_wrapped(text, TEXT_COLUMNS);
	size_t size = strlen(text);
	for (size_t i = 0; i < ARRAY_LENGTH(ends); i++) {
		if (size > 0 && text[size - 1] == ends[i][0]) {
			putchar('\n');
			return;
		}
	}
	puts(".");
}

static void print_option(const struct option *option)
{
	puts(".TP");
	putchar('\\');
	fputs("fB", stdout);
	if (option->letter)
		printf("\\-%c\\fR, \\fB", option->letter);
	fputs("\\-\\-", stdout);
	print_text(option->name);
	fputs("\\fR", stdout);
	if (option->value) {
		fputs(" \\fI", stdout);
		print_text(option->value);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	print_sentence(option->help);
}

static void print_command(const struct command *command)
{
	fputs(".PD\n.TP\n\\fBatoll ", stdout);
	print_text(command->words);
	fputs("\\fR", stdout);
	if (*command->arguments) {
		fputs(" \\fI", stdout);
		print_text(command->arguments);
		fputs("\\fR", stdout);
	}
	putchar('\n');
	print_sentence(command->summary);
	if (command->details)
		print_sentence(command->details);
	if (!command->options[0].name)
		return;
	puts(".RS\n.PD 0");
	for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name; i++)
		print_option(&command->options[i]);
	puts(".PD\n.RE");
}

// Under a heading for each noun.
static void print_commands(void)
{
	const char *last = "";
	size_t last_size = 0;
	for (size_t i = 0; i < command_count; i++) {
		const char *words = commands[i].words;
		size_t size = strcspn(words, " ");
		if (size != last_size || strncmp(words, last, size) != 0)
			printf(".SS \"atoll %.*s\"\n", (int)size, words);
		last = words;
		last_size = size;
		print_command(&commands[i]);
	}
}

static void print_options(void)
{
	for (size_t i = 0; i < global_option_count; i++)
		print_option(&global_options[i]);
}

static const char *form_of(enum setting_type type)
{
	switch (type) {
	case COUNT:
		return "A whole number.";
	case DURATION:
		return "A time span: 60ms, 5s, 2m, 1h; without a unit, seconds.";
	case SIZE:
		return "A size: 4096, 64kb, 10mb, 1gb.";
	default:
		return NULL;
	}
}

// As flags of the command line, or as keys of the configuration file.
static void print_settings(bool flags)
{
	for (size_t i = 0; i < ARRAY_LENGTH(setting_rows); i++) {
		const char *name = setting_rows[i].name;
		// A file cannot name itself.
		if (!flags && strcmp(name, "config") == 0)
			continue;
		printf(".TP\n\\fB%s", flags ? "\\-\\-" : "");
		print_text(name);
		fputs(flags ? "\\fR \\fI" : "\\fR = \\fI", stdout);
		print_text(setting_rows[i].value);
		puts("\\fR");
		print_sentence(setting_rows[i].help);
		if (form_of(setting_rows[i].type))
			puts(form_of(setting_rows[i].type));
		if (*setting_rows[i].fallback) {
			fputs("Default: ", stdout);
			print_sentence(setting_rows[i].fallback);
		}
	}
}

static void print_line(const char *line)
{
	static const char mark[] = "@version@";
	const char *at = strstr(line, mark);
	if (at)
		printf("%.*s%s%s", (int)(at - line), line, ATOLL_VERSION, at + strlen(mark));
	else
		fputs(line, stdout);
}

int main(void)
{
	char line[1024];
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "@commands@\n") == 0)
			print_commands();
		else if (strcmp(line, "@options@\n") == 0)
			print_options();
		else if (strcmp(line, "@flags@\n") == 0)
			print_settings(true);
		else if (strcmp(line, "@keys@\n") == 0)
			print_settings(false);
		else
			print_line(line);
	}
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
