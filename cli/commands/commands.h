/// commands: what each row of the table runs. One file a noun, or a part of one.
///
/// Every function prints its result to stdout and returns false with the reason when there is none.
#ifndef ATOLL_CLI_COMMANDS_COMMANDS_H
#define ATOLL_CLI_COMMANDS_COMMANDS_H

#include "cli/command.h"

bool command_auth_login(struct call *call, struct error *err);
bool command_auth_logout(struct call *call, struct error *err);
bool command_auth_whoami(struct call *call, struct error *err);
bool command_auth_token(struct call *call, struct error *err);
bool command_api_tokens_mint(struct call *call, struct error *err);
bool command_api_tokens_list(struct call *call, struct error *err);
bool command_api_tokens_revoke(struct call *call, struct error *err);

bool command_org_list(struct call *call, struct error *err);
bool command_org_switch(struct call *call, struct error *err);
bool command_org_show(struct call *call, struct error *err);
bool command_org_members(struct call *call, struct error *err);

bool command_db_create(struct call *call, struct error *err);
bool command_db_list(struct call *call, struct error *err);
bool command_db_show(struct call *call, struct error *err);
bool command_db_destroy(struct call *call, struct error *err);
bool command_db_replicate(struct call *call, struct error *err);
bool command_db_instances(struct call *call, struct error *err);
bool command_db_locations(struct call *call, struct error *err);
bool command_db_tokens_create(struct call *call, struct error *err);
bool command_db_tokens_invalidate(struct call *call, struct error *err);
bool command_db_inspect(struct call *call, struct error *err);
bool command_db_shell(struct call *call, struct error *err);

bool command_config_show(struct call *call, struct error *err);
bool command_health(struct call *call, struct error *err);

#endif
