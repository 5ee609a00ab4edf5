#include "cli/sql_scanner.h"

#include <string.h>

#include "base/attributes.h"

enum lexeme {
	LEXEME_NONE,
	LEXEME_WORD,
	LEXEME_QUOTED,
	LEXEME_DASH,         // a '-' that may begin a comment
	LEXEME_SLASH,        // a '/' that may begin a comment
	LEXEME_LINE_COMMENT, // -- to the end of the line
	LEXEME_COMMENT,      // inside /* */
	LEXEME_COMMENT_STAR, // inside /* */, after a '*'
};

// How far a statement has got on the way to being a CREATE TRIGGER, the only one that holds `;` inside.
enum phrase {
	PHRASE_START,
	PHRASE_EXPLAIN,
	PHRASE_CREATE, // CREATE, or CREATE TEMP
	PHRASE_PLAIN,  // no trigger
	PHRASE_TRIGGER,
	PHRASE_TRIGGER_SEMICOLON, // a ; in the body
	PHRASE_TRIGGER_END,       // "; END" in the body
};

static bool is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '$' || ((unsigned char)c & 0x80);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool word_is(const struct sql_scanner *s, const char *word)
{
	return s->word_size == strlen(word) && memcmp(s->word, word, s->word_size) == 0;
}

static enum phrase after_other(enum phrase phrase)
{
	bool in_trigger = phrase >= PHRASE_TRIGGER;
	return in_trigger ? PHRASE_TRIGGER : PHRASE_PLAIN;
}

static enum phrase after_word(const struct sql_scanner *s)
{
	enum phrase phrase = (enum phrase)s->phrase;
	switch (phrase) {
	case PHRASE_START:
		if (word_is(s, "explain"))
			return PHRASE_EXPLAIN;
		return word_is(s, "create") ? PHRASE_CREATE : PHRASE_PLAIN;
	case PHRASE_EXPLAIN:
		if (word_is(s, "query") || word_is(s, "plan"))
			return PHRASE_EXPLAIN;
		return word_is(s, "create") ? PHRASE_CREATE : PHRASE_PLAIN;
	case PHRASE_CREATE:
		if (word_is(s, "temp") || word_is(s, "temporary"))
			return PHRASE_CREATE;
		return word_is(s, "trigger") ? PHRASE_TRIGGER : PHRASE_PLAIN;
	case PHRASE_TRIGGER_SEMICOLON:
		return word_is(s, "end") ? PHRASE_TRIGGER_END : PHRASE_TRIGGER;
	case PHRASE_PLAIN:
	case PHRASE_TRIGGER:
	case PHRASE_TRIGGER_END:
		break;
	}
	return after_other(phrase);
}

static void other_token(struct sql_scanner *s)
{
	s->has_content = true;
	s->phrase = (int)after_other((enum phrase)s->phrase);
}

static void word_byte(struct sql_scanner *s, char c)
{
	if (s->word_size < sizeof(s->word))
		s->word[s->word_size] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	s->word_size++;
}

// A `;`. Returns whether the statement ends with it.
static bool semicolon(struct sql_scanner *s)
{
	switch ((enum phrase)s->phrase) {
	case PHRASE_TRIGGER:
	case PHRASE_TRIGGER_SEMICOLON:
		s->phrase = PHRASE_TRIGGER_SEMICOLON;
		return false;
	case PHRASE_START:
	case PHRASE_EXPLAIN:
	case PHRASE_CREATE:
	case PHRASE_PLAIN:
	case PHRASE_TRIGGER_END:
		break;
	}
	return true;
}

// A byte that is not inside anything. Returns whether it ends the statement.
static bool fresh_byte(struct sql_scanner *s, char c)
{
	if (is_blank(c))
		return false;
	if (c == ';')
		return semicolon(s);
	if (is_word_byte(c)) {
		s->lexeme = LEXEME_WORD;
		s->has_content = true;
		s->word_size = 0;
		word_byte(s, c);
		return false;
	}
	if (c == '-' || c == '/') {
		s->lexeme = c == '-' ? LEXEME_DASH : LEXEME_SLASH;
		return false;
	}
	other_token(s);
	if (c == '\'' || c == '"' || c == '`' || c == '[') {
		s->lexeme = LEXEME_QUOTED;
		s->closing = (char)(c == '[' ? ']' : c);
	}
	return false;
}

// One byte, whatever is open. Returns whether it ends the statement.
static bool take_byte(struct sql_scanner *s, char c)
{
	switch ((enum lexeme)s->lexeme) {
	case LEXEME_NONE:
		return fresh_byte(s, c);
	case LEXEME_WORD:
		if (is_word_byte(c)) {
			word_byte(s, c);
			return false;
		}
		s->phrase = (int)after_word(s);
		s->lexeme = LEXEME_NONE;
		return fresh_byte(s, c);
	case LEXEME_QUOTED:
		// A doubled quote leaves the text and enters it again, which comes to the same.
		if (c == s->closing)
			s->lexeme = LEXEME_NONE;
		return false;
	case LEXEME_DASH:
	case LEXEME_SLASH:
		if (s->lexeme == LEXEME_DASH && c == '-') {
			s->lexeme = LEXEME_LINE_COMMENT;
			return false;
		}
		if (s->lexeme == LEXEME_SLASH && c == '*') {
			s->lexeme = LEXEME_COMMENT;
			return false;
		}
		s->lexeme = LEXEME_NONE;
		other_token(s);
		return fresh_byte(s, c);
	case LEXEME_LINE_COMMENT:
		if (c == '\n')
			s->lexeme = LEXEME_NONE;
		return false;
	case LEXEME_COMMENT:
		if (c == '*')
			s->lexeme = LEXEME_COMMENT_STAR;
		return false;
	case LEXEME_COMMENT_STAR:
		if (c != '*')
			s->lexeme = c == '/' ? LEXEME_NONE : LEXEME_COMMENT;
		return false;
	}
	ASSERT(!"a lexeme is missing");
}

size_t sql_scanner_read(struct sql_scanner *scanner, const char *text, size_t size, bool *out_complete,
			bool *out_empty)
{
	for (size_t at = 0; at < size; at++) {
		if (!take_byte(scanner, text[at]))
			continue;
		*out_complete = true;
		*out_empty = !scanner->has_content;
		*scanner = (struct sql_scanner){0};
		return at + 1;
	}
	*out_complete = false;
	*out_empty = false;
	return size;
}

enum sql_open sql_scanner_open(const struct sql_scanner *scanner)
{
	switch ((enum lexeme)scanner->lexeme) {
	case LEXEME_QUOTED:
		return scanner->closing == '\'' ? SQL_OPEN_TEXT : SQL_OPEN_NAME;
	case LEXEME_COMMENT:
	case LEXEME_COMMENT_STAR:
		return SQL_OPEN_COMMENT;
	case LEXEME_DASH:
	case LEXEME_SLASH:
		return SQL_OPEN_STATEMENT;
	case LEXEME_NONE:
	case LEXEME_WORD:
	case LEXEME_LINE_COMMENT:
		break;
	}
	enum phrase phrase = (enum phrase)scanner->phrase;
	if (scanner->lexeme == LEXEME_WORD)
		phrase = after_word(scanner);
	if (phrase >= PHRASE_TRIGGER)
		return phrase == PHRASE_TRIGGER_END ? SQL_OPEN_STATEMENT : SQL_OPEN_TRIGGER;
	return scanner->has_content ? SQL_OPEN_STATEMENT : SQL_OPEN_NOTHING;
}
