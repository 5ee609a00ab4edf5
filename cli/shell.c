#include "cli/shell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/json_copy.h"
#include "cli/shell_input.h"

enum { NESTED_READS_MAX = 16 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static void print_time(const struct shell *shell, int64_t started_ns, const struct json *result)
{
	double whole_ms = (double)(clock_monotonic_ns() - started_ns) / 1e6;
	const struct json *on_server = json_read_get(result, "query_duration_ms");
	fprintf(shell->output.file, "Time: %.3f ms", whole_ms);
	if (on_server)
		fprintf(shell->output.file, " (server %.3f ms)", json_read_number(on_server));
	fputc('\n', shell->output.file);
}

static bool run_statement(struct shell *shell, struct error *err)
{
	int64_t started_ns = clock_monotonic_ns();
	OWNED(session_answer) struct session_answer answer = {0};
	if (!session_execute(shell->session, shell->pending.data, shell->pending.size, NULL, 0, &answer, err))
		return false;
	output_result(&shell->output, answer.result);
	if (shell->timer)
		print_time(shell, started_ns, answer.result);
	return true;
}

// Puts the place in front of a message, where it helps: not at the keyboard.
static bool add_place(const struct shell *shell, int line, struct error *err)
{
	if (shell->source)
		return error_context(err, "%s:%d", shell->source, line);
	return shell->interactive || shell->one_line || error_context(err, "line %d", line);
}

static int count_lines(const char *text, size_t size)
{
	int lines = 0;
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	return lines;
}

static void forget_statement(struct shell *shell)
{
	shell->scanner = (struct sql_scanner){0};
	buffer_truncate(&shell->pending, 0);
}

static bool run_pending(struct shell *shell, struct error *err)
{
	bool ok = run_statement(shell, err);
	forget_statement(shell);
	if (!ok)
		add_place(shell, shell->statement_line, err);
	return ok;
}

// Takes text that may hold several statements, or part of one.
static bool feed(struct shell *shell, const char *text, size_t size, struct error *err)
{
	while (size > 0) {
		if (shell->pending.size == 0) {
			size_t blanks = 0;
			while (blanks < size && is_blank(text[blanks]))
				blanks++;
			shell->line += count_lines(text, blanks);
			shell->statement_line = shell->line;
			text += blanks;
			size -= blanks;
		}
		bool complete, empty;
		size_t taken = sql_scanner_read(&shell->scanner, text, size, &complete, &empty);
		buffer_append(&shell->pending, text, taken);
		shell->line += count_lines(text, taken);
		text += taken;
		size -= taken;
		if (complete && empty)
			forget_statement(shell);
		else if (complete && !run_pending(shell, err))
			return false;
	}
	return true;
}

// The end of the text ends the last statement, unless something in it is still open.
static bool finish(struct shell *shell, struct error *err)
{
	enum sql_open open = sql_scanner_open(&shell->scanner);
	if (open == SQL_OPEN_TEXT || open == SQL_OPEN_NAME) {
		forget_statement(shell);
		error_set(err, ERR_SQLITE, "the input ends inside a quoted %s",
			  open == SQL_OPEN_TEXT ? "text" : "name");
		add_place(shell, shell->statement_line, err);
		return false;
	}
	if (shell->scanner.has_content)
		return run_pending(shell, err);
	forget_statement(shell);
	return true;
}

static bool at_beginning(const struct shell *shell)
{
	return sql_scanner_open(&shell->scanner) == SQL_OPEN_NOTHING;
}

// One line with its end, from whatever source.
static bool take_line(struct shell *shell, const char *text, size_t size, struct error *err)
{
	if (!at_beginning(shell) || text[0] != '.')
		return feed(shell, text, size, err);
	int line = shell->line++;
	while (size > 0 && is_blank(text[size - 1]))
		size--;
	OWNED(text) char *command = strndup(text, size);
	ASSERT(command != NULL);
	forget_statement(shell);
	return shell_dot(shell, command, err) || (add_place(shell, line, err), false);
}

static bool run_stream(struct shell *shell, FILE *stream, struct error *err)
{
	OWNED(text) char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	shell->line = 1;
	while (!shell->leaving && (size = getline(&line, &capacity, stream)) >= 0) {
		if (!take_line(shell, line, (size_t)size, err))
			return false;
	}
	return shell->leaving || finish(shell, err);
}

// Work that nobody committed is lost, and who sent it in a script would not see it.
static bool end_transaction(struct shell *shell, struct error *err)
{
	if (!session_in_transaction(shell->session))
		return true;
	return error_set(err, ERR_SQLITE, "the input ended inside a transaction: it was rolled back");
}

bool shell_run_text(struct shell *shell, const char *text, struct error *err)
{
	shell->line = 1;
	shell->one_line = !strchr(text, '\n');
	return take_line(shell, text, strlen(text), err) && finish(shell, err) && end_transaction(shell, err);
}

bool shell_run_input(struct shell *shell, struct error *err)
{
	return run_stream(shell, stdin, err) && end_transaction(shell, err);
}

bool shell_run_file(struct shell *shell, const char *path, struct error *err)
{
	if (shell->nested_reads == NESTED_READS_MAX)
		return error_set(err, ERR_LIMIT, ".read: more than %d files inside each other",
				 NESTED_READS_MAX);
	FILE *file = fopen(path, "re");
	if (!file)
		return error_set(err, ERR_NOT_FOUND, "cannot read %s: %s", path, strerror(errno));
	int line = shell->line;
	const char *source = shell->source;
	shell->source = path;
	shell->nested_reads++;
	bool ok = run_stream(shell, file, err);
	forget_statement(shell);
	shell->nested_reads--;
	shell->source = source;
	shell->line = line;
	fclose(file);
	return ok;
}

static void write_prompt(void *context, char *text, size_t size)
{
	struct shell *shell = context;
	const char *mark = session_in_transaction(shell->session) ? "*" : "";
	if (at_beginning(shell))
		snprintf(text, size, "%.64s%s> ", shell->name, mark);
	else
		snprintf(text, size, "%*s> ", (int)(strlen(shell->name) + strlen(mark)), "...");
}

static void print_failure(const struct shell *shell, const struct error *err)
{
	const char *mark = shell->output.color ? "\033[31m" : "";
	const char *end = shell->output.color ? "\033[0m" : "";
	fflush(stdout);
	fprintf(stderr, "%sError:%s %s\n", mark, end, err->message);
	if (err->detail[0])
		fprintf(stderr, "       %s\n", err->detail);
}

bool shell_run_terminal(struct shell *shell, struct error *err)
{
	OWNED(shell_input) struct shell_input *input = NULL;
	if (!shell_input_open(write_prompt, shell, &input, err))
		return false;
	http_catch_interrupts(session_http(shell->session));
	printf("Connected to %s. \".help\" shows what there is besides SQL; statements end with a ;\n",
	       shell->name);
	while (!shell->leaving) {
		const char *line;
		size_t size;
		http_forget_interrupts(session_http(shell->session));
		enum shell_input_event event = shell_input_read(input, &line, &size);
		if (event == SHELL_INPUT_END)
			break;
		if (event == SHELL_INPUT_CANCELLED) {
			forget_statement(shell);
			continue;
		}
		struct error failure = {0};
		if (!take_line(shell, line, size, &failure))
			print_failure(shell, &failure);
		fflush(stdout);
	}
	if (session_in_transaction(shell->session))
		fputs("The open transaction was rolled back.\n", stderr);
	return true;
}

void shell_cleanup(struct shell *shell)
{
	buffer_cleanup(&shell->pending);
}
