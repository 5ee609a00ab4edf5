// SQL from the keyboard, an argument or standard input.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands/commands.h"
#include "cli/commands/db_target.h"
#include "cli/session.h"
#include "cli/shell.h"

static bool find_target(struct call *call, struct session_target *out, struct error *err)
{
	const char *given = call_argument(call, 0);
	struct db_wish wish = {
		.name = given,
		.instance = call_option(call, "instance"),
		.location = call_option(call, "location"),
		.read_only = call_switch(call, "read-only"),
	};
	if (!strstr(given, "://"))
		return db_target_find(call, &wish, out, err);
	if (wish.instance || wish.location || wish.read_only)
		return error_set(err, ERR_USAGE,
				 "db shell: --instance, --location and --read-only go with the name of a "
				 "database, not with a URL");
	return db_target_of_url(call, given, out, err);
}

bool command_db_shell(struct call *call, struct error *err)
{
	enum output_mode mode = call->json ? OUTPUT_JSON : OUTPUT_TABLE;
	if (call_option(call, "mode"))
		ASSERT(output_mode_of(call_option(call, "mode"),
				      &mode)); // the table of commands has these words
	if (call_option(call, "proxy"))
		http_use_proxy(call->http, call_option(call, "proxy"));
	struct session_target target = {0};
	if (!find_target(call, &target, err))
		return false;

	const char *sql = call_argument(call, 1);
	const char *given = call_argument(call, 0);
	bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	OWNED(session) struct session *session = session_create(call->http, &target);
	OWNED(shell)
	struct shell shell = {
		.session = session,
		.name = strstr(given, "://") ? address_host(call->arena, target.base) : given,
		.interactive = !sql && terminal,
		.output = {.file = stdout,
			   .mode = mode,
			   .headers = !call_switch(call, "no-headers"),
			   .color = call->color,
			   .harmless = isatty(STDOUT_FILENO)},
	};
	if (sql)
		return shell_run_text(&shell, sql, err);
	if (shell.interactive)
		return shell_run_terminal(&shell, err);
	return shell_run_input(&shell, err);
}
