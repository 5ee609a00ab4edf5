#include "hrana/batch.h"

bool batch_holds(const struct condition *condition, const enum step_outcome *outcomes, bool autocommit)
{
	if (!condition)
		return true;
	switch (condition->kind) {
	case CONDITION_OK:
		return outcomes[condition->step] == STEP_OK;
	case CONDITION_ERROR:
		return outcomes[condition->step] == STEP_ERROR;
	case CONDITION_NOT:
		return !batch_holds(condition->parts, outcomes, autocommit);
	case CONDITION_AND:
		for (size_t i = 0; i < condition->part_count; i++) {
			if (!batch_holds(&condition->parts[i], outcomes, autocommit))
				return false;
		}
		return true;
	case CONDITION_OR:
		for (size_t i = 0; i < condition->part_count; i++) {
			if (batch_holds(&condition->parts[i], outcomes, autocommit))
				return true;
		}
		return false;
	case CONDITION_AUTOCOMMIT:
		return autocommit;
	}
	return false;
}
