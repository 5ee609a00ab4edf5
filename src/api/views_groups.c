#include "api/views.h"

// -- groups (spec/platform-api.md §2.6) ---------------------------------------------------------------

static void write_status(struct json_writer *w, const struct group *group)
{
	json_write_object(w);
	json_write_key(w, "locations");
	json_write_array(w);
	for (size_t i = 0; i < group->location_count; i++) {
		json_write_object(w);
		json_write_member_text(w, "name", group->locations[i]);
		json_write_member_text(w, "status", group->down[i] ? "down" : "up");
		json_write_end_object(w);
	}
	json_write_end_array(w);
	json_write_end_object(w);
}

static void write_members(struct json_writer *w, const struct group *group)
{
	json_write_member_text(w, "name", group->name);
	json_write_member_text(w, "uuid", group->uuid);
	json_write_member_text(w, "version", ATOLL_VERSION);
	json_write_member_text(w, "primary", group->primary);
	json_write_key(w, "locations");
	json_write_array(w);
	for (size_t i = 0; i < group->location_count; i++)
		json_write_text(w, group->locations[i]);
	json_write_end_array(w);
	json_write_member_bool(w, "archived", group->archived);
	json_write_member_bool(w, "delete_protection", group->delete_protection);
	json_write_key(w, "status");
	write_status(w, group);
}

static void write_group(struct json_writer *w, const struct group *group)
{
	json_write_object(w);
	write_members(w, group);
	json_write_end_object(w);
}

void view_group(struct json_writer *w, const struct group *group)
{
	json_write_object(w);
	json_write_key(w, "group");
	write_group(w, group);
	json_write_end_object(w);
}

void view_groups(struct json_writer *w, const struct group *groups, size_t count)
{
	json_write_object(w);
	json_write_key(w, "groups");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_group(w, &groups[i]);
	json_write_end_array(w);
	json_write_end_object(w);
}

// The documents show the bare object, clients know the wrapper: it is both.
void view_group_transferred(struct json_writer *w, const struct group *group)
{
	json_write_object(w);
	write_members(w, group);
	json_write_key(w, "group");
	write_group(w, group);
	json_write_end_object(w);
}

void view_group_configuration(struct json_writer *w, bool delete_protection)
{
	json_write_object(w);
	json_write_member_bool(w, "delete_protection", delete_protection);
	json_write_end_object(w);
}

void view_group_migration(struct json_writer *w)
{
	json_write_object(w);
	json_write_member_text(w, "status", "none");
	json_write_member_text(w, "comment", "");
	json_write_end_object(w);
}
