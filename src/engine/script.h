/// script: SQL text of several statements that is applied to a database whole and once.
///
/// It runs under the policy of clients as one transaction of its own, which also notes in the table `_atoll_migrations`
/// that it was done. So it is known of a database by its content, wherever that comes from (a crash, a branch, a
/// restore), and a second time does nothing.
///
/// Threads: a script may be applied by many at a time; it is not changed.
#ifndef ATOLL_ENGINE_SCRIPT_H
#define ATOLL_ENGINE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

struct engine_database;
struct job;

enum { SCRIPT_STATEMENTS_MAX = 10000 };

struct engine_script {
	const char *name;      // what it is known by in the database
	const char *hash;      // of its text
	const char *run;       // who applies it: tells what this run did from what another one did
	const struct job *job; // NULL: it goes on to its end
	struct buffer statements;
};

/// Takes the text apart; the other members are the caller's, and the text has to live as long.
/// Fails: ERR_BAD_REQUEST "statement N: …" for what cannot be part of one transaction, or nobody may run; without
///        statements; with more than SCRIPT_STATEMENTS_MAX
MUST_USE bool engine_script_read(const char *sql, size_t size, struct engine_script *out, struct error *err);
size_t engine_script_count(const struct engine_script *script);
void engine_script_cleanup(struct engine_script *script);

enum script_outcome {
	SCRIPT_APPLIED,     // also when the same run had done it before
	SCRIPT_WAS_APPLIED, // by another run
	SCRIPT_OTHER_TEXT,  // a script of this name was, and it was another text
};

/// Durable when it returns. After a failure the database is as it was, unless only the disk failed (ERR_IO, ERR_FULL,
/// ERR_TIMEOUT): then a further try tells. *out_statement is the one that failed, from 1; 0: none of them.
MUST_USE bool engine_script_apply(struct engine_database *db, const struct engine_script *script,
				  enum script_outcome *out, size_t *out_statement, struct error *err);

/// Whether the database surely has a script of this name; *out is what applying it would say. Costs a look.
bool engine_script_is_known(struct engine_database *db, const struct engine_script *script,
			    enum script_outcome *out);

#endif
