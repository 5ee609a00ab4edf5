#include "api/views.h"

static void write_figures(struct json_writer *w, const struct usage_figures *used)
{
	json_write_key(w, "rows_read");
	json_write_unsigned(w, used->rows_read);
	json_write_key(w, "rows_written");
	json_write_unsigned(w, used->rows_written);
	json_write_key(w, "storage_bytes");
	json_write_unsigned(w, used->storage_bytes);
	json_write_key(w, "bytes_synced");
	json_write_unsigned(w, used->bytes_synced);
}

static void write_used(struct json_writer *w, const char *key, const struct usage_figures *used)
{
	json_write_key(w, key);
	json_write_object(w);
	write_figures(w, used);
	json_write_end_object(w);
}

// The sum under both of its names: clients of different years read one or the other.
static void write_database(struct json_writer *w, const struct database_usage *usage)
{
	json_write_object(w);
	json_write_member_text(w, "uuid", usage->uuid);
	json_write_key(w, "instances");
	json_write_array(w);
	for (size_t i = 0; i < usage->instance_count; i++) {
		json_write_object(w);
		json_write_member_text(w, "uuid", usage->instances[i].uuid);
		write_used(w, "usage", &usage->instances[i].used);
		json_write_end_object(w);
	}
	json_write_end_array(w);
	write_used(w, "usage", &usage->used);
	write_used(w, "total", &usage->used);
	json_write_end_object(w);
}

void view_database_usage(struct json_writer *w, const struct database_usage *usage)
{
	json_write_object(w);
	json_write_key(w, "database");
	write_database(w, usage);
	json_write_end_object(w);
}

void view_instance_usage(struct json_writer *w, const struct instance *instance,
			 const struct usage_figures *used)
{
	json_write_object(w);
	json_write_key(w, "instance");
	json_write_object(w);
	json_write_member_text(w, "uuid", instance->uuid);
	json_write_member_text(w, "name", instance->name);
	write_used(w, "usage", used);
	json_write_end_object(w);
	json_write_end_object(w);
}

void view_organization_usage(struct json_writer *w, const struct organization *organization,
			     const struct organization_usage *usage)
{
	json_write_object(w);
	json_write_key(w, "organization");
	json_write_object(w);
	json_write_member_text(w, "uuid", organization->uuid);
	json_write_key(w, "usage");
	json_write_object(w);
	write_figures(w, &usage->used);
	json_write_key(w, "databases");
	json_write_unsigned(w, usage->database_count);
	json_write_key(w, "locations");
	json_write_unsigned(w, usage->location_count);
	json_write_key(w, "groups");
	json_write_unsigned(w, usage->group_count);
	json_write_end_object(w);
	json_write_key(w, "databases");
	json_write_array(w);
	for (size_t i = 0; i < usage->databases_size; i++)
		write_database(w, &usage->databases[i]);
	json_write_end_array(w);
	json_write_end_object(w);
	json_write_end_object(w);
}

static void write_queries(struct json_writer *w, const struct query_usage *queries, size_t count)
{
	json_write_array(w);
	for (size_t i = 0; i < count; i++) {
		json_write_object(w);
		json_write_member_text(w, "query", queries[i].sql);
		json_write_key(w, "rows_read");
		json_write_unsigned(w, queries[i].rows_read);
		json_write_key(w, "rows_written");
		json_write_unsigned(w, queries[i].rows_written);
		json_write_end_object(w);
	}
	json_write_end_array(w);
}

void view_top_queries(struct json_writer *w, const struct query_usage *queries, size_t count)
{
	write_queries(w, queries, count);
}

void view_database_stats(struct json_writer *w, const struct query_usage *queries, size_t count)
{
	json_write_object(w);
	json_write_key(w, "top_queries");
	if (count > 0)
		write_queries(w, queries, count);
	else
		json_write_null(w);
	json_write_end_object(w);
}
