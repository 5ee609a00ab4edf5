#include "api/views.h"

#include <string.h>

#include "base/clock.h"

void view_nothing(struct json_writer *w)
{
	json_write_object(w);
	json_write_end_object(w);
}

void view_name(struct json_writer *w, const char *key, const char *name)
{
	json_write_object(w);
	json_write_member_text(w, key, name);
	json_write_end_object(w);
}

// -- tokens -------------------------------------------------------------------------------------------

void view_token_validity(struct json_writer *w, int64_t exp)
{
	json_write_object(w);
	json_write_member_integer(w, "exp", exp);
	json_write_end_object(w);
}

void view_token_minted(struct json_writer *w, const struct token *token, const char *secret)
{
	json_write_object(w);
	json_write_member_text(w, "id", token->id);
	json_write_member_text(w, "name", token->name);
	json_write_member_text(w, "token", secret);
	json_write_end_object(w);
}

void view_token_minted_wrapped(struct json_writer *w, const struct token *token, const char *secret)
{
	json_write_object(w);
	json_write_key(w, "token");
	json_write_object(w);
	json_write_member_text(w, "name", token->name);
	json_write_member_text(w, "id", token->id);
	json_write_member_text(w, "value", secret);
	json_write_end_object(w);
	json_write_end_object(w);
}

// -- organizations ------------------------------------------------------------------------------------

void view_organization_object(struct json_writer *w, const struct organization *organization)
{
	json_write_object(w);
	json_write_member_text(w, "id", organization->uuid);
	json_write_member_text(w, "name", organization->name);
	json_write_member_text(w, "slug", organization->slug);
	json_write_member_text(w, "type", organization->type);
	json_write_member_bool(w, "overages", organization->overages);
	json_write_member_bool(w, "blocked_reads", false);
	json_write_member_bool(w, "blocked_writes", false);
	json_write_member_text(w, "plan_id", "self-hosted");
	json_write_member_text(w, "plan_timeline", "");
	json_write_member_text(w, "platform", "");
	json_write_member_bool(w, "require_mfa", organization->require_mfa);
	json_write_end_object(w);
}

void view_organization(struct json_writer *w, const struct organization *organization)
{
	json_write_object(w);
	json_write_key(w, "organization");
	view_organization_object(w, organization);
	json_write_end_object(w);
}

void view_organizations(struct json_writer *w, const struct organization *organizations, size_t count)
{
	json_write_object(w);
	json_write_key(w, "organizations");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		view_organization_object(w, &organizations[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

// The command line reads "org" (§3.2).
void view_organization_created(struct json_writer *w, const struct organization *organization)
{
	json_write_object(w);
	json_write_key(w, "org");
	view_organization_object(w, organization);
	json_write_key(w, "organization");
	view_organization_object(w, organization);
	json_write_end_object(w);
}

static void write_member(struct json_writer *w, const struct member *member)
{
	json_write_object(w);
	json_write_member_text(w, "username", member->username);
	json_write_member_text(w, "role", role_name(member->role));
	json_write_member_text(w, "email", member->email);
	json_write_end_object(w);
}

void view_member(struct json_writer *w, const struct member *member)
{
	json_write_object(w);
	json_write_key(w, "member");
	write_member(w, member);
	json_write_end_object(w);
}

void view_members(struct json_writer *w, const struct member *members, size_t count)
{
	json_write_object(w);
	json_write_key(w, "members");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_member(w, &members[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

// -- locations ----------------------------------------------------------------------------------------

static void write_code(struct json_writer *w, const struct location *location)
{
	json_write_key_escaped(w, location->code);
	json_write_text(w, location->description);
}

void view_locations(struct json_writer *w, const struct location *const *locations, size_t count)
{
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_object(w);
	for (size_t i = 0; i < count; i++)
		write_code(w, locations[i]);
	json_write_end_object(w);
	json_write_end_object(w);
}

// Command-line clients know these three, and take "local" for their default where it is offered.
static const char *platform_of(const struct location *location)
{
	if (strcmp(location->code, "local") == 0)
		return "local";
	return strncmp(location->code, "aws-", 4) == 0 ? "aws" : "fly";
}

void view_locations_by_platform(struct json_writer *w, const struct location *const *locations, size_t count)
{
	static const char *const platforms[] = {"fly", "aws", "local"};
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_object(w);
	for (size_t p = 0; p < ARRAY_LENGTH(platforms); p++) {
		bool open = false;
		for (size_t i = 0; i < count; i++) {
			if (strcmp(platform_of(locations[i]), platforms[p]) != 0)
				continue;
			if (!open) {
				json_write_key(w, platforms[p]);
				json_write_object(w);
				open = true;
			}
			write_code(w, locations[i]);
		}
		if (open)
			json_write_end_object(w);
	}
	json_write_end_object(w);
	json_write_end_object(w);
}

// For whoever draws a map: null is nowhere in particular.
static void write_place(struct json_writer *w, const struct location *location)
{
	double latitude;
	double longitude;
	bool has_place = location_place(location, &latitude, &longitude);
	json_write_object(w);
	json_write_member_text(w, "code", location->code);
	json_write_member_text(w, "name", location->description);
	json_write_key(w, "latitude");
	has_place ? json_write_real(w, latitude) : json_write_null(w);
	json_write_key(w, "longitude");
	has_place ? json_write_real(w, longitude) : json_write_null(w);
	json_write_end_object(w);
}

void view_places(struct json_writer *w, const struct location *const *locations, size_t count)
{
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_place(w, locations[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_location(struct json_writer *w, const struct location *location,
		   const struct location *const *closest, size_t closest_count)
{
	json_write_object(w);
	json_write_key(w, "location");
	json_write_object(w);
	json_write_member_text(w, "code", location->code);
	json_write_member_text(w, "description", location->description);
	json_write_key(w, "closest");
	json_write_array(w);
	for (size_t i = 0; i < closest_count; i++) {
		json_write_object(w);
		json_write_member_text(w, "code", closest[i]->code);
		json_write_member_text(w, "description", closest[i]->description);
		json_write_end_object(w);
	}
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

void view_closest_region(struct json_writer *w, const struct location *location)
{
	json_write_object(w);
	json_write_member_text(w, "server", location->code);
	json_write_member_text(w, "client", location->code);
	json_write_end_object(w);
}

// -- instances ----------------------------------------------------------------------------------------

static void write_instance(struct json_writer *w, const struct instance *instance)
{
	json_write_object(w);
	json_write_member_text(w, "uuid", instance->uuid);
	json_write_member_text(w, "name", instance->name);
	json_write_member_text(w, "type", instance->type);
	json_write_member_text(w, "region", instance->region);
	json_write_member_text(w, "hostname", instance->hostname);
	json_write_end_object(w);
}

void view_instance(struct json_writer *w, const struct instance *instance)
{
	json_write_object(w);
	json_write_key(w, "instance");
	write_instance(w, instance);
	json_write_end_object(w);
}

void view_instances(struct json_writer *w, const struct instance *instances, size_t count)
{
	json_write_object(w);
	json_write_key(w, "instances");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_instance(w, &instances[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

void view_instance_created(struct json_writer *w, const struct instance_created *created)
{
	json_write_object(w);
	json_write_key(w, "instance");
	write_instance(w, &created->instance);
	json_write_member_text(w, "password", created->password);
	json_write_member_text(w, "username", created->username);
	json_write_end_object(w);
}

// -- clients --------------------------------------------------------------------------------------

// A higher one would make Turso's command line replace itself from the internet (§3.10).
void view_latest_release(struct json_writer *w)
{
	view_name(w, "latest", "v0.0.0");
}
