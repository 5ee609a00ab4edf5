#include "platform/watch.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/exposition.h"
#include "fleet/survey.h"
#include "platform/internal.h"
#include "platform/token.h"

// -- names --------------------------------------------------------------------------------------------

// Who is among the first of one measure is mostly among those of others.
struct named {
	const char *database; // NULL: not in the store
	const char *organization;
};

static bool find_name(struct platform *platform, const char *uuid, struct arena *arena, struct named *out)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	struct error ignored;
	if (!store_begin(platform->store, STORE_READ, &txn, &ignored))
		return false;
	struct query *q = sql_query(txn, SQL_NAME_DATABASE);
	query_bind_text(q, ":uuid", uuid);
	bool found = query_step(q);
	if (found) {
		out->database = sql_text_in(arena, q, 0);
		out->organization = sql_text_in(arena, q, 1);
	}
	return store_commit(&txn, &ignored) && found;
}

// -- the first of each measure ------------------------------------------------------------------------

struct measure {
	const char *name;
	const char *type;
	const char *help;
	size_t offset; // of a uint64_t or int64_t that is not negative
	double unit;   // what is shown is divided by it; 0: a whole number
};

static const char synced_name[] = "atoll_database_synced_bytes_total";

#define ROW(member) offsetof(struct survey_database, member)
static const struct measure measures[] = {
	{"atoll_database_statements_total", "counter", "Statements of the databases that ran most.",
	 ROW(statements), 0},
	{"atoll_database_rows_read_total", "counter", "Rows read, of the databases that read most.",
	 ROW(rows_read), 0},
	{"atoll_database_rows_written_total", "counter", "Rows written, of the databases that wrote most.",
	 ROW(rows_written), 0},
	{synced_name, "counter", "Bytes that left as pages, by protocol, of the databases that sent most.",
	 ROW(bytes_synced), 0},
	{"atoll_database_client_replicas", "gauge",
	 "Replicas in clients' processes seen in the last 5 minutes, of the databases that have most.",
	 ROW(client_replicas), 0},
	{"atoll_database_history_age_seconds", "gauge",
	 "Age of the oldest moment that can be restored, of the open databases that reach back furthest.",
	 ROW(history_age_ms), 1000},
	{"atoll_database_storage_bytes", "gauge", "Content of the largest open databases.",
	 ROW(storage_bytes), 0},
	{"atoll_database_history_bytes", "gauge", "History of the open databases that have most.",
	 ROW(history_bytes), 0},
	{"atoll_database_replica_lag_seconds", "gauge",
	 "Lag of the slowest replica, of the databases that lag most.", ROW(lag_ms), 1000},
};

static uint64_t value_of(const struct survey_database *row, const struct measure *measure)
{
	uint64_t value;
	memcpy(&value, (const char *)row + measure->offset, sizeof(value));
	return value;
}

static int by_measure(const void *a, const void *b, void *context)
{
	uint64_t left = value_of(a, context);
	uint64_t right = value_of(b, context);
	return left > right ? -1 : left < right ? 1 : 0;
}

static void write_synced(struct buffer *out, const struct named *named, const struct survey_database *row)
{
	static const char *const protocols[SYNCED_COUNT] = {
		[SYNCED_FRAMES] = "frames",
		[SYNCED_OFFLINE] = "offline",
		[SYNCED_PAGES] = "pages",
		[SYNCED_EXPORT] = "export",
	};
	for (int i = 0; i < SYNCED_COUNT; i++) {
		if (row->synced[i] > 0)
			exposition_count(out, synced_name,
					 LABELS("organization", named->organization, "database",
						named->database, "protocol", protocols[i]),
					 row->synced[i]);
	}
}

static void write_row(struct buffer *out, const struct measure *measure, const struct named *named,
		      const struct survey_database *row)
{
	if (measure->name == synced_name) {
		write_synced(out, named, row);
		return;
	}
	uint64_t value = value_of(row, measure);
	const char *const *labels = LABELS("organization", named->organization, "database", named->database);
	if (measure->unit > 0)
		exposition_number(out, measure->name, labels, (double)value / measure->unit);
	else
		exposition_count(out, measure->name, labels, value);
}

static void write_measure(struct platform *platform, struct survey *survey, const struct measure *measure,
			  size_t top_max, struct buffer *out)
{
	OWNED(arena) struct arena arena = {0};
	struct survey_database *rows = (void *)survey->databases.data;
	size_t count = survey->databases.size / sizeof(*rows);
	size_t written = 0;
	exposition_family(out, measure->name, measure->type, measure->help);
	if (count > 1)
		qsort_r(rows, count, sizeof(*rows), by_measure, (void *)(uintptr_t)measure);
	for (size_t i = 0; i < count && written < top_max && value_of(&rows[i], measure) > 0; i++) {
		struct named named;
		if (!find_name(platform, rows[i].uuid, &arena, &named))
			continue;
		write_row(out, measure, &named, &rows[i]);
		written++;
	}
}

void platform_write_metrics(struct platform *platform, size_t top_max, struct buffer *out)
{
	struct survey survey;
	fleet_survey(platform->fleet, &survey);
	fleet_write_metrics(platform->fleet, &survey, out);
	for (size_t i = 0; i < ARRAY_LENGTH(measures); i++)
		write_measure(platform, &survey, &measures[i], top_max, out);
	survey_cleanup(&survey);
}

// -- who may ------------------------------------------------------------------------------------------

bool platform_may_watch(struct platform *platform, const char *authorization, struct error *err)
{
	OWNED(arena) struct arena arena = {0};
	struct caller caller;
	if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
		return error_set(err, ERR_UNAUTHORIZED, "missing authorization header");
	const char *token = authorization + 7;
	while (*token == ' ')
		token++;
	if (!platform_authenticate(platform, token, &arena, &caller, err))
		return false;
	if (!caller.administrator)
		return error_set(err, ERR_INSUFFICIENT_ROLE, "this needs an administrator of the server");
	if (caller.organization != 0 || caller.group != 0)
		return error_set(err, ERR_INSUFFICIENT_SCOPE, "this token is restricted to an organization");
	return true;
}

bool platform_is_ready(struct platform *platform, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_IS_READY);
	sql_single(q);
	return store_commit(&txn, err);
}
