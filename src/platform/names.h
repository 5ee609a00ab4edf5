/// names: what things may be called (spec/platform-api.md §1.7).
#ifndef ATOLL_PLATFORM_NAMES_H
#define ATOLL_PLATFORM_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum {
	NAME_LENGTH_MAX = 64, // databases, groups, instances, slugs, platform tokens
	NAME_BYTES = NAME_LENGTH_MAX + 1,
	USERNAME_LENGTH_MAX = 39,
	EMAIL_LENGTH_MAX = 254,
	LABEL_BYTES = 3 * NAME_BYTES, // machine, database and organization joined by '-'
	LABEL_LENGTH_IN_DNS_MAX = 63
};

/// a-z, 0-9 and '-', not first or last, 1..64: databases, groups, instances.
bool name_is_plain(const char *name);
/// A-Z, a-z, 0-9, '.', '_', '-', 1..64; not "validate", which is a route.
bool name_is_for_token(const char *name);
/// A-Z, a-z, 0-9 and '-', 1..39.
bool name_is_for_user(const char *name);

/// Something, '@' once, something; no blanks; 1..254.
bool name_is_email(const char *text);
/// 1..64 characters (not bytes) without control characters, of which a slug can be made.
bool name_is_for_organization(const char *name);

/// Lower-cased, everything else becomes '-', runs of it collapse, both ends are trimmed, cut at 64. False when
/// nothing is left.
bool name_make_slug(const char *name, char slug[NAME_BYTES]);

/// ASCII letters lower-cased. False, and text is then empty, when the label does not fit.
bool name_make_label(const char *text, char label[LABEL_BYTES]);

#endif
