/// handlers: one function a route, each in the file of its noun. Named in routes.c, called by gate.c.
#ifndef ATOLL_API_HANDLERS_H
#define ATOLL_API_HANDLERS_H

#include "api/request.h"

// releases.c
api_handler api_get_latest_release;

// tokens.c
api_handler api_validate_token, api_list_tokens, api_mint_token, api_mint_token_wrapped, api_revoke_token,
	api_list_organization_tokens, api_revoke_organization_token;

// login.c, login_page.c
api_handler api_login, api_end_sessions, api_ask_login, api_answer_login, api_ask_signup, api_answer_signup;

// oauth.c
api_handler api_oauth_authorize, api_oauth_exchange;

// users.c
api_handler api_get_caller, api_change_password, api_list_users, api_get_user, api_create_user,
	api_update_user, api_delete_user;

// organizations.c
api_handler api_list_organizations, api_get_organization, api_create_organization, api_update_organization,
	api_destroy_organization;

// members.c
api_handler api_list_members, api_get_member, api_add_member, api_add_named_member, api_set_role,
	api_remove_member;

// invites.c
api_handler api_list_invites, api_list_invites_v1, api_create_invite, api_create_invite_v1, api_remove_invite,
	api_list_own_invites, api_accept_own_invite, api_decline_invite, api_accept_invite;

// audit.c
api_handler api_list_audit;

// live.c
api_handler api_live_database;

// billing.c
api_handler api_list_plans, api_get_subscription, api_set_subscription, api_list_invoices,
	api_open_billing_portal, api_get_payment_methods, api_create_stripe_customer,
	api_get_billing_customer, api_set_billing_customer, api_list_jwks, api_refuse_jwks;

// backups.c
api_handler api_list_migrations, api_create_migration, api_get_migration, api_list_migration_databases,
	api_resume_migration, api_cancel_migration;
api_handler api_list_backups, api_create_backups, api_get_backup, api_destroy_backup, api_verify_backup,
	api_restore_backup;

// locations.c
api_handler api_list_locations, api_list_places, api_list_locations_by_platform, api_get_location,
	api_get_closest_region;

// groups.c
api_handler api_list_groups, api_get_group, api_create_group, api_destroy_group, api_get_group_configuration,
	api_configure_group, api_unarchive_group, api_transfer_group, api_mint_group_token, api_rotate_group,
	api_add_group_location, api_remove_group_location, api_wait_group_location, api_rename_group,
	api_update_group, api_get_group_migration, api_refuse_group_migration;

// databases.c
api_handler api_list_databases, api_create_database, api_get_database, api_destroy_database,
	api_get_configuration, api_configure_database, api_wake_database, api_transfer_database,
	api_mint_database_token, api_rotate_database, api_update_database;

// instances.c
api_handler api_list_instances, api_create_instance, api_get_instance, api_destroy_instance,
	api_wait_instance;

// uploads.c
api_handler api_upload_dump, api_seed_database, api_export_database;

// documents.c
api_handler api_get_openapi, api_get_docs, api_get_docs_style;

// usage.c
api_handler api_get_database_usage, api_get_instance_usage, api_get_organization_usage,
	api_get_database_stats, api_list_top_queries;

#endif
