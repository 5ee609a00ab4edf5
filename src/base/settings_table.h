/// settings_table: the rows of settings.def as a table. Private to settings.c and settings_print.c.
#ifndef ATOLL_BASE_SETTINGS_TABLE_H
#define ATOLL_BASE_SETTINGS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"

enum setting_type { TEXT, SECRET, CHOICE, COUNT, DURATION, SIZE };

struct setting_row {
	const char *name;
	enum setting_type type;
	const char *fallback;
	int64_t least;
	int64_t most;
	const char *value;
	const char *help;
	size_t offset; // in struct settings
};

extern const struct setting_row settings_rows[SETTINGS_COUNT];

static inline bool setting_is_text(const struct setting_row *row)
{
	return row->type == TEXT || row->type == SECRET || row->type == CHOICE;
}

#endif
