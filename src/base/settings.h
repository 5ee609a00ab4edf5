/// settings: what the operator chose. One row in settings.def is one setting: flag, key of the configuration
/// file and environment variable at once. Flags win over the environment, that over the file, that over the
/// default.
#ifndef ATOLL_BASE_SETTINGS_H
#define ATOLL_BASE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

enum { SETTINGS_WORDS_MAX = 4 };

enum {
	SETTINGS_COUNT = 0
#define SETTING(...) +1
#include "base/settings.def"
#undef SETTING
};

#define SETTINGS_FIELD_TEXT     char *
#define SETTINGS_FIELD_SECRET   char *
#define SETTINGS_FIELD_CHOICE   char *
#define SETTINGS_FIELD_COUNT    int64_t
#define SETTINGS_FIELD_DURATION int64_t
#define SETTINGS_FIELD_SIZE     int64_t

/// Where a setting's value came from: "default", "/etc/atoll/atolld.conf:7", "environment ATOLLD_DATA", "flag --data".
struct setting_source {
	char *given; // the value as it was written
	char *origin;
};

/// A zeroed struct is released safely. Texts are never NULL after settings_read.
struct settings {
#define SETTING(field, name, type, fallback, least, most, value, help) SETTINGS_FIELD_##type field;
#include "base/settings.def"
#undef SETTING
	const char *
		words[SETTINGS_WORDS_MAX]; // of the command line that are no flags: "token", "mint"; borrowed
	int word_count;
	bool wants_help;    // --help: nothing else was read
	bool wants_version; // --version: likewise
	bool wants_check;   // --check-config; like the next, also set when settings_read fails
	bool wants_print;   // --print-config
	struct setting_source sources[SETTINGS_COUNT];
};

/// argv[0] is passed over. environment is NULL-terminated, as environ.
/// Fails: ERR_USAGE, naming the setting and where its value came from.
MUST_USE bool settings_read(int argc, char *const *argv, char *const *environment, struct settings *out,
			    struct error *err);
void settings_cleanup(struct settings *settings);

/// The table of flags for --help.
void settings_help(struct buffer *out);
/// For --print-config: a line each, `name = value  # origin`. Secrets are not shown.
void settings_print(const struct settings *settings, struct buffer *out);
/// Says where the value came from in the message of an error that begins with a setting's name ("listen: …"). Others
/// stay as they are. Returns false.
bool settings_explain(const struct settings *settings, struct error *err);

/// Milliseconds of "60ms", "5s", "2m", "1h", "5". False if it is none, or too large.
bool settings_parse_duration(const char *text, int64_t *out_ms);

#endif
