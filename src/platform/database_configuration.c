// What the owner of a database allows, and how it comes to the fleet.

#include <string.h>
#include <strings.h>

#include "base/trace.h"
#include "platform/internal.h"

enum { HISTORY_BYTES_MIN = 1 << 20 };

// False: the number is too large. *out_end is what follows it.
static bool parse_number(const char *text, uint64_t *out, const char **out_end)
{
	uint64_t value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > INT64_MAX / 10 - 1)
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	*out = value;
	*out_end = at;
	return true;
}

bool platform_parse_retention(const char *text, int64_t *out_seconds)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = {{"", 1}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};
	uint64_t value;
	const char *at;
	if (!parse_number(text, &value, &at))
		return false;
	for (size_t i = 0; at > text && i < ARRAY_LENGTH(units); i++) {
		if (strcasecmp(at, units[i].name) == 0 && value <= (uint64_t)(INT64_MAX / units[i].seconds)) {
			*out_seconds = (int64_t)value * units[i].seconds;
			return true;
		}
	}
	return false;
}

bool platform_parse_size_limit(const char *text, uint64_t *out_bytes)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = {{"", 0}, {"b", 0}, {"kb", 10}, {"mb", 20}, {"gb", 30}, {"tb", 40}};
	uint64_t value;
	const char *at;
	if (!parse_number(text, &value, &at))
		return false;
	for (size_t i = 0; at > text && i < ARRAY_LENGTH(units); i++) {
		if (strcasecmp(at, units[i].name) == 0 && value <= (uint64_t)INT64_MAX >> units[i].shift) {
			*out_bytes = value << units[i].shift;
			return true;
		}
	}
	return false;
}

static int64_t rule_of_seconds(int64_t seconds)
{
	if (seconds == HISTORY_AS_SERVER)
		return 0;
	return seconds > 0 ? seconds * 1000 : -1;
}

int64_t database_rules(struct store_txn *txn, const char *uuid, struct engine_rules *out)
{
	struct query *q = sql_query(txn, SQL_DATABASE_RULES);
	query_bind_text(q, ":uuid", uuid);
	if (!query_step(q))
		return 0;
	int64_t row = query_integer(q, 0);
	*out = (struct engine_rules){.size_bytes_max = (uint64_t)query_integer(q, 1),
				     .block_reads = query_integer(q, 2) != 0,
				     .block_writes = query_integer(q, 3) != 0,
				     .allow_attach = query_integer(q, 4) != 0,
				     .offline_sync = query_integer(q, 5) != 0,
				     .history_ms_max = rule_of_seconds(query_integer(q, 6)),
				     .history_bytes_max = (uint64_t)query_integer(q, 7)};
	query_run(q);
	return row;
}

static bool hand_over_locked(struct platform *platform, const char *uuid, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct engine_rules rules = {0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	bool exists = database_rules(txn, uuid, &rules) != 0;
	if (!store_commit(&txn, err))
		return false;
	if (exists)
		fleet_set_rules(platform->fleet, uuid, &rules);
	return true;
}

// What is handed over is read after the lock was taken: the last to have it hands over the newest.
static bool hand_over(struct platform *platform, const char *uuid, struct error *err)
{
	pthread_mutex_lock(&platform->rules_mutex);
	bool ok = hand_over_locked(platform, uuid, err);
	pthread_mutex_unlock(&platform->rules_mutex);
	return ok;
}

static void bind_flag(struct query *q, const char *name, const bool *value)
{
	if (value)
		query_bind_integer(q, name, *value);
	else
		query_bind_null(q, name);
}

static bool configure(struct store_txn *txn, const struct organization *organization,
		      const struct database *database, const struct database_changes *changes,
		      struct database_configuration *out)
{
	struct query *q = sql_org_query(txn, SQL_CONFIGURE_DATABASE, organization->row);
	query_bind_integer(q, ":database", database->row);
	if (changes->size_limit_bytes)
		query_bind_integer(q, ":size_limit", (int64_t)*changes->size_limit_bytes);
	else
		query_bind_null(q, ":size_limit");
	bind_flag(q, ":allow_attach", changes->allow_attach);
	bind_flag(q, ":block_reads", changes->block_reads);
	bind_flag(q, ":block_writes", changes->block_writes);
	bind_flag(q, ":delete_protection", changes->delete_protection);
	bind_flag(q, ":offline_sync", changes->offline_sync);
	if (changes->history_seconds)
		query_bind_integer(q, ":history_retention", *changes->history_seconds);
	else
		query_bind_null(q, ":history_retention");
	if (changes->history_bytes)
		query_bind_integer(q, ":history_size", (int64_t)*changes->history_bytes);
	else
		query_bind_null(q, ":history_size");
	if (!query_step(q))
		return false;
	*out = (struct database_configuration){.size_limit_bytes = (uint64_t)query_integer(q, 0),
					       .allow_attach = query_integer(q, 1) != 0,
					       .block_reads = query_integer(q, 2) != 0,
					       .block_writes = query_integer(q, 3) != 0,
					       .delete_protection = query_integer(q, 4) != 0,
					       .offline_sync = query_integer(q, 5) != 0,
					       .history_seconds = query_integer(q, 6),
					       .history_bytes = (uint64_t)query_integer(q, 7)};
	query_run(q);
	return true;
}

static void audit_settings(struct store_txn *txn, const struct caller *caller,
			   const struct organization *organization, const struct database *database,
			   const struct database_changes *changes,
			   const struct database_configuration *configuration)
{
	static const char *const words[] = {"false", "true"};
	char message[160];
	char limit[24];
	snprintf(message, sizeof(message), "changed settings of database %s", database->name);
	snprintf(limit, sizeof(limit), "%llu", (unsigned long long)configuration->size_limit_bytes);
	char seconds[24];
	char bytes[24];
	snprintf(seconds, sizeof(seconds), "%lld", (long long)configuration->history_seconds);
	snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)configuration->history_bytes);
	struct audit_datum data[10] = {{"database", database->name}, {"uuid", database->uuid}};
	size_t count = 2;
	if (changes->size_limit_bytes)
		data[count++] = (struct audit_datum){"size_limit", limit};
	if (changes->allow_attach)
		data[count++] = (struct audit_datum){"allow_attach", words[*changes->allow_attach]};
	if (changes->block_reads)
		data[count++] = (struct audit_datum){"block_reads", words[*changes->block_reads]};
	if (changes->block_writes)
		data[count++] = (struct audit_datum){"block_writes", words[*changes->block_writes]};
	if (changes->offline_sync)
		data[count++] = (struct audit_datum){"offline_sync", words[*changes->offline_sync]};
	if (changes->history_seconds)
		data[count++] = (struct audit_datum){
			"history_retention",
			configuration->history_seconds == HISTORY_AS_SERVER ? "" : seconds};
	if (changes->history_bytes)
		data[count++] =
			(struct audit_datum){"history_size", configuration->history_bytes == 0 ? "" : bytes};
	if (count > 2)
		audit_add(txn, caller, organization->row, "db-configure", message, data);
}

// What the operator allows is not exceeded by the owner of a database: it is the operator's disk.
static bool check_history(const struct platform *platform, const struct database_changes *changes,
			  struct error *err)
{
	uint64_t bytes_max;
	int64_t ms_max;
	fleet_history_limits(platform->fleet, &bytes_max, &ms_max);
	if (changes->history_seconds && *changes->history_seconds > ms_max / 1000)
		return error_set(err, ERR_INVALID_FIELD,
				 "history_retention: at most %lld seconds (history-retention of the server)",
				 (long long)(ms_max / 1000));
	uint64_t bytes = changes->history_bytes ? *changes->history_bytes : 0;
	if (bytes > 0 && (bytes < HISTORY_BYTES_MIN || bytes > bytes_max))
		return error_set(err, ERR_INVALID_FIELD,
				 "history_size: from %d to %llu bytes (log-bytes-max of the server)",
				 HISTORY_BYTES_MIN, (unsigned long long)bytes_max);
	return true;
}

bool platform_configure_database(struct platform *platform, const struct caller *caller,
				 const struct organization *organization, const struct database *database,
				 const struct database_changes *changes, struct database_configuration *out,
				 struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct database_configuration configuration = {0};
	if (!check_history(platform, changes, err) || !store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	bool was_protected = database_is_protected(txn, organization, database);
	bool exists = configure(txn, organization, database, changes, &configuration);
	bool is_protected = configuration.delete_protection;
	if (exists)
		audit_settings(txn, caller, organization, database, changes, &configuration);
	if (exists && is_protected != was_protected)
		database_audit(txn, caller, organization, is_protected ? "db-protect" : "db-unprotect",
			       is_protected ? "protected" : "unprotected", database->name, database->uuid);
	if (!store_commit(&txn, err))
		return false;
	if (!exists)
		return database_not_found(err, database->name);
	trace_info("database.configured", "database", database->uuid);
	*out = configuration;
	return hand_over(platform, database->uuid, err);
}

bool platform_wake_database(struct platform *platform, const struct caller *caller,
			    const struct organization *organization, const struct database *database,
			    struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_WRITE, &txn, err))
		return false;
	struct query *q = sql_org_query(txn, SQL_WAKE_DATABASE, organization->row);
	query_bind_integer(q, ":database", database->row);
	// The code is spelt as its readers know it.
	if (query_run(q) > 0)
		database_audit(txn, caller, organization, "db-aunrchive", "unarchived", database->name,
			       database->uuid);
	return store_commit(&txn, err);
}
