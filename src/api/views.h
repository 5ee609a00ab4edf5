/// views: how answers are written. The only place that knows their members (spec/platform-api.md §2); one
/// superset serves the clients of all years.
#ifndef ATOLL_API_VIEWS_H
#define ATOLL_API_VIEWS_H

#include "base/json_write.h"
#include "platform/group.h"
#include "platform/instance.h"
#include "platform/location.h"
#include "platform/token.h"
#include "platform/usage.h"

/// {}: done, and there is nothing to tell.
void view_nothing(struct json_writer *w);
/// {"database":"my-db"}
void view_name(struct json_writer *w, const char *key, const char *name);

void view_caller(struct json_writer *w, const struct caller *caller);

/// exp is in seconds since 1970, or -1 for a token that does not expire.
void view_token_validity(struct json_writer *w, int64_t exp);
void view_tokens(struct json_writer *w, const struct token *tokens, size_t count);
void view_token_minted(struct json_writer *w, const struct token *token, const char *secret);
void view_token_minted_wrapped(struct json_writer *w, const struct token *token, const char *secret);

void view_organization(struct json_writer *w, const struct organization *organization);
void view_organizations(struct json_writer *w, const struct organization *organizations, size_t count);
void view_member(struct json_writer *w, const struct member *member);
void view_members(struct json_writer *w, const struct member *members, size_t count);

void view_locations(struct json_writer *w, const struct location *const *locations, size_t count);
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
void view_instances(struct json_writer *w, const struct instance *instances, size_t count);
void view_instance_created(struct json_writer *w, const struct instance_created *created);

// views_usage.c
void view_database_usage(struct json_writer *w, const struct database_usage *usage);
void view_instance_usage(struct json_writer *w, const struct instance *instance,
			 const struct usage_figures *used);
void view_organization_usage(struct json_writer *w, const struct organization *organization,
			     const struct organization_usage *usage);
void view_database_stats(struct json_writer *w, const struct query_usage *queries, size_t count);
void view_top_queries(struct json_writer *w, const struct query_usage *queries, size_t count);

void view_latest_release(struct json_writer *w);

#endif
