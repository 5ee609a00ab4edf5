/// policy_tokens: the tokens of an SQL text, as far as the policy's files need them. Not for other modules.
#ifndef ATOLL_ENGINE_POLICY_TOKENS_H
#define ATOLL_ENGINE_POLICY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

enum token_kind {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_QUOTED,
	TOKEN_SEMICOLON,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_OTHER
};

struct tokens {
	const char *at;
	const char *end;
	const char *token; // the last one
	size_t size;
};

static inline struct tokens tokens_of(const char *sql, size_t size)
{
	return (struct tokens){.at = sql, .end = sql + size};
}
enum token_kind next_token(struct tokens *t);
/// Whether the last token is this word, in any letter case.
bool token_is(const struct tokens *t, const char *word);
/// Whether the last token, a word or quoted in any way, is this name.
bool token_names(const struct tokens *t, enum token_kind kind, const char *name);
/// Whether the list, ended by NULL, holds the word in any letter case.
bool in_list(const char *const *list, const char *word, size_t size);

enum pragma_class { PRAGMA_REFUSED, PRAGMA_READ, PRAGMA_WRITE };
enum pragma_class pragma_class(const char *name, size_t size, bool has_argument);

/// Tables that only others of this dialect's servers write to.
bool policy_is_reserved_table(const char *name, size_t size);

#endif
