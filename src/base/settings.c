#include "base/settings.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/disk.h"
#include "base/settings_table.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024, NAME_BYTES_MAX = 64, ORIGIN_BYTES_MAX = 300 };

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"", 1000}};
static const struct unit size_units[] = {
	{"kb", 1 << 10}, {"mb", 1 << 20}, {"gb", 1 << 30}, {"b", 1}, {"", 1}};
static const struct unit count_units[] = {{"", 1}};

static const struct setting_row *find_row(const char *name, size_t size)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		if (strlen(settings_rows[i].name) == size && memcmp(settings_rows[i].name, name, size) == 0)
			return &settings_rows[i];
	}
	return NULL;
}

static char **text_at(struct settings *settings, const struct setting_row *row)
{
	return (char **)(void *)((char *)settings + row->offset);
}

static int64_t *number_at(struct settings *settings, const struct setting_row *row)
{
	return (int64_t *)(void *)((char *)settings + row->offset);
}

static bool parse_number(const char *text, const struct unit *units, size_t unit_count, int64_t *out)
{
	int64_t value = 0;
	const char *at = text;
	for (; *at >= '0' && *at <= '9'; at++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *at - '0', &value))
			return false;
	}
	if (at == text)
		return false;
	for (size_t i = 0; i < unit_count; i++) {
		if (strcasecmp(at, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(value, units[i].factor, &value))
			return false;
		*out = value;
		return true;
	}
	return false;
}

bool settings_parse_duration(const char *text, int64_t *out_ms)
{
	return parse_number(text, duration_units, ARRAY_LENGTH(duration_units), out_ms);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t size = strlen(text);
	for (const char *at = choices;;) {
		size_t length = strcspn(at, "|");
		if (length == size && memcmp(at, text, size) == 0)
			return true;
		if (at[length] == '\0')
			return false;
		at += length + 1;
	}
}

static void set_text(char **field, const char *text)
{
	free(*field);
	*field = strdup(text);
	ASSERT(*field != NULL);
}

static bool set_number(struct settings *settings, const struct setting_row *row, const char *text,
		       const char *origin, struct error *err)
{
	int64_t value = 0;
	bool good = false;
	const char *form = "a whole number";
	if (row->type == DURATION) {
		form = "a duration such as 5s or 60ms";
		good = settings_parse_duration(text, &value);
	} else if (row->type == SIZE) {
		form = "a size such as 4096 or 10mb";
		good = parse_number(text, size_units, ARRAY_LENGTH(size_units), &value);
	} else {
		good = parse_number(text, count_units, ARRAY_LENGTH(count_units), &value);
	}
	if (!good)
		return error_set(err, ERR_USAGE, "setting \"%s\" (%s): \"%s\" is not %s", row->name, origin,
				 text, form);
	if (value < row->least || value > row->most)
		return error_set(err, ERR_USAGE, "setting \"%s\" (%s): %s is out of bounds: %lld to %lld%s",
				 row->name, origin, text, (long long)row->least, (long long)row->most,
				 row->type == DURATION ? " milliseconds"
				 : row->type == SIZE   ? " bytes"
						       : "");
	*number_at(settings, row) = value;
	return true;
}

static bool set_value(struct settings *settings, const struct setting_row *row, const char *text,
		      const char *origin, struct error *err)
{
	if (row->type == CHOICE && !is_choice(row->value, text))
		return error_set(err, ERR_USAGE, "setting \"%s\" (%s): \"%s\" is not one of %s", row->name,
				 origin, text, row->value);
	if (setting_is_text(row)) {
		set_text(text_at(settings, row), text);
		return true;
	}
	return set_number(settings, row, text, origin, err);
}

static bool set(struct settings *settings, const struct setting_row *row, const char *text,
		const char *origin, struct error *err)
{
	if (!set_value(settings, row, text, origin, err))
		return false;
	struct setting_source *source = &settings->sources[row - settings_rows];
	set_text(&source->given, text);
	set_text(&source->origin, origin);
	return true;
}

// -- command line -------------------------------------------------------------------------------------

struct flag {
	const struct setting_row *row;
	const char *value;
};

struct command_line {
	struct flag *flags;
	size_t count;
};

static bool take_flag(struct command_line *line, int argc, char *const *argv, int *at, struct error *err)
{
	const char *name = argv[*at] + 2;
	size_t size = strcspn(name, "=");
	const struct setting_row *row = find_row(name, size);
	if (!row)
		return error_set(err, ERR_USAGE, "unknown flag --%.*s; --help lists them", (int)size, name);
	const char *value = name + size + 1;
	if (name[size] == '\0') {
		if (*at + 1 >= argc)
			return error_set(err, ERR_USAGE, "flag --%s needs a value: %s", row->name,
					 row->value);
		value = argv[++*at];
	}
	line->flags[line->count++] = (struct flag){row, value};
	return true;
}

static bool read_command_line(int argc, char *const *argv, struct command_line *line, struct settings *out,
			      struct error *err)
{
	for (int i = 1; i < argc; i++) {
		const char *argument = argv[i];
		if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
			out->wants_help = true;
		} else if (strcmp(argument, "--version") == 0) {
			out->wants_version = true;
		} else if (strcmp(argument, "--check-config") == 0) {
			out->wants_check = true;
		} else if (strcmp(argument, "--print-config") == 0) {
			out->wants_print = true;
		} else if (strncmp(argument, "--", 2) == 0) {
			if (!take_flag(line, argc, argv, &i, err))
				return false;
		} else if (argument[0] == '-') {
			return error_set(err, ERR_USAGE, "unknown flag %s; --help lists them", argument);
		} else if (out->word_count == SETTINGS_WORDS_MAX) {
			return error_set(err, ERR_USAGE, "unexpected argument \"%s\"", argument);
		} else {
			out->words[out->word_count++] = argument;
		}
	}
	return true;
}

static bool apply_flags(const struct command_line *line, struct settings *out, struct error *err)
{
	for (size_t i = 0; i < line->count; i++) {
		char origin[NAME_BYTES_MAX];
		snprintf(origin, sizeof(origin), "flag --%s", line->flags[i].row->name);
		if (!set(out, line->flags[i].row, line->flags[i].value, origin, err))
			return false;
	}
	return true;
}

// -- environment --------------------------------------------------------------------------------------

static void name_variable(const struct setting_row *row, char *name)
{
	snprintf(name, NAME_BYTES_MAX, "ATOLLD_%s", row->name);
	for (char *at = name; *at != '\0'; at++) {
		if (*at == '-')
			*at = '_';
		else if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
	}
}

static const char *look_up(char *const *environment, const char *name)
{
	size_t size = strlen(name);
	for (char *const *at = environment; *at; at++) {
		if (strncmp(*at, name, size) == 0 && (*at)[size] == '=')
			return *at + size + 1;
	}
	return NULL;
}

static bool apply_environment(char *const *environment, struct settings *out, struct error *err)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		char name[NAME_BYTES_MAX];
		char origin[NAME_BYTES_MAX + 16];
		name_variable(&settings_rows[i], name);
		snprintf(origin, sizeof(origin), "environment %s", name);
		const char *value = look_up(environment, name);
		if (value && !set(out, &settings_rows[i], value, origin, err))
			return false;
	}
	return true;
}

// -- file ---------------------------------------------------------------------------------------------

static char *trim(char *text)
{
	text += strspn(text, " \t\r");
	size_t size = strlen(text);
	while (size > 0 && strchr(" \t\r", text[size - 1]))
		size--;
	text[size] = '\0';
	if (size >= 2 && text[0] == '"' && text[size - 1] == '"') {
		text[size - 1] = '\0';
		text++;
	}
	return text;
}

static bool apply_line(char *line, const char *origin, struct settings *out, struct error *err)
{
	line = trim(line);
	if (line[0] == '\0' || strchr("#;[", line[0]))
		return true;
	char *equals = strchr(line, '=');
	if (!equals)
		return error_set(err, ERR_USAGE, "%s: expected NAME = VALUE", origin);
	*equals = '\0';
	const char *name = trim(line);
	const struct setting_row *row = find_row(name, strlen(name));
	if (!row || row->offset == offsetof(struct settings, config))
		return error_set(err, ERR_USAGE, "%s: unknown setting \"%s\"; --help lists them", origin,
				 name);
	return set(out, row, trim(equals + 1), origin, err);
}

static bool apply_file(const char *path, struct settings *out, struct error *err)
{
	OWNED(buffer) struct buffer content = {0};
	if (!disk_read_file(path, CONFIG_BYTES_MAX, &content, err)) {
		err->code = ERR_USAGE;
		return error_context(err, "setting \"config\": %s", path);
	}
	buffer_text(&content);
	char *line = content.data;
	for (int number = 1; line; number++) {
		char *end = strchr(line, '\n');
		if (end)
			*end = '\0';
		char origin[ORIGIN_BYTES_MAX];
		snprintf(origin, sizeof(origin), "%s:%d", path, number);
		if (!apply_line(line, origin, out, err))
			return false;
		line = end ? end + 1 : NULL;
	}
	return true;
}

// -- all ----------------------------------------------------------------------------------------------

static void apply_defaults(struct settings *out)
{
	struct error err;
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		bool good = set(out, &settings_rows[i], settings_rows[i].fallback, "default", &err);
		ASSERT(good);
	}
}

// Only the flag and the environment can name the file.
static const char *config_path(const struct command_line *line, char *const *environment)
{
	const char *path = look_up(environment, "ATOLLD_CONFIG");
	for (size_t i = 0; i < line->count; i++) {
		if (line->flags[i].row->offset == offsetof(struct settings, config))
			path = line->flags[i].value;
	}
	return path ? path : "";
}

static bool apply_all(const struct command_line *line, char *const *environment, struct settings *out,
		      struct error *err)
{
	apply_defaults(out);
	const char *path = config_path(line, environment);
	if (path[0] != '\0' && !apply_file(path, out, err))
		return false;
	if (!apply_environment(environment, out, err) || !apply_flags(line, out, err))
		return false;
	if ((out->tls_cert[0] == '\0') != (out->tls_key[0] == '\0'))
		return error_set(err, ERR_USAGE, "settings \"tls-cert\" and \"tls-key\" need each other");
	return true;
}

bool settings_read(int argc, char *const *argv, char *const *environment, struct settings *out,
		   struct error *err)
{
	memset(out, 0, sizeof(*out));
	struct command_line line = {.flags = calloc((size_t)argc + 1, sizeof(struct flag))};
	ASSERT(line.flags != NULL);
	bool good = read_command_line(argc, argv, &line, out, err);
	if (good && !out->wants_help && !out->wants_version)
		good = apply_all(&line, environment, out, err);
	free(line.flags);
	if (!good)
		settings_cleanup(out);
	return good;
}

void settings_cleanup(struct settings *settings)
{
	for (size_t i = 0; i < SETTINGS_COUNT; i++) {
		const struct setting_row *row = &settings_rows[i];
		if (setting_is_text(row)) {
			free(*text_at(settings, row));
			*text_at(settings, row) = NULL;
		}
		free(settings->sources[i].given);
		free(settings->sources[i].origin);
		settings->sources[i] = (struct setting_source){0};
	}
}
