/// db_target: from the name of a database to an address and a credential that open it.
#ifndef ATOLL_CLI_COMMANDS_DB_TARGET_H
#define ATOLL_CLI_COMMANDS_DB_TARGET_H

#include "cli/command.h"
#include "cli/session.h"

struct db_wish {
	const char *name;     // of a database
	const char *instance; // by name, or NULL
	const char *location; // any instance there, or NULL
	bool read_only;
};

/// Asks the platform for the address and for a token of two days. A member who may only read gets a token
/// that can only read.
MUST_USE bool db_target_find(struct call *call, const struct db_wish *wish, struct session_target *out,
			     struct error *err);

/// A token of two days for a database: "full-access" or "read-only".
MUST_USE bool db_target_mint(struct call *call, const char *db, const char *authorization, const char **out,
			     struct error *err);

/// The target in a URL, with the token that goes with it.
MUST_USE bool db_target_of_url(struct call *call, const char *url, struct session_target *out,
			       struct error *err);

#endif
