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

#define SETTINGS_FIELD_TEXT     char *
#define SETTINGS_FIELD_CHOICE   char *
#define SETTINGS_FIELD_COUNT    int64_t
#define SETTINGS_FIELD_DURATION int64_t
#define SETTINGS_FIELD_SIZE     int64_t

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
};

/// argv[0] is passed over. environment is NULL-terminated, as environ.
/// Fails: ERR_USAGE, naming the setting and where its value came from.
MUST_USE bool settings_read(int argc, char *const *argv, char *const *environment, struct settings *out,
			    struct error *err);
void settings_cleanup(struct settings *settings);

/// The table of flags for --help.
void settings_help(struct buffer *out);

/// Milliseconds of "60ms", "5s", "2m", "1h", "5". False if it is none, or too large.
bool settings_parse_duration(const char *text, int64_t *out_ms);

#endif
