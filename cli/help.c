// The help texts, written from the table of commands.

#include <string.h>

#include "cli/command.h"
#include "cli/table.h"

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
		if (!command_begins_with(command, words, word_count))
			continue;
		table_addf(&table, "  %s%s%s", command->words, *command->arguments ? " " : "",
			   command->arguments);
		table_add(&table, command->summary);
	}
	table_print(&table, out, TABLE_UNTITLED);
}

// A block for each noun, in the table's order.
static void print_all_commands(FILE *out)
{
	for (size_t i = 0; i < command_count; i++) {
		char noun[32];
		size_t size = strcspn(commands[i].words, " ");
		snprintf(noun, sizeof(noun), "%.*s", (int)size, commands[i].words);
		const char *words[] = {noun};
		if (i > 0 && command_begins_with(&commands[i - 1], words, 1))
			continue;
		fputc('\n', out);
		print_commands(out, words, 1);
	}
}

void command_print_overview(FILE *out)
{
	fputs("usage: atoll [OPTIONS] NOUN VERB [ARGUMENTS]\n", out);
	print_all_commands(out);
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
	      "reached; 4 not authenticated; 130 ended by Ctrl-C.\n\n"
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
