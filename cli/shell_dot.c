// What can be asked of the shell besides SQL: lines that begin with a dot.

#include <stdio.h>
#include <string.h>

#include "cli/json_copy.h"
#include "cli/shell.h"
#include "cli/table.h"

struct dot_command {
	const char *name;
	const char *argument; // "" for none, "[X]" for an optional one
	const char *help;
	bool (*run)(struct shell *shell, const char *argument, struct error *err); // argument may be NULL
};

// Statement whose first column is text: prints it, one row a line, each with `end` behind it.
static bool print_texts(struct shell *shell, const char *sql, const char *argument, const char *end,
			struct error *err)
{
	OWNED(session_answer) struct session_answer answer = {0};
	if (!session_execute(shell->session, sql, strlen(sql), &argument, 1, &answer, err))
		return false;
	const struct json *rows = json_read_get(answer.result, "rows");
	for (size_t i = 0; i < json_read_size(rows); i++)
		fprintf(shell->output.file, "%s%s\n",
			json_text_at(json_read_at(json_read_at(rows, i), 0), "value"), end);
	return true;
}

static bool dot_tables(struct shell *shell, const char *argument, struct error *err)
{
	static const char sql[] =
		"SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')"
		" AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name LIKE ?1 ORDER BY name";
	return print_texts(shell, sql, argument ? argument : "%", "", err);
}

static bool dot_indexes(struct shell *shell, const char *argument, struct error *err)
{
	static const char sql[] = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE ?1"
				  " ORDER BY name";
	return print_texts(shell, sql, argument ? argument : "%", "", err);
}

static bool dot_schema(struct shell *shell, const char *argument, struct error *err)
{
	static const char sql[] =
		"SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"
		" AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND tbl_name LIKE ?1 ORDER BY rowid";
	return print_texts(shell, sql, argument ? argument : "%", ";", err);
}

static bool dot_dump(struct shell *shell, const char *argument, struct error *err)
{
	(void)argument;
	return shell_dump(shell->session, shell->output.file, err);
}

static bool dot_mode(struct shell *shell, const char *argument, struct error *err)
{
	if (!argument)
		fprintf(shell->output.file, "%s\n", output_mode_name(shell->output.mode));
	else if (!output_mode_of(argument, &shell->output.mode))
		return error_set(err, ERR_BAD_REQUEST,
				 ".mode: %s is not one of table, list, csv, json, line, markdown", argument);
	return true;
}

static bool set_switch(const char *name, const char *argument, bool *value, struct error *err)
{
	if (strcmp(argument, "on") == 0)
		*value = true;
	else if (strcmp(argument, "off") == 0)
		*value = false;
	else
		return error_set(err, ERR_BAD_REQUEST, ".%s: on or off, not %s", name, argument);
	return true;
}

static bool dot_headers(struct shell *shell, const char *argument, struct error *err)
{
	return set_switch("headers", argument, &shell->output.headers, err);
}

static bool dot_timer(struct shell *shell, const char *argument, struct error *err)
{
	return set_switch("timer", argument, &shell->timer, err);
}

static bool dot_read(struct shell *shell, const char *argument, struct error *err)
{
	return shell_run_file(shell, argument, err);
}

static bool dot_quit(struct shell *shell, const char *argument, struct error *err)
{
	(void)argument;
	(void)err;
	shell->leaving = true;
	return true;
}

static bool dot_help(struct shell *shell, const char *argument, struct error *err);

static const struct dot_command dot_commands[] = {
	{"dump", "", "Print the whole database as SQL", dot_dump},
	{"exit", "", "Leave", dot_quit},
	{"headers", "on|off", "Show the names of columns, or not", dot_headers},
	{"help", "", "Show this", dot_help},
	{"indexes", "[TABLE]", "List indexes; TABLE is a pattern of LIKE", dot_indexes},
	{"mode", "[MODE]", "How results look: table, list, csv, json, line or markdown", dot_mode},
	{"quit", "", "Leave", dot_quit},
	{"read", "FILE", "Run the statements in a file", dot_read},
	{"schema", "[TABLE]", "Show CREATE statements; TABLE is a pattern of LIKE", dot_schema},
	{"tables", "[PATTERN]", "List tables and views", dot_tables},
	{"timer", "on|off", "Show how long each statement took, or not", dot_timer},
};

static bool dot_help(struct shell *shell, const char *argument, struct error *err)
{
	(void)argument;
	(void)err;
	OWNED(table) struct table table = table_of((const char *const[]){"", ""}, 2);
	for (size_t i = 0; i < ARRAY_LENGTH(dot_commands); i++) {
		const struct dot_command *command = &dot_commands[i];
		table_addf(&table, ".%s %s", command->name, command->argument);
		table_add(&table, command->help);
	}
	table_print(&table, shell->output.file, TABLE_UNTITLED);
	if (shell->interactive)
		fputs("Ctrl-C forgets the input or ends the running statement; Ctrl-D leaves.\n",
		      shell->output.file);
	return true;
}

static const struct dot_command *find(const char *name, size_t size)
{
	for (size_t i = 0; i < ARRAY_LENGTH(dot_commands); i++) {
		if (strlen(dot_commands[i].name) == size && strncmp(dot_commands[i].name, name, size) == 0)
			return &dot_commands[i];
	}
	return NULL;
}

// The argument without the quotes around it.
static char *argument_of(const char *text)
{
	text += strspn(text, " \t");
	size_t size = strlen(text);
	if (size >= 2 && (text[0] == '"' || text[0] == '\'') && text[size - 1] == text[0]) {
		text++;
		size -= 2;
	}
	if (size == 0)
		return NULL;
	char *copy = strndup(text, size);
	ASSERT(copy != NULL);
	return copy;
}

bool shell_dot(struct shell *shell, const char *line, struct error *err)
{
	size_t size = strcspn(line + 1, " \t");
	const struct dot_command *command = find(line + 1, size);
	if (!command)
		return error_set(err, ERR_BAD_REQUEST, "there is no command %.*s; .help lists them",
				 (int)(size + 1), line);
	OWNED(text) char *argument = argument_of(line + 1 + size);
	bool wanted = command->argument[0] != '\0' && command->argument[0] != '[';
	if (wanted && !argument)
		return error_set(err, ERR_BAD_REQUEST, ".%s: %s is missing", command->name,
				 command->argument);
	if (argument && command->argument[0] == '\0')
		return error_set(err, ERR_BAD_REQUEST, ".%s takes no argument", command->name);
	return command->run(shell, argument, err);
}
