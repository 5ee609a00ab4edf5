#include "engine/policy_tokens.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "engine/policy.h"

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static void skip_blank(struct tokens *t)
{
	while (t->at < t->end) {
		if (isspace((unsigned char)*t->at)) {
			t->at++;
		} else if (t->end - t->at >= 3 && memcmp(t->at, "\xEF\xBB\xBF", 3) == 0) {
			t->at += 3; // SQLite takes a byte order mark for a blank
		} else if (t->at + 1 < t->end && t->at[0] == '-' && t->at[1] == '-') {
			const char *line = memchr(t->at, '\n', (size_t)(t->end - t->at));
			t->at = line ? line + 1 : t->end;
		} else if (t->at + 1 < t->end && t->at[0] == '/' && t->at[1] == '*') {
			t->at += 2;
			while (t->at < t->end && !(t->at + 1 < t->end && t->at[0] == '*' && t->at[1] == '/'))
				t->at++;
			t->at = t->at < t->end ? t->at + 2 : t->end;
		} else {
			return;
		}
	}
}

static void skip_quoted(struct tokens *t, char close)
{
	t->at++;
	while (t->at < t->end) {
		if (*t->at++ != close)
			continue;
		if (close == ']' || t->at == t->end || *t->at != close)
			return;
		t->at++; // a doubled quote stands for itself
	}
}

static bool begins_variable(char c)
{
	return c == '$' || c == '@' || c == ':' || c == '#';
}

// SQLite takes Tcl's variables for one token: `$ns::array(any;thing)` ends at its parenthesis or at a blank.
static void skip_variable(struct tokens *t)
{
	bool named = false;
	t->at++;
	while (t->at < t->end) {
		if (is_word(*t->at)) {
			named = true;
			t->at++;
		} else if (*t->at == '(' && named) {
			while (t->at < t->end && !isspace((unsigned char)*t->at) && *t->at != ')')
				t->at++;
			t->at += t->at < t->end && *t->at == ')';
			return;
		} else if (t->end - t->at >= 2 && t->at[0] == ':' && t->at[1] == ':') {
			t->at += 2;
		} else {
			return;
		}
	}
}

enum token_kind next_token(struct tokens *t)
{
	skip_blank(t);
	t->token = t->at;
	enum token_kind kind = TOKEN_OTHER;
	if (t->at == t->end) {
		kind = TOKEN_END;
	} else if (begins_variable(*t->at)) {
		skip_variable(t);
	} else if (is_word(*t->at)) {
		while (t->at < t->end && is_word(*t->at))
			t->at++;
		kind = TOKEN_WORD;
	} else if (*t->at == '\'' || *t->at == '"' || *t->at == '`') {
		skip_quoted(t, *t->at);
		kind = TOKEN_QUOTED;
	} else if (*t->at == '[') {
		skip_quoted(t, ']');
		kind = TOKEN_QUOTED;
	} else {
		char c = *t->at++;
		kind = c == ';'   ? TOKEN_SEMICOLON
		       : c == '(' ? TOKEN_OPEN
		       : c == ')' ? TOKEN_CLOSE
				  : TOKEN_OTHER;
	}
	t->size = (size_t)(t->at - t->token);
	return kind;
}

bool token_is(const struct tokens *t, const char *word)
{
	return strlen(word) == t->size && strncasecmp(t->token, word, t->size) == 0;
}

bool token_names(const struct tokens *t, enum token_kind kind, const char *name)
{
	if (kind == TOKEN_WORD)
		return token_is(t, name);
	// A doubled quote inside makes it longer than any name that is asked for.
	return kind == TOKEN_QUOTED && t->size == strlen(name) + 2 &&
	       strncasecmp(t->token + 1, name, t->size - 2) == 0;
}

bool in_list(const char *const *list, const char *word, size_t size)
{
	for (; *list; list++) {
		if (strlen(*list) == size && strncasecmp(*list, word, size) == 0)
			return true;
	}
	return false;
}

bool policy_is_blank(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	return kind == TOKEN_END;
}

size_t policy_blank_prefix(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	while (next_token(&t) == TOKEN_SEMICOLON)
		;
	return (size_t)(t.token - sql);
}

bool policy_begins_with(const char *sql, size_t size, const char *words)
{
	struct tokens t = tokens_of(sql, size);
	struct tokens wanted = tokens_of(words, strlen(words));
	enum token_kind kind;
	while ((kind = next_token(&t)) == TOKEN_SEMICOLON)
		;
	for (; next_token(&wanted) != TOKEN_END; kind = next_token(&t)) {
		if (kind == TOKEN_END || t.size != wanted.size ||
		    strncasecmp(t.token, wanted.token, t.size) != 0)
			return false;
	}
	return true;
}

bool policy_mentions(const char *sql, size_t size, const char *word)
{
	struct tokens t = tokens_of(sql, size);
	enum token_kind kind;
	while ((kind = next_token(&t)) != TOKEN_END) {
		if (kind == TOKEN_WORD && token_is(&t, word))
			return true;
	}
	return false;
}

size_t policy_first_statement(const char *sql, size_t size)
{
	struct tokens t = tokens_of(sql, size);
	int words = 0;
	bool creates = false;
	bool trigger = false;
	bool after_semicolon = false;
	bool after_end = false;
	bool any = false;
	for (;;) {
		enum token_kind kind = next_token(&t);
		if (kind == TOKEN_END)
			return any ? size : 0;
		if (kind == TOKEN_SEMICOLON) {
			if (any && (!trigger || after_end))
				return (size_t)(t.at - sql);
			after_semicolon = true;
			after_end = false;
			continue;
		}
		any = true;
		if (kind == TOKEN_WORD && ++words <= 4) {
			creates = creates || (words <= 1 && token_is(&t, "create"));
			trigger = trigger || (creates && token_is(&t, "trigger"));
		}
		after_end = trigger && after_semicolon && kind == TOKEN_WORD && token_is(&t, "end");
		after_semicolon = false;
	}
}
