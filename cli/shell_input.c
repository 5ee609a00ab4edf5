#include "cli/shell_input.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include <histedit.h>

#include "base/buffer.h"
#include "base/disk.h"

enum { HISTORY_LINES_MAX = 2000, PROMPT_BYTES_MAX = 120 };

struct shell_input {
	EditLine *editor;
	History *history;
	char *history_path; // NULL when there is no place for it
	void (*write_prompt)(void *context, char *text, size_t size);
	void *context;
	char prompt[PROMPT_BYTES_MAX];
	bool cancelled;
};

static char *history_path(void)
{
	OWNED(buffer) struct buffer path = {0};
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	if (state && state[0] == '/')
		buffer_printf(&path, "%s/atoll", state);
	else if (home && *home)
		buffer_printf(&path, "%s/.local/state/atoll", home);
	else
		return NULL;
	struct error ignored;
	if (!disk_make_folder(buffer_text(&path), &ignored))
		return NULL;
	buffer_append_text(&path, "/history");
	return buffer_take(&path, NULL);
}

static struct shell_input *input_of(EditLine *editor)
{
	void *input = NULL;
	el_get(editor, EL_CLIENTDATA, &input);
	return input;
}

static char *prompt(EditLine *editor)
{
	struct shell_input *input = input_of(editor);
	input->write_prompt(input->context, input->prompt, sizeof(input->prompt));
	return input->prompt;
}

static unsigned char cancel(EditLine *editor, wint_t key)
{
	(void)key;
	input_of(editor)->cancelled = true;
	return CC_EOF;
}

static unsigned char suspend(EditLine *editor, wint_t key)
{
	(void)editor;
	(void)key;
	raise(SIGTSTP); // the editor puts the terminal back before it stops, and takes it again afterwards
	return CC_REFRESH;
}

bool shell_input_open(void (*write_prompt)(void *context, char *text, size_t size), void *context,
		      struct shell_input **out, struct error *err)
{
	struct shell_input *input = calloc(1, sizeof(*input));
	ASSERT(input != NULL);
	input->write_prompt = write_prompt;
	input->context = context;
	input->editor = el_init("atoll", stdin, stdout, stderr);
	input->history = history_init();
	if (!input->editor || !input->history) {
		shell_input_close(input);
		return error_set(err, ERR_INTERNAL, "the terminal cannot be used for editing lines");
	}
	HistEvent event;
	history(input->history, &event, H_SETSIZE, HISTORY_LINES_MAX);
	history(input->history, &event, H_SETUNIQUE, 1);
	input->history_path = history_path();
	if (input->history_path)
		history(input->history, &event, H_LOAD, input->history_path);

	EditLine *editor = input->editor;
	el_set(editor, EL_CLIENTDATA, input);
	el_set(editor, EL_PROMPT, prompt);
	el_set(editor, EL_SIGNAL, 1); // Ctrl-Z and the size of the window
	el_set(editor, EL_HIST, history, input->history);
	el_set(editor, EL_EDITOR, "emacs");
	el_set(editor, EL_BIND, "^R", "em-inc-search-prev", NULL);
	// While a line is edited Ctrl-C and Ctrl-Z are keys like others, not signals.
	el_set(editor, EL_SETTY, "-d", "-isig", NULL);
	// (Names of functions are given as wide texts: the editor never frees its copies of narrow ones.)
	el_wset(editor, EL_ADDFN, L"atoll-cancel", L"Forget the input", cancel);
	el_set(editor, EL_BIND, "^C", "atoll-cancel", NULL);
	el_wset(editor, EL_ADDFN, L"atoll-suspend", L"Stop until the shell says go on", suspend);
	el_set(editor, EL_BIND, "^Z", "atoll-suspend", NULL);
	el_source(editor, NULL);
	*out = input;
	return true;
}

enum shell_input_event shell_input_read(struct shell_input *input, const char **out_line, size_t *out_size)
{
	int size = 0;
	input->cancelled = false;
	el_resize(input->editor);
	const char *line = el_gets(input->editor, &size);
	if (input->cancelled) {
		fputs("^C\n", stdout);
		return SHELL_INPUT_CANCELLED;
	}
	if (!line || size <= 0) {
		fputc('\n', stdout);
		return SHELL_INPUT_END;
	}
	HistEvent event;
	if (line[0] != ' ' && line[strspn(line, " \t\r\n")] != '\0')
		history(input->history, &event, H_ENTER, line);
	*out_line = line;
	*out_size = (size_t)size;
	return SHELL_INPUT_LINE;
}

void shell_input_close(struct shell_input *input)
{
	if (!input)
		return;
	HistEvent event;
	if (input->history && input->history_path)
		history(input->history, &event, H_SAVE, input->history_path);
	if (input->editor)
		el_end(input->editor);
	if (input->history)
		history_end(input->history);
	free(input->history_path);
	free(input);
}

void shell_input_cleanup(struct shell_input **input)
{
	shell_input_close(*input);
	*input = NULL;
}
