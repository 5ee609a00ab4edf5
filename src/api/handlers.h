/// handlers: one function a route, each in the file of its noun. Named in routes.c, called by gate.c.
#ifndef ATOLL_API_HANDLERS_H
#define ATOLL_API_HANDLERS_H

#include "api/request.h"

// releases.c
api_handler api_get_latest_release;

// tokens.c
api_handler api_validate_token, api_list_tokens, api_mint_token, api_mint_token_wrapped, api_revoke_token;

// organizations.c
api_handler api_get_caller, api_list_organizations, api_get_organization;

// members.c
api_handler api_list_members, api_get_member;

// locations.c
api_handler api_list_locations, api_list_locations_by_platform, api_get_location, api_get_closest_region;

// groups.c
api_handler api_list_groups, api_get_group, api_create_group, api_destroy_group, api_get_group_configuration,
	api_configure_group, api_unarchive_group, api_mint_group_token, api_rotate_group,
	api_add_group_location, api_remove_group_location, api_wait_group_location, api_rename_group,
	api_update_group, api_get_group_migration, api_refuse_group_migration;

// databases.c
api_handler api_list_databases, api_create_database, api_get_database, api_destroy_database,
	api_get_configuration, api_configure_database, api_wake_database, api_mint_database_token,
	api_rotate_database, api_update_database;

// instances.c
api_handler api_list_instances, api_create_instance, api_get_instance, api_destroy_instance,
	api_wait_instance;

// documents.c
api_handler api_get_openapi, api_get_docs, api_get_docs_style;

// usage.c
api_handler api_get_database_usage, api_get_instance_usage, api_get_organization_usage,
	api_get_database_stats, api_list_top_queries;

#endif
