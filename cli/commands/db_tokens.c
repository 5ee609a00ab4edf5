// Tokens that open one database.

#include <stdio.h>

#include "cli/commands/commands.h"
#include "cli/json_copy.h"

bool command_db_tokens_create(struct call *call, struct error *err)
{
	const char *expiration = call_option(call, "expiration");
	const char *path;
	if (!client_org_path(&call->client, &path, err, "databases", call_argument(call, 0), "auth", "tokens",
			     NULL))
		return false;
	path = arena_printf(call->arena, "%s?expiration=%s&authorization=%s", path,
			    address_segment(call->arena, expiration ? expiration : "never"),
			    call_switch(call, "read-only") ? "read-only" : "full-access");
	OWNED(json_root) struct json *root = NULL;
	if (!client_call(&call->client, "POST", path, NULL, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		puts(json_text_at(root, "jwt"));
	return true;
}

bool command_db_tokens_invalidate(struct call *call, struct error *err)
{
	const char *name = call_argument(call, 0);
	const char *path;
	OWNED(json_root) struct json *root = NULL;
	if (!call_confirm(call, err, "Make all tokens of %s worthless?", name) ||
	    !client_org_path(&call->client, &path, err, "databases", name, "auth", "rotate", NULL) ||
	    !client_call(&call->client, "POST", path, NULL, &root, err))
		return false;
	if (call->json)
		call_print_answer(root);
	else
		printf("All tokens of %s are worthless now, and so are the passwords of its instances.\n",
		       name);
	return true;
}
