#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

bool terminal_has_color(FILE *stream)
{
	const char *unwanted = getenv("NO_COLOR");
	const char *kind = getenv("TERM");
	if (unwanted && *unwanted)
		return false;
	return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
}

bool terminal_can_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static bool read_line(struct buffer *out)
{
	OWNED(text) char *line = NULL;
	size_t capacity = 0;
	ssize_t size = getline(&line, &capacity, stdin);
	if (size < 0)
		return false;
	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	buffer_append(out, line, (size_t)size);
	return true;
}

bool terminal_confirm(const char *word)
{
	OWNED(buffer) struct buffer answer = {0};
	fprintf(stderr, "Type %s to go on: ", word);
	fflush(stderr);
	if (!read_line(&answer)) {
		fputc('\n', stderr);
		return false;
	}
	return strcmp(buffer_text(&answer), word) == 0;
}

bool terminal_read_line(const char *prompt, struct buffer *out, struct error *err)
{
	if (terminal_can_ask()) {
		fputs(prompt, stderr);
		fflush(stderr);
	}
	if (!read_line(out) || out->size == 0)
		return error_set(err, ERR_USAGE, "nothing was given on standard input");
	return true;
}

bool terminal_read_secret(const char *prompt, struct buffer *out, struct error *err)
{
	struct termios before;
	bool hide = terminal_can_ask() && tcgetattr(STDIN_FILENO, &before) == 0;
	if (hide) {
		struct termios silent = before;
		silent.c_lflag &= ~(tcflag_t)ECHO;
		// Before the prompt: who sees it may type, and nothing of that may be shown.
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
		fprintf(stderr, "%s", prompt);
		fflush(stderr);
	}
	bool got = read_line(out);
	if (hide) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
		fputc('\n', stderr);
	}
	if (!got || out->size == 0)
		return error_set(err, ERR_USAGE, "nothing was given on standard input");
	return true;
}
