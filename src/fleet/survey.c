#include "fleet/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fleet/internal.h"

void survey_cleanup(struct survey *survey)
{
	buffer_cleanup(&survey->databases);
}

static void survey_primary(struct survey *survey, struct survey_database *row,
			   struct fleet_instance *instance)
{
	struct log_numbers numbers;
	log_tell_numbers(engine_database_log(instance->engine), &numbers);
	row->storage_bytes = engine_database_size_bytes(instance->engine);
	row->history_bytes = numbers.segment_bytes + numbers.base_bytes;
	survey->history_bytes += row->history_bytes;
	int64_t age_ms = numbers.oldest_ms > 0 ? clock_wall_ms() - numbers.oldest_ms : 0;
	row->history_age_ms = age_ms > 0 ? age_ms : 0;
	survey->primaries++;
	if (numbers.oldest_ms > 0 &&
	    (survey->history_oldest_ms == 0 || numbers.oldest_ms < survey->history_oldest_ms))
		survey->history_oldest_ms = numbers.oldest_ms;
}

static void survey_replica(struct survey *survey, struct survey_database *row,
			   struct fleet_instance *instance)
{
	OWNED(fleet_instance) struct fleet_instance *primary = instance_hold_primary(instance);
	survey->replicas++;
	if (!primary)
		return;
	uint64_t applied = engine_database_durable(instance->engine);
	uint64_t durable = engine_database_durable(primary->engine);
	uint64_t frames = durable > applied ? durable - applied : 0;
	int64_t ms = frames > 0 ? fleet_lag_ms(primary, applied) : 0;
	if (frames > row->lag_frames)
		row->lag_frames = frames;
	if (ms > row->lag_ms)
		row->lag_ms = ms;
}

static struct survey_database *row_of(struct survey *survey, const char *uuid)
{
	size_t count = survey->databases.size / sizeof(struct survey_database);
	struct survey_database *rows = (void *)survey->databases.data;
	if (count > 0 && strcmp(rows[count - 1].uuid, uuid) == 0)
		return &rows[count - 1];
	struct survey_database row = {.open = true};
	memcpy(row.uuid, uuid, sizeof(row.uuid));
	buffer_append(&survey->databases, &row, sizeof(row));
	survey->open_databases++;
	return &((struct survey_database *)(void *)survey->databases.data)[count];
}

// Instances of a database come one after another.
static void survey_instance(void *context, struct fleet_instance *instance)
{
	struct survey *survey = context;
	struct survey_database *row = row_of(survey, instance->database->uuid);
	struct engine_numbers numbers;
	meter_collect(instance);
	engine_database_tell_numbers(instance->engine, &numbers);
	survey->storage_bytes += engine_database_size_bytes(instance->engine);
	survey->wal_frames += numbers.wal_frames;
	survey->commits_pending += numbers.commits_pending;
	survey->connections += (uint64_t)numbers.connections;
	survey->failed += numbers.failed;
	if (instance->spec.primary)
		survey_primary(survey, row, instance);
	else
		survey_replica(survey, row, instance);
	if (row->lag_frames > survey->lag_frames)
		survey->lag_frames = row->lag_frames;
	if (row->lag_ms > survey->lag_ms)
		survey->lag_ms = row->lag_ms;
}

void fleet_survey(struct fleet *fleet, struct survey *out)
{
	*out = (struct survey){0};
	fleet_each_instance(fleet, NULL, survey_instance, out);
	meter_tell_totals(&fleet->meter, out);
}

static void look_for_failure(void *context, struct fleet_instance *instance)
{
	struct engine_numbers numbers;
	engine_database_tell_numbers(instance->engine, &numbers);
	if (numbers.failed)
		*(bool *)context = true;
}

bool fleet_has_failed(struct fleet *fleet)
{
	bool failed = false;
	fleet_each_instance(fleet, NULL, look_for_failure, &failed);
	if (fleet->platform) {
		struct engine_numbers numbers;
		engine_database_tell_numbers(fleet->platform, &numbers);
		failed = failed || numbers.failed;
	}
	return failed;
}
