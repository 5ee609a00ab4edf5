/// views: how answers are written. The only place that knows their members (spec/platform-api.md §2); one
/// superset serves the clients of all years.
#ifndef ATOLL_API_VIEWS_H
#define ATOLL_API_VIEWS_H

#include "api/billing.h"
#include "base/json_write.h"
#include "platform/audit.h"
#include "platform/backup.h"
#include "platform/group.h"
#include "platform/instance.h"
#include "platform/invite.h"
#include "platform/live.h"
#include "platform/location.h"
#include "platform/member.h"
#include "platform/token.h"
#include "platform/usage.h"
#include "platform/user.h"

/// {}: done, and there is nothing to tell.
void view_nothing(struct json_writer *w);
/// {"database":"my-db"}
void view_name(struct json_writer *w, const char *key, const char *name);

void view_caller(struct json_writer *w, const struct caller *caller, bool has_pending_invites);
void view_user(struct json_writer *w, const struct user *user);
void view_users(struct json_writer *w, const struct user *users, size_t count);
void view_session(struct json_writer *w, const struct session *session);
void view_access_token(struct json_writer *w, const char *token);
void view_sessions_ended(struct json_writer *w, int64_t valid_from_ms);

/// exp is in seconds since 1970, or -1 for a token that does not expire.
void view_token_validity(struct json_writer *w, int64_t exp);
void view_tokens(struct json_writer *w, const struct token *tokens, size_t count);
void view_organization_tokens(struct json_writer *w, const struct token *tokens, size_t count);
void view_token_minted(struct json_writer *w, const struct token *token, const char *secret);
void view_token_minted_wrapped(struct json_writer *w, const struct token *token, const char *secret);

void view_organization(struct json_writer *w, const struct organization *organization);
void view_organizations(struct json_writer *w, const struct organization *organizations, size_t count);
/// The object itself.
void view_organization_object(struct json_writer *w, const struct organization *organization);
void view_organization_created(struct json_writer *w, const struct organization *organization);
void view_member(struct json_writer *w, const struct member *member);
void view_members(struct json_writer *w, const struct member *members, size_t count);

void view_member_added(struct json_writer *w, const struct member *member);
void view_invites(struct json_writer *w, const struct invite *invites, size_t count);
void view_invited(struct json_writer *w, const struct invite *invite);
/// The form of 2024.
void view_invites_v1(struct json_writer *w, const struct invite *invites, size_t count);
void view_invited_v1(struct json_writer *w, const struct invite *invite);
/// The caller's own.
void view_own_invites(struct json_writer *w, const struct invite *invites, size_t count);
/// session is NULL for a caller that has one.
void view_invite_accepted(struct json_writer *w, const struct invite *invite, const struct session *session);
void view_audit(struct json_writer *w, const struct audit_entry *entries, size_t count, int64_t page,
		int64_t page_size, int64_t total);

void view_plans(struct json_writer *w);
void view_subscription(struct json_writer *w, const struct organization *organization);
void view_no_invoices(struct json_writer *w);
void view_no_jwks(struct json_writer *w);
void view_billing_portal(struct json_writer *w, const char *url);
void view_payment_methods(struct json_writer *w);
void view_stripe_customer(struct json_writer *w);
void view_billing_customer(struct json_writer *w, const struct billing_customer *customer);

void view_locations(struct json_writer *w, const struct location *const *locations, size_t count);
void view_places(struct json_writer *w, const struct location *const *locations, size_t count);
void view_locations_by_platform(struct json_writer *w, const struct location *const *locations, size_t count);
void view_location(struct json_writer *w, const struct location *location,
		   const struct location *const *closest, size_t closest_count);
void view_closest_region(struct json_writer *w, const struct location *location);

void view_group(struct json_writer *w, const struct group *group);
void view_groups(struct json_writer *w, const struct group *groups, size_t count);
void view_group_transferred(struct json_writer *w, const struct group *group);
void view_group_configuration(struct json_writer *w, bool delete_protection);
void view_group_migration(struct json_writer *w);

void view_database(struct json_writer *w, const struct database *database);
/// With what else may be told of it, for those who have no route for its configuration.
void view_database_with_rules(struct json_writer *w, const struct database *database);
void view_database_created(struct json_writer *w, const struct database *database);
/// next is the cursor of the following page, or NULL.
void view_databases(struct json_writer *w, const struct database *databases, size_t count, const char *next);
void view_configuration(struct json_writer *w, const struct database_configuration *configuration);
void view_database_token(struct json_writer *w, const char *jwt);

void view_instance(struct json_writer *w, const struct instance *instance);
/// One event of …/live.
void view_live_database(struct json_writer *w, const struct live_database *live,
			const struct usage_figures *used);
void view_instances(struct json_writer *w, const struct instance *instances, size_t count);
void view_instance_created(struct json_writer *w, const struct instance_created *created);

// views_backups.c
void view_backup(struct json_writer *w, const struct backup *backup);
void view_backups(struct json_writer *w, const struct backup *backups, size_t count);

// views_uploads.c
void view_dump(struct json_writer *w, const char *url);
void view_upload_started(struct json_writer *w, const char *id, uint64_t chunk_bytes);

// views_usage.c
void view_database_usage(struct json_writer *w, const struct database_usage *usage);
void view_instance_usage(struct json_writer *w, const struct instance *instance,
			 const struct usage_figures *used);
void view_organization_usage(struct json_writer *w, const struct organization *organization,
			     const struct organization_usage *usage);
void view_database_stats(struct json_writer *w, const struct query_usage *queries, size_t count);
void view_top_queries(struct json_writer *w, const struct query_usage *queries, size_t count);

void view_latest_release(struct json_writer *w);

// -- migrations ---------------------------------------------------------------------------------------
struct migration;
struct migration_database;
/// sql NULL leaves it out.
void view_migration(struct json_writer *w, const struct migration *migration, const char *group,
		    const char *sql);
void view_migrations(struct json_writer *w, const struct migration *migrations, size_t count, int64_t total,
		     const char *group);
void view_migration_databases(struct json_writer *w, const struct migration_database *databases, size_t count,
			      int64_t total);

#endif
