/// completion: what may stand next on a command line, from the table of commands.
///
/// The shells' own files (packaging/completions) only ask for it and show it, so that nothing in them can be out of
/// date. Names of things come from a callback, since only a server knows them.
#ifndef ATOLL_CLI_COMPLETION_H
#define ATOLL_CLI_COMPLETION_H

#include <stddef.h>

#include "base/buffer.h"

enum completion_names {
	COMPLETION_DATABASES,
	COMPLETION_GROUPS,
	COMPLETION_ORGANIZATIONS,
	COMPLETION_LOCATIONS,
	COMPLETION_MEMBERS
};

/// Appends a line for each name that begins with `prefix` (completion_add), or nothing when they cannot be known.
typedef void completion_source(void *context, enum completion_names names, const char *prefix,
			       struct buffer *out);

/// Appends the candidates for the last of `words` (which may be ""), given those before it: a line each, "WORD",
/// or "WORD\tWHAT IT IS"; or the one line ":files" when the name of a file belongs there.
void completion_candidates(const char *const *words, size_t word_count, completion_source *source,
			   void *context, struct buffer *out);

/// One line, if the word begins with the prefix.
void completion_add(struct buffer *out, const char *prefix, const char *word, const char *what);

/// The file that teaches a shell ("bash", "zsh", "fish") to ask; NULL for another.
const char *completion_script(const char *shell);

#endif
