/// command: what the program can be told to do, as data, and one telling of it.
///
/// Each command is a row of `commands` (cli/commands/all.c). The command line is checked, completed and explained
/// from the rows alone, and the manual page is made of them, so that a command starts with everything it was
/// promised.
#ifndef ATOLL_CLI_COMMAND_H
#define ATOLL_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "cli/client.h"
#include "cli/config.h"
#include "cli/http.h"

enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1, // the server or a statement said no
	EXIT_USAGE = 2,
	EXIT_UNREACHABLE = 3,
	EXIT_UNAUTHENTICATED = 4,
	EXIT_INTERRUPTED = 130, // as shells have it for Ctrl-C
};

struct option {
	const char *name;  // without the dashes
	char letter;       // '\0' when there is no short form
	const char *value; // what the value is, in capitals; NULL for a switch
	const char *help;
};

enum { COMMAND_OPTIONS_MAX = 16 };

struct call;
struct command {
	const char *words; // "db tokens create"
	// "DATABASE LOCATION [INSTANCE_NAME]"; "DATABASE…" takes more than one; "enable|disable" one of these words.
	// What DATABASE, GROUP, ORGANIZATION, LOCATION and FILE stand for is known to completion.
	const char *arguments;
	const char *summary;                        // one line
	const char *details;                        // more paragraphs for its own help, or NULL
	struct option options[COMMAND_OPTIONS_MAX]; // up to the first without a name
	bool (*run)(struct call *call, struct error *err);
};

extern const struct command commands[];
extern const size_t command_count;

/// Options that every command takes.
extern const struct option global_options[];
extern const size_t global_option_count;

struct given_option {
	const char *name;
	const char *value; // "" for a switch
	bool is_global;
};

/// One command line. Everything in it lives until the program ends.
struct call {
	const struct command *command; // NULL when only help or the version is wanted
	struct arena *arena;
	const char **words; // arguments that are not options, first those that name the command
	size_t word_count;
	size_t name_word_count; // how many of them do
	struct given_option *given;
	size_t given_count;
	bool json;
	bool color; // stdout

	// Made before the command runs.
	struct settings settings;
	struct http *http;
	struct client client;
};

/// Reads the command line. Fails: ERR_USAGE; call->command is then the command as far as it was recognised.
MUST_USE bool command_parse(struct arena *arena, int argc, char **argv, struct call *out, struct error *err);

/// The command whose name stands at the beginning of these words, and how many of them name it; NULL if none.
const struct command *command_find(const char *const *words, size_t word_count, size_t *out_matched);
/// The name of the command begins with all of these words.
bool command_begins_with(const struct command *command, const char *const *words, size_t word_count);
/// An option that may stand behind this command (NULL: behind any), by its name or, if not 0, its letter. The
/// command's own goes before that of all commands (db show --url). NULL if there is none.
const struct option *command_option(const struct command *command, const char *name, size_t size, char letter,
				    bool *out_global);
/// The next word of `arguments`, "" at its end.
const char *command_next_argument(const char *arguments);

/// The argument at `index`, NULL when it was not given.
const char *call_argument(const struct call *call, size_t index);
size_t call_argument_count(const struct call *call);
/// The value of an option of the command, NULL when it was not given. When it was given more than once, the
/// last.
const char *call_option(const struct call *call, const char *name);
bool call_switch(const struct call *call, const char *name);
/// Each value of an option that may be given more than once: start with 0 in *at. NULL after the last.
const char *call_option_each(const struct call *call, const char *name, size_t *at);
/// The same for an option that every command takes.
const char *call_global_option(const struct call *call, const char *name);

/// Titles of a table on stdout (a set of enum table_style).
unsigned call_table_style(const struct call *call);

/// Writes a line of JSON to stdout.
void call_print_json(const struct buffer *json);
/// {"NAME":"VALUE"}
void call_print_json_text(const char *name, const char *value);
/// Prints an answer of the server as it is, for --json.
void call_print_answer(const struct json *answer);

/// {"NAME":"VALUE"} as a body for the server; it lives as long as the call.
const char *call_json_text(const struct call *call, const char *name, const char *value);
/// {"NAME":true}
const char *call_json_bool(const struct call *call, const char *name, bool value);
/// What was done: the server's answer for --json, else this line.
void call_say(const struct call *call, const struct json *answer, const char *format, ...) PRINTF_LIKE(3, 4);

/// Before something is lost: says what, and has `name` typed, unless --yes was given. Fails: ERR_USAGE where nobody
/// can be asked, ERR_BAD_REQUEST when something else was typed.
MUST_USE bool call_confirm(const struct call *call, struct error *err, const char *name,
			   const char *what_is_lost, ...) PRINTF_LIKE(4, 5);

/// Help for all commands, for those whose words begin with the given ones, or for one.
void command_print_overview(FILE *out);
void command_print_group(FILE *out, const char *const *words, size_t word_count);
void command_print_help(FILE *out, const struct command *command);
void command_print_usage(FILE *out, const struct command *command);
/// Whether any command begins with these words.
bool command_group_exists(const char *const *words, size_t word_count);

enum exit_code command_exit_code(const struct error *err);

#endif
