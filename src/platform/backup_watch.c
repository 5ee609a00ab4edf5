// What an operator's monitoring is told of backups.

#include "base/clock.h"
#include "base/exposition.h"
#include "platform/backup_internal.h"

struct numbers {
	int64_t complete;
	int64_t waiting;
	int64_t damaged;
	int64_t stored_bytes;
	int64_t verified_ms; // last, of any; 0 = never
};

static bool count(struct platform *platform, struct numbers *out, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	*out = (struct numbers){0};
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_COUNT_BACKUPS);
	if (query_step(q)) {
		*out = (struct numbers){query_integer(q, 0), query_integer(q, 1), query_integer(q, 2),
					query_integer(q, 3), query_integer(q, 4)};
		query_run(q);
	}
	return store_commit(&txn, err);
}

static double age_s(int64_t since_ms)
{
	int64_t age_ms = clock_wall_ms() - since_ms;
	return age_ms > 0 ? (double)age_ms / 1000 : 0;
}

static void write_result(struct buffer *out, const char *name, const char *help, uint64_t good, uint64_t bad)
{
	exposition_family(out, name, "counter", help);
	exposition_count(out, name, LABELS("result", "ok"), good);
	exposition_count(out, name, LABELS("result", "failed"), bad);
}

// Of a database whose backups were never verified, the age is that of the oldest of them.
static void write_ages(struct platform *platform, size_t top_max, struct buffer *out)
{
	static const char name[] = "atoll_database_backup_verified_age_seconds";
	OWNED(store_txn) struct store_txn *txn = NULL;
	OWNED(buffer) struct buffer rows = {0};
	struct error ignored;
	double oldest_s = 0;
	if (!store_begin(platform->store, STORE_READ, &txn, &ignored))
		return;
	struct query *q = sql_query(txn, SQL_LIST_VERIFIED_AGES);
	query_bind_integer(q, ":limit", top_max > 0 ? (int64_t)top_max : 1);
	for (size_t i = 0; query_step(q); i++) {
		int64_t since_ms = query_integer(q, 2) > 0 ? query_integer(q, 2) : query_integer(q, 3);
		double age = age_s(since_ms);
		oldest_s = age > oldest_s ? age : oldest_s;
		if (i < top_max)
			exposition_number(
				&rows, name,
				LABELS("organization", query_text(q, 1), "database", query_text(q, 0)), age);
	}
	if (!store_commit(&txn, &ignored))
		return;
	exposition_single(
		out, "atoll_backup_oldest_verified_age_seconds", "gauge",
		"Of the database for which it is longest ago: time since a backup was restored and compared.",
		oldest_s);
	exposition_family(out, name, "gauge",
			  "Time since a backup was restored and compared, of the databases for which it is "
			  "longest ago.");
	buffer_append(out, rows.data, rows.size);
}

void platform_write_backup_metrics(struct platform *platform, size_t top_max, struct buffer *out)
{
	const struct backups *backups = platform->backups;
	struct numbers numbers;
	struct error ignored;
	if (!count(platform, &numbers, &ignored))
		return;
	write_result(out, "atoll_backups_total", "Backups that were made, or given up after some attempts.",
		     backups ? tally_get(&backups->made) : 0, backups ? tally_get(&backups->not_made) : 0);
	write_result(
		out, "atoll_backup_verifications_total", "Backups that were restored aside and compared.",
		backups ? tally_get(&backups->verified) : 0, backups ? tally_get(&backups->not_verified) : 0);
	exposition_single(out, "atoll_backups", "gauge", "Backups that are kept.", (double)numbers.complete);
	exposition_single(out, "atoll_backups_waiting", "gauge", "Backups that are being made or wait.",
			  (double)numbers.waiting);
	exposition_single(out, "atoll_backups_damaged", "gauge",
			  "Backups that could not be restored, or differ from what was backed up.",
			  (double)numbers.damaged);
	exposition_single(out, "atoll_backup_stored_bytes", "gauge", "What all backups take, packed.",
			  (double)numbers.stored_bytes);
	exposition_family(out, "atoll_backup_verified_age_seconds", "gauge",
			  "Time since any backup was restored and compared.");
	if (numbers.verified_ms > 0)
		exposition_number(out, "atoll_backup_verified_age_seconds", NO_LABELS,
				  age_s(numbers.verified_ms));
	write_ages(platform, top_max, out);
}

bool platform_backups_are_sound(struct platform *platform, struct error *err)
{
	OWNED(store_txn) struct store_txn *txn = NULL;
	int64_t damaged = 0;
	if (!store_begin(platform->store, STORE_READ, &txn, err))
		return false;
	struct query *q = sql_query(txn, SQL_COUNT_DAMAGED_BACKUPS);
	if (query_step(q)) {
		damaged = query_integer(q, 0);
		query_run(q);
	}
	if (!store_commit(&txn, err))
		return false;
	return damaged == 0 ||
	       error_set(err, ERR_CORRUPT, "%lld %s could not be restored, or differ from what was backed up",
			 (long long)damaged, damaged == 1 ? "backup" : "backups");
}
