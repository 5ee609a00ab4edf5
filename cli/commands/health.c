// Whether the server is alive, and whether it can serve.

#include <stdio.h>

#include "cli/address.h"
#include "cli/commands/commands.h"
#include "cli/json_copy.h"

enum { HEALTH_TIMEOUT_MS = 5000 };

// An address that is given wins over those of the settings.
static bool take_address(struct call *call, struct error *err)
{
	const char *url = call_argument(call, 0);
	if (!url)
		return true;
	call->settings.url.origin = "the command line";
	return address_of_server(call->arena, url, &call->settings.url.value, err);
}

static void print_checks(const struct json *checks)
{
	for (size_t i = 0; i < json_read_size(checks); i++) {
		const struct json *check = json_read_at(checks, i);
		const char *error = json_text_at(check, "error");
		printf("%-10s %s%s%s\n", json_text_at(check, "status"), json_text_at(check, "name"),
		       error[0] ? ": " : "", error);
	}
}

bool command_health(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	bool ready = call_switch(call, "ready");
	if (!take_address(call, err) ||
	    !client_call_public(&call->client, ready ? "/ready" : "/health", HEALTH_TIMEOUT_MS, &root, err))
		return false;
	if (call->json && ready)
		call_print_answer(root);
	else if (call->json)
		printf("{\"status\":\"ok\",\"url\":\"%s\"}\n", call->settings.url.value);
	else if (ready)
		print_checks(json_read_get(root, "checks"));
	else
		printf("%s is alive\n", call->settings.url.value);
	return true;
}
