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

bool command_backup_create(struct call *call, struct error *err);
bool command_backup_list(struct call *call, struct error *err);
bool command_backup_show(struct call *call, struct error *err);
bool command_backup_verify(struct call *call, struct error *err);
bool command_backup_restore(struct call *call, struct error *err);
bool command_backup_destroy(struct call *call, struct error *err);

bool command_org_list(struct call *call, struct error *err);
bool command_org_create(struct call *call, struct error *err);
bool command_org_destroy(struct call *call, struct error *err);
bool command_org_switch(struct call *call, struct error *err);
bool command_org_show(struct call *call, struct error *err);
bool command_org_usage(struct call *call, struct error *err);
bool command_org_members(struct call *call, struct error *err);
bool command_org_members_add(struct call *call, struct error *err);
bool command_org_members_remove(struct call *call, struct error *err);
bool command_org_members_role(struct call *call, struct error *err);
bool command_org_invites_create(struct call *call, struct error *err);
bool command_org_invites_list(struct call *call, struct error *err);
bool command_org_invites_remove(struct call *call, struct error *err);
bool command_org_invites_accept(struct call *call, struct error *err);
bool command_org_invites_decline(struct call *call, struct error *err);
bool command_org_audit_logs(struct call *call, struct error *err);
bool command_plan_show(struct call *call, struct error *err);
bool command_invoice_list(struct call *call, struct error *err);
bool command_jwks_list(struct call *call, struct error *err);

bool command_user_list(struct call *call, struct error *err);
bool command_user_create(struct call *call, struct error *err);
bool command_user_password(struct call *call, struct error *err);
bool command_user_delete(struct call *call, struct error *err);

bool command_group_list(struct call *call, struct error *err);
bool command_group_show(struct call *call, struct error *err);
bool command_group_create(struct call *call, struct error *err);
bool command_group_destroy(struct call *call, struct error *err);
bool command_group_locations_list(struct call *call, struct error *err);
bool command_group_locations_add(struct call *call, struct error *err);
bool command_group_locations_remove(struct call *call, struct error *err);
bool command_group_tokens_create(struct call *call, struct error *err);
bool command_group_tokens_invalidate(struct call *call, struct error *err);
bool command_group_transfer(struct call *call, struct error *err);
bool command_group_rename(struct call *call, struct error *err);
bool command_group_unarchive(struct call *call, struct error *err);
bool command_group_update(struct call *call, struct error *err);
bool command_group_protection(struct call *call, struct error *err);
bool command_group_migrate(struct call *call, struct error *err);
bool command_group_migrations_list(struct call *call, struct error *err);
bool command_group_migrations_show(struct call *call, struct error *err);
bool command_group_migrations_resume(struct call *call, struct error *err);
bool command_group_migrations_cancel(struct call *call, struct error *err);

bool command_db_create(struct call *call, struct error *err);
bool command_db_import(struct call *call, struct error *err);
bool command_db_branch(struct call *call, struct error *err);
bool command_db_list(struct call *call, struct error *err);
bool command_db_show(struct call *call, struct error *err);
bool command_db_destroy(struct call *call, struct error *err);
bool command_db_replicate(struct call *call, struct error *err);
bool command_db_instances(struct call *call, struct error *err);
bool command_db_tokens_create(struct call *call, struct error *err);
bool command_db_tokens_invalidate(struct call *call, struct error *err);
bool command_db_config_show(struct call *call, struct error *err);
bool command_db_config_switch(struct call *call, struct error *err);
bool command_db_config_size_limit(struct call *call, struct error *err);
bool command_db_config_history(struct call *call, struct error *err);
bool command_db_inspect(struct call *call, struct error *err);
bool command_db_usage(struct call *call, struct error *err);
bool command_db_shell(struct call *call, struct error *err);
bool command_db_export(struct call *call, struct error *err);
bool command_db_transfer(struct call *call, struct error *err);
bool command_db_unarchive(struct call *call, struct error *err);
bool command_db_update(struct call *call, struct error *err);

bool command_db_locations(struct call *call, struct error *err);
bool command_locations_closest(struct call *call, struct error *err);
bool command_config_show(struct call *call, struct error *err);
bool command_config_path(struct call *call, struct error *err);
bool command_config_set(struct call *call, struct error *err);
bool command_health(struct call *call, struct error *err);
bool command_completion(struct call *call, struct error *err);
bool command_completion_candidates(struct call *call, struct error *err);

#endif
