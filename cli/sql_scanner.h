/// sql_scanner: where one SQL statement ends, in text that arrives piece by piece.
///
/// A statement ends with a `;` outside quotes, comments and the body of a CREATE TRIGGER, whose own end is
/// `; END;`. The scanner only looks for that end: whether the statement means anything is the server's to
/// say.
///
/// A zeroed struct stands at the beginning of a statement. Text may be cut anywhere, even inside a word.
#ifndef ATOLL_CLI_SQL_SCANNER_H
#define ATOLL_CLI_SQL_SCANNER_H

#include <stdbool.h>
#include <stddef.h>

/// What keeps a statement open.
enum sql_open {
	SQL_OPEN_NOTHING,   // blanks and finished comments only
	SQL_OPEN_STATEMENT, // waits for ;
	SQL_OPEN_TEXT,      // inside '…'
	SQL_OPEN_NAME,      // inside "…", `…` or […]
	SQL_OPEN_COMMENT,   // inside /* … */
	SQL_OPEN_TRIGGER,   // waits for END;
};

struct sql_scanner {
	int lexeme;   // enum lexeme of sql_scanner.c
	int phrase;   // enum phrase of sql_scanner.c
	char closing; // the byte that ends the quoted text
	char word[12];
	size_t word_size; // may exceed the array: such a word is none of those that matter
	bool has_content; // something else than blanks, comments and ;
};

/// Reads until a statement ends or the text does, and returns how many bytes that were. *out_complete says
/// whether a statement ended; its `;` is the last byte read and the scanner stands at a beginning again.
/// *out_empty tells of a complete statement that there was nothing in it but blanks and comments.
size_t sql_scanner_read(struct sql_scanner *scanner, const char *text, size_t size, bool *out_complete,
			bool *out_empty);

/// What is open after all text read so far.
enum sql_open sql_scanner_open(const struct sql_scanner *scanner);

#endif
