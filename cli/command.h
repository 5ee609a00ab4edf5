/// command: what the program can be told to do, as data, and one telling of it.
///
/// Each command is a row of `commands` (cli/commands/all.c). The command line is checked and the help is
/// written from the rows alone, so that a command starts with everything it was promised.
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
};

struct option {
	const char *name;  // without the dashes
	char letter;       // '\0' when there is no short form
	const char *value; // what the value is, in capitals; NULL for a switch
	const char *help;
};

enum { COMMAND_OPTIONS_MAX = 8 };

struct call;
struct command {
	const char *words;     // "db tokens create"
	const char *arguments; // "NAME LOCATION [INSTANCE_NAME]"; "NAME…" takes more than one
	const char *summary;   // one line
	const char *details;   // more paragraphs for its own help, or NULL
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

/// The argument at `index`, NULL when it was not given.
const char *call_argument(const struct call *call, size_t index);
size_t call_argument_count(const struct call *call);
/// The value of an option of the command, NULL when it was not given. When it was given more than once, the
/// last.
const char *call_option(const struct call *call, const char *name);
bool call_switch(const struct call *call, const char *name);
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

/// Asks before something is destroyed, unless --yes was given. Fails: ERR_USAGE where nobody can be asked,
/// ERR_BAD_REQUEST when the answer is no.
MUST_USE bool call_confirm(const struct call *call, struct error *err, const char *question, ...)
	PRINTF_LIKE(3, 4);

/// Help for all commands, for those whose words begin with the given ones, or for one.
void command_print_overview(FILE *out);
void command_print_group(FILE *out, const char *const *words, size_t word_count);
void command_print_help(FILE *out, const struct command *command);
void command_print_usage(FILE *out, const struct command *command);
/// Whether any command begins with these words.
bool command_group_exists(const char *const *words, size_t word_count);

enum exit_code command_exit_code(const struct error *err);

#endif
