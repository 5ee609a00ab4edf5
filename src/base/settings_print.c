#include <string.h>

#include "base/settings_table.h"

enum { PRINT_COLUMNS = 48 };

const struct setting_row settings_rows[SETTINGS_COUNT] = {
#define SETTING(field, name, type, fallback, least, most, value, help)                                       \
	{name, type, fallback, least, most, value, help, offsetof(struct settings, field)},
#include "base/settings.def"
#undef SETTING
};

void settings_help(struct buffer *out)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting_row *row = &settings_rows[i];
		buffer_printf(out, "  --%s %s\n        %s", row->name, row->value, row->help);
		if (row->fallback[0] != '\0')
			buffer_printf(out, " (%s)", row->fallback);
		buffer_append_byte(out, '\n');
	}
}

void settings_print(const struct settings *settings, struct buffer *out)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting_row *row = &settings_rows[i];
		const struct setting_source *source = &settings->sources[i];
		size_t start = out->size;
		bool hidden = row->type == SECRET && source->given[0] != '\0';
		buffer_printf(out, "%s = %s", row->name, hidden ? "(hidden)" : source->given);
		while (out->size - start < PRINT_COLUMNS)
			buffer_append_byte(out, ' ');
		buffer_printf(out, "  # %s\n", source->origin);
	}
}

bool settings_explain(const struct settings *settings, struct error *err)
{
	size_t size = strcspn(err->message, ":");
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const char *name = settings_rows[i].name;
		if (err->message[size] == '\0' || strlen(name) != size ||
		    memcmp(name, err->message, size) != 0)
			continue;
		struct error plain = *err;
		error_set(err, plain.code, "setting \"%s\" (%s)%s", name, settings->sources[i].origin,
			  plain.message + size);
		err->sqlite_code = plain.sqlite_code;
		memcpy(err->detail, plain.detail, sizeof(err->detail));
		return false;
	}
	return false;
}
