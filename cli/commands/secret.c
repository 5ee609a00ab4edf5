#include "cli/commands/secret.h"

#include <string.h>

#include "cli/terminal.h"

bool secret_read(struct call *call, const char *prompt, const char **out, struct error *err)
{
	if (!call_switch(call, "password-stdin") && !terminal_can_ask())
		return error_set(
			err, ERR_USAGE,
			"%s: nobody can be asked for the password here, so give it on standard input and say "
			"--password-stdin",
			call->command->words);
	OWNED(buffer) struct buffer secret = {0};
	if (!terminal_read_secret(prompt, &secret, err))
		return error_context(err, "%s: the password is missing", call->command->words);
	*out = arena_text(call->arena, buffer_text(&secret));
	return true;
}

bool secret_choose(struct call *call, const char **out, struct error *err)
{
	const char *again = NULL;
	if (!secret_read(call, "New password: ", out, err))
		return false;
	if (call_switch(call, "password-stdin") || !terminal_can_ask())
		return true;
	if (!secret_read(call, "Once more: ", &again, err))
		return false;
	return strcmp(*out, again) == 0 ||
	       error_set(err, ERR_BAD_REQUEST, "the two passwords differ: nothing was done");
}
