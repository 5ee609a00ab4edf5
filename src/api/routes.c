#include "api/routes.h"

#include <string.h>

#include "api/handlers.h"

#define ORG   "/v1/organizations/{org}"
#define DB    ORG "/databases/{db}"
#define GROUP ORG "/groups/{group}"

// One line a row: test/integration/platform.test.mjs reads them.
// clang-format off
static const struct api_row rows[] = {
	{"GET",    "/releases/latest",                     api_get_latest_release,         WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Tell command-line clients not to update themselves", NULL, "LatestRelease"},
	{"GET",    "/closest-region",                      api_get_closest_region,         WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Tell the location closest to the caller", NULL, "ClosestRegion"},
	{"GET",    "/openapi.json",                        api_get_openapi,                WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Describe this API for programs (OpenAPI 3.1)", NULL, "OpenAPIDocument"},
	{"GET",    "/docs",                                api_get_docs,                   WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Describe this API for people", NULL, "Page"},
	{"GET",    "/docs/style.css",                      api_get_docs_style,             WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Tell how that page looks", NULL, "StyleSheet"},

	{"GET",    "/v1/auth/validate",                    api_validate_token,             WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Validate the presented token", NULL, "TokenValidity"},
	{"GET",    "/v1/auth/api-tokens/validate",         api_validate_token,             WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Validate the presented token", NULL, "TokenValidity"},
	{"GET",    "/v1/auth/api-tokens",                  api_list_tokens,                WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "List the caller's platform tokens", NULL, "APITokenList"},
	{"POST",   "/v1/auth/api-tokens/{name}",           api_mint_token,                 WHO_USER,    SCOPE_NONE,            BODY_MAYBE,    V3_TWIN,                         "Mint a platform token", "NewAPIToken", "APITokenMinted"},
	{"POST",   "/v2/auth/api-tokens/{name}",           api_mint_token_wrapped,         WHO_USER,    SCOPE_NONE,            BODY_MAYBE,    ONE_FORM,                        "Mint a platform token", "NewAPIToken", "APITokenMintedV2"},
	{"DELETE", "/v1/auth/api-tokens/{name}",           api_revoke_token,               WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Revoke a platform token", NULL, "APITokenRevoked"},
	{"POST",   "/v1/auth/invalidate",                    api_end_sessions,               WHO_USER,    SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "End all of the caller's login sessions", NULL, "SessionsEnded"},
	{"POST",   "/v1/auth/login",                         api_login,                      WHO_ANYBODY, SCOPE_NONE,            BODY_REQUIRED, ONE_FORM,                        "Log in with a password", "LoginInput", "Session"},
	{"GET",    "/",                                      api_ask_login,                  WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Show the form to log in with a browser", NULL, "Page"},
	{"POST",   "/",                                      api_answer_login,               WHO_ANYBODY, SCOPE_NONE,            BODY_FORM,     ONE_FORM,                        "Log in with a browser", "LoginForm", "Page"},
	{"GET",    "/signup",                                api_ask_signup,                 WHO_ANYBODY, SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "Show the form to accept an invite with a browser", NULL, "Page"},
	{"POST",   "/signup",                                api_answer_signup,              WHO_ANYBODY, SCOPE_NONE,            BODY_FORM,     ONE_FORM,                        "Accept an invite with a browser", "SignupForm", "Page"},
	{"POST",   "/v1/oauth/authorize",                    api_oauth_authorize,            WHO_USER,    SCOPE_ACCOUNT,         BODY_FORM,     ONE_FORM,                        "Let an application in", "OAuthRequest", "Page"},
	{"POST",   "/v1/oauth/token",                        api_oauth_exchange,             WHO_ANYBODY, SCOPE_NONE,            BODY_FORM,     ONE_FORM,                        "Exchange a code for a token", "OAuthExchange", "AccessToken"},
	{"GET",    "/v1/current-user",                     api_get_caller,                 WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Tell who the caller is", NULL, "UserAnswer"},
	{"GET",    "/v1/user",                             api_get_caller,                 WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Tell who the caller is", NULL, "UserAnswer"},
	{"POST",   "/v1/user/password",                      api_change_password,            WHO_USER,    SCOPE_ACCOUNT,         BODY_REQUIRED, V3_TWIN,                         "Change the caller's password", "PasswordInput", NULL},
	{"GET",    "/v1/invites",                            api_list_own_invites,           WHO_USER,    SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "List the invites of the caller", NULL, "OwnInviteList"},
	{"POST",   "/v1/invites/accept",                     api_accept_invite,              WHO_ANYBODY, SCOPE_NONE,            BODY_REQUIRED, ONE_FORM,                        "Accept an invite with its token, making the account if there is none", "AcceptInviteInput", "InviteAccepted"},
	{"POST",   "/v1/invites/{id}/accept",                api_accept_own_invite,          WHO_USER,    SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "Accept an invite of the caller", NULL, "InviteAccepted"},
	{"DELETE", "/v1/invites/{id}",                       api_decline_invite,             WHO_USER,    SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "Decline an invite of the caller", NULL, NULL},
	{"GET",    "/v1/users",                              api_list_users,                 WHO_ADMINISTRATOR, SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "List the users of the server", NULL, "AccountList"},
	{"POST",   "/v1/users",                              api_create_user,                WHO_ADMINISTRATOR, SCOPE_ACCOUNT,         BODY_REQUIRED, V3_TWIN,                         "Make an account", "NewAccount", "AccountAnswer"},
	{"GET",    "/v1/users/{username}",                   api_get_user,                   WHO_ADMINISTRATOR, SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "Retrieve an account", NULL, "AccountAnswer"},
	{"PATCH",  "/v1/users/{username}",                   api_update_user,                WHO_ADMINISTRATOR, SCOPE_ACCOUNT,         BODY_REQUIRED, V3_TWIN,                         "Change an account", "AccountInput", "AccountAnswer"},
	{"DELETE", "/v1/users/{username}",                   api_delete_user,                WHO_ADMINISTRATOR, SCOPE_ACCOUNT,         BODY_NONE,     V3_TWIN,                         "Delete an account with its personal organization", NULL, "AccountDeleted"},

	{"GET",    "/v1/organizations",                    api_list_organizations,         WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "List the caller's organizations", NULL, "OrganizationList"},
	{"GET",    "/v2/organizations",                    api_list_organizations,         WHO_USER,    SCOPE_NONE,            BODY_NONE,     ONE_FORM,                        "List the caller's organizations", NULL, "OrganizationList"},
	{"GET",    ORG "",                                 api_get_organization,           WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     V3_TWIN,                         "Retrieve an organization", NULL, "OrganizationAnswer"},
	{"GET",    ORG "/members",                         api_list_members,               WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "List the members of an organization", NULL, "MemberList"},
	{"GET",    ORG "/members/{username}",              api_get_member,                 WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Retrieve a member of an organization", NULL, "MemberAnswer"},
	{"POST",   "/v1/organizations",                      api_create_organization,        WHO_USER,    SCOPE_ACCOUNT,         BODY_REQUIRED, V3_TWIN | KEYED,                 "Create an organization", "NewOrganization", "OrganizationCreated"},
	{"PATCH",  ORG "",                                   api_update_organization,        WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    V3_TWIN,                         "Change an organization's settings", "OrganizationInput", "OrganizationAnswer"},
	{"DELETE", ORG "",                                   api_destroy_organization,       WHO_OWNER,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Delete an organization with all that is in it", NULL, NULL},
	{"POST",   ORG "/members",                           api_add_member,                 WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, V3_TWIN,                         "Add a member", "NewMember", "MemberAdded"},
	{"POST",   ORG "/members/{username}",                api_add_named_member,           WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    V3_TWIN,                         "Add a member", "NewNamedMember", "MemberAdded"},
	{"PATCH",  ORG "/members/{username}",                api_set_role,                   WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, V3_TWIN | SETS_ROLE,             "Change a member's role", "MemberInput", "MemberAnswer"},
	{"DELETE", ORG "/members/{username}",                api_remove_member,              WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN | OR_ONESELF,            "Remove a member, or leave", NULL, "MemberRemoved"},
	{"GET",    ORG "/invites",                           api_list_invites_v1,            WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "List invites", NULL, "InviteListV1"},
	{"POST",   ORG "/invites",                           api_create_invite_v1,           WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, V3_TWIN,                         "Invite somebody", "NewInvite", "InviteCreatedV1"},
	{"POST",   ORG "/invite",                            api_create_invite_v1,           WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, V3_TWIN,                         "Invite somebody", "NewInvite", "InviteCreatedV1"},
	{"DELETE", ORG "/invites/{email}",                   api_remove_invite,              WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Take an invite back", NULL, NULL},
	{"GET",    "/v2/organizations/{org}/invites",        api_list_invites,               WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     ONE_FORM,                        "List pending invites", NULL, "InviteList"},
	{"POST",   "/v2/organizations/{org}/invites",        api_create_invite,              WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, ONE_FORM,                        "Invite somebody", "NewInvite", "InviteAnswer"},
	{"DELETE", "/v2/organizations/{org}/invites/{email}", api_remove_invite,              WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     ONE_FORM,                        "Take an invite back", NULL, NULL},
	{"GET",    ORG "/api-tokens",                        api_list_organization_tokens,   WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "List platform tokens of an organization", NULL, "OrganizationTokenList"},
	{"DELETE", ORG "/api-tokens/{id}",                   api_revoke_organization_token,  WHO_MEMBER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Revoke a platform token of an organization", NULL, "APITokenRevoked"},
	{"GET",    ORG "/audit-logs",                        api_list_audit,                 WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "List what was changed, newest first", NULL, "AuditLogPage"},

	{"GET",    ORG "/plans",                             api_list_plans,                 WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "List plans", NULL, "PlanList"},
	{"GET",    ORG "/subscription",                      api_get_subscription,           WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve the subscription", NULL, "SubscriptionAnswer"},
	{"POST",   ORG "/subscription",                      api_set_subscription,           WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    USER_TWIN | V3_TWIN,             "Change the subscription, to no effect", "SubscriptionInput", "SubscriptionAnswer"},
	{"GET",    ORG "/invoices",                          api_list_invoices,              WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "List invoices, of which there are none", NULL, "InvoiceList"},
	{"POST",   ORG "/billing/portal",                    api_open_billing_portal,        WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    USER_TWIN | V3_TWIN,             "Tell where to pay", "BillingPortalInput", "BillingPortal"},
	{"GET",    ORG "/billing/payment-methods",           api_get_payment_methods,        WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell whether there is a way to pay", NULL, "PaymentMethods"},
	{"GET",    ORG "/billing/customer",                  api_get_billing_customer,       WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve who pays", NULL, "BillingCustomer"},
	{"PUT",    ORG "/billing/customer",                  api_set_billing_customer,       WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    USER_TWIN | V3_TWIN,             "Change who pays, to no effect", "BillingCustomer", "BillingCustomer"},
	{"POST",   "/v1/organizations/stripe-customer",      api_create_stripe_customer,     WHO_USER,    SCOPE_NONE,            BODY_MAYBE,    V3_TWIN,                         "Register who pays, to no effect", "StripeCustomerInput", "StripeCustomer"},
	{"GET",    "/v2/organizations/{org}/jwks",           api_list_jwks,                  WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     ONE_FORM,                        "List keys of others, of which there are none", NULL, "JwksList"},
	{"GET",    "/v2/organizations/{org}/jwks-template",  api_refuse_jwks,                WHO_VIEWER,  SCOPE_ORGANIZATION,    BODY_NONE,     ONE_FORM,                        "Make a template for keys of others; refused", NULL, NULL},
	{"PUT",    "/v2/organizations/{org}/jwks/{name}",    api_refuse_jwks,                WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    ONE_FORM,                        "Add keys of others; refused", "JwksInput", NULL},
	{"DELETE", "/v2/organizations/{org}/jwks/{name}",    api_refuse_jwks,                WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     ONE_FORM,                        "Remove keys of others; refused", NULL, NULL},

	{"GET",    "/v1/locations",                        api_list_locations,             WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "List locations", NULL, "LocationList"},
	{"GET",    "/v1/locations/{code}",                 api_get_location,               WHO_USER,    SCOPE_NONE,            BODY_NONE,     V3_TWIN,                         "Retrieve a location and those closest to it", NULL, "LocationAnswer"},
	{"GET",    ORG "/locations",                       api_list_places,                WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     V3_TWIN,                         "List locations with their coordinates", NULL, "PlaceList"},
	{"GET",    "/v2/organizations/{org}/locations",    api_list_locations_by_platform, WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN,                       "List locations by platform", NULL, "LocationsByPlatform"},

	{"GET",    ORG "/groups",                             api_list_groups,                WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "List groups", NULL, "GroupList"},
	{"POST",   ORG "/groups",                             api_create_group,               WHO_MEMBER,  SCOPE_ORGANIZATION,    BODY_REQUIRED, USER_TWIN | V3_TWIN | KEYED,     "Create a group", "NewGroup", "GroupAnswer"},
	{"GET",    GROUP "",                                  api_get_group,                  WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve a group", NULL, "GroupAnswer"},
	{"DELETE", GROUP "",                                  api_destroy_group,              WHO_MEMBER,  SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Delete a group with all its databases", NULL, "GroupAnswer"},
	{"GET",    GROUP "/configuration",                    api_get_group_configuration,    WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve a group's settings", NULL, "GroupConfigurationResponse"},
	{"PATCH",  GROUP "/configuration",                    api_configure_group,            WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_REQUIRED, USER_TWIN | V3_TWIN,             "Change a group's settings", "GroupConfigurationInput", "GroupConfigurationResponse"},
	{"POST",   GROUP "/unarchive",                        api_unarchive_group,            WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_NONE,     USER_TWIN | V3_TWIN,             "Wake a group and its databases", NULL, "GroupAnswer"},
	{"POST",   GROUP "/update",                           api_update_group,               WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_NONE,     USER_TWIN | V3_TWIN,             "Update the server version of a group", NULL, NULL},
	{"POST",   GROUP "/rename",                           api_rename_group,               WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_REQUIRED, USER_TWIN | V3_TWIN,             "Rename a group", "RenameGroupInput", "GroupAnswer"},
	{"POST",   GROUP "/locations/{location}",             api_add_group_location,         WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_NONE,     USER_TWIN | V3_TWIN,             "Add a location to a group", NULL, "GroupAnswer"},
	{"DELETE", GROUP "/locations/{location}",             api_remove_group_location,      WHO_MEMBER,  SCOPE_GROUP_CONFIGURE, BODY_NONE,     USER_TWIN | V3_TWIN,             "Remove a location from a group", NULL, "GroupAnswer"},
	{"GET",    GROUP "/locations/{location}/wait",        api_wait_group_location,        WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Wait until a location of a group can take queries", NULL, "NoBody"},
	{"POST",   GROUP "/auth/tokens",                      api_mint_group_token,           WHO_MEMBER,  SCOPE_GROUP_MINT_TOKEN, BODY_MAYBE,    USER_TWIN | V3_TWIN,             "Mint a token that opens every database of a group", "CreateTokenInput", "DatabaseToken"},
	{"POST",   GROUP "/auth/rotate",                      api_rotate_group,               WHO_MEMBER,  SCOPE_GROUP_ROTATE_CREDS, BODY_NONE,     USER_TWIN | V3_TWIN,             "Invalidate all tokens of a group", NULL, NULL},
	{"POST",   GROUP "/transfer",                         api_transfer_group,             WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, USER_TWIN | V3_TWIN,             "Transfer a group to another organization", "GroupTransferInput", "GroupTransferred"},
	{"GET",    GROUP "/migrations",                           api_list_migrations,            WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     V3_TWIN,                         "List migrations of a group, newest first", NULL, "MigrationList"},
	{"POST",   GROUP "/migrations",                           api_create_migration,           WHO_MEMBER,  SCOPE_GROUP_MINT_TOKEN, BODY_REQUIRED, V3_TWIN | KEYED,                 "Apply SQL to every database of a group", "NewMigration", "MigrationAnswer"},
	{"GET",    GROUP "/migrations/{id}",                      api_get_migration,              WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     V3_TWIN,                         "Tell how far a migration is", NULL, "MigrationAnswer"},
	{"GET",    GROUP "/migrations/{id}/databases",            api_list_migration_databases,   WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     V3_TWIN,                         "Tell what became of each database of a migration", NULL, "MigrationDatabaseList"},
	{"POST",   GROUP "/migrations/{id}/resume",               api_resume_migration,           WHO_MEMBER,  SCOPE_GROUP_MINT_TOKEN, BODY_NONE,     V3_TWIN,                         "Go on with a migration, also where it failed", NULL, "MigrationAnswer"},
	{"POST",   GROUP "/migrations/{id}/retry",                api_resume_migration,           WHO_MEMBER,  SCOPE_GROUP_MINT_TOKEN, BODY_NONE,     V3_TWIN,                         "Go on with a migration, also where it failed", NULL, "MigrationAnswer"},
	{"POST",   GROUP "/migrations/{id}/cancel",               api_cancel_migration,           WHO_MEMBER,  SCOPE_GROUP_MINT_TOKEN, BODY_NONE,     V3_TWIN,                         "Begin no further databases of a migration", NULL, "MigrationAnswer"},
	{"GET",    GROUP "/aws/migration/info",               api_get_group_migration,        WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell about a migration to AWS", NULL, "GroupMigration"},
	{"POST",   GROUP "/aws/migration/start",              api_refuse_group_migration,     WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Start a migration to AWS", NULL, "GroupMigration"},
	{"POST",   GROUP "/aws/migration/abort",              api_refuse_group_migration,     WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Abort a migration to AWS", NULL, "GroupMigration"},

	{"GET",    ORG "/databases",                       api_list_databases,             WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "List databases", NULL, "DatabaseList"},
	{"POST",   ORG "/databases",                       api_create_database,            WHO_MEMBER,  SCOPE_DB_CREATE,       BODY_REQUIRED, USER_TWIN | V3_TWIN | KEYED,     "Create a database", "CreateDatabaseInput", "DatabaseCreated"},
	{"GET",    DB "",                                  api_get_database,               WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve a database", NULL, "DatabaseAnswer"},
	{"DELETE", DB "",                                  api_destroy_database,           WHO_MEMBER,  SCOPE_DB_DELETE,       BODY_NONE,     USER_TWIN | V3_TWIN,             "Destroy a database with all its instances", NULL, "DatabaseDestroyed"},
	{"GET",    DB "/configuration",                    api_get_configuration,          WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve a database's settings", NULL, "DatabaseConfigurationResponse"},
	{"PATCH",  DB "/configuration",                       api_configure_database,         WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_REQUIRED, USER_TWIN | V3_TWIN,             "Change a database's settings", "DatabaseConfigurationInput", "DatabaseConfigurationResponse"},
	{"POST",   DB "/wakeup",                              api_wake_database,              WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Wake an archived database", NULL, "DatabaseAnswer"},
	{"POST",   DB "/transfer",                            api_transfer_database,          WHO_ADMIN,   SCOPE_DB_CONFIGURE,    BODY_REQUIRED, USER_TWIN | V3_TWIN,             "Transfer a database to another organization", "DatabaseTransferInput", "DatabaseAnswer"},
	{"POST",   DB "/auth/tokens",                      api_mint_database_token,        WHO_MEMBER,  SCOPE_DB_MINT_TOKEN,   BODY_MAYBE,    USER_TWIN | V3_TWIN,             "Mint a token that opens a database", "CreateTokenInput", "DatabaseToken"},
	{"POST",   DB "/auth/rotate",                      api_rotate_database,            WHO_MEMBER,  SCOPE_DB_ROTATE_CREDS, BODY_NONE,     USER_TWIN | V3_TWIN,             "Invalidate all credentials of a database", NULL, NULL},
	{"POST",   DB "/update",                           api_update_database,            WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_NONE,     USER_TWIN | V3_TWIN,             "Update the server version of a database", NULL, NULL},

	{"GET",    ORG "/backups",                         api_list_backups,               WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "List backups, newest first", NULL, "BackupList"},
	{"POST",   ORG "/backups",                         api_create_backups,             WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_MAYBE,    V3_TWIN,                         "Ask for backups of a database, or of all", "BackupInput", "BackupList"},
	{"GET",    ORG "/backups/{backup}",                api_get_backup,                 WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Retrieve a backup", NULL, "BackupAnswer"},
	{"DELETE", ORG "/backups/{backup}",                api_destroy_backup,             WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Remove a backup", NULL, "BackupRemoved"},
	{"POST",   ORG "/backups/{backup}/verify",         api_verify_backup,              WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_NONE,     V3_TWIN,                         "Have a backup restored aside and compared", NULL, "BackupAnswer"},
	{"POST",   ORG "/backups/{backup}/restore",        api_restore_backup,             WHO_ADMIN,   SCOPE_ORGANIZATION,    BODY_REQUIRED, V3_TWIN | KEYED,                 "Create a database from a backup", "RestoreInput", "DatabaseCreated"},

	{"POST",   ORG "/databases/dumps",                 api_upload_dump,                WHO_MEMBER,  SCOPE_DB_CREATE,       BODY_STREAM,   USER_TWIN | V3_TWIN,             "Upload a SQL dump for a database that is to be created", "UploadForm", "DumpAnswer"},
	{"POST",   DB "/seed",                             api_seed_database,              WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_STREAM,   USER_TWIN | V3_TWIN,             "Upload a SQLite file into a database that has no instance", "UploadForm", NULL},
	{"GET",    DB "/export",                           api_export_database,            WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Download a database as one SQLite file", NULL, "DatabaseFile"},

	{"GET",    DB "/instances",                        api_list_instances,             WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "List instances", NULL, "InstanceList"},
	{"POST",   DB "/instances",                        api_create_instance,            WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_REQUIRED, USER_TWIN | V3_TWIN | KEYED,     "Create an instance", "NewInstance", "InstanceCreated"},
	{"GET",    DB "/instances/{instance}",             api_get_instance,               WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Retrieve an instance", NULL, "InstanceAnswer"},
	{"DELETE", DB "/instances/{instance}",             api_destroy_instance,           WHO_MEMBER,  SCOPE_DB_CONFIGURE,    BODY_NONE,     USER_TWIN | V3_TWIN | PART_GOES, "Destroy a replica", NULL, "InstanceDestroyed"},
	{"GET",    DB "/instances/{instance}/wait",        api_wait_instance,              WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Wait until an instance can take a query", NULL, "NoBody"},
	{"GET",    DB "/live",                             api_live_database,              WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell how a database and its instances are, whenever that changes", NULL, "LiveEvents"},

	{"GET",    DB "/usage",                            api_get_database_usage,         WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell what a database used", NULL, "DatabaseUsageAnswer"},
	{"GET",    DB "/stats",                            api_get_database_stats,         WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell a database's costliest queries", NULL, "DatabaseStats"},
	{"GET",    DB "/usage/queries",                    api_list_top_queries,           WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "List a database's costliest queries", NULL, "QueryUsageList"},
	{"GET",    DB "/instances/{instance}/usage",       api_get_instance_usage,         WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell what an instance used", NULL, "InstanceUsageAnswer"},
	{"GET",    ORG "/usage",                           api_get_organization_usage,     WHO_VIEWER,  SCOPE_READ,            BODY_NONE,     USER_TWIN | V3_TWIN,             "Tell what an organization used", NULL, "OrganizationUsageAnswer"},
};
// clang-format on

const struct api_row *api_rows(size_t *out_count)
{
	*out_count = ARRAY_LENGTH(rows);
	return rows;
}

size_t api_row_paths(const struct api_row *row, struct arena *arena, const char *out_paths[API_PATHS_MAX])
{
	static const char org[] = "/organizations/{org}";
	size_t count = 0;
	out_paths[count++] = row->path;
	if (row->forms & USER_TWIN) {
		const char *at = strstr(row->path, org);
		ASSERT(at);
		out_paths[count++] =
			arena_printf(arena, "%.*s%s", (int)(at - row->path), row->path, at + strlen(org));
	}
	if (row->forms & V3_TWIN) {
		for (size_t i = 0, first = count; i < first; i++) {
			ASSERT(strncmp(out_paths[i], "/v1/", 4) == 0);
			out_paths[count++] = arena_printf(arena, "/v3/%s", out_paths[i] + 4);
		}
	}
	return count;
}
