#include <inttypes.h>
#include <stdio.h>

#include "api/views.h"
#include "base/clock.h"

// -- databases ----------------------------------------------------------------------------------------

static void write_parent(struct json_writer *w, const struct database *database)
{
	char branched[CLOCK_TEXT_BYTES];
	if (!database->parent_uuid) {
		json_write_null(w);
		return;
	}
	clock_format(database->branched_ms, branched);
	json_write_object(w);
	json_write_member_text(w, "id", database->parent_uuid);
	json_write_member_text(w, "name", database->parent_name);
	json_write_member_text(w, "branched_at", branched);
	json_write_end_object(w);
}

static void write_members(struct json_writer *w, const struct database *database)
{
	json_write_member_text(w, "Name", database->name);
	json_write_member_text(w, "DbId", database->uuid);
	json_write_member_text(w, "Hostname", database->hostname);
	json_write_member_integer(w, "IssuedCertLimit", 0);
	json_write_member_integer(w, "IssuedCertCount", 0);
	json_write_key(w, "regions");
	json_write_array(w);
	for (size_t i = 0; i < database->region_count; i++)
		json_write_text(w, database->regions[i]);
	json_write_end_array(w);
	json_write_member_text(w, "primaryRegion", database->primary_region);
	json_write_member_text(w, "type", "logical");
	json_write_member_text(w, "group", database->group);
	json_write_member_text(w, "version", ATOLL_VERSION);
	json_write_member_bool(w, "sleeping", database->archived);
	json_write_member_bool(w, "archived", database->archived);
	json_write_member_bool(w, "allow_attach", database->configuration.allow_attach);
	json_write_member_bool(w, "block_reads", database->configuration.block_reads);
	json_write_member_bool(w, "block_writes", database->configuration.block_writes);
	json_write_member_bool(w, "is_schema", database->is_schema);
	json_write_member_text(w, "schema", database->schema);
	json_write_member_bool(w, "delete_protection", database->configuration.delete_protection);
	json_write_key(w, "parent");
	write_parent(w, database);
	json_write_member_text(w, "database_type", "libsql");
}

static void write_database(struct json_writer *w, const struct database *database)
{
	json_write_object(w);
	write_members(w, database);
	json_write_end_object(w);
}

void view_database(struct json_writer *w, const struct database *database)
{
	json_write_object(w);
	json_write_key(w, "database");
	write_database(w, database);
	json_write_end_object(w);
}

static void write_empty_array(struct json_writer *w, const char *key)
{
	json_write_key(w, key);
	json_write_array(w);
	json_write_end_array(w);
}

void view_database_with_rules(struct json_writer *w, const struct database *database)
{
	json_write_object(w);
	json_write_key(w, "database");
	json_write_object(w);
	write_members(w, database);
	json_write_key(w, "allow_rules_config");
	json_write_object(w);
	write_empty_array(w, "allowed_ips");
	write_empty_array(w, "allowed_aws_vpc_ids");
	json_write_end_object(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

// A database without an instance cannot be opened, so there are no credentials yet (§3.6).
void view_database_created(struct json_writer *w, const struct database *database)
{
	json_write_object(w);
	json_write_key(w, "database");
	write_database(w, database);
	json_write_member_text(w, "username", "");
	json_write_member_text(w, "password", "");
	json_write_end_object(w);
}

void view_databases(struct json_writer *w, const struct database *databases, size_t count, const char *next)
{
	json_write_object(w);
	json_write_key(w, "databases");
	json_write_array(w);
	for (size_t i = 0; i < count; i++)
		write_database(w, &databases[i]);
	json_write_end_array(w);
	json_write_key(w, "pagination");
	json_write_object(w);
	json_write_member_text(w, "next", next);
	json_write_end_object(w);
	json_write_end_object(w);
}

void view_configuration(struct json_writer *w, const struct database_configuration *configuration)
{
	char limit[24] = "";
	char retention[24] = "";
	char history[24] = "";
	if (configuration->history_seconds != HISTORY_AS_SERVER)
		snprintf(retention, sizeof(retention), "%" PRId64, configuration->history_seconds);
	if (configuration->history_bytes > 0)
		snprintf(history, sizeof(history), "%" PRIu64, configuration->history_bytes);
	if (configuration->size_limit_bytes > 0)
		snprintf(limit, sizeof(limit), "%" PRIu64, configuration->size_limit_bytes);
	json_write_object(w);
	json_write_member_text(w, "size_limit", limit);
	json_write_member_bool(w, "allow_attach", configuration->allow_attach);
	json_write_member_bool(w, "block_reads", configuration->block_reads);
	json_write_member_bool(w, "block_writes", configuration->block_writes);
	json_write_member_bool(w, "delete_protection", configuration->delete_protection);
	json_write_member_bool(w, "offline_sync", configuration->offline_sync);
	json_write_member_text(w, "history_retention", retention);
	json_write_member_text(w, "history_size", history);
	write_empty_array(w, "allowed_ips");
	write_empty_array(w, "allowed_aws_vpc_ids");
	json_write_end_object(w);
}

void view_database_token(struct json_writer *w, const char *jwt)
{
	view_name(w, "jwt", jwt);
}
