// atoll: operates an Atoll server from the command line, through its HTTP API like everybody else.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypt.h"
#include "cli/command.h"
#include "cli/text_width.h"

// What was asked for with --help, or with "help" in front.
static int print_help(const struct call *call)
{
	const char *const *words = call->words;
	size_t count = call->word_count;
	if (count == 0)
		command_print_overview(stdout);
	else if (call->command)
		command_print_help(stdout, call->command);
	else if (command_group_exists(words, count))
		command_print_group(stdout, words, count);
	else {
		fprintf(stderr, "atoll: there is no command \"%s\"\n", words[0]);
		return EXIT_USAGE;
	}
	return EXIT_OK;
}

static void print_failure(const struct call *call, const struct error *err)
{
	fprintf(stderr, "atoll: %s\n", err->message);
	if (err->detail[0])
		fprintf(stderr, "       %s\n", err->detail);
	if (err->code != ERR_USAGE)
		return;
	if (call->command)
		command_print_usage(stderr, call->command);
	else if (call->word_count > 0 && command_group_exists(call->words, call->word_count))
		command_print_group(stderr, call->words, call->word_count);
	else
		fputs("usage: atoll [OPTIONS] NOUN VERB [ARGUMENTS]; \"atoll --help\" lists the commands\n",
		      stderr);
}

static bool prepare(struct call *call, struct error *err)
{
	struct settings_flags flags = {
		.url = call_global_option(call, "url"),
		.token = call_global_option(call, "token"),
		.org = call_global_option(call, "org"),
	};
	if (!crypt_start(err) || !config_load(call->arena, &flags, &call->settings, err) ||
	    !http_create(&call->http, err))
		return false;
	call->client = client_of(call->arena, &call->settings, call->http);
	return true;
}

static int run(struct call *call)
{
	struct error err = {0};
	bool ok = prepare(call, &err) && call->command->run(call, &err);
	// Results that did not reach their file or pipe were not delivered.
	if (fflush(stdout) != 0 && ok)
		ok = error_set(&err, ERR_IO, "cannot write to standard output");
	if (ok)
		return EXIT_OK;
	// A command that has told all itself leaves the message empty.
	if (err.message[0])
		print_failure(call, &err);
	return (int)command_exit_code(&err);
}

int main(int argc, char **argv)
{
	umask(077);
	text_width_start();
	OWNED(arena) struct arena arena = {0};
	struct call call;
	struct error err = {0};
	if (!command_parse(&arena, argc, argv, &call, &err)) {
		print_failure(&call, &err);
		return EXIT_USAGE;
	}
	if (call_global_option(&call, "version")) {
		puts("atoll " ATOLL_VERSION);
		return EXIT_OK;
	}
	if (call_global_option(&call, "help"))
		return print_help(&call);
	int status = run(&call);
	http_destroy(call.http);
	return status;
}
