// Whether the server is alive.

#include <stdio.h>

#include "cli/commands/commands.h"

enum { HEALTH_TIMEOUT_MS = 5000 };

bool command_health(struct call *call, struct error *err)
{
	OWNED(json_root) struct json *root = NULL;
	if (!client_call_public(&call->client, "/health", HEALTH_TIMEOUT_MS, &root, err))
		return false;
	if (call->json)
		printf("{\"status\":\"ok\",\"url\":\"%s\"}\n", call->settings.url.value);
	else
		printf("%s is alive\n", call->settings.url.value);
	return true;
}
